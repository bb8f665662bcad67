//! A backend among those that the router chooses from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use backend::Backend;
use conversation::Time;

use crate::looks::Looks;

/// How conversations that exist only at the backend become known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Discovery {
    /// When conversations are listed, at most once per interval.
    OnList,
    /// Not at all: every conversation there was made through us.
    #[default]
    Off,
}

/// A backend that can be chosen.
#[derive(Debug)]
pub struct Slot {
    /// The finished stack.
    pub(crate) backend: Arc<dyn Backend>,
    /// The adapter, or the store, alone.
    pub(crate) bare: Arc<dyn Backend>,
    pub(crate) discovery: Discovery,
    pub(crate) default_tenant: Option<Box<str>>,
    pub(crate) under_way: Arc<UnderWay>,
}

/// What goes on at a backend: the same for every slot of its name, also where the router was succeeded meanwhile.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// Creates, by the time at which they began, with how many began then.
    creating: Mutex<BTreeMap<Time, usize>>,
    looks: Looks,
}

impl Slot {
    /// A backend, how its unknown conversations become known, and to which tenant those belong. It counts as bare, until
    /// [`Slot::over`] says otherwise.
    #[must_use]
    pub fn new(
        backend: Arc<dyn Backend>,
        discovery: Discovery,
        default_tenant: Option<Box<str>>,
    ) -> Self {
        Self {
            bare: Arc::clone(&backend),
            backend,
            discovery,
            default_tenant,
            under_way: Arc::default(),
        }
    }

    /// The same slot whose stack stands over `bare`: rules ask that one what the backend holds by itself.
    #[must_use]
    pub fn over(mut self, bare: Arc<dyn Backend>) -> Self {
        self.bare = bare;
        self
    }

    /// The same slot, where this goes on already.
    pub(crate) fn with(mut self, under_way: &Arc<UnderWay>) -> Self {
        self.under_way = Arc::clone(under_way);
        self
    }

    pub(crate) fn looks(&self) -> &Looks {
        &self.under_way.looks
    }

    pub(crate) fn name(&self) -> &str {
        &self.backend.info().name
    }

    /// Notes a create under way, until the guard is dropped.
    pub(crate) fn begin_create(&self) -> Creating<'_> {
        let began = Time::now();
        *self.creates().entry(began).or_default() += 1;
        Creating { slot: self, began }
    }

    /// When the oldest create under way began.
    pub(crate) fn oldest_create(&self) -> Option<Time> {
        self.creates().keys().next().copied()
    }

    fn creates(&self) -> std::sync::MutexGuard<'_, BTreeMap<Time, usize>> {
        // The map is whole after every step, so a panic elsewhere cannot have left it half changed.
        self.under_way
            .creating
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A create under way.
pub(crate) struct Creating<'a> {
    slot: &'a Slot,
    began: Time,
}

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        let mut creates = self.slot.creates();
        if let Some(count) = creates.get_mut(&self.began) {
            *count -= 1;
            if *count == 0 {
                creates.remove(&self.began);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use store::{Store, StoreConfig};

    use super::*;

    #[test]
    fn a_create_under_way_is_known_to_the_slot_that_takes_the_place() {
        let files = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(files.path().join("dragoman.db"))).unwrap();
        let slot = || Slot::new(Arc::new(store.backend("a")), Discovery::Off, None);
        let earlier = slot();
        let creating = earlier.begin_create();
        assert_eq!(slot().oldest_create(), None);
        let later = slot().with(&earlier.under_way);
        assert_eq!(later.oldest_create(), Some(creating.began));
        drop(creating);
        assert_eq!(later.oldest_create(), None);
    }
}
