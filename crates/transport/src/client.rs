//! The transport itself: connections, sending, and what to do about connections that died unnoticed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Method, Version};
use reqwest::tls::Certificate;
use tokio::time::Instant;
use url::Url;

use crate::body::{BodyReader, time_limit, timeout};
use crate::call_log::Call;
use crate::classify::classify_send_error;
use crate::config::TransportConfig;
use crate::error::{Delivery, Phase, TransportError, TransportErrorKind};
use crate::json::JsonLimits;
use crate::record::{CallRecord, Recorder};
use crate::request::Request;
use crate::response::{EventStream, Pieces, PiecewiseResponse, Response, StreamingResponse};
use crate::sse::SseParser;
use crate::target::{build_url, parse_base_url};
use crate::trust::Trust;

/// What is asked for where nothing else is.
const JSON: &str = "application/json";

/// Most headers of an answer; more make it an `InvalidResponse`. Their size is bounded by the HTTP client
/// (about 400 KiB for HTTP/1, 16 KiB for HTTP/2).
const RESPONSE_MAX_HEADERS: usize = 128;

/// One remote service: its base URL, its connections, its limits. Cloning shares all of them.
///
/// # Connections that died unnoticed
///
/// Some servers close a connection after a 500 without announcing it (measured on Chatter: no `Connection: close`,
/// the next request on that connection gets a reset). The HTTP client repeats a request by itself only when not a
/// byte of it was written, which a race decides. So:
///
/// - an idle connection is kept for `pool_idle_timeout_ms` only, below the usual limit of servers;
/// - for 2 s after a 5xx answer over HTTP/1 or a lost connection, every request except GET and HEAD gets a
///   connection of its own, so that a write is never lost in a dead one;
/// - a GET or HEAD on a kept connection that is lost before its answer began is repeated once, at once, on a
///   connection of its own.
///
/// Nothing else is ever repeated here, except what the HTTP client repeats because it was certainly not begun: not a
/// byte written, or an HTTP/2 stream that the server refused.
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    base_url: Url,
    /// Keeps connections for reuse.
    pooled: reqwest::Client,
    /// Opens a connection for each request.
    fresh: reqwest::Client,
    read_timeout: Duration,
    request_timeout: Duration,
    config: TransportConfig,
    kept_connections: Trust,
}

impl Transport {
    /// A transport for the service at `base_url`: `http` or `https`, host, optional port and path; no user name,
    /// password, query or fragment. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// `InvalidUrl` and `InvalidConfig`. The messages never repeat the URL.
    pub fn new(base_url: &str, config: &TransportConfig) -> Result<Self, TransportError> {
        let base_url = parse_base_url(base_url)?;
        if let Some(mistake) = config.first_mistake() {
            return Err(invalid_config(mistake));
        }
        let authorities = match &config.extra_ca_pem {
            Some(pem) => certificates(pem)?,
            None => Vec::new(),
        };
        let build = |kept_connections: usize| {
            let mut builder = reqwest::Client::builder()
                .user_agent(concat!("dragoman/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .no_proxy()
                .gzip(true)
                .tcp_nodelay(true)
                .http1_max_headers(RESPONSE_MAX_HEADERS)
                .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
                .pool_idle_timeout(Duration::from_millis(config.pool_idle_timeout_ms))
                .pool_max_idle_per_host(kept_connections);
            builder = if base_url.scheme() == "http" {
                // No certificate is ever needed, so a machine without any must not fail here.
                builder.tls_certs_only([])
            } else {
                builder.tls_certs_merge(authorities.clone())
            };
            builder.build().map_err(|error| {
                invalid_config("the http client cannot be built; are the certificates readable?")
                    .with_source(error.without_url())
            })
        };
        Ok(Self {
            inner: Arc::new(Inner {
                pooled: build(config.pool_max_idle_per_host)?,
                fresh: build(0)?,
                read_timeout: Duration::from_millis(config.read_timeout_ms),
                request_timeout: Duration::from_millis(config.request_timeout_ms),
                config: config.clone(),
                kept_connections: Trust::new(),
                base_url,
            }),
        })
    }

    /// A request to the path made of these segments below the base URL. Each segment is percent-encoded as a whole,
    /// so an id may hold `/`, `?`, `#` or `%2f`.
    ///
    /// An empty segment, `.`, `..` and control characters make sending fail with `InvalidRequest`: the URL standard
    /// would collapse them into another path.
    pub fn request(&self, method: Method, segments: &[&str]) -> Request<'_> {
        Request::new(self, method, build_url(&self.inner.base_url, segments))
    }

    /// [`request`](Self::request) with GET.
    pub fn get(&self, segments: &[&str]) -> Request<'_> {
        self.request(Method::GET, segments)
    }

    /// [`request`](Self::request) with POST.
    pub fn post(&self, segments: &[&str]) -> Request<'_> {
        self.request(Method::POST, segments)
    }

    /// [`request`](Self::request) with PUT.
    pub fn put(&self, segments: &[&str]) -> Request<'_> {
        self.request(Method::PUT, segments)
    }

    /// [`request`](Self::request) with PATCH.
    pub fn patch(&self, segments: &[&str]) -> Request<'_> {
        self.request(Method::PATCH, segments)
    }

    /// [`request`](Self::request) with DELETE.
    pub fn delete(&self, segments: &[&str]) -> Request<'_> {
        self.request(Method::DELETE, segments)
    }

    pub(crate) fn pooled_client(&self) -> reqwest::Client {
        self.inner.pooled.clone()
    }

    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let call = Call::begin(&request);
        let result = self.read_whole(request).await;
        call.end(
            result
                .as_ref()
                .map(|response| (response.status, response.body.len())),
        );
        result
    }

    pub(crate) async fn stream(
        &self,
        request: Request<'_>,
    ) -> Result<StreamingResponse, TransportError> {
        let call = Call::begin(&request);
        let result = self.read_events(request).await;
        call.end(result.as_ref().map(|response| match response {
            StreamingResponse::Events(events) => (events.status(), 0),
            StreamingResponse::Complete(response) => (response.status, response.body.len()),
        }));
        result
    }

    pub(crate) async fn pieces(
        &self,
        request: Request<'_>,
    ) -> Result<PiecewiseResponse, TransportError> {
        let call = Call::begin(&request);
        let result = self.read_pieces(request).await;
        call.end(result.as_ref().map(|response| match response {
            PiecewiseResponse::Pieces(pieces) => (pieces.status(), 0),
            PiecewiseResponse::Complete(response) => (response.status, response.body.len()),
        }));
        result
    }

    async fn read_pieces(&self, request: Request<'_>) -> Result<PiecewiseResponse, TransportError> {
        let reader = self
            .exchange(request, HeaderValue::from_static("*/*"))
            .await?;
        if !reader.response().status().is_success() {
            return Ok(PiecewiseResponse::Complete(self.complete(reader).await?));
        }
        Ok(PiecewiseResponse::Pieces(Pieces::new(reader)))
    }

    async fn read_whole(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let reader = self
            .exchange(request, HeaderValue::from_static(JSON))
            .await?;
        self.complete(reader).await
    }

    async fn read_events(
        &self,
        mut request: Request<'_>,
    ) -> Result<StreamingResponse, TransportError> {
        if let Ok(parts) = &mut request.parts {
            parts
                .headers_mut()
                .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let reader = self
            .exchange(request, HeaderValue::from_static("text/event-stream"))
            .await?;
        if !is_event_stream(reader.response()) {
            return Ok(StreamingResponse::Complete(self.complete(reader).await?));
        }
        let config = &self.inner.config;
        let parser = SseParser::new(config.sse_line_max_bytes, config.sse_event_max_bytes);
        Ok(StreamingResponse::Events(EventStream::new(reader, parser)))
    }

    async fn complete(&self, reader: BodyReader) -> Result<Response, TransportError> {
        let status = reader.response().status().as_u16();
        let (headers, body) = reader.read_all().await?;
        Ok(Response {
            status,
            headers,
            body,
            limits: JsonLimits {
                depth: self.inner.config.response_max_depth,
                values: self.inner.config.json_max_values,
            },
        })
    }

    /// Sends a request and waits for the head of its answer.
    async fn exchange(
        &self,
        request: Request<'_>,
        default_accept: HeaderValue,
    ) -> Result<BodyReader, TransportError> {
        let mut parts = request.parts?;
        let accept = parts.headers_mut().entry(ACCEPT).or_insert(default_accept);
        let wants_json = accept == JSON;
        let record =
            Recorder::current().and_then(|recorder| recorder.begin(request.operation, &parts));
        let longest_silence = request.read_timeout.unwrap_or(self.inner.read_timeout);
        let now = Instant::now();
        let deadline = request
            .deadline
            .map_or(now + self.inner.request_timeout, Instant::from_std);
        if deadline <= now {
            let error = TransportError::new(
                TransportErrorKind::Timeout(Phase::BeforeSending),
                Delivery::NotSent,
                "the deadline had passed already, nothing was sent",
            );
            return Err(noted(record.as_ref(), error));
        }

        let may_be_repeated = matches!(*parts.method(), Method::GET | Method::HEAD);
        let is_fresh = request.fresh_connection
            || (!may_be_repeated && !self.inner.kept_connections.holds(now));
        let client = if is_fresh {
            &self.inner.fresh
        } else {
            &self.inner.pooled
        };
        let repetition = if may_be_repeated && !is_fresh {
            parts.try_clone()
        } else {
            None
        };

        let mut result = attempt(client, parts, deadline, longest_silence).await;
        if let Err(error) = &result
            && error.kind() == TransportErrorKind::ConnectionLost
        {
            self.inner.kept_connections.suspend();
            if let Some(repetition) = repetition {
                record.iter().for_each(CallRecord::repeated);
                result = attempt(&self.inner.fresh, repetition, deadline, longest_silence).await;
            }
        }
        let response = result.map_err(|error| noted(record.as_ref(), error))?;
        if let Some(record) = &record {
            record.head(response.status().as_u16(), response.headers());
        }
        if response.status().is_server_error() && response.version() <= Version::HTTP_11 {
            self.inner.kept_connections.suspend();
        }
        let config = &self.inner.config;
        let limit_bytes = match wants_json {
            true => config.json_max_bytes.min(config.response_max_bytes),
            false => config.response_max_bytes,
        };
        Ok(BodyReader::new(
            response,
            deadline,
            longest_silence,
            limit_bytes,
            record,
        ))
    }
}

/// The error, seen by whoever records the call.
fn noted(record: Option<&CallRecord>, error: TransportError) -> TransportError {
    if let Some(record) = record {
        record.fail(&error);
    }
    error
}

/// One try: from connecting to the head of the answer.
async fn attempt(
    client: &reqwest::Client,
    request: reqwest::Request,
    deadline: Instant,
    longest_silence: Duration,
) -> Result<reqwest::Response, TransportError> {
    let limit = time_limit(deadline, longest_silence);
    tokio::time::timeout_at(limit, client.execute(request))
        .await
        .map_err(|_| timeout(Phase::WaitingForAnswer, deadline, longest_silence))?
        .map_err(classify_send_error)
}

fn is_event_stream(response: &reqwest::Response) -> bool {
    let media_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    response.status().is_success() && media_type.trim().eq_ignore_ascii_case("text/event-stream")
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, TransportError> {
    match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(invalid_config(
            "extra_ca_pem must hold at least one BEGIN CERTIFICATE block",
        )),
    }
}

fn invalid_config(detail: impl Into<std::borrow::Cow<'static, str>>) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidConfig, Delivery::NotSent, detail)
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Transport")
            .field("host", &self.inner.base_url.host_str())
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
