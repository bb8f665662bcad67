//! The key of one command: short-lived in the database beside a server, in memory where there is none.

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{KeyRecord, Keys};
use backend::{Result, Scope};
use conversation::Time;
use keys::{KeyRequest, NewKey};
use store::State;

use crate::failure::Failure;

/// A key that a killed command leaves behind ends by itself after this, in microseconds: a day.
const KEY_LIFE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// So much later than its end was reckoned a key may have been made, in microseconds.
const MOMENT_MICROS: i64 = 60 * 1_000_000;
/// The tenant of commands' keys.
const TENANT: &str = "default";
/// How the names of commands' keys begin, and what stands in them.
const NAME_BEGINS: &str = "dragoman ";
const NAME_HAS: &str = ", process ";

/// A key for one command.
pub(super) fn new_key(command: &str) -> std::result::Result<NewKey, Failure> {
    NewKey::generate(KeyRequest {
        tenant: TENANT.into(),
        name: format!("{NAME_BEGINS}{command}{NAME_HAS}{}", std::process::id()).into(),
        scopes: vec![Scope::Admin],
        user: None,
        expires_at: Some(Time::now().saturating_add_micros(KEY_LIFE_MICROS)),
    })
    .map_err(Failure::runtime)
}

/// Removes the keys of commands that were killed, once they have ended by themselves: nobody would want to see them in a
/// list of keys.
pub(super) async fn remove_ended(state: &State) -> Result<()> {
    let now = Time::now();
    for key in state.list(Some(TENANT)).await? {
        if is_of_command(&key) && !key.is_active(now) {
            state.remove_key(&key.id).await?;
        }
    }
    Ok(())
}

/// True for a key that [`new_key`] made: no operator's has all of this.
fn is_of_command(key: &KeyRecord) -> bool {
    let number = key
        .name
        .strip_prefix(NAME_BEGINS)
        .and_then(|rest| rest.rsplit_once(NAME_HAS))
        .map(|(_, number)| number.parse::<u32>());
    let last = key.created_at.saturating_add_micros(KEY_LIFE_MICROS);
    let first = last.saturating_add_micros(-MOMENT_MICROS);
    matches!(number, Some(Ok(_))) && key.expires_at.is_some_and(|at| first <= at && at <= last)
}

/// The keys of a gateway in this process: those of the database, and one that is nowhere else.
pub(super) struct WithOwnKey {
    own: KeyRecord,
    others: Arc<dyn Keys>,
}

impl WithOwnKey {
    pub(super) fn new(own: KeyRecord, others: Arc<dyn Keys>) -> Self {
        // It opens nothing but this process, and a copy may take weeks.
        let own = KeyRecord {
            expires_at: None,
            ..own
        };
        Self { own, others }
    }
}

#[async_trait]
impl Keys for WithOwnKey {
    async fn find(&self, id: &str) -> Result<Option<KeyRecord>> {
        if *id == *self.own.id {
            return Ok(Some(self.own.clone()));
        }
        self.others.find(id).await
    }

    async fn insert(&self, key: &KeyRecord) -> Result<()> {
        self.others.insert(key).await
    }

    async fn revoke(&self, id: &str, at: Time) -> Result<bool> {
        self.others.revoke(id, at).await
    }

    async fn list(&self, tenant: Option<&str>) -> Result<Vec<KeyRecord>> {
        self.others.list(tenant).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_own_keys_are_taken_for_such() {
        let own = new_key("migrate copy").unwrap().record;
        assert!(is_of_command(&own));
        let names = [
            "",
            "dragoman",
            "dragoman ci",
            "dragoman copy, process x",
            "ours, process 1",
        ];
        for name in names {
            let named = KeyRecord {
                name: name.into(),
                ..own.clone()
            };
            assert!(!is_of_command(&named), "{name}");
        }
        for expires_at in [None, Some(own.created_at)] {
            let other = KeyRecord {
                expires_at,
                ..own.clone()
            };
            assert!(!is_of_command(&other), "{expires_at:?}");
        }
    }
}
