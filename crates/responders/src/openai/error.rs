//! What a failure of the model's server means. A responder stores nothing, so nothing was ever applied: who stores the
//! question says whether that was.

use std::time::Duration;

use backend::{Error, Kind, Obstacle, Origin, Outcome, Retry, Upstream};
use secrecy::{ExposeSecret as _, SecretString};
use transport::{Response, TransportError, TransportErrorKind};

use super::wire::{Failure, Refusal};

/// The longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Characters of a refusal that go to the log.
const EXCERPT_CHARS: usize = 300;
/// What stands for our key where a server repeats it.
const MASK: &str = "[masked]";

/// Nothing usable came back, or not all of it.
pub(super) fn from_transport(error: TransportError) -> Error {
    let mapped = match error.kind() {
        TransportErrorKind::Timeout(_) => {
            Error::new(Kind::Timeout, "the model's server did not answer in time")
        }
        kind
        @ (TransportErrorKind::Dns | TransportErrorKind::Connect | TransportErrorKind::Tls) => {
            let message = "the model's server cannot be reached: check the responder's base url";
            let error = Error::new(Kind::Unavailable, message).origin(Origin::Network);
            match kind {
                TransportErrorKind::Dns => error.obstacle(Obstacle::Name),
                TransportErrorKind::Tls => error.obstacle(Obstacle::Trust),
                _ => error,
            }
        }
        TransportErrorKind::ConnectionLost => {
            let message = "the connection to the model's server was lost";
            Error::new(Kind::Unavailable, message).origin(Origin::Network)
        }
        TransportErrorKind::BodyTooLarge => Error::new(
            Kind::InvalidResponse,
            "the model's answer is larger than the configured limit",
        ),
        TransportErrorKind::InvalidConfig
        | TransportErrorKind::InvalidUrl
        | TransportErrorKind::InvalidRequest => Error::new(
            Kind::Internal,
            "the responder's settings cannot be sent: check its api key",
        ),
        _ => Error::new(
            Kind::InvalidResponse,
            "the answer of the model's server cannot be read",
        ),
    };
    mapped.outcome(Outcome::NotApplied).source(error)
}

/// The stream ended properly, but in the middle of the answer.
pub(super) fn ended_early() -> Error {
    Error::new(
        Kind::UpstreamFailed,
        "the model's server ended the answer in the middle",
    )
    .retry(Retry::Temporary)
    .outcome(Outcome::NotApplied)
}

/// A failure that came inside an answer.
pub(super) fn from_failure(failure: Option<&Failure>) -> Error {
    let code = failure.and_then(Failure::code);
    let mapped = match code.as_deref() {
        Some("rate_limit_exceeded" | "rate_limit_error") => rate_limited(None),
        Some("context_length_exceeded") => too_long(),
        _ => Error::new(
            Kind::UpstreamFailed,
            "the model's server failed while it answered",
        )
        .retry(Retry::Temporary),
    };
    mapped.outcome(Outcome::NotApplied).upstream(Upstream {
        code,
        ..Upstream::default()
    })
}

/// An answer that is no success. Some servers repeat the key that they refuse: `key` is masked.
pub(super) fn from_refusal(response: &Response, key: Option<&SecretString>) -> Error {
    let refusal: Option<Refusal> = response.json().ok();
    let code = refusal
        .and_then(|refusal| refusal.error)
        .and_then(|failure| failure.code());
    let wait = response.retry_after(RETRY_AFTER_MAX);
    let mapped = match (response.status(), code.as_deref()) {
        (_, Some("context_length_exceeded")) => too_long(),
        (_, Some("model_not_found")) | (404, _) => Error::new(
            Kind::UpstreamFailed,
            "the model's server knows no such path or model: check the responder's base url and model",
        ),
        (401 | 403, _) => Error::new(
            Kind::UpstreamAuth,
            "the model's server refused our key: check the responder's api key",
        ),
        // Waiting does not help where the account is empty.
        (402, _) | (429, Some("insufficient_quota")) => Error::new(
            Kind::UpstreamFailed,
            "the account at the model's server is used up: check its plan",
        ),
        (429, _) => rate_limited(wait),
        (408 | 504, _) => Error::new(Kind::Timeout, "the model's server did not answer in time"),
        (413, _) => too_long(),
        // 529: some servers' word for too much to do.
        (502 | 503 | 529, _) => {
            Error::new(Kind::Unavailable, "the model's server is not available")
                .origin(Origin::Upstream)
                .retry_after(wait)
        }
        (300..=399, _) => Error::new(
            Kind::UpstreamFailed,
            "the model's server is elsewhere by now: check the responder's base url",
        ),
        (400..=499, _) => Error::new(
            Kind::UpstreamFailed,
            "the model's server refused the request: check the responder's model and settings",
        ),
        _ => Error::new(Kind::UpstreamFailed, "the model's server failed").retry(Retry::Temporary),
    };
    mapped.outcome(Outcome::NotApplied).upstream(Upstream {
        status: Some(response.status()),
        code,
        request_id: response.header("x-request-id").map(str::to_owned),
        excerpt: Some(excerpt(response.body(), key)),
    })
}

/// The beginning of a refusal. Masked before it is cut, so that no piece of the key is left at its end.
fn excerpt(body: &[u8], key: Option<&SecretString>) -> String {
    match key {
        Some(key) => {
            let body = String::from_utf8_lossy(body).replace(key.expose_secret(), MASK);
            transport::excerpt(body.as_bytes(), EXCERPT_CHARS)
        }
        None => transport::excerpt(body, EXCERPT_CHARS),
    }
}

/// The error without the key: a server may have repeated it where words of its own are expected.
pub(super) fn masked(mut error: Error, key: Option<&SecretString>) -> Error {
    if let (Some(key), Some(upstream)) = (key, &mut error.upstream) {
        for text in [&mut upstream.code, &mut upstream.request_id] {
            if text
                .as_ref()
                .is_some_and(|text| text.contains(key.expose_secret()))
            {
                *text = None;
            }
        }
    }
    error
}

fn rate_limited(wait: Option<Duration>) -> Error {
    Error::new(
        Kind::RateLimited,
        "the rate limit of the model's server is used up",
    )
    .origin(Origin::Upstream)
    .retry_after(wait)
}

fn too_long() -> Error {
    Error::new(
        Kind::UpstreamFailed,
        "the conversation is longer than the model takes: ask with a smaller `context`, or begin a new one",
    )
}
