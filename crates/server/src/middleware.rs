//! The whole order of what surrounds every handler, with the reason for each place.
//!
//! One function instead of a stack of layers: the order can be read from top to bottom, and a request passes one
//! boxed service instead of ten.

mod host;
mod identity;
mod observe;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use backend::Trace;
use facadekit::{Facade, Refusal, RequestId, Traced, Via};
use futures_util::FutureExt;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, COOKIE, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tracing::{Instrument, info_span};

pub(crate) use self::identity::RequestIdentity;
use self::observe::{Observation, RequestMetrics, RouteName};
use crate::answer::Answer;
use crate::application::{InWork, InWorkPlace};
use crate::call;
use crate::explaining::Explaining;
use crate::limits::RequestLimits;
use crate::problem::{Code, FieldError, Outcome, Place, Problem};
use crate::router::RESTORE_END;
use crate::shutdown::Shutdown;

/// A caller that met the limit on requests in work waits this long.
const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A facade's vendor has its callers send tokens in this header too.
const USER_TOKEN: HeaderName = HeaderName::from_static("user_token");

/// A backend's own timeout knows more about the outcome than ours, so it gets this much time to answer first.
const TIMEOUT_GRACE: Duration = Duration::from_millis(500);

/// How long it may take to compare a whole conversation with its archive.
const RESTORE_END_TIMEOUT: Duration = Duration::from_secs(3_600);

/// How long a caller of a route waits for the head of an answer.
pub(crate) fn timeout_of(route: &str, limits: &RequestLimits) -> Duration {
    if route.ends_with("/responses") {
        limits.respond_timeout
    } else if route == RESTORE_END {
        // A whole conversation is read, at the pace of its vendor.
        limits.request_timeout.max(RESTORE_END_TIMEOUT)
    } else {
        limits.request_timeout
    }
}

/// What the middleware shares between all requests of one configuration. Not a layer, because axum copies layers per
/// route. The requests in work are counted together with those of earlier configurations.
struct Edge {
    limits: RequestLimits,
    in_work: InWork,
    shutdown: Shutdown,
    facades: Vec<Facade>,
    explaining: Explaining,
    metrics: Arc<RequestMetrics>,
}

/// Surrounds a finished router. Routes added afterwards would go unprotected, so this comes last.
pub(crate) fn surround(
    router: Router,
    limits: RequestLimits,
    in_work: InWork,
    shutdown: Shutdown,
    facades: Vec<Facade>,
    explaining: Explaining,
) -> Router {
    let edge = Arc::new(Edge {
        in_work,
        limits,
        shutdown,
        facades,
        explaining,
        metrics: Arc::new(RequestMetrics::new()),
    });
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(edge, around))
        // Outermost: from here on no `Debug` of a request shows a key.
        .layer(SetSensitiveRequestHeadersLayer::new([
            AUTHORIZATION,
            COOKIE,
            USER_TOKEN,
        ]))
}

/// The order, from the socket inwards.
async fn around(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    // 1. A name for the request first: everything after it logs and answers under this name.
    let identity = RequestIdentity::from_headers(request.headers());
    let facade = edge.facade_of(request.uri().path());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route_name = RouteName::of(matched, facade);
    let route = route_name.as_str();
    let span = info_span!(
        "request",
        request_id = %identity.request_id(),
        trace_id = %identity.trace_id(),
        method = observe::method_label(request.method()),
        route,
        tenant = tracing::field::Empty,
        backend.name = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    );

    // 2. Observation around all that can fail, so that refused, panicked and abandoned requests are counted too.
    let mut observation = Observation::begin(
        request.method().clone(),
        route_name.clone(),
        span.clone(),
        &edge.metrics,
    );

    // 3. Cheap refusals before any work. 4. The limit on work in progress; probes are answered even under load.
    let admitted = host::check_host(&request)
        .and_then(|()| check_uri(&request, &edge.limits))
        .and_then(|()| match observe::is_probe(route) {
            true => Ok(()),
            false => edge.take_place().map(|permit| observation.hold(permit)),
        });

    let timeout = match facade {
        // It answers with an AI's words by whatever route its vendor has, and keeps its own time for everything else.
        Some(_) => edge.limits.respond_timeout,
        None => timeout_of(route, &edge.limits),
    } + TIMEOUT_GRACE;
    let is_safe = request.method().is_safe();

    // One that asks to be explained is seen from here on.
    let via = facade.map(|facade| facade.kind);
    let recording = edge.explaining.begin(&request, identity.request_id(), via);
    if let Some(recording) = &recording {
        request = recording.observe(request);
        request.extensions_mut().insert(recording.clone());
    }

    // 5. The handler: detached where it writes, under a timeout, panics caught.
    let trace: Arc<Trace> = Arc::default();
    let response = match admitted {
        Ok(()) => {
            request.extensions_mut().insert(identity.clone());
            if let Some(facade) = facade {
                let id = Arc::clone(identity.request_id());
                request.extensions_mut().insert(RequestId(id));
                request.extensions_mut().insert(Via(facade.kind));
                request.extensions_mut().insert(Traced(Arc::clone(&trace)));
            }
            edge.run(request, next, timeout).instrument(span).await
        }
        Err(problem) => problem.into_response(),
    };

    // 6. The answer's last touches: problem body, names, security headers.
    let is_ours = facade.is_none() && response.extensions().get::<Problem>().is_some();
    let mut response = match facade {
        Some(facade) => refused(response, facade.refuse),
        None => write_problem(response, &identity, is_safe),
    };
    identity.write_to(response.headers_mut());
    // Beside what its vendor would say: whoever knows the vendor only takes no notice.
    call::write_stale(&trace, response.headers_mut());
    add_security_headers(response.headers_mut());
    if let Some(recording) = recording {
        response = recording
            .answered(response, is_ours, edge.shutdown.detached())
            .await;
    }
    observation.finish(response)
}

impl Edge {
    /// The facade below whose path a request goes.
    fn facade_of(&self, path: &str) -> Option<&Facade> {
        self.facades.iter().find(|facade| {
            path.strip_prefix(facade.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    fn take_place(&self) -> Result<InWorkPlace, Problem> {
        self.in_work.take(self.limits.requests_max).ok_or_else(|| {
            Problem::new(Code::Overloaded, "too many requests are in work")
                .with_outcome(Outcome::NotApplied)
                .with_retry_after(OVERLOAD_RETRY_AFTER)
        })
    }

    async fn run(&self, request: Request, next: Next, limit: Duration) -> Response {
        let is_safe = request.method().is_safe();
        let handler = AssertUnwindSafe(next.run(request)).catch_unwind();
        let answer = async {
            if is_safe {
                handler.await.unwrap_or_else(|_panic| panicked(is_safe))
            } else {
                // A client that hangs up must not cancel a write half way.
                match self.shutdown.detached().run(handler).await {
                    Ok(Ok(response)) => response,
                    Ok(Err(_)) | Err(_) => panicked(is_safe),
                }
            }
        };
        match tokio::time::timeout(limit, answer).await {
            Ok(response) => response,
            Err(_elapsed) => timed_out(is_safe, limit),
        }
    }
}

fn panicked(is_safe: bool) -> Response {
    // The text of a panic can hold anything, so it goes nowhere; the panic hook logs the place.
    metrics::counter!("dragoman_panics_total").increment(1);
    tracing::error!("a request handler panicked");
    let problem = Problem::new(Code::Internal, "the request met a fault in this server");
    with_doubt(problem, is_safe).into_response()
}

fn timed_out(is_safe: bool, limit: Duration) -> Response {
    let problem = Problem::new(
        Code::Timeout,
        format!("no answer within {} s", limit.as_secs_f32()),
    );
    with_doubt(problem, is_safe).into_response()
}

/// A write that ended without an answer may have been done.
fn with_doubt(problem: Problem, is_safe: bool) -> Problem {
    if is_safe {
        problem
    } else {
        problem.with_outcome(Outcome::Unknown)
    }
}

fn check_uri(request: &Request, limits: &RequestLimits) -> Result<(), Problem> {
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if length > limits.uri_bytes_max {
        return Err(Problem::new(
            Code::UriTooLong,
            format!(
                "path and query may have at most {} bytes",
                limits.uri_bytes_max
            ),
        ));
    }
    Ok(())
}

/// A problem that the server met around a facade, in the facade's own shape.
fn refused(mut response: Response, refuse: fn(&Refusal) -> Response) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let seconds = problem.headers().get(RETRY_AFTER);
            let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
            refuse(&Refusal {
                status: problem.status(),
                detail: problem.document().detail.as_str().into(),
                retry_after: seconds.map(Duration::from_secs),
            })
        }
        None => response,
    }
}

fn write_problem(mut response: Response, identity: &RequestIdentity, is_safe: bool) -> Response {
    let Some(mut problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    if is_safe {
        // A read changes nothing, so nothing can have become of it.
        problem = problem.without_outcome();
    }
    let (mut parts, _empty) = response.into_parts();
    let mut written = Answer::of_problem(problem, identity.request_id()).into_response();
    // What the router or a handler added stays (Allow); the length was that of the empty body.
    parts.headers.remove(CONTENT_LENGTH);
    for (name, value) in &parts.headers {
        if !written.headers().contains_key(name) {
            written.headers_mut().append(name, value.clone());
        }
    }
    *written.extensions_mut() = parts.extensions;
    written
}

fn add_security_headers(headers: &mut HeaderMap) {
    const DEFAULTS: [(http::HeaderName, HeaderValue); 4] = [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // Conversations belong in no shared cache.
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
}

async fn unknown_route() -> Problem {
    Problem::new(
        Code::RouteNotFound,
        "no route has this path; /docs lists all",
    )
}

async fn wrong_method(request: Request) -> Problem {
    Problem::at(
        Code::MethodNotAllowed,
        FieldError::new(
            Place::Path,
            "",
            "invalid-value",
            format!(
                "this path does not take {}; the allow header lists what it takes",
                observe::method_label(request.method())
            ),
        ),
    )
}

#[cfg(test)]
mod tests;
