//! API keys, as they are kept: never the secret itself.

use async_trait::async_trait;
use conversation::{Digest, Time};

use crate::{Result, Scope};

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The public part: `drg_<id>_<secret>`.
    pub id: Box<str>,
    /// The tenant that it belongs to.
    pub tenant: Box<str>,
    /// A name for people.
    pub name: Box<str>,
    /// SHA-256 of the secret part: 256 random bits need no slow hash.
    pub secret_hash: Digest,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The end user to whom it is limited.
    pub user: Option<Box<str>>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

impl KeyRecord {
    /// True where the key opens anything at `now`.
    #[must_use]
    pub fn is_active(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync + 'static {
    /// Finds a key by its id, revoked and expired ones included.
    async fn find(&self, id: &str) -> Result<Option<KeyRecord>>;

    /// Stores a new key.
    ///
    /// # Errors
    /// [`crate::Kind::Conflict`] where the id is taken.
    async fn insert(&self, key: &KeyRecord) -> Result<()>;

    /// Revokes a key; false where there is none, or it was revoked before.
    async fn revoke(&self, id: &str, at: Time) -> Result<bool>;

    /// All keys, of one tenant or of all, oldest first.
    async fn list(&self, tenant: Option<&str>) -> Result<Vec<KeyRecord>>;
}
