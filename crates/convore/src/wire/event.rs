//! What happened, for those who ask again and again.

use adapterkit::{wire_object, wire_word};

wire_word! {
    /// What happened.
    pub enum EventType {
        /// A customer wrote.
        MessageInboundReceived = "message_inbound_received",
        /// The business wrote.
        MessageOutboundSent = "message_outbound_sent",
        /// A conversation was done with.
        ConversationDone = "conversation_done",
        /// It was not done after all.
        ConversationReopened = "conversation_reopened",
        /// It was thrown away.
        ConversationMovedToTrash = "conversation_moved_to_trash",
        /// It was taken out again.
        ConversationRestoredFromTrash = "conversation_restored_from_trash",
        /// It was found unwanted.
        ConversationMarkedAsSpam = "conversation_marked_as_spam",
        /// It was wanted after all.
        ConversationUnmarkedAsSpam = "conversation_unmarked_as_spam",
        /// It got a label.
        LabelAddedToConversation = "label_added_to_conversation",
        /// It lost a label.
        LabelRemovedFromConversation = "label_removed_from_conversation",
    }
}

wire_word! {
    /// To what it happened.
    pub enum ObjectType {
        /// A conversation.
        Conversation = "conversation",
        /// A message.
        Message = "message",
        /// A label.
        Label = "label",
    }
}

wire_object! {
    /// Something that happened. It names ids only.
    pub struct Event {
        /// Its id, such as `event_…`.
        required id: String,
        /// What happened.
        required kind = "type": EventType,
        /// The id of what it happened to.
        required object_id: String,
        /// What that is.
        required object_type: ObjectType,
        /// The conversation, where one is touched.
        optional conversation_id: String,
        /// The message, where one is touched.
        optional message_id: String,
        /// The label, where one is touched.
        optional label_id: String,
        /// When it happened.
        required created_at: String,
    }
}
