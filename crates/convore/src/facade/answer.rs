//! Answers: 200 with JSON, or a refusal.
//!
//! The vendor declares no error bodies, and its client keeps the raw text for people: `{"message": …}` is ours.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use backend::{Error, Kind};
use facadekit::BodyFault;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// How long a caller waits where nobody said how long.
const RETRY_DEFAULT: Duration = Duration::from_secs(1);

/// A request that is not carried out.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
}

/// What a handler answers.
pub(super) type Answer<T> = Result<Shown<T>, Problem>;

/// 200 with this as JSON. Never another status: the vendor's client takes every other success for nothing at all.
pub(super) struct Shown<T>(pub(super) T);

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "send `Authorization: Bearer` with an API key that is in use";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(super) fn wrong_method() -> Self {
        let message = "this path has no such method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(super) fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind {
            Kind::InvalidRequest | Kind::InvalidCursor => StatusCode::BAD_REQUEST,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Unsupported | Kind::NotHeld | Kind::NothingToAnswer => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Kind::PreconditionFailed | Kind::Conflict | Kind::Busy | Kind::Full => {
                StatusCode::CONFLICT
            }
            Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Kind::Overloaded | Kind::Unavailable | Kind::StorageFull | Kind::Moved => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Kind::UpstreamAuth
            | Kind::AccessEnded
            | Kind::UpstreamFailed
            | Kind::InvalidResponse => StatusCode::BAD_GATEWAY,
            Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::warn!(error.kind = error.kind.as_str(), %error, "a call of the convore facade failed");
        }
        let mut message = error.message.clone();
        for violation in error.violations.iter().take(8) {
            message.push_str(&format!("; {}: {}", violation.pointer, violation.detail));
        }
        // The vendor's client waits and repeats by itself where it is told how long, but for writes.
        let waits = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        let wait = error.retry_after.or(waits.then_some(RETRY_DEFAULT));
        Self::new(status, message).after(wait)
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body has more bytes than are taken",
            ),
            BodyFault::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ),
            BodyFault::Broken => Self::bad("the body broke off"),
        }
    }
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    message: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            message: &self.message,
        };
        let mut response = json(self.status, &body);
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(RETRY_AFTER, value);
            }
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let (status, body) = match serde_json::to_vec(body) {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "an answer of the convore facade could not be written");
            let body = br#"{"message":"the answer could not be written"}"#;
            (StatusCode::INTERNAL_SERVER_ERROR, body.to_vec())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A page of any list. The last page has no cursor: the vendor's loop takes an empty text for one more page.
#[derive(Serialize)]
pub(super) struct Listed<T> {
    pub(super) data: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_count: Option<u64>,
}

impl<T> Listed<T> {
    pub(super) fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self {
            data,
            next_cursor,
            total_count: None,
        }
    }

    pub(super) fn of_total(mut self, total: u64) -> Self {
        self.total_count = Some(total);
        self
    }

    /// Counts what stands on the only page there is: the one that begins at no cursor, and has none to go on.
    pub(super) fn counted(self, cursor: Option<&str>) -> Self {
        match (cursor, &self.next_cursor) {
            (None, None) => {
                let total = u64::try_from(self.data.len()).unwrap_or(u64::MAX);
                self.of_total(total)
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_a_status_and_a_time_to_wait_where_waiting_helps() {
        let table = [
            (Kind::InvalidCursor, 400, None),
            (Kind::NotFound, 404, None),
            (Kind::Forbidden, 403, None),
            (Kind::NotHeld, 422, None),
            (Kind::Busy, 409, None),
            (Kind::RateLimited, 429, Some("1")),
            (Kind::Unavailable, 503, Some("1")),
            (Kind::UpstreamFailed, 502, None),
            (Kind::Timeout, 504, None),
            (Kind::Internal, 500, None),
        ];
        for (kind, status, wait) in table {
            let response = Problem::from(Error::new(kind, "words")).into_response();
            assert_eq!(response.status().as_u16(), status, "{kind:?}");
            let sent = response.headers().get(RETRY_AFTER);
            assert_eq!(sent.map(|value| value.to_str().unwrap()), wait, "{kind:?}");
        }
    }
}
