//! The overlay itself: what it stands on.

use std::fmt;
use std::sync::Arc;

use backend::Backend;
use backend::ports::{Blobs, Directory, OverlayState};

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
    cache: KeptCache,
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
        let cache = KeptCache::new(settings.cache_max_bytes);
        Self(Arc::new(Inner {
            below,
            settings,
            state,
            blobs,
            directory,
            cache,
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
}
