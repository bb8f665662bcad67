//! Conversations: `/chat` and `/chat/{id}`.

use adapterkit::{Member, wire_object};

use super::ChatMessage;

wire_object! {
    /// Body of `POST /chat`. Every problem with it is swallowed: the conversation is made without a title then.
    #[derive(Default)]
    pub struct CreateRequest {
        /// Any text, not trimmed, without limit. Empty is the same as none.
        optional title: String,
    }
}

wire_object! {
    /// Answer of `POST /chat`, in an order of its own.
    pub struct CreatedConversation {
        /// `conv-`, the time in milliseconds, `-`, 8 letters and digits.
        required id: String,
        /// Left out where it is empty.
        optional title: String,
        /// Unix milliseconds.
        required created: i64,
        /// Unix milliseconds; another reading of the clock, so it may differ from `created` by one.
        required updated: i64,
    }
}

wire_object! {
    /// A conversation as `GET /chat/{id}` (with messages) and `GET /chat` (without the member) show it.
    pub struct ChatConversation {
        /// Unix milliseconds.
        required created: i64,
        /// As above.
        required id: String,
        /// `null` where there are none, never `[]`. Absent in lists.
        optional messages: Vec<ChatMessage>,
        /// `""` where there is none.
        optional title: String,
        /// Unix milliseconds; moves only when a message is sent.
        required updated: i64,
    }
}

wire_object! {
    /// Answer of `GET /chat`: all of the user's conversations, the last changed first. There are no pages.
    pub struct ConversationList {
        /// `[]` where there are none.
        optional conversations: Vec<ChatConversation>,
    }
}

impl CreateRequest {
    /// A request for a conversation with this title, or with none.
    #[must_use]
    pub fn titled(title: Option<&str>) -> Self {
        Self {
            title: Member::from(title.map(str::to_owned)),
            extra: Default::default(),
        }
    }
}
