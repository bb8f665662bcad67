//! What is remembered for a moment to spare the vendor requests; never the truth.
//!
//! Message indexes: a walk over many pages reads a long conversation once. A walk's first page always reads the vendor; only its later pages may come from here, and only while the
//! conversation's change mark stands still. What leaves no mark (messages deleted or rated by others, measured on
//! commit 56cfcd49) is seen by the next walk.
//!
//! Conversations that were seen alive: the vendor answers in a deleted one as if nothing had happened, so a chat call
//! needs to know, but not each time.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::mapping::Shown;

/// The longest time that a walk may go on with one index.
const INDEX_MAX_AGE: Duration = Duration::from_secs(60);
/// The most memory for all indexes, in bytes of message text and an estimate of the rest.
const INDEXES_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// What one message weighs beside its text, in bytes.
const MESSAGE_BYTES: usize = 512;

/// How long a conversation that was seen alive is taken to be so.
const ALIVE_MAX_AGE: Duration = Duration::from_secs(60);
/// The most conversations remembered as alive.
const ALIVE_MAX_ENTRIES: u64 = 100_000;

/// Conversations that were not deleted a moment ago, by native id.
pub(super) struct AliveCache(Cache<Arc<str>, ()>);

impl AliveCache {
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(ALIVE_MAX_ENTRIES)
                .time_to_live(ALIVE_MAX_AGE)
                .build(),
        )
    }

    pub(super) fn is_alive(&self, native: &str) -> bool {
        self.0.contains_key(native)
    }

    pub(super) fn seen(&self, native: &str) {
        self.0.insert(native.into(), ());
    }

    pub(super) fn gone(&self, native: &str) {
        self.0.invalidate(native);
    }
}

/// The messages of a conversation, in order, as they were at one change mark.
#[derive(Clone)]
struct Index {
    mark: String,
    messages: Arc<Vec<Shown>>,
}

/// Bounded in time and bytes.
pub(super) struct IndexCache(Cache<Arc<str>, Index>);

impl IndexCache {
    pub(super) fn new() -> Self {
        let weigh = |_: &Arc<str>, index: &Index| {
            let bytes: usize = index
                .messages
                .iter()
                .map(|shown| shown.message.content.len() + MESSAGE_BYTES)
                .sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(INDEXES_MAX_BYTES)
            .weigher(weigh)
            .time_to_live(INDEX_MAX_AGE)
            .build();
        Self(cache)
    }

    /// The index of a conversation, where it is still at this mark.
    pub(super) fn get(&self, native: &str, mark: &str) -> Option<Arc<Vec<Shown>>> {
        self.0
            .get(native)
            .filter(|index| index.mark == mark)
            .map(|index| index.messages)
    }

    pub(super) fn put(&self, native: &str, mark: String, messages: Arc<Vec<Shown>>) {
        self.0.insert(native.into(), Index { mark, messages });
    }

    /// Forgets a conversation whose messages we have just changed.
    pub(super) fn forget(&self, native: &str) {
        self.0.invalidate(native);
    }
}
