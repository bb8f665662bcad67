//! What is remembered for a while to spare the vendor requests; never the truth, and all of it bounded.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::wire::{Participant, User};

/// How long a user of ours who was there once counts as there.
const USER_MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// How long our id of a user is remembered by the vendor's. It cannot be changed there, only merged away.
const NAME_MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// How long what a conversation is, and who takes part in it, is remembered.
const CONVERSATION_MAX_AGE: Duration = Duration::from_secs(60);
/// How long a user's profile is remembered.
const PROFILE_MAX_AGE: Duration = Duration::from_secs(60);
/// The most entries of each.
const ENTRIES_MAX: u64 = 50_000;
/// The most entries that hold whole objects.
const OBJECTS_MAX: u64 = 5_000;

/// What matters of a conversation before something is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether several users can take part.
    pub(super) is_group: bool,
}

/// All that is remembered.
pub(super) struct Known {
    /// External ids of users who are there.
    pub(super) users: Cache<Arc<str>, ()>,
    /// External ids by the vendor's ids of users; `None` for a user who has none.
    pub(super) names: Cache<Arc<str>, Option<Arc<str>>>,
    /// Conversations that were there a moment ago and not deleted.
    pub(super) facts: Cache<Arc<str>, Facts>,
    /// Their participants.
    pub(super) members: Cache<Arc<str>, Arc<Vec<Participant>>>,
    /// Users by the vendor's id; `None` for one who is gone.
    pub(super) profiles: Cache<Arc<str>, Option<Arc<User>>>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            users: cache(ENTRIES_MAX, USER_MAX_AGE),
            names: cache(ENTRIES_MAX, NAME_MAX_AGE),
            facts: cache(ENTRIES_MAX, CONVERSATION_MAX_AGE),
            members: cache(OBJECTS_MAX, CONVERSATION_MAX_AGE),
            profiles: cache(OBJECTS_MAX, PROFILE_MAX_AGE),
        }
    }

    /// Forgets a conversation that is not what it was.
    pub(super) fn forget(&self, native: &str) {
        self.facts.invalidate(native);
        self.members.invalidate(native);
    }
}

fn cache<V: Clone + Send + Sync + 'static>(entries: u64, age: Duration) -> Cache<Arc<str>, V> {
    Cache::builder()
        .max_capacity(entries)
        .time_to_live(age)
        .build()
}
