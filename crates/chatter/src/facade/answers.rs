//! Answers in the vendor's shapes: JSON, problem documents, the framework's own errors.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::wire::{Extra, FrameworkError, Member, Problem, ValidationError};

/// A refused request: the answer is an error.
pub(crate) type Refusal = Box<Response>;

/// What an operation gives.
pub(crate) type Answered = Result<Response, Refusal>;

/// What every 500 says, whatever was wrong.
const INTERNAL: &str = "An internal server error occurred";

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

fn answer(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer with a body of JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    written(status, JSON, value)
}

fn written<T: Serialize>(status: StatusCode, content_type: HeaderValue, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => answer(status, content_type, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            framework(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

/// An error of the framework below the vendor's application.
fn framework(status: StatusCode, detail: &'static str) -> Response {
    // A fixed text without anything to escape.
    let body = format!("{{\"detail\":\"{detail}\"}}");
    answer(status, JSON, body.into_bytes())
}

/// No route.
pub(crate) fn no_route() -> Response {
    let error = FrameworkError {
        detail: "Not Found".to_owned(),
        extra: Extra::new(),
    };
    json(StatusCode::NOT_FOUND, &error)
}

/// A route, but not with this method.
pub(crate) fn wrong_method(allow: &'static str) -> Response {
    let error = FrameworkError {
        detail: "Method Not Allowed".to_owned(),
        extra: Extra::new(),
    };
    let response = json(StatusCode::METHOD_NOT_ALLOWED, &error);
    with(response, ALLOW, HeaderValue::from_static(allow))
}

/// To the same path with or without a slash.
pub(crate) fn redirect(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    match HeaderValue::from_str(location) {
        Ok(location) => with(response, LOCATION, location),
        // A host name that is no header's value: there is nowhere to go.
        Err(_) => no_route(),
    }
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

/// Makes the problem documents of one request.
#[derive(Clone, Debug)]
pub(crate) struct Problems {
    /// What stands before `/problems/`.
    pub(crate) base: Arc<str>,
    /// The full URL of the request, which every problem repeats.
    pub(crate) instance: String,
}

impl Problems {
    fn document(&self, status: StatusCode, slug: &str, title: &str, detail: &str) -> Problem {
        Problem {
            kind: format!("{}/problems/{slug}", self.base),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            instance: self.instance.clone(),
            errors: Member::Absent,
            resource_type: Member::Absent,
            limit: Member::Absent,
            window: Member::Absent,
            retry_after: Member::Absent,
            error_type: Member::Absent,
            extra: Extra::new(),
        }
    }

    fn refusal(problem: &Problem) -> Refusal {
        let status = StatusCode::from_u16(problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Box::new(written(status, PROBLEM, problem))
    }

    /// A problem whose slug and title follow from its status.
    pub(crate) fn plain(&self, status: StatusCode, detail: &str) -> Refusal {
        let title = status.canonical_reason().unwrap_or("Error");
        let slug = title.to_ascii_lowercase().replace(' ', "-");
        Self::refusal(&self.document(status, &slug, title, detail))
    }

    /// As [`Problems::plain`], with a time to wait.
    pub(crate) fn plain_for_now(&self, status: StatusCode, detail: &str, seconds: u64) -> Refusal {
        Self::after(self.plain(status, detail), seconds)
    }

    fn after(mut refusal: Refusal, seconds: u64) -> Refusal {
        let headers = refusal.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        refusal
    }

    /// 400.
    pub(crate) fn bad_request(&self, detail: &str) -> Refusal {
        self.plain(StatusCode::BAD_REQUEST, detail)
    }

    /// An id in the path that is none.
    pub(crate) fn no_ulid(&self) -> Refusal {
        self.bad_request("Invalid ULID format: must be a valid ULID")
    }

    /// 401.
    pub(crate) fn unauthenticated(&self, detail: &str) -> Refusal {
        let problem = self.document(
            StatusCode::UNAUTHORIZED,
            "authentication-required",
            "Authentication Required",
            detail,
        );
        let response = *Self::refusal(&problem);
        Box::new(with(
            response,
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer"),
        ))
    }

    /// 404, with what there is none of where the vendor says so.
    pub(crate) fn not_found(&self, resource: Option<&str>, detail: &str) -> Refusal {
        let mut problem = self.document(
            StatusCode::NOT_FOUND,
            "resource-not-found",
            "Resource Not Found",
            detail,
        );
        problem.resource_type = Member::from(resource.map(str::to_owned));
        Self::refusal(&problem)
    }

    /// 404 for a conversation.
    pub(crate) fn no_conversation(&self) -> Refusal {
        self.not_found(Some("conversation"), "Conversation not found")
    }

    /// 404 for a message.
    pub(crate) fn no_message(&self) -> Refusal {
        self.not_found(Some("message"), "Message not found")
    }

    /// 422, with everything that is wrong.
    pub(crate) fn invalid(&self, errors: Vec<ValidationError>) -> Refusal {
        let mut problem = self.document(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation-failed",
            "Validation Failed",
            "The request contains invalid data",
        );
        problem.errors = Member::Value(errors);
        Self::refusal(&problem)
    }

    /// 429. The vendor always asks to wait for the whole window.
    pub(crate) fn too_many_requests(&self, limit: u64, window: u64) -> Refusal {
        let mut problem = self.document(
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limit-exceeded",
            "Rate Limit Exceeded",
            &format!("Rate limit exceeded: {limit} requests per {window} seconds"),
        );
        problem.limit = Member::Value(limit);
        problem.window = Member::Value(window);
        problem.retry_after = Member::Value(window);
        Self::after(Self::refusal(&problem), window)
    }

    /// 500, without a word about why.
    pub(crate) fn internal(&self) -> Refusal {
        self.plain(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL)
    }
}
