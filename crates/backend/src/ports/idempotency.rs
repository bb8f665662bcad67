//! Idempotency: one key, one effect, one answer; durable.

use async_trait::async_trait;
use conversation::{Digest, Time};
use serde::{Deserialize, Serialize};

use crate::{Intent, Result};

/// A caller's key. Keys of different tenants, or of different API keys, never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The tenant.
    pub tenant: Box<str>,
    /// The id of the API key, and the end user where there is one: `<key>` or `<key>/<user>`.
    pub caller: Box<str>,
    /// The caller's key.
    pub key: Box<str>,
}

/// The answer that repeats are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers that belong to the answer, without those of the connection.
    pub headers: Vec<(String, String)>,
    /// The body, as it was sent.
    pub body: String,
}

/// What was found under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Begin {
    /// Nothing: the caller's write may run, and must end in `finish` or `release`.
    Run,
    /// The same request, answered.
    Answered(StoredAnswer),
    /// The same request, still running somewhere.
    Running,
    /// Another request under the same key.
    Mismatch,
    /// The same request, whose process died. The record is now held by this caller, who must settle the intent and
    /// end in `finish` or `release`.
    Abandoned(Box<Intent>),
}

/// Idempotency records.
#[async_trait]
pub trait Idempotency: Send + Sync + 'static {
    /// Takes the key for a request, or says what is there.
    ///
    /// `request` is the digest of method, path and body; `intent` is kept so that the write can be settled if this
    /// process dies; a record whose answer is older than the retention counts as absent.
    async fn begin(&self, key: &IdempotencyKey, request: Digest, intent: &Intent) -> Result<Begin>;

    /// Notes that the write of a record which this caller took over runs again, as `intent`: if this process dies too,
    /// that is what is settled.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) where this process does not hold the key.
    async fn restart(&self, key: &IdempotencyKey, intent: &Intent) -> Result<()>;

    /// Leaves a record to the next repeat, which finds it as [`Begin::Abandoned`]: it goes on under the same intent.
    async fn abandon(&self, key: &IdempotencyKey) -> Result<()>;

    /// Stores the answer for repeats, until `expires_at`.
    async fn finish(
        &self,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
        expires_at: Time,
    ) -> Result<()>;

    /// Frees the key: nothing happened, the same request may run again.
    async fn release(&self, key: &IdempotencyKey) -> Result<()>;

    /// Removes records that expired before `now`; returns how many.
    async fn sweep(&self, now: Time) -> Result<u64>;
}
