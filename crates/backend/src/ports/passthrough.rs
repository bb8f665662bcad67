//! A vendor's own API, with the gateway's credentials.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Context, Result};

/// A request in the vendor's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassthroughRequest {
    /// The method, upper case.
    pub method: Box<str>,
    /// The path below the vendor's base URL, as decoded segments; none is empty, `.` or `..`.
    pub path: Vec<Box<str>>,
    /// The query, decoded, in its order.
    pub query: Vec<(Box<str>, Box<str>)>,
    /// Header fields to send, names in lower case: only those that describe the body or the wanted answer, never
    /// credentials.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body, perhaps empty.
    pub body: Bytes,
}

/// What the vendor said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassthroughAnswer {
    /// Its status.
    pub status: u16,
    /// Its header fields, names in lower case: only those that describe the body, limits and the vendor's own id of the
    /// request; never cookies.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The whole body.
    pub body: Bytes,
}

/// Sends requests in the vendor's own words. Implemented by adapters.
#[async_trait]
pub trait Passthrough: Debug + Send + Sync + 'static {
    /// Sends one request, with the credential that `cx`'s principal would get for a new conversation. Any status of the
    /// vendor's is an answer. Nothing is repeated, unless the vendor refused a credential that can be renewed.
    ///
    /// # Errors
    /// Where no whole answer came. The outcome of one that may have arrived is unknown unless its method is safe.
    async fn pass_through(
        &self,
        cx: &Context,
        request: PassthroughRequest,
    ) -> Result<PassthroughAnswer>;
}
