//! What is remembered for a moment to spare the vendor requests; never the truth.
//!
//! Message indexes: a walk over many pages reads a long conversation once. A walk's first page always reads the
//! vendor; only its later pages may come from here, and only while the conversation's change mark stands still.
//!
//! Walks over conversations: the vendor's order is not known, so all of them are read before the first page is shown.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::wire::{Conversation, Message, Raw};

/// The longest time that a walk over messages may go on with one index.
const INDEX_MAX_AGE: Duration = Duration::from_secs(60);
/// The most memory for all indexes, in bytes of bodies and an estimate of the rest.
const INDEXES_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// What one message weighs beside its bodies, in bytes.
const MESSAGE_BYTES: usize = 1_024;

/// The longest time that a walk over conversations may rest.
const WALK_MAX_IDLE: Duration = Duration::from_secs(60);
/// The longest time that a walk over conversations may go on with what it has read.
const WALK_MAX_AGE: Duration = Duration::from_secs(600);
/// The most memory for all walks, in bytes of JSON and an estimate of the rest.
const WALKS_MAX_BYTES: u64 = 128 * 1024 * 1024;
/// What one conversation weighs beside its JSON, in bytes.
const CONVERSATION_BYTES: usize = 128;

/// A message at its place: when it was said, in microseconds, then its id, which grows with the time of storing.
pub(super) struct Placed {
    pub(super) place: (i64, String),
    pub(super) message: Message,
}

/// The messages of a conversation, in order, as they were at one change mark.
#[derive(Clone)]
struct Index {
    mark: String,
    messages: Arc<Vec<Placed>>,
}

/// Bounded in time and bytes.
pub(super) struct IndexCache(Cache<Arc<str>, Index>);

impl IndexCache {
    pub(super) fn new() -> Self {
        let weigh = |_: &Arc<str>, index: &Index| {
            let bytes: usize = index.messages.iter().map(weight).sum();
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
    pub(super) fn get(&self, native: &str, mark: &str) -> Option<Arc<Vec<Placed>>> {
        self.0
            .get(native)
            .filter(|index| index.mark == mark)
            .map(|index| index.messages)
    }

    pub(super) fn put(&self, native: &str, mark: String, messages: Arc<Vec<Placed>>) {
        self.0.insert(native.into(), Index { mark, messages });
    }

    /// Forgets a conversation whose messages we have just changed.
    pub(super) fn forget(&self, native: &str) {
        self.0.invalidate(native);
    }
}

fn weight(placed: &Placed) -> usize {
    let message = &placed.message;
    let bodies = [&message.body, &message.text_body, &message.raw_body];
    let bodies = bodies.into_iter().filter_map(|body| body.value());
    bodies.map(String::len).sum::<usize>() + MESSAGE_BYTES
}

/// The mark that moves when messages come; nothing where the vendor tells none.
pub(super) fn mark(row: &Conversation) -> Option<String> {
    let count = row.message_count.value()?;
    let last = row.last_message_date.value().map_or("", String::as_str);
    Some(format!("{count}/{last}"))
}

/// A conversation at its place: when it was made, in microseconds, then its id.
pub(super) struct Found {
    pub(super) place: (i64, String),
    /// Kept as JSON: a large account has many.
    pub(super) raw: Raw,
}

/// What walks over conversations have read, each under a number of its own. Bounded in time and bytes.
pub(super) struct WalkCache(Cache<u128, Arc<Vec<Found>>>);

impl WalkCache {
    pub(super) fn new() -> Self {
        let weigh = |_: &u128, found: &Arc<Vec<Found>>| {
            let bytes: usize = found
                .iter()
                .map(|found| found.raw.text().len() + CONVERSATION_BYTES)
                .sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(WALKS_MAX_BYTES)
            .weigher(weigh)
            .time_to_idle(WALK_MAX_IDLE)
            .time_to_live(WALK_MAX_AGE)
            .build();
        Self(cache)
    }

    pub(super) fn get(&self, walk: u128) -> Option<Arc<Vec<Found>>> {
        self.0.get(&walk)
    }

    pub(super) fn put(&self, walk: u128, found: Arc<Vec<Found>>) {
        self.0.insert(walk, found);
    }

    /// Forgets a walk that has ended.
    pub(super) fn end(&self, walk: u128) {
        self.0.invalidate(&walk);
    }
}
