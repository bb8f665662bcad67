//! Answers and refusals in the vendor's shapes.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use backend::{Error, Kind, Outcome};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::wire::{Empty, ErrorEntry, ErrorResponse, Extra, Member};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(http::HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Answer {
    /// An object.
    pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Self, Refused> {
        let body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer of the sunshine facade could not be written");
            Refused::internal()
        })?;
        Ok(Self {
            status,
            headers: vec![(CONTENT_TYPE, JSON)],
            body: body.into(),
        })
    }

    /// What every delete and other calls without a result answer.
    pub(super) fn empty_object() -> Result<Self, Refused> {
        let extra = Extra::new();
        Self::json(StatusCode::OK, &Empty { extra })
    }

    /// Somebody's bytes, with these headers.
    pub(super) fn bytes(body: Bytes, headers: Vec<(http::HeaderName, HeaderValue)>) -> Self {
        Self {
            status: StatusCode::OK,
            headers,
            body,
        }
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

/// A request that is refused: a status, the vendor's code, and a title that repeats nothing of the request.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    retry_after: Option<Duration>,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            retry_after: None,
        }
    }

    pub(super) fn bad_request(title: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", title)
    }

    pub(super) fn bad_page() -> Self {
        Self::bad_request("The page parameters are invalid")
    }

    pub(super) fn unauthorized() -> Self {
        let title = "Authorization is required";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", title)
    }

    pub(super) fn forbidden() -> Self {
        let title = "The credentials do not allow this";
        Self::new(StatusCode::FORBIDDEN, "forbidden", title)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Resource not found")
    }

    /// Whether something else than a user, a conversation or an app is missing.
    pub(super) fn is_not_found(&self) -> bool {
        self.code == "not_found"
    }

    pub(super) fn no_app() -> Self {
        Self::new(StatusCode::NOT_FOUND, "app_not_found", "App not found")
    }

    pub(super) fn no_user() -> Self {
        Self::new(StatusCode::NOT_FOUND, "user_not_found", "User not found")
    }

    pub(super) fn no_conversation() -> Self {
        let title = "Conversation not found";
        Self::new(StatusCode::NOT_FOUND, "conversation_not_found", title)
    }

    pub(super) fn user_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "User already exists")
    }

    pub(super) fn too_large() -> Self {
        let title = "The request is too large";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", title)
    }

    pub(super) fn wrong_media_type() -> Self {
        let title = "The body has another media type";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            title,
        )
    }

    pub(super) fn too_slow() -> Self {
        Self::of_status(StatusCode::REQUEST_TIMEOUT, None)
    }

    pub(super) fn internal() -> Self {
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR, None)
    }

    /// The same behind a write that was done: nothing that asks for a repeat, which would do it twice.
    pub(super) fn afterwards(self) -> Self {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::internal(),
            _ => self,
        }
    }

    /// What the server around the facade refused.
    pub(super) fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let (code, title) = match status {
            StatusCode::UNAUTHORIZED => return Self::unauthorized(),
            StatusCode::FORBIDDEN => return Self::forbidden(),
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::PAYLOAD_TOO_LARGE => return Self::too_large(),
            StatusCode::REQUEST_TIMEOUT => ("request_timeout", "The request took too long"),
            StatusCode::TOO_MANY_REQUESTS => ("too_many_requests", "Too many requests"),
            StatusCode::BAD_GATEWAY => ("bad_gateway", "The backend failed"),
            StatusCode::SERVICE_UNAVAILABLE => {
                ("service_unavailable", "The service is unavailable")
            }
            StatusCode::GATEWAY_TIMEOUT => ("gateway_timeout", "The backend took too long"),
            status if status.is_client_error() => ("bad_request", "The request is invalid"),
            _ => ("internal_server_error", "Internal server error"),
        };
        Self {
            retry_after,
            ..Self::new(status, code, title)
        }
    }

    pub(super) fn into_response(self) -> Response {
        let entry = ErrorEntry {
            code: Member::Value(self.code.to_owned()),
            title: Member::Value(self.title.to_owned()),
            extra: Extra::new(),
        };
        let body = ErrorResponse {
            errors: vec![entry],
            extra: Extra::new(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up, so that nobody comes too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What was not found is a conversation, or something in one; where it is anything else the handler says so itself.
impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let of = |status| Self::of_status(status, error.retry_after);
        // These statuses ask for a repeat: only where nothing was done.
        let is_undone = error.outcome == Outcome::NotApplied;
        match error.kind {
            Kind::InvalidCursor => Self::bad_page(),
            Kind::InvalidRequest => Self::bad_request("The request is invalid"),
            Kind::NotHeld => Self::bad_request("The backend cannot hold this"),
            Kind::Unsupported | Kind::NothingToAnswer => {
                Self::bad_request("The backend cannot do this")
            }
            Kind::NotFound => Self::no_conversation(),
            Kind::Forbidden => Self::forbidden(),
            Kind::PreconditionFailed | Kind::Conflict => Self::new(
                StatusCode::CONFLICT,
                "conflict",
                "This is there already, or has changed meanwhile",
            ),
            Kind::Full => Self::new(
                StatusCode::LOCKED,
                "locked",
                "The conversation has too many messages",
            ),
            Kind::RateLimited if is_undone => of(StatusCode::TOO_MANY_REQUESTS),
            Kind::Busy | Kind::Moved | Kind::Overloaded | Kind::Unavailable | Kind::StorageFull
                if is_undone =>
            {
                of(StatusCode::SERVICE_UNAVAILABLE)
            }
            Kind::RateLimited
            | Kind::Busy
            | Kind::Moved
            | Kind::Overloaded
            | Kind::Unavailable
            | Kind::StorageFull
            | Kind::UpstreamAuth
            | Kind::AccessEnded
            | Kind::UpstreamFailed
            | Kind::InvalidResponse => {
                tracing::warn!(%error, "a backend failed below the sunshine facade");
                of(StatusCode::BAD_GATEWAY)
            }
            Kind::Timeout => of(StatusCode::GATEWAY_TIMEOUT),
            Kind::Internal => {
                tracing::error!(%error, "a call of the sunshine facade failed");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_done_is_never_said_to_be_worth_a_repeat() {
        for (kind, undone) in [
            (Kind::RateLimited, StatusCode::TOO_MANY_REQUESTS),
            (Kind::Busy, StatusCode::SERVICE_UNAVAILABLE),
            (Kind::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        ] {
            let error = |outcome| Error::new(kind, "a test").outcome(outcome);
            assert_eq!(Refused::from(error(Outcome::NotApplied)).status, undone);
            for outcome in [Outcome::Applied, Outcome::Unknown] {
                let refused = Refused::from(error(outcome));
                assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
            }
            let behind = Refused::from(error(Outcome::NotApplied)).afterwards();
            assert_eq!(behind.status, StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
