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
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) discovery: Discovery,
    pub(crate) default_tenant: Option<Box<str>>,
    /// Creates under way, by the time at which they began, with how many began then.
    creating: Mutex<BTreeMap<Time, usize>>,
    pub(crate) looks: Looks,
}

impl Slot {
    /// A backend, how its unknown conversations become known, and to which tenant those belong.
    #[must_use]
    pub fn new(
        backend: Arc<dyn Backend>,
        discovery: Discovery,
        default_tenant: Option<Box<str>>,
    ) -> Self {
        Self {
            backend,
            discovery,
            default_tenant,
            creating: Mutex::default(),
            looks: Looks::default(),
        }
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
        self.creating.lock().unwrap_or_else(PoisonError::into_inner)
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
