//! The router as it is now: for migrations and for recovery, which live longer than one configuration.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use backend::Principal;
use backend::ports::{Touch, Traffic};
use routing::Router;
use tokio::sync::broadcast;

/// The router of the configuration in use.
#[derive(Debug)]
pub(crate) struct CurrentRouter(ArcSwap<Router>);

impl CurrentRouter {
    /// The first one.
    pub(crate) fn new(router: Arc<Router>) -> Self {
        Self(ArcSwap::new(router))
    }

    /// The one now.
    pub(crate) fn now(&self) -> Arc<Router> {
        self.0.load_full()
    }

    /// The next one, which succeeds the one now.
    pub(crate) fn replace(&self, router: Arc<Router>) {
        self.0.store(router);
    }
}

#[async_trait]
impl Traffic for CurrentRouter {
    /// A router that succeeds another one tells those who follow that one.
    fn follow(&self) -> broadcast::Receiver<Touch> {
        self.now().follow()
    }

    async fn catch_up(&self) -> backend::Result<()> {
        self.now().catch_up().await
    }

    async fn look_through(&self, backend: &str, principal: &Arc<Principal>) -> backend::Result<()> {
        self.now().look_through(backend, principal).await
    }
}
