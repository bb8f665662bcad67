//! How an overlay behaves.

use std::time::Duration;

use backend::History;

/// Which value is shown of a field that was changed at the backend, past the gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DriftPolicy {
    /// The backend's.
    #[default]
    Backend,
    /// The one that is kept here.
    Kept,
}

/// How an overlay behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlaySettings {
    /// What is shown of a field that drifted.
    pub drift: DriftPolicy,
    /// How old an index of messages may be before a list reads them again, although the backend's change mark stands
    /// still.
    pub index_max_age: Duration,
    /// What an AI is told of messages that its backend does not hold, where a request does not say.
    pub history: History,
    /// The most memory for rows that are held in memory, in bytes.
    pub cache_max_bytes: u64,
}

impl Default for OverlaySettings {
    /// The backend's value is shown, an index is read anew after 60 s, transcripts have at most 4,000 tokens, 32 MiB of
    /// rows.
    fn default() -> Self {
        Self {
            drift: DriftPolicy::Backend,
            index_max_age: Duration::from_secs(60),
            history: History::Transcript { max_tokens: 4_000 },
            cache_max_bytes: 32 << 20,
        }
    }
}
