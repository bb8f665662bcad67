//! One log line and three metrics per request, written when its answer has ended.

mod handles;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use facadekit::Facade;
use http::{Method, StatusCode};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tracing::Span;

use crate::application::InWorkPlace;

pub(super) use self::handles::RequestMetrics;

/// What logs and metrics call a path that no route has.
const UNMATCHED: &str = "unmatched";
/// Probes come every few seconds and say nothing: they are logged at debug level only.
const QUIET_ROUTES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The status that nginx made usual for "the client closed the connection first"; only logs and metrics show it.
const CLIENT_CLOSED: u16 = 499;

/// Whether a route is a probe, which is always answered.
pub(super) fn is_probe(route: &str) -> bool {
    QUIET_ROUTES.contains(&route)
}

/// A route as logs, metrics and traces call it: few names, whatever callers ask for.
#[derive(Debug, Clone)]
pub(super) enum RouteName {
    /// A pattern of the route table.
    Pattern(MatchedPath),
    /// All that goes to one facade: where it is mounted.
    Facade(&'static str),
    /// A path that nobody has.
    Unmatched,
}

impl RouteName {
    pub(super) fn of(matched: Option<MatchedPath>, facade: Option<&Facade>) -> Self {
        match (facade, matched) {
            (Some(facade), _) => Self::Facade(facade.path),
            (None, Some(matched)) => Self::Pattern(matched),
            (None, None) => Self::Unmatched,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Pattern(matched) => matched.as_str(),
            Self::Facade(path) => path,
            Self::Unmatched => UNMATCHED,
        }
    }
}

/// One request in work. Reports when it is dropped, whichever way that happens.
pub(super) struct Observation {
    started: Instant,
    method: Method,
    route: RouteName,
    status: u16,
    span: Span,
    metrics: Arc<RequestMetrics>,
    permit: Option<InWorkPlace>,
}

impl Observation {
    pub(super) fn begin(
        method: Method,
        route: RouteName,
        span: Span,
        metrics: &Arc<RequestMetrics>,
    ) -> Self {
        metrics.begin();
        Observation {
            started: Instant::now(),
            method,
            route,
            status: CLIENT_CLOSED,
            span,
            metrics: Arc::clone(metrics),
            permit: None,
        }
    }

    /// Keeps a place among the requests in work until the answer has ended.
    pub(super) fn hold(&mut self, permit: InWorkPlace) {
        self.permit = Some(permit);
    }

    /// Stays with the answer until its body has ended. A body of known size is as good as sent.
    pub(super) fn finish(mut self, response: Response) -> Response {
        let status = response.status().as_u16();
        if response.body().size_hint().exact().is_some() || self.method == Method::HEAD {
            self.status = status;
            return response;
        }
        response.map(|body| {
            Body::new(ObservedBody {
                body,
                observation: Some(self),
                status,
            })
        })
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let status = self.status;
        let route = self.route.as_str();
        self.span.in_scope(|| {
            let duration_ms = duration.as_micros() as f64 / 1000.0;
            if is_probe(route) {
                tracing::debug!(target: "access", status, duration_ms, "request");
            } else {
                tracing::info!(target: "access", status, duration_ms, "request");
            }
        });
        // After the line, which says it already: for exported traces.
        self.span.record("http.response.status_code", status);
        if status >= StatusCode::INTERNAL_SERVER_ERROR.as_u16() {
            self.span.record("otel.status_code", "ERROR");
        }
        self.metrics
            .end(method_label(&self.method), route, status, duration);
    }
}

/// A caller can invent methods, and every label value costs memory.
pub(super) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// A streamed answer's body.
struct ObservedBody {
    body: Body,
    observation: Option<Observation>,
    status: u16,
}

impl ObservedBody {
    fn end_with(&mut self, status: u16) {
        if let Some(mut observation) = self.observation.take() {
            observation.status = status;
        }
    }
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(task);
        match &frame {
            Poll::Ready(Some(Err(_))) => self.end_with(StatusCode::INTERNAL_SERVER_ERROR.as_u16()),
            Poll::Ready(None) => {
                let status = self.status;
                self.end_with(status);
            }
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
