//! Conversations.

use adapterkit::{Extra, Member, wire_object, wire_word};

use super::{Label, MessageParticipant};

wire_word! {
    /// Where a conversation stands.
    pub enum ConversationStatus {
        /// Going on.
        Open = "open",
        /// Done with.
        Done = "done",
        /// Thrown away: the only way to delete one.
        Trash = "trash",
        /// Unwanted.
        Spam = "spam",
    }
}

wire_word! {
    /// How urgent a conversation is.
    pub enum ConversationPriority {
        /// Not judged.
        NoPriority = "no_priority",
        /// Now.
        Urgent = "urgent",
        /// Soon.
        High = "high",
        /// As usual.
        Medium = "medium",
        /// Can wait.
        Low = "low",
    }
}

wire_object! {
    /// A conversation.
    pub struct Conversation {
        /// Its id, such as `conv_…`.
        required id: String,
        /// Its channel.
        required channel_id: String,
        /// Where it stands.
        required status: ConversationStatus,
        /// How urgent it is.
        required priority: ConversationPriority,
        /// Its labels. May be more than were given: twins come along.
        required labels: Vec<Label>,
        /// Who takes part.
        required participants: Vec<MessageParticipant>,
        /// The subject.
        optional subject: String,
        /// A short beginning.
        optional snippet: String,
        /// True until somebody has read it.
        optional is_unread: bool,
        /// When its newest message was said.
        optional last_message_date: String,
        /// Its id at the mail provider.
        optional external_conversation_id: String,
        /// Messages in it.
        optional message_count: u64,
        /// Drafts in it.
        optional draft_count: u64,
        /// Files in it.
        optional attachment_count: u64,
        /// When it was made.
        required created_at: String,
    }
}

wire_object! {
    /// Body of `POST /v1/conversations`. Both lists must be there, and may be empty.
    pub struct ConversationCreate {
        /// Its channel, for ever.
        required channel_id: String,
        /// Where it stands.
        optional status: ConversationStatus,
        /// How urgent it is.
        optional priority: ConversationPriority,
        /// Ids of its labels.
        required label_ids: Vec<String>,
        /// Who takes part.
        required participants: Vec<MessageParticipant>,
        /// The subject.
        optional subject: String,
        /// A short beginning.
        optional snippet: String,
        /// True until somebody has read it.
        optional is_unread: bool,
        /// When its newest message was said.
        optional last_message_date: String,
    }
}

impl ConversationCreate {
    /// A conversation in a channel and nothing else.
    #[must_use]
    pub fn new(channel_id: impl Into<String>) -> Self {
        Self {
            channel_id: channel_id.into(),
            status: Member::Absent,
            priority: Member::Absent,
            label_ids: Vec::new(),
            participants: Vec::new(),
            subject: Member::Absent,
            snippet: Member::Absent,
            is_unread: Member::Absent,
            last_message_date: Member::Absent,
            extra: Extra::new(),
        }
    }
}

wire_object! {
    /// Body of `PATCH /v1/conversations/{id}`. Lists replace; `null` is no way to clear anything.
    pub struct ConversationUpdate {
        /// Where it stands.
        optional status: ConversationStatus,
        /// How urgent it is.
        optional priority: ConversationPriority,
        /// Ids of all its labels.
        optional label_ids: Vec<String>,
        /// Who takes part, all of them.
        optional participants: Vec<MessageParticipant>,
        /// The subject.
        optional subject: String,
        /// A short beginning.
        optional snippet: String,
        /// True until somebody has read it.
        optional is_unread: bool,
        /// When its newest message was said.
        optional last_message_date: String,
    }
}

impl Default for ConversationUpdate {
    /// Changes nothing. Not to be sent: a careful server refuses it.
    fn default() -> Self {
        Self {
            status: Member::Absent,
            priority: Member::Absent,
            label_ids: Member::Absent,
            participants: Member::Absent,
            subject: Member::Absent,
            snippet: Member::Absent,
            is_unread: Member::Absent,
            last_message_date: Member::Absent,
            extra: Extra::new(),
        }
    }
}

/// Query of `GET /v1/conversations`, as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationListQuery {
    /// Only those that stand so.
    pub status: Option<ConversationStatus>,
    /// Only those with messages, or only those without any.
    pub has_messages: Option<bool>,
    /// Only those made after this time, or at it.
    pub created_at_after: Option<String>,
    /// Only those whose newest message was said after this time, or at it.
    pub last_message_date_after: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// At most so many, 1 to 100.
    pub limit: Option<u64>,
}

impl ConversationListQuery {
    /// The parameters as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            (
                "status",
                self.status
                    .as_ref()
                    .map(|status| status.as_str().to_owned()),
            ),
            (
                "has_messages",
                self.has_messages
                    .map(|has_messages| has_messages.to_string()),
            ),
            ("created_at_after", self.created_at_after.clone()),
            (
                "last_message_date_after",
                self.last_message_date_after.clone(),
            ),
            ("cursor", self.cursor.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}
