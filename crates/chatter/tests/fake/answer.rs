//! Answers in the vendor's shapes: JSON, problem documents, framework errors, bare 500s and event streams.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response};
use chatter::wire::{self, Member};
use futures_util::StreamExt;
use serde::Serialize;

/// What the rate-limit headers of an answer say.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) limit: usize,
    pub(crate) remaining: usize,
    pub(crate) window_seconds: u64,
}

/// How an answer goes on behind the middle of its body.
pub(crate) enum Rest {
    /// Not at all: the first half says that it is all.
    Nothing,
    /// The connection is cut.
    Cut,
    /// It stays silent.
    Silence,
}

/// Collected bodies are the fake's own, and small.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// An answer before the middleware has put its headers on.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Body,
    headers: Vec<(&'static str, String)>,
    /// An unhandled exception: none of the usual headers, and the connection is dropped afterwards.
    pub(crate) bare: bool,
}

/// A refused request: the answer is an error.
pub(crate) type Refusal = Box<Answer>;

impl Answer {
    fn new(status: u16, content_type: &str, body: Body) -> Self {
        Self {
            status,
            body,
            headers: vec![("content-type", content_type.to_owned())],
            bare: false,
        }
    }

    /// Whatever a test wants; without a media type where that is empty.
    pub(crate) fn any(status: u16, content_type: &str, body: String) -> Self {
        let mut answer = Self::new(status, content_type, Body::from(body));
        answer.headers.retain(|(_, value)| !value.is_empty());
        answer
    }

    pub(crate) fn json<T: Serialize>(status: u16, value: &T) -> Self {
        let bytes = serde_json::to_vec(value).expect("wire types are JSON");
        Self::new(status, "application/json", Body::from(bytes))
    }

    pub(crate) fn events(body: Body) -> Self {
        Self::new(200, "text/event-stream; charset=utf-8", body).with("cache-control", "no-cache")
    }

    pub(crate) fn text(status: u16, text: &'static str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", Body::from(text))
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self {
            status: 307,
            body: Body::empty(),
            headers: vec![("location", location)],
            bare: false,
        }
    }

    pub(crate) fn framework(status: u16, detail: &str) -> Self {
        Self::json(
            status,
            &wire::FrameworkError {
                detail: detail.to_owned(),
                extra: wire::Extra::new(),
            },
        )
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    async fn taken(&mut self) -> Bytes {
        let body = std::mem::replace(&mut self.body, Body::empty());
        axum::body::to_bytes(body, BODY_MAX_BYTES)
            .await
            .expect("the fake's own body")
    }

    /// The answer with other texts in the place of these; streams stay as they are.
    pub(crate) async fn rewritten(mut self, texts: &[(String, String)]) -> Self {
        let is_json = self
            .headers
            .contains(&("content-type", "application/json".to_owned()));
        if texts.is_empty() || !is_json {
            return self;
        }
        let body = self.taken().await;
        let mut body = String::from_utf8(body.into()).expect("json is text");
        for (from, to) in texts {
            body = body.replace(from, to);
        }
        self.body = Body::from(body);
        self
    }

    /// The answer with the first half of its body.
    pub(crate) async fn halved(mut self, rest: Rest) -> Self {
        let body = self.taken().await;
        let half = body.slice(..body.len() / 2);
        if let Rest::Nothing = rest {
            self.body = Body::from(half);
            return self;
        }
        let is_cut = matches!(rest, Rest::Cut);
        let rest = futures_util::stream::once(async move {
            if !is_cut {
                std::future::pending::<()>().await;
            }
            // What is sent so far has left by then: cut at once, it would never arrive.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        });
        let half = futures_util::stream::once(async move { Ok(half) });
        self.body = Body::from_stream(half.chain(rest));
        self.with("content-length", body.len().to_string())
    }

    /// The response with the middleware's headers; a bare one goes out without them.
    pub(crate) fn finish(self, correlation_id: &str, budget: Option<Budget>) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status.try_into().expect("a status");
        let mut put = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value).expect("a header value");
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        };
        put("server", "uvicorn");
        for (name, value) in &self.headers {
            put(name, value);
        }
        if self.bare {
            return response;
        }
        if self.status != 429 {
            put("x-correlation-id", correlation_id);
            put("x-content-type-options", "nosniff");
            put("x-frame-options", "DENY");
            put("referrer-policy", "strict-origin-when-cross-origin");
        }
        if let Some(budget) = budget {
            let reset = jiff::Timestamp::now().as_second()
                + i64::try_from(budget.window_seconds).unwrap_or_default();
            put("x-ratelimit-limit", &budget.limit.to_string());
            put("x-ratelimit-remaining", &budget.remaining.to_string());
            put("x-ratelimit-reset", &reset.to_string());
            put("x-ratelimit-window", &budget.window_seconds.to_string());
        }
        response
    }
}

/// Makes the problem documents of one request.
#[derive(Clone)]
pub(crate) struct Problems {
    /// The full URL of the request, which every problem repeats.
    pub(crate) instance: String,
    /// Production mode hides the cause of a 500.
    pub(crate) production: bool,
}

impl Problems {
    fn problem(&self, status: u16, slug: &str, title: &str, detail: &str) -> wire::Problem {
        wire::Problem {
            kind: format!("http://localhost:8000/problems/{slug}"),
            title: title.to_owned(),
            status,
            detail: detail.to_owned(),
            instance: self.instance.clone(),
            errors: Member::Absent,
            resource_type: Member::Absent,
            limit: Member::Absent,
            window: Member::Absent,
            retry_after: Member::Absent,
            error_type: Member::Absent,
            extra: wire::Extra::new(),
        }
    }

    fn answer(problem: &wire::Problem) -> Answer {
        let bytes = serde_json::to_vec(problem).expect("a problem is JSON");
        Answer::new(
            problem.status,
            "application/problem+json",
            Body::from(bytes),
        )
    }

    pub(crate) fn bad_request(&self, detail: &str) -> Refusal {
        Box::new(Self::answer(&self.problem(
            400,
            "bad-request",
            "Bad Request",
            detail,
        )))
    }

    pub(crate) fn unauthenticated(&self, detail: &str) -> Refusal {
        let problem = self.problem(
            401,
            "authentication-required",
            "Authentication Required",
            detail,
        );
        Box::new(Self::answer(&problem).with("www-authenticate", "Bearer"))
    }

    pub(crate) fn not_found(&self, resource: Option<&str>, detail: &str) -> Refusal {
        let mut problem = self.problem(404, "resource-not-found", "Resource Not Found", detail);
        problem.resource_type = Member::from(resource.map(str::to_owned));
        Box::new(Self::answer(&problem))
    }

    pub(crate) fn invalid(&self, errors: Vec<wire::ValidationError>) -> Refusal {
        let mut problem = self.problem(
            422,
            "validation-failed",
            "Validation Failed",
            "The request contains invalid data",
        );
        problem.errors = Member::Value(errors);
        Box::new(Self::answer(&problem))
    }

    pub(crate) fn too_many_requests(
        &self,
        limit: u64,
        window: u64,
        retry_after: Option<u64>,
    ) -> Refusal {
        let detail = format!("Rate limit exceeded: {limit} requests per {window} seconds");
        let mut problem = self.problem(429, "rate-limit-exceeded", "Rate Limit Exceeded", &detail);
        problem.limit = Member::Value(limit);
        problem.window = Member::Value(window);
        problem.retry_after = Member::from(retry_after);
        let answer = Self::answer(&problem);
        Box::new(match retry_after {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        })
    }

    /// A 500 that the application itself made; the connection lives on.
    pub(crate) fn wrapped_crash(&self, detail: &str) -> Refusal {
        Box::new(Self::answer(&self.problem(
            500,
            "internal-server-error",
            "Internal Server Error",
            detail,
        )))
    }

    /// An unhandled exception.
    pub(crate) fn crash(&self, error_type: &str, text: &str) -> Refusal {
        let constant = "An internal server error occurred";
        let detail = if self.production {
            constant.to_owned()
        } else {
            format!("{constant}: {text}")
        };
        let mut problem = self.problem(
            500,
            "internal-server-error",
            "Internal Server Error",
            &detail,
        );
        if !self.production {
            problem.error_type = Member::Value(error_type.to_owned());
        }
        let mut answer = Self::answer(&problem);
        answer.bare = true;
        Box::new(answer)
    }
}
