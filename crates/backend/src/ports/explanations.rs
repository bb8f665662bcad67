//! What happened to a request that asked for it to be noted.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::Time;
use serde::{Deserialize, Serialize};

use crate::Result;

/// The way of one request. Holds no secret, and no text of a message unless its caller asked for texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The request's id.
    pub request_id: Box<str>,
    /// Whose key it was.
    pub tenant: Box<str>,
    /// When it came.
    pub at: Time,
    /// Body, canonical form, calls to the vendor, fates: as it is shown.
    pub document: serde_json::Value,
}

/// Where explanations are kept for a short time.
#[async_trait]
pub trait Explanations: Debug + Send + Sync + 'static {
    /// Keeps one; one of the same request and tenant is replaced.
    async fn keep(&self, explanation: &Explanation) -> Result<()>;

    /// The newest one of this request id, of any tenant.
    async fn explanation(&self, request_id: &str) -> Result<Option<Explanation>>;

    /// Removes those that are older, and tells how many there were.
    async fn forget_before(&self, at: Time) -> Result<u64>;
}
