//! RFC 9457 problem documents: the one shape of every error that we answer with.

mod code;

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use conversation::Violation;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::code::Code;

/// The media type of every error body.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// More single errors than this are counted in the detail and not listed.
const FIELD_ERRORS_MAX: usize = 20;
/// A single error's text is cut here, so that a caller's own 1 MB string is not sent back.
const DETAIL_MAX_CHARS: usize = 300;

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The request.
    Client,
    /// This server.
    Gateway,
    /// The vendor behind the backend.
    Upstream,
    /// The way to the vendor.
    Network,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Certainly not done: it may be sent again.
    NotApplied,
    /// Done, although the answer is an error.
    Applied,
    /// Nobody knows.
    Unknown,
}

/// The part of a request that a single error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The JSON body; the pointer is a JSON pointer (RFC 6901).
    Body,
    /// The query; the pointer is `/` and the parameter's name.
    Query,
    /// The path; the pointer is `/` and the parameter's name.
    Path,
    /// A header; the pointer is `/` and its name in lower case.
    Header,
}

/// One thing that is wrong with the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where to look.
    #[serde(rename = "in")]
    pub place: Place,
    /// Which member, parameter or header, as a JSON pointer; empty for the whole body.
    pub pointer: String,
    /// A short stable reason, for example `missing-field`.
    pub code: &'static str,
    /// The reason in words.
    pub detail: String,
    /// The limit that is crossed, where one is: characters, bytes or items, as the detail says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What was sent instead, where it was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
}

impl FieldError {
    /// An error at a place of the request. The detail is cut to 300 characters.
    #[must_use]
    pub fn new(
        place: Place,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        FieldError {
            place,
            pointer: pointer.into(),
            code,
            detail: shorten(detail.into()),
            limit: None,
            value: None,
        }
    }

    /// A broken rule at a place of the request.
    #[must_use]
    pub fn of_violation(place: Place, violation: Violation) -> Self {
        FieldError {
            limit: violation.exceeds.map(|exceeds| exceeds.limit),
            value: violation.exceeds.and_then(|exceeds| exceeds.value),
            ..FieldError::new(place, violation.pointer, violation.code, violation.detail)
        }
    }
}

/// What the vendor said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Upstream {
    /// The vendor's HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The vendor's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The vendor's request id, for its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The body of every error answer (`application/problem+json`, RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Address of the code's documentation on this server.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The same short sentence for every problem with this code.
    pub title: &'static str,
    /// The HTTP status again.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The stable code that programs branch on; `/docs/errors` lists all.
    #[schema(value_type = String, example = "not-found")]
    pub code: Code,
    /// The id of this request, as in the `x-request-id` header and in our logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who is at fault.
    pub origin: Origin,
    /// The backend that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What the vendor said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// What became of a write; absent for reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Each thing that is wrong with the request, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// An error on its way to the caller.
///
/// As a response it is only a status with the problem attached: the outermost middleware knows the request id and
/// writes the body.
#[derive(Clone, Debug)]
pub struct Problem {
    document: Box<ProblemDocument>,
    headers: HeaderMap,
}

impl Problem {
    /// A problem with the code's usual origin and no more than a detail.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        let origin = match code {
            Code::UpstreamError
            | Code::UpstreamAuth
            | Code::UpstreamAccessEnded
            | Code::UpstreamInvalidResponse
            | Code::OutcomeUnknown => Origin::Upstream,
            Code::UpstreamUnreachable | Code::UpstreamUnresolved | Code::UpstreamUntrusted => {
                Origin::Network
            }
            _ if status.is_server_error() => Origin::Gateway,
            _ => Origin::Client,
        };
        let retryable = matches!(
            code,
            Code::InvalidBody
                | Code::RequestBodyTimeout
                | Code::ConversationBusy
                | Code::RequestInProgress
                | Code::RateLimited
                | Code::UpstreamUnreachable
                | Code::UpstreamUnresolved
                | Code::Overloaded
                | Code::ShuttingDown
                | Code::Unavailable
                | Code::Timeout
        );
        Problem {
            document: Box::new(ProblemDocument {
                type_uri: code.type_uri(),
                title: code.title(),
                status: status.as_u16(),
                detail: shorten(detail.into()),
                code,
                request_id: None,
                origin,
                backend: None,
                upstream: None,
                retryable,
                outcome: None,
                errors: Vec::new(),
            }),
            headers: HeaderMap::new(),
        }
    }

    /// A problem about one place of the request; the place's text is the detail.
    #[must_use]
    pub fn at(code: Code, error: FieldError) -> Self {
        Problem::new(code, error.detail.clone()).with_error(error)
    }

    /// Adds one more thing that is wrong. Beyond 20 it is left out.
    #[must_use]
    pub fn with_error(mut self, error: FieldError) -> Self {
        if self.document.errors.len() < FIELD_ERRORS_MAX {
            self.document.errors.push(error);
        }
        self
    }

    /// Names the backend that was asked.
    #[must_use]
    pub fn with_backend(mut self, backend: impl Into<String>) -> Self {
        self.document.backend = Some(backend.into());
        self
    }

    /// Adds what the vendor said.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Upstream) -> Self {
        self.document.upstream = Some(upstream);
        self
    }

    /// Says who is at fault, where the code alone does not.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.document.origin = origin;
        self
    }

    /// Says whether the same request may succeed later, where the code alone does not.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.document.retryable = retryable;
        self
    }

    /// Says what became of the write.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.document.outcome = Some(outcome);
        self
    }

    /// Leaves the outcome out: the request was a read.
    #[must_use]
    pub fn without_outcome(mut self) -> Self {
        self.document.outcome = None;
        self
    }

    /// Adds `Retry-After`, in whole seconds, rounded up and at least 1.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.document.code
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.document.code.status()
    }

    /// The document without a request id.
    #[must_use]
    pub fn document(&self) -> &ProblemDocument {
        &self.document
    }

    /// The document of this one request, for a body or a stream's last event.
    #[must_use]
    pub fn into_document(self, request_id: &str) -> ProblemDocument {
        ProblemDocument {
            request_id: Some(request_id.to_owned()),
            ..*self.document
        }
    }

    /// Headers that go with the document.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(DETAIL_MAX_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::RETRY_AFTER;

    use super::{Code, FieldError, Place, Problem};

    #[test]
    fn problem_document_has_only_the_members_that_apply() {
        let problem = Problem::at(
            Code::InvalidRequest,
            FieldError::new(Place::Body, "/title", "invalid-type", "expected a string"),
        );
        insta::assert_json_snapshot!(problem.into_document("01J"));
    }

    #[test]
    fn long_detail_is_cut() {
        let problem = Problem::new(Code::InvalidRequest, "ä".repeat(10_000));
        assert_eq!(problem.document().detail.chars().count(), 301);
    }

    #[test]
    fn retry_after_is_rounded_up() {
        for (wait, expected) in [
            (Duration::ZERO, "1"),
            (Duration::from_millis(1), "1"),
            (Duration::from_millis(1_001), "2"),
            (Duration::from_secs(30), "30"),
        ] {
            let problem = Problem::new(Code::Overloaded, "busy").with_retry_after(wait);
            assert_eq!(problem.headers()[RETRY_AFTER], expected);
        }
    }

    #[test]
    fn single_errors_are_bounded() {
        let mut problem = Problem::new(Code::InvalidRequest, "many");
        for index in 0..100 {
            problem = problem.with_error(FieldError::new(
                Place::Body,
                format!("/{index}"),
                "invalid-value",
                "wrong",
            ));
        }
        assert_eq!(problem.document().errors.len(), 20);
    }
}
