//! Tokens and bootstraps in memory, as the gateway's state keeps them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use backend::ports::{Bootstrap, Bootstraps, CredentialName, Credentials};
use backend::{Error, Kind, Result};
use secrecy::SecretString;

#[derive(Default)]
struct Kept {
    secrets: HashMap<CredentialName, SecretString>,
    bootstraps: Vec<Bootstrap>,
    stores: usize,
    is_broken: bool,
    is_sealed: bool,
}

/// The state of a gateway, as far as tokens go.
#[derive(Default)]
pub(crate) struct MemoryCredentials(Mutex<Kept>);

impl MemoryCredentials {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a token came with a bootstrap.
    pub(crate) fn stores(&self) -> usize {
        self.kept().stores
    }

    /// Makes every store of a new token fail, or no longer.
    pub(crate) fn break_stores(&self, is_broken: bool) {
        self.kept().is_broken = is_broken;
    }

    /// Makes every read of a token fail, as with another sealing key.
    pub(crate) fn seal(&self) {
        self.kept().is_sealed = true;
    }

    /// Notes a bootstrap without a token, as a crashed process leaves it.
    pub(crate) fn add_bootstrap(&self, bootstrap: Bootstrap) {
        self.kept().bootstraps.push(bootstrap);
    }
}

#[async_trait]
impl Credentials for MemoryCredentials {
    async fn get(&self, name: &CredentialName) -> Result<Option<SecretString>> {
        let kept = self.kept();
        if kept.is_sealed {
            return Err(Error::new(Kind::Internal, "another key has sealed this"));
        }
        Ok(kept.secrets.get(name).cloned())
    }

    async fn put(&self, name: &CredentialName, secret: &SecretString) -> Result<()> {
        self.kept().secrets.insert(name.clone(), secret.clone());
        Ok(())
    }

    async fn remove(&self, name: &CredentialName) -> Result<bool> {
        Ok(self.kept().secrets.remove(name).is_some())
    }

    async fn names(&self) -> Result<Vec<CredentialName>> {
        Ok(self.kept().secrets.keys().cloned().collect())
    }
}

#[async_trait]
impl Bootstraps for MemoryCredentials {
    async fn put_with_bootstrap(
        &self,
        names: &[CredentialName],
        secret: &SecretString,
        bootstrap: &Bootstrap,
    ) -> Result<()> {
        let mut kept = self.kept();
        if kept.is_broken {
            return Err(Error::new(Kind::StorageFull, "no room is left"));
        }
        for name in names {
            kept.secrets.insert(name.clone(), secret.clone());
        }
        kept.bootstraps.push(bootstrap.clone());
        kept.stores += 1;
        Ok(())
    }

    async fn bootstraps(&self, backend: &str) -> Result<Vec<Bootstrap>> {
        let kept = self.kept();
        let of_backend = kept
            .bootstraps
            .iter()
            .filter(|bootstrap| &*bootstrap.backend == backend);
        Ok(of_backend.cloned().collect())
    }

    async fn bootstrap_deleted(&self, bootstrap: &Bootstrap) -> Result<()> {
        self.kept().bootstraps.retain(|kept| kept != bootstrap);
        Ok(())
    }
}
