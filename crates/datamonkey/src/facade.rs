//! The facade: Datamonkey's six chat operations in front of any backend, as its own server answers them.
//!
//! What it shows and accepts is the vendor's `wire`; where the real server's behaviour is a defect, or would tell one
//! caller of another, the README says what stands here instead.

mod access;
mod body;
mod handlers;
mod problem;
mod routes;
mod sessions;
mod view;
mod walks;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use facadekit::{Facade, FacadeParts};
use secrecy::SecretString;

pub use self::routes::facade_routes;
use self::sessions::Sessions;

/// The vendor's kind.
const KIND: &str = "datamonkey";

/// Where the facade is mounted; `/api/v1/chat` and so on come below it.
const PATH: &str = "/facade/datamonkey";

/// Who may use the facade without a key of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// The tenant to which everybody without a key belongs, each as an end user of its own.
    pub tenant: Box<str>,
    /// The most end users that can be made in a minute.
    pub sessions_per_minute: NonZeroU32,
}

/// How the facade lets callers in.
#[derive(Debug, Clone, Default)]
pub struct FacadeConfig {
    /// Who may come without a key. Absent: nobody, and a create without one is refused.
    pub anonymous: Option<Anonymous>,
    /// The secret (HS256) with which tokens are signed. Absent: one that is made at the first use and kept sealed.
    pub signing_key: Option<SecretString>,
}

/// What every request is answered with.
#[derive(Debug)]
struct App {
    parts: FacadeParts,
    sessions: Sessions,
}

/// Datamonkey's chat API over whatever `parts` has behind it.
#[must_use]
pub fn facade(parts: FacadeParts, config: FacadeConfig) -> Facade {
    let sessions = Sessions::new(
        Arc::clone(&parts.credentials),
        Arc::clone(&parts.leases),
        Arc::clone(&parts.turns),
        config,
    );
    let app = Arc::new(App { parts, sessions });
    Facade {
        kind: KIND,
        path: PATH,
        // The vendor's route table has answers that a router's own are not (404 where others say 405, redirects), so
        // every request comes to one place.
        router: Router::new().fallback(handlers::answer).with_state(app),
        refuse: problem::refuse,
    }
}
