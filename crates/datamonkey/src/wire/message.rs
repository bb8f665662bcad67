//! Messages: `/chat/{id}/messages`. They have no ids.

use adapterkit::{wire_object, wire_word};

wire_word! {
    /// Who speaks.
    pub enum MessageRole {
        /// The caller.
        User = "user",
        /// The model.
        Assistant = "assistant",
    }
}

wire_object! {
    /// One stored message.
    pub struct ChatMessage {
        /// User or assistant.
        required role: MessageRole,
        /// Any text; `""` where the model said nothing.
        required content: String,
        /// Unix milliseconds. A user's message carries the time at which it was stored: after the model had answered.
        /// Left out where it is 0, which was never seen.
        optional timestamp: i64,
    }
}

wire_object! {
    /// Answer of `GET /chat/{id}/messages`: all of them by time, equal times as they were stored. There are no pages.
    pub struct MessageList {
        /// `null` where there are none.
        optional messages: Vec<ChatMessage>,
    }
}

wire_object! {
    /// Body of `POST /chat/{id}/messages`.
    pub struct SendRequest {
        /// Not empty; blanks alone are accepted.
        required message: String,
        /// Read and not used; undocumented. Anything but a text answers 400.
        optional file_id = "fileId": String,
    }
}

wire_object! {
    /// Answer of `POST /chat/{id}/messages`: what the model said, without what it was asked.
    pub struct SendResponse {
        /// The stored answer.
        required message: ChatMessage,
    }
}

impl SendRequest {
    /// A request with nothing but the message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            file_id: Default::default(),
            extra: Default::default(),
        }
    }
}
