//! What migrations stand on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use backend::Backend;
use backend::ports::{Directory, Erasure, Intents, Leases, Ledger, OverlayState};

/// A backend that can be source or target.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The backend as the router has it, with everything around it.
    pub stack: Arc<dyn Backend>,
    /// The most requests to the vendor in a minute that migrations make; absent: what
    /// [`backend::Limits::requests_per_minute`] says, where it says something.
    pub requests_per_minute: Option<u64>,
    /// True where conversations may exist there that the directory does not know.
    pub discovers: bool,
}

/// Every backend by its name, as configured now. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ends(Arc<ArcSwap<BTreeMap<Box<str>, Endpoint>>>);

impl Ends {
    /// These backends.
    #[must_use]
    pub fn new(ends: BTreeMap<Box<str>, Endpoint>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(ends)))
    }

    /// From now on these backends. A job that runs keeps the endpoints that it began with.
    pub fn replace(&self, ends: BTreeMap<Box<str>, Endpoint>) {
        self.0.store(Arc::new(ends));
    }

    /// The backend of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Endpoint> {
        self.0.load().get(name).cloned()
    }

    /// The same, with one more of this name or another in its place.
    #[cfg(test)]
    pub(crate) fn put(&self, name: &str, end: Endpoint) {
        let mut ends = (**self.0.load()).clone();
        ends.insert(name.into(), end);
        self.replace(ends);
    }

    /// The same without this one, which is given back.
    #[cfg(test)]
    pub(crate) fn take(&self, name: &str) -> Option<Endpoint> {
        let mut ends = (**self.0.load()).clone();
        let taken = ends.remove(name);
        self.replace(ends);
        taken
    }

    /// The names, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<Box<str>> {
        self.0.load().keys().cloned().collect()
    }
}

/// What migrations stand on.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Every backend by its name.
    pub ends: Ends,
    /// What migrations have done.
    pub ledger: Arc<dyn Ledger>,
    /// Writes that were begun.
    pub intents: Arc<dyn Intents>,
    /// Where conversations live.
    pub directory: Arc<dyn Directory>,
    /// Who writes to a conversation, and who runs a migration.
    pub leases: Arc<dyn Leases>,
    /// What is kept beside backends.
    pub overlay_state: Arc<dyn OverlayState>,
    /// Erases what the gateway keeps.
    pub erasure: Arc<dyn Erasure>,
    /// How migrations behave.
    pub settings: Settings,
}

/// How long asking about a write may take.
const ASKING: Duration = Duration::from_secs(30);

/// How migrations behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who runs jobs here, in words: `dragoman serve, process 4711 on host`.
    pub holder: Box<str>,
    /// How long one write may take before its outcome counts as unknown.
    pub write_timeout: Duration,
    /// How long one read may take.
    pub read_timeout: Duration,
    /// How long a doubtful write is asked about before it is left to the operator.
    pub settle_patience: Duration,
    /// How long a switch waits for the writers of one conversation.
    ///
    /// Where a write of the migration itself was cut off, at least as long as it takes until a backend can tell that it
    /// was never carried out: twice `write_timeout`, and half a minute to ask.
    pub switch_patience: Duration,
    /// How often the source is polled for what still arrives there after a switch.
    pub drain_interval: Duration,
    /// How long after a write the mirror waits for more of them.
    pub mirror_delay: Duration,
    /// Of so many reads through the gateway one is compared on both sides while a mirror runs.
    pub shadow_sample: u32,
    /// True where several processes serve from the state at once: each then looks for work that another one left, and
    /// stops at once where somebody else may have taken over its own.
    pub is_shared: bool,
}

impl Settings {
    /// How long after a write that was cut off it is certain that what is not there will not come any more, and there was
    /// time to ask: its deadline, as long again for what is carried out late, and a turn of asking.
    pub(crate) fn told_after(&self) -> Duration {
        self.write_timeout * 2 + ASKING
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            holder: "this process".into(),
            write_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(60),
            settle_patience: Duration::from_secs(600),
            switch_patience: Duration::from_secs(60),
            drain_interval: Duration::from_secs(10),
            mirror_delay: Duration::from_millis(200),
            shadow_sample: 10,
            is_shared: false,
        }
    }
}
