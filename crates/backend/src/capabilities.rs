//! What a backend can do, as data: chooses conformance cases, feeds the API and the README, checked before calls.

use serde::{Deserialize, Serialize};

/// How well something works. There is no level "dropped".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Exactly.
    Full,
    /// In part; the adapter's README says which.
    Partial,
    /// In another form.
    Converted,
    /// Kept by the gateway beside the backend.
    Overlay,
    /// Refused with a clear error.
    Rejected,
    /// There is no such thing there.
    #[default]
    None,
}

impl Level {
    /// True where asking for it succeeds.
    #[must_use]
    pub fn works(self) -> bool {
        matches!(
            self,
            Self::Full | Self::Partial | Self::Converted | Self::Overlay
        )
    }
}

/// How the backend orders a conversation's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageOrder {
    /// Reliably, and it pages in that order.
    Native,
    /// Unreliably: the adapter or the gateway orders them.
    #[default]
    None,
}

/// Whether a precondition is checked together with the write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreconditionSupport {
    /// Together with the write: nothing can come between.
    Full,
    /// Read before the write, under the gateway's lease: only a writer past the gateway can come between.
    #[default]
    Partial,
}

/// How surely a write whose answer was lost can be found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleSupport {
    /// By its own id.
    Certain,
    /// By comparing content and times.
    Likely,
    /// Not at all.
    #[default]
    None,
}

/// Whose conversations a list of the backend enumerates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enumerates {
    /// All that the backend's own credential reaches.
    #[default]
    Account,
    /// Those of the end user for whom it is asked: the vendor has no other list.
    User,
}

/// What is too much for the backend. Absent: no limit is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The longest title, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title_max_chars: Option<u64>,
    /// The longest text of a message, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_max_chars: Option<u64>,
    /// The largest metadata, in bytes of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_max_bytes: Option<u64>,
    /// The largest request, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_max_bytes: Option<u64>,
    /// The largest page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_max: Option<u64>,
    /// The most messages in a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_max_messages: Option<u64>,
    /// The most messages in one import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_max_messages: Option<u64>,
    /// The largest attachment, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment_max_bytes: Option<u64>,
    /// The most requests to the vendor in a minute, as documented or configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
}

/// What a backend can do. Flat: a level for each operation, each field (`conversation_…`, `message_…`) and each
/// part type (`part_…`), then limits and qualifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Operation: make a conversation.
    pub conversation_create: Level,
    /// Operation: read one.
    pub conversation_get: Level,
    /// Operation: enumerate all that the credential reaches.
    pub conversation_list: Level,
    /// Operation: change one.
    pub conversation_update: Level,
    /// Operation: delete one.
    pub conversation_delete: Level,
    /// Operation: read messages in pages.
    pub message_list: Level,
    /// Operation: read one message.
    pub message_get: Level,
    /// Operation: store a message and deliver it where the backend delivers; never runs an AI.
    pub message_post: Level,
    /// Operation: store history with its original times; never delivers, never runs an AI.
    pub message_import: Level,
    /// Operation: change a message.
    pub message_update: Level,
    /// Operation: delete a message.
    pub message_delete: Level,
    /// Operation: rate a message.
    pub message_rate: Level,
    /// Operation: have an AI answer.
    pub respond: Level,
    /// Operation: stream the answer while it is made.
    pub respond_stream: Level,
    /// Operation: answer with one of the backend's templates.
    pub respond_template: Level,
    /// Operation: list its templates.
    pub templates: Level,
    /// Operation: list its tools.
    pub tools: Level,
    /// Operation: tell the state of its tool servers.
    pub status: Level,
    /// Operation: tell its statistics.
    pub statistics: Level,
    /// Operation: list participants.
    pub participant_list: Level,
    /// Operation: add a participant.
    pub participant_add: Level,
    /// Operation: remove a participant.
    pub participant_remove: Level,
    /// Operation: tell the others that somebody reads or types.
    pub activity: Level,
    /// Operation: store bytes for messages.
    pub attachment_put: Level,
    /// Operation: read them.
    pub attachment_open: Level,
    /// Field `kind` of a conversation.
    pub conversation_kind: Level,
    /// Field `title` of a conversation.
    pub conversation_title: Level,
    /// Field `description` of a conversation.
    pub conversation_description: Level,
    /// Field `status` of a conversation.
    pub conversation_status: Level,
    /// Field `priority` of a conversation.
    pub conversation_priority: Level,
    /// Field `labels` of a conversation.
    pub conversation_labels: Level,
    /// Field `participants` of a conversation.
    pub conversation_participants: Level,
    /// Field `owner` of a conversation.
    pub conversation_owner: Level,
    /// Field `icon_url` of a conversation.
    pub conversation_icon_url: Level,
    /// Field `assistant` of a conversation.
    pub conversation_assistant: Level,
    /// Field `metadata` of a conversation.
    pub conversation_metadata: Level,
    /// Field `extensions` of a conversation.
    pub conversation_extensions: Level,
    /// Field `unread` of a conversation.
    pub conversation_unread: Level,
    /// Field `counts` of a conversation.
    pub conversation_counts: Level,
    /// Field `usage` of a conversation.
    pub conversation_usage: Level,
    /// Field `role` of a message.
    pub message_role: Level,
    /// Field `author` of a message.
    pub message_author: Level,
    /// Field `direction` of a message.
    pub message_direction: Level,
    /// Field `recipients` of a message.
    pub message_recipients: Level,
    /// Field `subject` of a message.
    pub message_subject: Level,
    /// Field `in_reply_to` of a message.
    pub message_in_reply_to: Level,
    /// Field `status` of a message.
    pub message_status: Level,
    /// Field `rating` of a message.
    pub message_rating: Level,
    /// Field `usage` of a message.
    pub message_usage: Level,
    /// Field `model` of a message.
    pub message_model: Level,
    /// Field `provider` of a message.
    pub message_provider: Level,
    /// Field `finish_reason` of a message.
    pub message_finish_reason: Level,
    /// Field `latency_ms` of a message.
    pub message_latency_ms: Level,
    /// Field `source` of a message.
    pub message_source: Level,
    /// Field `metadata` of a message.
    pub message_metadata: Level,
    /// Field `client_message_id` of a message.
    pub message_client_message_id: Level,
    /// Field `sent_at` of a message.
    pub message_sent_at: Level,
    /// Field `edited_at` of a message.
    pub message_edited_at: Level,
    /// Field `extensions` of a message.
    pub message_extensions: Level,
    /// Part type `text`.
    pub part_text: Level,
    /// Part type `image`.
    pub part_image: Level,
    /// Part type `file`.
    pub part_file: Level,
    /// Part type `audio`.
    pub part_audio: Level,
    /// Part type `video`.
    pub part_video: Level,
    /// Part type `location`.
    pub part_location: Level,
    /// Part type `carousel`.
    pub part_carousel: Level,
    /// Part type `list`.
    pub part_list: Level,
    /// Part type `form`.
    pub part_form: Level,
    /// Part type `form_response`.
    pub part_form_response: Level,
    /// Part type `template`.
    pub part_template: Level,
    /// Part type `actions`.
    pub part_actions: Level,
    /// Part type `tool_call`.
    pub part_tool_call: Level,
    /// Part type `tool_result`.
    pub part_tool_result: Level,
    /// Part type `reasoning`.
    pub part_reasoning: Level,
    /// Part type `quote`.
    pub part_quote: Level,
    /// Part type `activity`.
    pub part_activity: Level,
    /// Part type `unknown`.
    pub part_unknown: Level,
    /// NUL characters in texts.
    pub text_nul: Level,
    /// What is too much.
    pub limits: Limits,
    /// Whose conversations a list enumerates.
    pub enumerates: Enumerates,
    /// How messages are ordered.
    pub message_order: MessageOrder,
    /// How preconditions are checked.
    pub precondition: PreconditionSupport,
    /// How surely lost writes are found.
    pub settle: SettleSupport,
    /// True where `updated_at`, `last_message_at` or `counts` of a conversation move with every message that is added:
    /// while they stand still, its messages need not be read again.
    pub change_mark: bool,
    /// True where access to a conversation ends by itself.
    pub access_expires: bool,
    /// True where each write is one transaction that needs no lease of the gateway.
    pub transactional: bool,
    /// True where `respond` and `post` reach a person.
    pub delivers: bool,
    /// How many requests to the vendor the creation of a conversation takes, as a rule. For estimates and pacing.
    pub create_requests: u32,
    /// How many each imported message takes; 0 where it is kept beside the backend, or there is no vendor.
    pub import_requests: u32,
    /// True where the messages of one import are stored all or none.
    pub import_is_atomic: bool,
}

impl Capabilities {
    /// A backend that holds every field and part exactly; operations and qualifiers are still to be set.
    #[must_use]
    pub fn holds_everything() -> Self {
        Self {
            conversation_kind: Level::Full,
            conversation_title: Level::Full,
            conversation_description: Level::Full,
            conversation_status: Level::Full,
            conversation_priority: Level::Full,
            conversation_labels: Level::Full,
            conversation_participants: Level::Full,
            conversation_owner: Level::Full,
            conversation_icon_url: Level::Full,
            conversation_assistant: Level::Full,
            conversation_metadata: Level::Full,
            conversation_extensions: Level::Full,
            conversation_unread: Level::Full,
            conversation_counts: Level::Full,
            conversation_usage: Level::Full,
            message_role: Level::Full,
            message_author: Level::Full,
            message_direction: Level::Full,
            message_recipients: Level::Full,
            message_subject: Level::Full,
            message_in_reply_to: Level::Full,
            message_status: Level::Full,
            message_rating: Level::Full,
            message_usage: Level::Full,
            message_model: Level::Full,
            message_provider: Level::Full,
            message_finish_reason: Level::Full,
            message_latency_ms: Level::Full,
            message_source: Level::Full,
            message_metadata: Level::Full,
            message_client_message_id: Level::Full,
            message_sent_at: Level::Full,
            message_edited_at: Level::Full,
            message_extensions: Level::Full,
            part_text: Level::Full,
            part_image: Level::Full,
            part_file: Level::Full,
            part_audio: Level::Full,
            part_video: Level::Full,
            part_location: Level::Full,
            part_carousel: Level::Full,
            part_list: Level::Full,
            part_form: Level::Full,
            part_form_response: Level::Full,
            part_template: Level::Full,
            part_actions: Level::Full,
            part_tool_call: Level::Full,
            part_tool_result: Level::Full,
            part_reasoning: Level::Full,
            part_quote: Level::Full,
            part_activity: Level::Full,
            part_unknown: Level::Full,
            text_nul: Level::Full,
            ..Self::default()
        }
    }

    /// Every level by name, in the order of declaration: for tables and tests.
    #[must_use]
    pub fn levels(&self) -> Vec<(&'static str, Level)> {
        vec![
            ("conversation_create", self.conversation_create),
            ("conversation_get", self.conversation_get),
            ("conversation_list", self.conversation_list),
            ("conversation_update", self.conversation_update),
            ("conversation_delete", self.conversation_delete),
            ("message_list", self.message_list),
            ("message_get", self.message_get),
            ("message_post", self.message_post),
            ("message_import", self.message_import),
            ("message_update", self.message_update),
            ("message_delete", self.message_delete),
            ("message_rate", self.message_rate),
            ("respond", self.respond),
            ("respond_stream", self.respond_stream),
            ("respond_template", self.respond_template),
            ("templates", self.templates),
            ("tools", self.tools),
            ("status", self.status),
            ("statistics", self.statistics),
            ("participant_list", self.participant_list),
            ("participant_add", self.participant_add),
            ("participant_remove", self.participant_remove),
            ("activity", self.activity),
            ("attachment_put", self.attachment_put),
            ("attachment_open", self.attachment_open),
            ("conversation_kind", self.conversation_kind),
            ("conversation_title", self.conversation_title),
            ("conversation_description", self.conversation_description),
            ("conversation_status", self.conversation_status),
            ("conversation_priority", self.conversation_priority),
            ("conversation_labels", self.conversation_labels),
            ("conversation_participants", self.conversation_participants),
            ("conversation_owner", self.conversation_owner),
            ("conversation_icon_url", self.conversation_icon_url),
            ("conversation_assistant", self.conversation_assistant),
            ("conversation_metadata", self.conversation_metadata),
            ("conversation_extensions", self.conversation_extensions),
            ("conversation_unread", self.conversation_unread),
            ("conversation_counts", self.conversation_counts),
            ("conversation_usage", self.conversation_usage),
            ("message_role", self.message_role),
            ("message_author", self.message_author),
            ("message_direction", self.message_direction),
            ("message_recipients", self.message_recipients),
            ("message_subject", self.message_subject),
            ("message_in_reply_to", self.message_in_reply_to),
            ("message_status", self.message_status),
            ("message_rating", self.message_rating),
            ("message_usage", self.message_usage),
            ("message_model", self.message_model),
            ("message_provider", self.message_provider),
            ("message_finish_reason", self.message_finish_reason),
            ("message_latency_ms", self.message_latency_ms),
            ("message_source", self.message_source),
            ("message_metadata", self.message_metadata),
            ("message_client_message_id", self.message_client_message_id),
            ("message_sent_at", self.message_sent_at),
            ("message_edited_at", self.message_edited_at),
            ("message_extensions", self.message_extensions),
            ("part_text", self.part_text),
            ("part_image", self.part_image),
            ("part_file", self.part_file),
            ("part_audio", self.part_audio),
            ("part_video", self.part_video),
            ("part_location", self.part_location),
            ("part_carousel", self.part_carousel),
            ("part_list", self.part_list),
            ("part_form", self.part_form),
            ("part_form_response", self.part_form_response),
            ("part_template", self.part_template),
            ("part_actions", self.part_actions),
            ("part_tool_call", self.part_tool_call),
            ("part_tool_result", self.part_tool_result),
            ("part_reasoning", self.part_reasoning),
            ("part_quote", self.part_quote),
            ("part_activity", self.part_activity),
            ("part_unknown", self.part_unknown),
            ("text_nul", self.text_nul),
        ]
    }
}
