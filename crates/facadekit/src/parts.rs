//! What a facade is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use backend::ports::{Credentials, Directory, FacadeState, Leases, Turns};
use keys::KeyCheck;

use crate::Detached;

/// Limits of each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacadeLimits {
    /// The largest JSON body, in bytes.
    pub body_bytes_max: usize,
    /// The largest file, in bytes.
    pub attachment_bytes_max: usize,
    /// How deep arrays and objects may be nested in a body.
    pub json_depth_max: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a call may take.
    pub request_timeout: Duration,
    /// How long an answer of an AI may take.
    pub respond_timeout: Duration,
}

/// What a facade is given. Cheap to clone.
#[derive(Clone)]
pub struct FacadeParts {
    /// Everything that holds conversations: finds them, checks who may see them, writes under leases.
    pub backend: Arc<dyn Backend>,
    /// Where conversations live: for totals, and for pages that begin at a number.
    pub directory: Arc<dyn Directory>,
    /// What facades keep beside conversations.
    pub state: Arc<dyn FacadeState>,
    /// Sealed secrets: those with which tokens are signed.
    pub credentials: Arc<dyn Credentials>,
    /// Who does now what only one replica may do.
    pub leases: Arc<dyn Leases>,
    /// How often callers did what is limited, for all replicas together.
    pub turns: Arc<dyn Turns>,
    /// API keys.
    pub keys: KeyCheck,
    /// The configured backends of the facade's own vendor: what first lived there keeps the ids that it had there.
    pub own: Arc<[Box<str>]>,
    /// Limits of each request.
    pub limits: FacadeLimits,
    /// What goes on when its caller has left: whoever stops waits for it.
    pub detached: Detached,
}

impl fmt::Debug for FacadeParts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FacadeParts")
            .field("own", &self.own)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
