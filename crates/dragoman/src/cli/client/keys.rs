//! The key of one command: short-lived in the database beside a server, in memory where there is none.

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{KeyRecord, Keys};
use backend::{Result, Scope};
use conversation::Time;
use server::{KeyRequest, NewKey};

use crate::failure::Failure;

/// A key that a killed command leaves behind ends by itself after this, in microseconds: a day.
const KEY_LIFE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// A key for one command.
pub(super) fn new_key(command: &str) -> std::result::Result<NewKey, Failure> {
    NewKey::generate(KeyRequest {
        tenant: "default".into(),
        name: format!("dragoman {command}, process {}", std::process::id()).into(),
        scopes: vec![Scope::Admin],
        user: None,
        expires_at: Some(Time::now().saturating_add_micros(KEY_LIFE_MICROS)),
    })
    .map_err(Failure::runtime)
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
