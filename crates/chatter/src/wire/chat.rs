//! Chat calls: `POST K/chat`, `K/streaming` and `K/template/{name}`.

use super::{ConversationResponse, MessageResponse, Raw};
use adapterkit::{wire_object, wire_word};

wire_word! {
    /// How the server works an answer out. On V1 everything but `plain` always fails with 400.
    pub enum Workflow {
        /// The model alone, the default.
        Plain = "plain",
        /// With retrieval.
        Rag = "rag",
        /// With tools.
        Tools = "tools",
        /// With both.
        Full = "full",
    }
}

wire_object! {
    /// Body of every chat call.
    pub struct ChatRequest {
        /// Not empty (`""` answers 400); on a new conversation also its title.
        required message: String,
        /// Null or `""` makes a new conversation. An unknown one answers 400.
        optional conversation_id: String,
        /// For a new conversation only.
        optional profile_id: String,
        /// True answers 500 on `K/chat` of V0 and V1; ignored on V2.
        optional stream: bool,
        /// Default: plain.
        optional workflow: Workflow,
        /// A registered name, else 400.
        optional provider: String,
        /// 0 to 2; reaches the model on V2 only.
        optional temperature: f64,
        /// 1 to 8192; reaches the model on V2 only.
        optional max_tokens: u32,
        /// At least 1; no effect.
        optional context_limit: u32,
        /// No effect.
        optional enable_retrieval: bool,
        /// No effect.
        optional document_ids: Vec<String>,
        /// Sent to the model for this call only, not stored.
        optional system_prompt_override: String,
        /// For a new conversation only; an object.
        optional workflow_config: Raw,
        /// Overwritten by the server.
        optional workflow_type: String,
        /// V2 only.
        optional prompt_id: String,
    }
}

impl ChatRequest {
    /// A request with nothing but the required message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            conversation_id: Default::default(),
            profile_id: Default::default(),
            stream: Default::default(),
            workflow: Default::default(),
            provider: Default::default(),
            temperature: Default::default(),
            max_tokens: Default::default(),
            context_limit: Default::default(),
            enable_retrieval: Default::default(),
            document_ids: Default::default(),
            system_prompt_override: Default::default(),
            workflow_config: Default::default(),
            workflow_type: Default::default(),
            prompt_id: Default::default(),
            extra: Default::default(),
        }
    }
}

wire_object! {
    /// Answer of `POST K/chat` and `K/template/{name}`.
    pub struct ChatResponse {
        /// ULID.
        required conversation_id: String,
        /// The assistant's message; on V1 the second of the two stored copies.
        required message: MessageResponse,
        /// The conversation after the call.
        required conversation: ConversationResponse,
    }
}
