//! The conversations that were found in the recordings of real Chatter servers.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One recorded conversation.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) native_id: String,
    pub(crate) title: String,
    pub(crate) extra_metadata: Map<String, Value>,
    pub(crate) messages: Vec<RecordedMessage>,
}

/// One recorded message.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RecordedMessage {
    pub(crate) role: String,
    pub(crate) content: String,
    pub(crate) created_at: String,
    pub(crate) rating: Option<f64>,
}

/// Every recorded conversation, those without a recorded message included.
pub(crate) fn all() -> Vec<Recorded> {
    #[derive(Deserialize)]
    struct File {
        conversations: Vec<Recorded>,
    }
    let file: File =
        serde_json::from_str(include_str!("../../fixtures/chatter_conversations.json"))
            .expect("the fixture is JSON of this shape");
    assert!(file.conversations.len() > 40, "the fixture is complete");
    file.conversations
}

/// Those of which messages were recorded.
pub(crate) fn with_messages() -> Vec<Recorded> {
    let conversations: Vec<Recorded> = all()
        .into_iter()
        .filter(|conversation| !conversation.messages.is_empty())
        .collect();
    assert!(conversations.len() > 20, "the fixture is complete");
    conversations
}
