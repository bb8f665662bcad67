//! Conversations that were made only to get a token: nobody's, hidden everywhere, deleted as soon as possible.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backend::ports::{Bootstrap, CredentialName};
use backend::{Kind, Outcome, Result};

use super::Datamonkey;
use super::identity::{Identity, is_identity_of};
use crate::client::Caller;
use crate::error::{Call, to_error};

/// How long what is known of bootstraps is taken to be right where a conversation is reached by its location: none
/// but the process that makes a bootstrap has a location of it.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// Native ids of the bootstraps of this backend, as far as they are known here.
#[derive(Default)]
pub(super) struct KnownBootstraps(Mutex<Known>);

#[derive(Default)]
struct Known {
    natives: HashSet<Box<str>>,
    read_at: Option<Instant>,
}

impl KnownBootstraps {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is one; absent where that has to be read first.
    fn holds(&self, native: &str) -> Option<bool> {
        let known = self.known();
        if known.natives.contains(native) {
            return Some(true);
        }
        known
            .read_at
            .is_some_and(|read_at| read_at.elapsed() < KNOWN_FOR)
            .then_some(false)
    }

    fn add(&self, native: &str) {
        self.known().natives.insert(native.into());
    }

    fn remove(&self, native: &str) {
        self.known().natives.remove(native);
    }

    fn replace(&self, all: &[Bootstrap]) {
        let mut known = self.known();
        known.natives = all
            .iter()
            .map(|bootstrap| bootstrap.native.clone())
            .collect();
        known.read_at = Some(Instant::now());
    }
}

impl Datamonkey {
    /// Whether this conversation is nobody's.
    pub(super) async fn is_bootstrap(&self, native: &str) -> Result<bool> {
        if let Some(known) = self.0.bootstraps.holds(native) {
            return Ok(known);
        }
        let all = self.all_bootstraps().await?;
        Ok(all.iter().any(|bootstrap| &*bootstrap.native == native))
    }

    async fn all_bootstraps(&self) -> Result<Vec<Bootstrap>> {
        let all = self.0.credentials.bootstraps(self.name()).await;
        let all = all.map_err(|error| error.outcome(Outcome::NotApplied))?;
        self.0.bootstraps.replace(&all);
        Ok(all)
    }

    /// The native ids of all bootstraps, read now. Those of this user are deleted on the way, where that is still
    /// possible; those of a user of the vendor whose tokens have ended are forgotten, because nobody can reach them.
    ///
    /// To be called after the token was read: a token is never stored without its bootstrap.
    pub(super) async fn clear_leftovers(
        &self,
        caller: &Caller,
        user: &CredentialName,
    ) -> Result<HashSet<Box<str>>> {
        let all = self.all_bootstraps().await?;
        for bootstrap in all
            .iter()
            .filter(|bootstrap| is_identity_of(&bootstrap.reference, user))
        {
            let name = CredentialName {
                backend: bootstrap.backend.clone(),
                reference: bootstrap.reference.clone(),
            };
            match self.token_of(&name).await? {
                Some(token) => {
                    let caller = Caller {
                        token: Some(token.secret),
                        ..caller.clone()
                    };
                    self.delete_bootstrap(&caller, bootstrap).await;
                }
                None => self.forget(bootstrap).await,
            }
        }
        Ok(all.into_iter().map(|bootstrap| bootstrap.native).collect())
    }

    /// Stores the token of a new user of the vendor together with the conversation that it came with, and deletes
    /// that conversation.
    pub(super) async fn adopt(
        &self,
        caller: &Caller,
        user: &CredentialName,
        identity: &Identity,
        native: &str,
    ) -> Result<()> {
        let bootstrap = Bootstrap {
            backend: self.name().into(),
            native: native.into(),
            reference: identity.reference.clone(),
        };
        let names = [
            user.clone(),
            CredentialName {
                backend: self.name().into(),
                reference: identity.reference.clone(),
            },
        ];
        self.0.bootstraps.add(native);
        let stored = self
            .0
            .credentials
            .put_with_bootstrap(&names, &identity.token.secret, &bootstrap)
            .await;
        let caller = Caller {
            token: Some(identity.token.secret.clone()),
            ..caller.clone()
        };
        if let Err(error) = stored {
            // Nobody will ever know this user of the vendor: its conversation is deleted while it can be.
            let _ = self.client().delete_conversation(&caller, native).await;
            return Err(error);
        }
        self.delete_bootstrap(&caller, &bootstrap).await;
        Ok(())
    }

    /// Deletes a bootstrap; where that fails, the next create or list of its user tries again.
    async fn delete_bootstrap(&self, caller: &Caller, bootstrap: &Bootstrap) {
        let deleted = self
            .client()
            .delete_conversation(caller, &bootstrap.native)
            .await;
        match deleted.map_err(|failure| to_error(failure, Call::Delete)) {
            Ok(()) => self.forget(bootstrap).await,
            Err(error) if error.kind == Kind::NotFound => self.forget(bootstrap).await,
            Err(error) => {
                tracing::warn!(
                    backend.name = self.name(),
                    conversation.native = &*bootstrap.native,
                    error.kind = error.kind.as_str(),
                    "a bootstrap conversation could not be deleted and stays hidden"
                );
            }
        }
    }

    async fn forget(&self, bootstrap: &Bootstrap) {
        self.0.bootstraps.remove(&bootstrap.native);
        if let Err(error) = self.0.credentials.bootstrap_deleted(bootstrap).await {
            tracing::warn!(
                backend.name = self.name(),
                conversation.native = &*bootstrap.native,
                error.kind = error.kind.as_str(),
                "a deleted bootstrap conversation could not be noted as deleted"
            );
        }
    }
}
