//! Conversations: `/api/v1/conversations/…` and, before V2, `/api/v1/chat/conversations…`.

use super::{MessageResponse, Raw};
use adapterkit::{wire_object, wire_word};

wire_word! {
    /// The state of a conversation. Lower case on the wire; another spelling is refused with 422.
    pub enum ConversationStatus {
        /// In use.
        Active = "active",
        /// Put away. Still answers chat calls.
        Archived = "archived",
        /// Soft-deleted: hidden from lists, still readable and writable by id.
        Deleted = "deleted",
    }
}

/// The direction of a sort. Lower case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first.
    Asc,
    /// Largest first, the vendor's default.
    Desc,
}

wire_object! {
    /// Body of `POST C/`. Only title, profile, temperature, `max_tokens`, `workflow_config` and `extra_metadata` are
    /// kept; the rest is accepted and then dropped (measured on commit 56cfcd49).
    pub struct ConversationCreate {
        /// 1 to 255 characters without NUL; other lengths answer 500.
        required title: String,
        /// Dropped by the server.
        optional description: String,
        /// An existing profile, else 500.
        optional profile_id: String,
        /// Dropped by the server.
        optional system_prompt: String,
        /// Dropped by the server; always false afterwards.
        optional enable_retrieval: bool,
        /// 0 to 2.
        optional temperature: f64,
        /// At least 1, at most 2,147,483,647 (more answers 500).
        optional max_tokens: u32,
        /// An object; stored inside `extra_metadata`, under its own name.
        optional workflow_config: Raw,
        /// An object, stored as given.
        optional extra_metadata: Raw,
    }
}

impl ConversationCreate {
    /// A request with nothing but the required title.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: Default::default(),
            profile_id: Default::default(),
            system_prompt: Default::default(),
            enable_retrieval: Default::default(),
            temperature: Default::default(),
            max_tokens: Default::default(),
            workflow_config: Default::default(),
            extra_metadata: Default::default(),
            extra: Default::default(),
        }
    }
}

wire_object! {
    /// Body of `PUT C/{id}`. `null` never clears; description is ignored; `extra_metadata` and `workflow_config` are
    /// stored only while the conversation has no metadata at all (measured on commit 56cfcd49).
    #[derive(Default)]
    pub struct ConversationUpdate {
        /// 1 to 255 characters without NUL; `""` answers 500.
        optional title: String,
        /// Ignored by the server.
        optional description: String,
        /// Any status may be set, also `deleted` and back.
        optional status: ConversationStatus,
        /// 0 to 2.
        optional temperature: f64,
        /// At least 1.
        optional max_tokens: u32,
        /// An object; see above.
        optional workflow_config: Raw,
        /// An object; see above.
        optional extra_metadata: Raw,
    }
}

wire_object! {
    /// A conversation. With `messages` it is what the vendor documents as `ConversationWithMessages`.
    pub struct ConversationResponse {
        /// Never null; one blank or more is a legal title.
        required title: String,
        /// Always null through this API.
        optional description: String,
        /// ULID.
        required id: String,
        /// ULID of the owner.
        required user_id: String,
        /// The profile given at create.
        optional profile_id: String,
        /// Active, archived or deleted.
        required status: ConversationStatus,
        /// Always null.
        optional llm_provider: String,
        /// Always null.
        optional llm_model: String,
        /// 0 to 2.
        optional temperature: f64,
        /// Tokens.
        optional max_tokens: u32,
        /// Always false.
        optional enable_retrieval: bool,
        /// Always 0, never updated.
        optional message_count: u64,
        /// Always 0, never updated.
        optional total_tokens: u64,
        /// Always 0.0, never updated.
        optional total_cost: f64,
        /// Always null.
        optional system_prompt: String,
        /// Tokens; 4096.
        optional context_window: u64,
        /// True.
        optional memory_enabled: bool,
        /// Null.
        optional memory_strategy: String,
        /// 5.
        optional retrieval_limit: u64,
        /// 0.7.
        optional retrieval_score_threshold: f64,
        /// Always null.
        optional tags: Vec<String>,
        /// `{}` where none was given; holds `workflow_config` too.
        optional extra_metadata: Raw,
        /// Always null; see `extra_metadata`.
        optional workflow_config: Raw,
        /// RFC 3339 UTC with microseconds; the fraction is missing where it is zero.
        required created_at: String,
        /// As above. Moves only where a value really changed, and with each chat call.
        required updated_at: String,
        /// Always null.
        optional last_message_at: String,
        /// Present in the answer of `GET C/{id}` only; `[]` where not asked for. Undefined order among equal times.
        optional messages: Vec<MessageResponse>,
    }
}

wire_object! {
    /// Answer of `GET C/`: `total_count` on V1 and V2, `total` on V0 (documented there as `ConversationSearchResponse`).
    pub struct ConversationListResponse {
        /// One page.
        required conversations: Vec<ConversationResponse>,
        /// Matches of the filters on all pages; V1 and V2.
        optional total_count: u64,
        /// The same; V0.
        optional total: u64,
        /// Echo of the request.
        required limit: u64,
        /// Echo of the request.
        required offset: u64,
    }
}

impl ConversationListResponse {
    /// Matches on all pages, whichever generation answered.
    #[must_use]
    pub fn matches(&self) -> Option<u64> {
        self.total_count.value().or(self.total.value()).copied()
    }
}

wire_object! {
    /// Answer of `DELETE C/{id}`; the same on every repetition.
    pub struct ConversationDeleteResponse {
        /// `Conversation deleted successfully`.
        required message: String,
    }
}

/// Query of `GET C/`. V0 knows limit and offset only and ignores the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationListQuery {
    /// Without it everything but deleted conversations is listed.
    pub status: Option<ConversationStatus>,
    /// Matches nothing made through this API.
    pub llm_provider: Option<String>,
    /// Matches nothing made through this API.
    pub llm_model: Option<String>,
    /// Every use answers 500.
    pub tags: Vec<String>,
    /// `true` matches nothing made through this API.
    pub enable_retrieval: Option<bool>,
    /// At least 1; no maximum on V1 and V2 (default 50), at most 100 on V0 (default 20).
    pub limit: Option<u64>,
    /// Conversations to skip.
    pub offset: Option<u64>,
    /// A column name; another one answers 500. Only `id` ascending is a stable, complete walk.
    pub sort_by: Option<String>,
    /// Default: descending.
    pub sort_order: Option<SortOrder>,
}

impl ConversationListQuery {
    /// The parameters as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut put = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        put(
            "status",
            self.status
                .as_ref()
                .map(|status| status.as_str().to_owned()),
        );
        put("llm_provider", self.llm_provider.clone());
        put("llm_model", self.llm_model.clone());
        for tag in &self.tags {
            put("tags", Some(tag.clone()));
        }
        put(
            "enable_retrieval",
            self.enable_retrieval.map(|value| value.to_string()),
        );
        put("limit", self.limit.map(|value| value.to_string()));
        put("offset", self.offset.map(|value| value.to_string()));
        put("sort_by", self.sort_by.clone());
        put(
            "sort_order",
            self.sort_order.map(|order| order.text().to_owned()),
        );
        pairs
    }
}

impl SortOrder {
    /// The vendor's spelling.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}
