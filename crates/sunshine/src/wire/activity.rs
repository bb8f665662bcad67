//! Activity: `POST …/conversations/{conversationId}/activity`.

use adapterkit::{wire_object, wire_word};

use super::Author;

wire_word! {
    /// What somebody does. A user may send `conversation:read` only.
    pub enum ActivityType {
        /// Read up to now; the moment cannot be chosen.
        ConversationRead = "conversation:read",
        /// Began to write.
        TypingStart = "typing:start",
        /// Ceased to write.
        TypingStop = "typing:stop",
    }
}

wire_object! {
    /// Body of the call. Its answer is `{}`.
    pub struct ActivityPost {
        /// Who does it.
        required author: Author,
        /// What.
        required kind = "type": ActivityType,
    }
}
