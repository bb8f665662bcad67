//! The looks through one backend: one at a time for each credential, a few at a time in all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Semaphore, watch};

use crate::slot::Slot;

/// How many looks go through one backend at once, each with another credential.
const LOOKS_PARALLEL: usize = 4;
/// How long nobody looks again after a look that failed.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// The most failed looks that are remembered.
const FAILED_MAX: u64 = 10_000;

/// Which looks are under way, and which failed just now, by credential; the backend's own is the empty text.
#[derive(Debug)]
pub(crate) struct Looks {
    under_way: Mutex<BTreeMap<Box<str>, watch::Receiver<()>>>,
    failed: Cache<Box<str>, ()>,
    places: Semaphore,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            failed: Cache::builder()
                .max_capacity(FAILED_MAX)
                .time_to_live(FAILED_PAUSE)
                .build(),
            places: Semaphore::new(LOOKS_PARALLEL),
        }
    }
}

impl Looks {
    /// True where a look with this credential failed just now.
    pub(crate) fn has_just_failed(&self, credential: &str) -> bool {
        self.failed.contains_key(credential)
    }

    /// Notes that a look failed.
    pub(crate) fn note_failure(&self, credential: &str) {
        self.failed.insert(credential.into(), ());
    }

    /// Where it may go on: it is one of a few. `None` never happens, as nobody closes the semaphore.
    pub(crate) async fn place(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<Box<str>, watch::Receiver<()>>> {
        // The map is whole after every step, so a panic elsewhere cannot have left it half changed.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the wish to look.
pub(crate) enum Begun {
    /// It is ours: until this is dropped, nobody else looks with the credential.
    Ours(Looking),
    /// Somebody looks already.
    Theirs(Ended),
}

/// A look under way.
pub(crate) struct Looking {
    slot: Arc<Slot>,
    credential: Box<str>,
    /// Closed when the look ends, however it ends.
    _ended: watch::Sender<()>,
}

/// The end of somebody else's look.
pub(crate) struct Ended(watch::Receiver<()>);

impl Looking {
    /// Begins a look with a credential, unless somebody looks with it.
    pub(crate) fn begin(slot: &Arc<Slot>, credential: &str) -> Begun {
        let mut under_way = slot.looks().under_way();
        if let Some(ended) = under_way.get(credential) {
            return Begun::Theirs(Ended(ended.clone()));
        }
        let (sender, receiver) = watch::channel(());
        under_way.insert(credential.into(), receiver);
        drop(under_way);
        Begun::Ours(Self {
            slot: slot.clone(),
            credential: credential.into(),
            _ended: sender,
        })
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.slot.looks().under_way().remove(&self.credential);
    }
}

impl Ended {
    pub(crate) async fn wait(mut self) {
        // Nothing is ever sent: an error says that the sender is gone.
        while self.0.changed().await.is_ok() {}
    }
}
