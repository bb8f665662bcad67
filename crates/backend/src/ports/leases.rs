//! Leases: who may write to a conversation now, with a fencing number.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::Result;

/// A held lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is held, such as `conversation/<id>`.
    pub name: Box<str>,
    /// Grows with every new holder: a write of our own rows with an older number fails.
    pub fence: u64,
}

/// Leases. Time runs by one clock for all holders, the serving process's or a shared database's, so that replicas need
/// not agree on theirs.
#[async_trait]
pub trait Leases: Debug + Send + Sync + 'static {
    /// Takes the lease for `ttl`, unless somebody else holds it; then `None`, at once.
    async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>>;

    /// Holds it for another `ttl`; false where it was lost.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool>;

    /// Gives it back; nothing happens where it was lost.
    async fn release(&self, lease: &Lease) -> Result<()>;
}
