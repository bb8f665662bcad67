//! One authenticated call: the context that travels down, made once, and what is told about its way back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend::{Context, FidelityPolicy, Principal, RouteHints, Scope, Trace};
use facadekit::{hint, visible_headers};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::answer::REPLAYED;
use crate::auth;
use crate::explaining::{self, Recording};
use crate::gateway::App;
use crate::limits::RequestLimits;
use crate::middleware::{RequestIdentity, timeout_of};
use crate::problem::{Code, FieldError, Outcome, Place, Problem};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest idempotency key.
const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
const BACKEND_HEADER: HeaderName = HeaderName::from_static("dragoman-backend");
const ROUTE_HEADER: HeaderName = HeaderName::from_static("dragoman-route");
const ATTEMPTS_HEADER: HeaderName = HeaderName::from_static("dragoman-attempts");
/// How old an answer is, in seconds, where its backend could not be asked; on a list of conversations, the ids of those that
/// are shown as last seen.
pub(crate) const STALE_HEADER: HeaderName = HeaderName::from_static("dragoman-stale");
/// A caller whose request cannot be explained now waits this long.
const EXPLAIN_RETRY_AFTER: Duration = Duration::from_secs(1);
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The context of an authenticated call. Handlers take it as an argument.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) cx: Context,
    /// Method, path, query and fidelity policy of a request with an idempotency key.
    pub(crate) line: Arc<str>,
}

/// Authenticates, makes the [`Call`], and afterwards tells which backend answered by which way.
pub(crate) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = auth::principal(
        &app.gateway.key_check,
        request.method(),
        request.uri().path(),
        request.headers(),
    )
    .await;
    let principal = match principal {
        Ok(principal) => principal,
        Err(problem) => return problem.into_response(),
    };
    tracing::Span::current().record("tenant", &*principal.tenant);
    let call = Call::new(principal, &request, &app.gateway.limits);
    let call = match call.and_then(|call| explained(call, &request)) {
        Ok(call) => call,
        Err(problem) => return problem.into_response(),
    };
    let trace = Arc::clone(&call.cx.trace);
    let preference = preference_of(request.headers());
    request.extensions_mut().insert(call);
    let mut response = next.run(request).await;
    write_trace(&trace, response.headers_mut());
    // A stored answer was given under the preference of the first request.
    if let Some((_, applied)) = preference
        && !response.headers().contains_key(REPLAYED)
    {
        response
            .headers_mut()
            .insert(PREFERENCE_APPLIED, HeaderValue::from_static(applied));
    }
    response
}

/// Says to the recording of a request that asks to be explained whose it is, or refuses the request.
fn explained(call: Call, request: &Request) -> Result<Call, Problem> {
    let Some(asked) = explaining::asked(request.headers()) else {
        return Ok(call);
    };
    asked?;
    if !call.cx.principal.may(Scope::Admin) {
        return Err(auth::lacks(Scope::Admin));
    }
    let recording = request.extensions().get::<Recording>().ok_or_else(|| {
        Problem::new(Code::Overloaded, "too many requests are being explained")
            .with_outcome(Outcome::NotApplied)
            .with_retry_after(EXPLAIN_RETRY_AFTER)
    })?;
    recording.own(&call.cx.principal, &call.cx.trace);
    Ok(call)
}

impl Call {
    fn new(
        principal: Arc<Principal>,
        request: &Request,
        limits: &RequestLimits,
    ) -> Result<Self, Problem> {
        let headers = request.headers();
        let identity = request.extensions().get::<RequestIdentity>();
        let request_id: Arc<str> =
            identity.map_or_else(|| "".into(), |identity| Arc::clone(identity.request_id()));
        let route = request.extensions().get::<MatchedPath>();
        let timeout = timeout_of(route.map_or("", MatchedPath::as_str), limits);
        let mut cx = Context::new(principal, request_id, timeout);
        if let Some((policy, _)) = preference_of(headers) {
            cx.fidelity = policy;
        }
        let mut line = Arc::default();
        if let Some(key) = headers.get(IDEMPOTENCY_KEY)
            && !request.method().is_safe()
        {
            cx.idempotency_key = Some(idempotency_key(key)?);
            // What strict handling refuses, lenient handling does: they are not the same request.
            let handling = match cx.fidelity {
                FidelityPolicy::Lenient => "",
                FidelityPolicy::Strict => " (strict)",
            };
            line = format!("{} {}{handling}", request.method(), request.uri()).into();
        }
        Ok(Call { cx, line })
    }

    /// Adds the headers that routing rules may look at, for a read that a rule may have compared.
    pub(crate) fn with_visible_headers(mut self, headers: &HeaderMap) -> Self {
        self.cx.route = Arc::new(RouteHints {
            headers: visible_headers(headers),
            ..RouteHints::default()
        });
        self
    }

    /// Adds what routing rules may look at, for a request that places a new conversation.
    pub(crate) fn with_route_hints(mut self, headers: &HeaderMap) -> Result<Self, Problem> {
        let backend = match headers.get(BACKEND_HEADER) {
            None => None,
            Some(_) if !self.cx.principal.may(Scope::ChooseBackend) => {
                return Err(auth::lacks(Scope::ChooseBackend));
            }
            Some(name) => Some(hint(name).ok_or_else(|| {
                invalid_header(&BACKEND_HEADER, "the name of a backend, see /v1/backends")
            })?),
        };
        self.cx.route = Arc::new(RouteHints {
            via: None,
            backend,
            headers: visible_headers(headers),
        });
        Ok(self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // Only a route outside of the authenticated group has none.
        parts
            .extensions
            .remove::<Call>()
            .ok_or_else(|| Problem::new(Code::Internal, "the route lacks authentication"))
    }
}

fn idempotency_key(value: &HeaderValue) -> Result<Arc<str>, Problem> {
    value
        .to_str()
        .ok()
        .filter(|key| (1..=IDEMPOTENCY_KEY_MAX_CHARS).contains(&key.len()))
        .filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(Arc::from)
        .ok_or_else(|| {
            invalid_header(
                &HeaderName::from_static(IDEMPOTENCY_KEY),
                "1 to 255 visible ASCII characters",
            )
        })
}

/// 400 for a header that cannot be used.
pub(crate) fn invalid_header(name: &HeaderName, detail: &str) -> Problem {
    Problem::at(
        Code::InvalidHeader,
        FieldError::new(
            Place::Header,
            format!("/{name}"),
            "invalid-value",
            format!("{name}: {detail}"),
        ),
    )
}

/// `Prefer: handling=strict|lenient` (RFC 7240). Unknown preferences are ignored, as the RFC asks.
fn preference_of(headers: &HeaderMap) -> Option<(FidelityPolicy, &'static str)> {
    let preferences = headers.get_all(PREFER);
    preferences
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| match preference.trim() {
            "handling=strict" => Some((FidelityPolicy::Strict, "handling=strict")),
            "handling=lenient" => Some((FidelityPolicy::Lenient, "handling=lenient")),
            _ => None,
        })
}

/// Writes who answered, by which rule, after how many attempts.
pub(crate) fn write_trace(trace: &Trace, headers: &mut HeaderMap) {
    if let Some(backend) = trace.backend() {
        tracing::Span::current().record("backend.name", backend);
        if let Ok(value) = HeaderValue::from_str(backend) {
            headers.insert(BACKEND_HEADER, value);
        }
    }
    if let Some(value) = trace
        .route()
        .and_then(|route| HeaderValue::from_str(route).ok())
    {
        headers.insert(ROUTE_HEADER, value);
    }
    write_stale(trace, headers);
    if trace.attempts() > 0 {
        headers.insert(ATTEMPTS_HEADER, HeaderValue::from(trace.attempts()));
    }
}

/// Writes how old the answer is, where its backend could not be asked. A list that names its old conversations has said
/// so already.
pub(crate) fn write_stale(trace: &Trace, headers: &mut HeaderMap) {
    if let Some(age) = trace.stale() {
        let age = HeaderValue::from(age.as_secs());
        headers.entry(STALE_HEADER).or_insert(age);
    }
}

#[cfg(test)]
mod tests {
    use backend::FidelityPolicy;
    use http::{HeaderMap, HeaderValue};

    use super::{idempotency_key, preference_of};

    #[test]
    fn handling_preference_is_read_among_others() {
        for (value, expected) in [
            ("handling=strict", Some(FidelityPolicy::Strict)),
            (
                "respond-async, handling=lenient",
                Some(FidelityPolicy::Lenient),
            ),
            ("wait=10; handling=strict", Some(FidelityPolicy::Strict)),
            ("handling=other", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", HeaderValue::from_static(value));
            assert_eq!(
                preference_of(&headers).map(|found| found.0),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn idempotency_key_is_short_visible_text() {
        assert!(idempotency_key(&HeaderValue::from_static("a")).is_ok());
        for bad in ["", "a b", &"a".repeat(256)] {
            assert!(idempotency_key(&HeaderValue::from_str(bad).unwrap()).is_err());
        }
    }
}
