//! A call that brought no usable answer, and what it means where the vendor has no words of its own for it.

use std::fmt;
use std::time::Duration;

use backend::{Error, Kind, Origin, Outcome, Upstream};
use bytes::Bytes;
use transport::{Delivery, Response, TransportError, TransportErrorKind};

/// The longest wait that a vendor may ask for; a longer one is cut to it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// What a call can have done before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// It may have changed something.
    Write,
}

impl Effect {
    /// The outcome, where a write's is `outcome`: a read is never applied.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Outcome {
        match self {
            Self::Read => Outcome::NotApplied,
            Self::Write => outcome,
        }
    }
}

/// An answer that is no success.
#[derive(Clone)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The media type, with parameters; empty where none was sent.
    pub content_type: String,
    /// How long the server asks to wait, at most five minutes.
    pub retry_after: Option<Duration>,
    /// The server's id of the request, where it tells one.
    pub request_id: Option<String>,
    /// The body.
    pub body: Bytes,
}

// By hand: a body may hold message text.
impl fmt::Debug for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Refusal")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// The answer as a refusal; `request_id` is the header with the server's id of the request, where it has one.
    #[must_use]
    pub fn of(response: Response, request_id: Option<&str>) -> Self {
        Self {
            status: response.status(),
            content_type: response
                .header("content-type")
                .unwrap_or_default()
                .to_owned(),
            retry_after: response.retry_after(RETRY_AFTER_MAX),
            request_id: request_id
                .and_then(|name| response.header(name))
                .map(str::to_owned),
            body: response.into_body(),
        }
    }

    /// What is told of it to callers: status and request id, and the vendor's own word where it has one.
    #[must_use]
    pub fn upstream(&self, code: Option<String>) -> Upstream {
        Upstream {
            status: Some(self.status),
            code,
            request_id: self.request_id.clone(),
            excerpt: None,
        }
    }
}

/// A call that brought no usable answer.
#[derive(Debug)]
pub enum Failure {
    /// Nothing usable came back.
    Transport(TransportError),
    /// The server answered with another status than success.
    Refused(Box<Refusal>),
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// What it means that nothing usable came back. `vendor` is the name as it stands in sentences.
#[must_use]
pub fn from_transport(error: TransportError, vendor: &str, effect: Effect) -> Error {
    let outcome = match error.delivery() {
        Delivery::NotSent => Outcome::NotApplied,
        Delivery::MaybeSent => effect.outcome(Outcome::Unknown),
    };
    let mapped = match error.kind() {
        TransportErrorKind::Timeout(_) => {
            Error::new(Kind::Timeout, format!("{vendor} did not answer in time"))
        }
        TransportErrorKind::Dns | TransportErrorKind::Connect | TransportErrorKind::Tls => {
            let message = format!("{vendor} cannot be reached: check the backend's base url");
            Error::new(Kind::Unavailable, message).origin(Origin::Network)
        }
        TransportErrorKind::ConnectionLost => {
            let message = format!("the connection to {vendor} was lost");
            Error::new(Kind::Unavailable, message).origin(Origin::Network)
        }
        TransportErrorKind::BodyTooLarge => {
            let message = format!("{vendor}'s answer is larger than the configured limit");
            Error::new(Kind::InvalidResponse, message)
        }
        TransportErrorKind::InvalidRequest => Error::new(
            Kind::InvalidRequest,
            "a name in the request cannot be part of a path or header",
        ),
        TransportErrorKind::InvalidConfig | TransportErrorKind::InvalidUrl => {
            Error::new(Kind::Internal, "the backend's settings cannot be used")
        }
        _ => Error::new(
            Kind::InvalidResponse,
            format!("{vendor}'s answer cannot be read"),
        ),
    };
    mapped.outcome(outcome).source(error)
}

/// What a refusal means by its status alone, for the statuses that mean the same at every vendor. An adapter looks at
/// its own first; what is left after this is a failure of the vendor.
#[must_use]
pub fn from_refusal(refusal: &Refusal, vendor: &str, effect: Effect) -> Error {
    let mapped = match refusal.status {
        401 | 403 => Error::new(
            Kind::UpstreamAuth,
            format!("{vendor} refused our credential: check this backend's credentials"),
        ),
        413 => Error::new(
            Kind::InvalidRequest,
            format!("the request is larger than {vendor} takes"),
        ),
        429 => Error::new(
            Kind::RateLimited,
            format!("{vendor}'s rate limit is used up"),
        )
        .origin(Origin::Upstream)
        .retry_after(refusal.retry_after),
        503 => Error::new(Kind::Unavailable, format!("{vendor} is not available"))
            .origin(Origin::Upstream)
            .retry_after(refusal.retry_after),
        502 | 504 => {
            let message = format!("a proxy could not reach {vendor}, or not in time");
            Error::new(Kind::Unavailable, message)
                .origin(Origin::Upstream)
                .outcome(effect.outcome(Outcome::Unknown))
        }
        // Redirects are not followed, and a path that is not served was not carried out.
        300..=399 | 404 | 405 => {
            let message =
                format!("{vendor} does not serve this path: check the backend's base url");
            Error::new(Kind::UpstreamFailed, message).outcome(Outcome::NotApplied)
        }
        400..=499 => Error::new(
            Kind::UpstreamFailed,
            format!("{vendor} refused the request"),
        )
        .outcome(Outcome::NotApplied),
        _ => Error::new(Kind::UpstreamFailed, format!("{vendor} failed"))
            .outcome(effect.outcome(Outcome::Unknown)),
    };
    mapped.upstream(refusal.upstream(None))
}
