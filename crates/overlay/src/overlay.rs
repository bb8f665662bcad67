//! The overlay itself: what it stands on.

use std::fmt;
use std::sync::Arc;

use backend::Backend;
use backend::ports::{Blobs, Directory, Leases, OverlayState};

use crate::OverlaySettings;
use crate::kept::KeptCache;

/// A backend that holds everything, over one that does not. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Overlay(Arc<Inner>);

struct Inner {
    below: Arc<dyn Backend>,
    settings: OverlaySettings,
    state: Arc<dyn OverlayState>,
    blobs: Arc<dyn Blobs>,
    directory: Arc<dyn Directory>,
    cache: Arc<KeptCache>,
    /// Who changes by what was read, where other processes change the same rows.
    leases: Option<Arc<dyn Leases>>,
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay")
            .field("below", &self.0.below)
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl Overlay {
    /// An overlay over `below`, which keeps its rows in `state` and its bytes in `blobs`. Where access to a
    /// conversation ended it binds the conversation to a new place in `directory`.
    #[must_use]
    pub fn new(
        below: Arc<dyn Backend>,
        settings: OverlaySettings,
        state: Arc<dyn OverlayState>,
        blobs: Arc<dyn Blobs>,
        directory: Arc<dyn Directory>,
    ) -> Self {
        let cache = Arc::new(KeptCache::new(settings.cache_max_bytes));
        Self(Arc::new(Inner {
            below,
            settings,
            state,
            blobs,
            directory,
            cache,
            leases: None,
        }))
    }

    /// The same overlay where other processes change the same rows: nothing is held in memory, and who changes rows by what
    /// was read of them holds a lease.
    #[must_use]
    pub fn shared(self, leases: Arc<dyn Leases>) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            below: Arc::clone(&inner.below),
            settings: inner.settings.clone(),
            state: Arc::clone(&inner.state),
            blobs: Arc::clone(&inner.blobs),
            directory: Arc::clone(&inner.directory),
            cache: Arc::new(KeptCache::off()),
            leases: Some(leases),
        }))
    }

    /// The same overlay in the place of another one over the same backend and state, some of whose requests still run: both
    /// hold the same rows in memory, as many as the former one may, so that neither shows what the other has changed.
    #[must_use]
    pub fn succeeding(self, former: &Overlay) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            below: Arc::clone(&inner.below),
            settings: inner.settings.clone(),
            state: Arc::clone(&inner.state),
            blobs: Arc::clone(&inner.blobs),
            directory: Arc::clone(&inner.directory),
            cache: Arc::clone(&former.0.cache),
            leases: inner.leases.clone(),
        }))
    }

    /// The backend below.
    pub(crate) fn below(&self) -> &Arc<dyn Backend> {
        &self.0.below
    }

    /// The backend's name.
    pub(crate) fn name(&self) -> &str {
        &self.0.below.info().name
    }

    pub(crate) fn settings(&self) -> &OverlaySettings {
        &self.0.settings
    }

    pub(crate) fn state(&self) -> &Arc<dyn OverlayState> {
        &self.0.state
    }

    pub(crate) fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.0.blobs
    }

    pub(crate) fn directory(&self) -> &Arc<dyn Directory> {
        &self.0.directory
    }

    pub(crate) fn cache(&self) -> &KeptCache {
        &self.0.cache
    }

    pub(crate) fn leases(&self) -> Option<&Arc<dyn Leases>> {
        self.0.leases.as_ref()
    }
}
