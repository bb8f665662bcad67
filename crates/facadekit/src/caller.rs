//! Who calls, and the context of what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::{Context, Principal, RouteHints, Scope, Trace};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// The longest value of a header that rules may look at, in bytes.
const HINT_BYTES_MAX: usize = 1_024;

/// The name of a request in answers and logs, which a server puts into its extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// The kind of the facade that a request goes to, which a server puts into its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Via(pub &'static str);

/// Where is told what becomes of a request's calls, which a server puts into its extensions.
#[derive(Debug, Clone)]
pub struct Traced(pub Arc<Trace>);

/// Who calls a facade.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For whom everything is done.
    pub principal: Arc<Principal>,
    /// The request's name in logs.
    pub request_id: Arc<str>,
    /// What rules for new conversations may look at.
    route: Arc<RouteHints>,
    /// One for all calls of the request.
    trace: Arc<Trace>,
}

impl Caller {
    /// A caller, with a new name for its request.
    #[must_use]
    pub fn new(principal: Arc<Principal>) -> Self {
        Self {
            principal,
            request_id: Uuid::now_v7().to_string().into(),
            route: Arc::default(),
            trace: Arc::default(),
        }
    }

    /// The same caller in this request: with the name that the server gave to it, and the headers that rules may look at.
    /// Notes in the request's span whose it is.
    #[must_use]
    pub fn in_request(self, request: &Parts) -> Self {
        tracing::Span::current().record("tenant", &*self.principal.tenant);
        let named = request.extensions.get::<RequestId>();
        let traced = request.extensions.get::<Traced>();
        Self {
            request_id: named.map_or(self.request_id, |id| Arc::clone(&id.0)),
            route: Arc::new(hints(request)),
            trace: traced.map_or(self.trace, |traced| Arc::clone(&traced.0)),
            principal: self.principal,
        }
    }

    /// The same caller for one end user of its tenant. `None` where the key is another user's, or may not act for
    /// users.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Option<Self> {
        let is_free = match self.principal.user.as_deref() {
            Some(own) => own == user,
            None => self.principal.may(Scope::ActAs),
        };
        is_free.then(|| Self {
            principal: Arc::new(Principal {
                user: Some(user.into()),
                ..(*self.principal).clone()
            }),
            request_id: Arc::clone(&self.request_id),
            route: Arc::clone(&self.route),
            trace: Arc::clone(&self.trace),
        })
    }

    /// The context of one call.
    #[must_use]
    pub fn context(&self, timeout: Duration) -> Context {
        let mut cx = Context::new(
            Arc::clone(&self.principal),
            Arc::clone(&self.request_id),
            timeout,
        );
        cx.route = Arc::clone(&self.route);
        cx.trace = Arc::clone(&self.trace);
        cx
    }
}

/// What a program that was written for a vendor can say to rules: headers that no vendor's client sends by itself.
fn hints(request: &Parts) -> RouteHints {
    let via = request.extensions.get::<Via>();
    RouteHints {
        via: via.map(|via| via.0.into()),
        backend: None,
        headers: visible_headers(&request.headers),
    }
}

/// The headers that rules may look at: `x-…` and `dragoman-…` with a value of 1 to 1,024 bytes of text; of one that comes
/// several times, the last.
#[must_use]
pub fn visible_headers(headers: &HeaderMap) -> BTreeMap<Box<str>, Box<str>> {
    let visible = headers.iter().filter_map(|(name, value)| {
        let is_hint = name.as_str().starts_with("x-") || name.as_str().starts_with("dragoman-");
        let value = hint(value).filter(|_| is_hint)?;
        Some((name.as_str().into(), value))
    });
    visible.collect()
}

/// A header's value, where rules may look at it.
#[must_use]
pub fn hint(value: &HeaderValue) -> Option<Box<str>> {
    let value = value.to_str().ok()?;
    (1..=HINT_BYTES_MAX)
        .contains(&value.len())
        .then(|| value.into())
}
