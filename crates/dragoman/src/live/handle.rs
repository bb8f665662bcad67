//! What the server is given of the configuration. It stands inside what the configuration holds, so it must not hold it.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use backend::ports::ConfigVersion;
use backend::{Error, Kind};
use server::{
    ConfigCaller, ConfigCheck, ConfigDiff, ConfigOutcome, ConfigRefusal, ConfigStatus, Configuring,
};

use super::Live;

/// The configuration, for the server.
#[derive(Debug, Default)]
pub(crate) struct Handle(OnceLock<Weak<Live>>);

impl Handle {
    /// Knows the configuration from now on.
    pub(crate) fn know(&self, live: &Arc<Live>) {
        // It is told once, when the process starts.
        let _ = self.0.set(Arc::downgrade(live));
    }

    fn live(&self) -> backend::Result<Arc<Live>> {
        let live = self.0.get().and_then(Weak::upgrade);
        live.ok_or_else(|| {
            Error::new(
                Kind::Unavailable,
                "the gateway is starting or stopping: its configuration stays as it is",
            )
        })
    }
}

/// Who brings a version, in the words of its history.
fn by(caller: &ConfigCaller) -> Box<str> {
    format!("key {}", caller.by).into()
}

#[async_trait]
impl Configuring for Handle {
    fn status(&self) -> backend::Result<ConfigStatus> {
        self.live()?.status()
    }

    async fn check(&self) -> backend::Result<ConfigCheck> {
        self.live()?.check().await
    }

    async fn diff(&self) -> Result<ConfigDiff, ConfigRefusal> {
        self.live()?.diff().await
    }

    async fn reload(&self, caller: ConfigCaller) -> Result<ConfigOutcome, ConfigRefusal> {
        self.live()?.reload(by(&caller), caller).await
    }

    async fn history(&self, limit: usize) -> backend::Result<Vec<ConfigVersion>> {
        self.live()?.history(limit).await
    }

    async fn rollback(
        &self,
        version: u64,
        caller: ConfigCaller,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        self.live()?.rollback(version, by(&caller), caller).await
    }
}
