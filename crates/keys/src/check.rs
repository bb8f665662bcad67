//! Checking keys, with a short memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{KeyRecord, Keys};
use backend::{Principal, Result};
use conversation::Time;
use moka::future::Cache;

use crate::key::Presented;

/// How long a key stays in memory as it was found: one that is revoked is dead on every replica after this.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// Keys kept in the cache; unknown ids are kept too, so that guessing does not reach the database.
const CACHE_ENTRIES_MAX: u64 = 10_000;

/// A key as it was found, with the principal that it makes.
#[derive(Debug)]
struct Found {
    record: KeyRecord,
    principal: Arc<Principal>,
}

/// Checks keys, with a short memory. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct KeyCheck {
    keys: Arc<dyn Keys>,
    cache: Cache<Box<str>, Option<Arc<Found>>>,
}

impl fmt::Debug for KeyCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyCheck")
    }
}

impl KeyCheck {
    /// Checks the keys that `keys` holds.
    #[must_use]
    pub fn new(keys: Arc<dyn Keys>) -> Self {
        Self {
            keys,
            cache: Cache::builder()
                .max_capacity(CACHE_ENTRIES_MAX)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        }
    }

    /// Forgets a key, so that a change made here counts here at once.
    pub async fn forget(&self, id: &str) {
        self.cache.invalidate(id).await;
    }

    /// Who a key, as it was presented, stands for. `None` for every kind of bad key alike: unknown, wrong, expired,
    /// revoked, or no key at all.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub async fn check(&self, key: &str) -> Result<Option<Arc<Principal>>> {
        let Some(presented) = Presented::parse(key) else {
            return Ok(None);
        };
        let found = self.find(&presented.id).await?;
        let record = found.as_ref().map(|found| &found.record);
        let is_good =
            presented.matches(record) && record.is_some_and(|record| record.is_active(Time::now()));
        let good = found.filter(|_| is_good);
        Ok(good.map(|found| Arc::clone(&found.principal)))
    }

    /// Who the key of this id stands for, where it is active. For schemes that prove by other means than the secret
    /// itself that the caller has it; whoever calls this has checked that proof.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub async fn holder(&self, id: &str) -> Result<Option<Arc<Principal>>> {
        let found = self.find(id).await?;
        let good = found.filter(|found| found.record.is_active(Time::now()));
        Ok(good.map(|found| Arc::clone(&found.principal)))
    }

    async fn find(&self, id: &str) -> Result<Option<Arc<Found>>> {
        if let Some(found) = self.cache.get(id).await {
            return Ok(found);
        }
        let load = async {
            let record = self.keys.find(id).await?;
            Ok::<_, backend::Error>(record.map(|record| {
                let principal = Arc::new(Principal {
                    tenant: record.tenant.clone(),
                    key: record.id.clone(),
                    user: record.user.clone(),
                    scopes: record.scopes.clone(),
                });
                Arc::new(Found { record, principal })
            }))
        };
        self.cache
            .try_get_with(id.into(), load)
            .await
            .map_err(|error| (*error).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use backend::Scope;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::{KeyRequest, NewKey};

    #[derive(Default)]
    struct InMemory(Mutex<Vec<KeyRecord>>);

    #[async_trait]
    impl Keys for InMemory {
        async fn find(&self, id: &str) -> Result<Option<KeyRecord>> {
            let all = self.0.lock().unwrap();
            Ok(all.iter().find(|key| &*key.id == id).cloned())
        }

        async fn insert(&self, key: &KeyRecord) -> Result<()> {
            self.0.lock().unwrap().push(key.clone());
            Ok(())
        }

        async fn revoke(&self, id: &str, at: Time) -> Result<bool> {
            let mut all = self.0.lock().unwrap();
            let found = all.iter_mut().find(|key| &*key.id == id);
            Ok(found.map(|key| key.revoked_at = Some(at)).is_some())
        }

        async fn list(&self, _tenant: Option<&str>) -> Result<Vec<KeyRecord>> {
            Ok(self.0.lock().unwrap().clone())
        }
    }

    #[tokio::test]
    async fn only_the_whole_key_of_an_active_record_opens() {
        let keys = Arc::new(InMemory::default());
        let new = NewKey::generate(KeyRequest {
            tenant: "acme".into(),
            name: "test".into(),
            scopes: vec![Scope::Read],
            user: None,
            expires_at: None,
        })
        .unwrap();
        keys.insert(&new.record).await.unwrap();
        let check = KeyCheck::new(Arc::clone(&keys) as _);
        let key = new.key.expose_secret();
        let principal = check.check(key).await.unwrap().unwrap();
        assert_eq!(
            (&*principal.tenant, &*principal.key),
            ("acme", &*new.record.id)
        );
        assert!(check.holder(&new.record.id).await.unwrap().is_some());
        for bad in [
            "",
            "drg_a_b",
            &key[..key.len() - 1],
            &key.replace("drg", "DRG"),
        ] {
            assert_eq!(check.check(bad).await.unwrap(), None, "{bad}");
        }
        assert!(keys.revoke(&new.record.id, Time::now()).await.unwrap());
        check.forget(&new.record.id).await;
        assert_eq!(check.check(key).await.unwrap(), None);
        assert_eq!(check.holder(&new.record.id).await.unwrap(), None);
    }
}
