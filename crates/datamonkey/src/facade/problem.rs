//! Answers and errors in the vendor's shapes: JSON of a handler, plain text of the route table, redirects.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use backend::{Error, Kind, Outcome};
use facadekit::{BodyFault, Refusal};
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::wire;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Without a charset, as the vendor's route table says it.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// All that a caller is told of what went wrong here.
const FAULT: &str = "the request met a fault in this server";

/// What a handler refuses, or why it failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    text: Cow<'static, str>,
    retry_after: Option<Duration>,
    /// The kind of the failure below, where there was one: for the log.
    pub(super) kind: Option<Kind>,
    /// What the failure below says of itself: for the log alone.
    pub(super) detail: Option<Box<str>>,
    /// Whether a write that met this may have been done all the same.
    pub(super) may_be_done: bool,
}

impl Problem {
    pub(super) fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after: None,
            kind: None,
            detail: None,
            may_be_done: false,
        }
    }

    /// What went wrong behind a finished write.
    pub(super) fn but_done(self) -> Self {
        Self {
            may_be_done: true,
            ..self
        }
    }

    /// A failure behind a finished write: what failed was not done, but the write was.
    pub(super) fn behind_a_write(error: Error) -> Self {
        match error.outcome {
            Outcome::NotApplied => error.outcome(Outcome::Applied).into(),
            _ => error.into(),
        }
    }

    pub(super) fn retry_after(self, wait: Option<Duration>) -> Self {
        Self {
            retry_after: wait,
            ..self
        }
    }

    /// Something here went wrong that is nobody's business but the operator's: the log has it.
    pub(super) fn fault() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, FAULT)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "conversation not found")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let may_be_done = error.outcome != Outcome::NotApplied;
        let status = status_of(&error);
        // A wait asks to send the same again, like these two.
        let is_worth_a_repeat = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        Self {
            kind: Some(error.kind),
            may_be_done,
            retry_after: error.retry_after.filter(|_| is_worth_a_repeat),
            detail: Some(error.message.as_str().into()),
            ..Self::new(status, words_of(&error))
        }
    }
}

/// What a caller is told of a failure. Fixed words, for the failure's own may name a backend, and whoever calls here
/// never learns which one answers.
fn words_of(error: &Error) -> Cow<'static, str> {
    let words = match error.kind {
        // What is wrong with the caller's own words, and no more.
        Kind::InvalidRequest => return Cow::Owned(error.message.clone()),
        Kind::NotFound => "conversation not found",
        Kind::Forbidden => "this may not be done with what was sent as `user_token`",
        Kind::InvalidCursor | Kind::NotHeld => "what was sent cannot be taken in this conversation",
        Kind::NothingToAnswer => "there is nothing to answer",
        Kind::Unsupported => "this conversation cannot do that: it may have no AI that answers",
        Kind::PreconditionFailed | Kind::Conflict => {
            "the state of the conversation does not allow this"
        }
        Kind::Full => "the conversation is full: begin a new one",
        Kind::RateLimited => "too many requests: try again later",
        Kind::Busy | Kind::Moved | Kind::Overloaded => "too much is going on: try again later",
        Kind::Unavailable => "the conversation cannot be reached at the moment",
        Kind::StorageFull => "nothing more can be stored at the moment",
        Kind::UpstreamAuth | Kind::UpstreamFailed | Kind::InvalidResponse => {
            "what keeps or answers the conversation failed"
        }
        Kind::AccessEnded => "the access to this conversation has ended: it can only be read",
        Kind::Timeout => "no answer came in time",
        Kind::Internal => FAULT,
    };
    words.into()
}

/// The status of a failure. The vendor itself knows 400, 401, 403, 404 and 500; its clients also have classes for 409
/// and for all from 500 on.
fn status_of(error: &Error) -> StatusCode {
    // 429 and 503 ask to send the same again, so they are only said where nothing was done.
    let is_undone = error.outcome == Outcome::NotApplied;
    match error.kind {
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::InvalidRequest | Kind::InvalidCursor | Kind::NotHeld | Kind::NothingToAnswer => {
            StatusCode::BAD_REQUEST
        }
        Kind::PreconditionFailed | Kind::Conflict | Kind::Full => StatusCode::CONFLICT,
        Kind::RateLimited if is_undone => StatusCode::TOO_MANY_REQUESTS,
        Kind::Busy | Kind::Moved | Kind::Overloaded | Kind::Unavailable | Kind::StorageFull
            if is_undone =>
        {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than this server takes",
            ),
            BodyFault::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ),
            BodyFault::Broken => {
                Self::new(StatusCode::BAD_REQUEST, "the body ended before its end")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = wire::Problem {
            error: self.text.into_owned(),
            extra: wire::Extra::new(),
        };
        // An object of one text is always JSON; were it not, the vendor has a 500 without body for that.
        let bytes = wire::to_bytes(&body).unwrap_or_default();
        let mut response = with_body(self.status, JSON, bytes);
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// What the server refused around the facade.
pub(super) fn refuse(refusal: &Refusal) -> Response {
    Problem::new(refusal.status, refusal.detail.to_string())
        .retry_after(refusal.retry_after)
        .into_response()
}

/// An object as a handler answers it.
pub(super) fn json<T: Serialize>(status: StatusCode, object: &T) -> Result<Response, Problem> {
    let bytes = wire::to_bytes(object).map_err(|_| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "an answer could not be written",
        )
    })?;
    Ok(with_body(status, JSON, bytes))
}

/// Success without a word: neither a type nor a length.
pub(super) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// What the route table says of a path that it does not know.
pub(super) fn missing() -> Response {
    with_body(StatusCode::NOT_FOUND, TEXT, "404 page not found")
}

/// Where the path without the slash at its end is. `target` is path and query as the caller knows them.
pub(super) fn redirect(method: &Method, path: &str, query: Option<&str>) -> Response {
    let path = path.strip_suffix('/').unwrap_or(path);
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(location) = HeaderValue::try_from(&target) else {
        return missing();
    };
    let mut response = if *method == Method::GET {
        let target = escaped(&target);
        let page = format!("<a href=\"{target}\">Moved Permanently</a>.\n\n");
        with_body(StatusCode::MOVED_PERMANENTLY, HTML, page)
    } else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response
    };
    response.headers_mut().insert(LOCATION, location);
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

fn with_body(status: StatusCode, media_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(kind: Kind, outcome: Outcome) -> u16 {
        let error = Error::new(kind, "words").outcome(outcome);
        Problem::from(error).status.as_u16()
    }

    #[test]
    fn a_caller_is_asked_to_send_again_only_where_nothing_was_done() {
        for kind in [
            Kind::Busy,
            Kind::Moved,
            Kind::Overloaded,
            Kind::Unavailable,
            Kind::StorageFull,
        ] {
            assert_eq!(status(kind, Outcome::NotApplied), 503);
            assert_eq!(status(kind, Outcome::Applied), 500);
            assert_eq!(status(kind, Outcome::Unknown), 500);
        }
        assert_eq!(status(Kind::RateLimited, Outcome::NotApplied), 429);
        assert_eq!(status(Kind::RateLimited, Outcome::Applied), 500);
    }

    #[test]
    fn a_fault_of_ours_tells_nothing_of_itself() {
        let problem = Problem::from(Error::new(Kind::Internal, "planted"));
        assert_eq!(problem.status.as_u16(), 500);
        assert!(!problem.text.contains("planted"));
    }

    #[test]
    fn what_failed_below_is_told_by_its_kind_and_never_in_its_own_words() {
        for kind in [
            Kind::NotFound,
            Kind::Forbidden,
            Kind::InvalidCursor,
            Kind::Unsupported,
            Kind::NotHeld,
            Kind::NothingToAnswer,
            Kind::PreconditionFailed,
            Kind::Conflict,
            Kind::Full,
            Kind::RateLimited,
            Kind::Busy,
            Kind::Moved,
            Kind::Overloaded,
            Kind::Unavailable,
            Kind::StorageFull,
            Kind::UpstreamAuth,
            Kind::AccessEnded,
            Kind::UpstreamFailed,
            Kind::InvalidResponse,
            Kind::Timeout,
            Kind::Internal,
        ] {
            let error = Error::new(kind, "backend `planted` is not configured any more");
            let problem = Problem::from(error);
            assert!(!problem.text.contains("planted"), "{}", problem.text);
            assert!(!problem.text.is_empty());
            let detail = problem.detail.unwrap();
            assert!(detail.contains("planted"), "for the log");
        }
    }

    #[test]
    fn a_failure_behind_a_write_asks_nobody_to_write_again() {
        for kind in [Kind::Unavailable, Kind::StorageFull, Kind::RateLimited] {
            let error = Error::new(kind, "words")
                .outcome(Outcome::NotApplied)
                .retry_after(Some(Duration::from_secs(1)));
            let problem = Problem::behind_a_write(error);
            assert!(problem.may_be_done);
            let response = problem.into_response();
            assert_eq!(response.status().as_u16(), 500, "{kind:?}");
            assert!(!response.headers().contains_key(RETRY_AFTER));
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        for (wait, expected) in [(0, "1"), (999, "1"), (1_000, "1"), (1_001, "2")] {
            let error = Error::new(Kind::RateLimited, "words")
                .retry_after(Some(Duration::from_millis(wait)));
            let response = Problem::from(error).into_response();
            assert_eq!(response.headers()[RETRY_AFTER], expected, "{wait} ms");
        }
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_said_in_the_vendors_shape() {
        let response = refuse(&Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail: "too many requests at once".into(),
            retry_after: Some(Duration::from_secs(2)),
        });
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[CONTENT_TYPE], JSON);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let body = axum::body::to_bytes(response.into_body(), 1_000).await;
        assert_eq!(&*body.unwrap(), br#"{"error":"too many requests at once"}"#);
    }

    #[test]
    fn a_redirect_keeps_the_query_and_is_a_page_for_a_read_only() {
        let page = redirect(&Method::GET, "/m/api/v1/chat/", Some("a=1&b='2'"));
        assert_eq!(page.status(), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(page.headers()[LOCATION], "/m/api/v1/chat?a=1&b='2'");
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let bare = redirect(&Method::POST, "/api/v1/chat/", None);
        assert_eq!(bare.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(bare.headers()[LOCATION], "/api/v1/chat");
        assert!(!bare.headers().contains_key(CONTENT_TYPE));
    }
}
