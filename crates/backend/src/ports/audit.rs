//! Who did what with the gateway itself: a list that only grows.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id, which grows with time.
    pub id: Uuid,
    /// When.
    pub at: Time,
    /// The tenant of the key; absent where no key was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// The id of the key, or in words who else did it: `file`, `signal`.
    pub by: Box<str>,
    /// The end user for whom it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Box<str>>,
    /// The request's id, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Box<str>>,
    /// What was done, as a stable word: `passthrough`, `config.reload`.
    pub action: Box<str>,
    /// With what: `backend/support GET /conversations`. Never a secret or a text of a message.
    pub target: Box<str>,
    /// What became of it, in a few words: `200`, `refused`.
    pub outcome: Box<str>,
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only of this action.
    pub action: Option<Box<str>>,
    /// Only of this tenant's keys.
    pub tenant: Option<Box<str>>,
    /// Only older ones than this one: the last of the page before.
    pub before: Option<Uuid>,
    /// How many at most.
    pub limit: usize,
}

/// The list.
#[async_trait]
pub trait AuditLog: Debug + Send + Sync + 'static {
    /// Adds an entry, durably.
    async fn append(&self, entry: &AuditEntry) -> Result<()>;

    /// The entries, newest first.
    async fn entries(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>>;
}
