//! A call that brought no usable answer, and what it means where the vendor has no words of its own for it.

use std::fmt;
use std::time::Duration;

use backend::{Error, Kind, Obstacle, Origin, Outcome, Retry, Upstream};
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
        TransportErrorKind::Dns => {
            let message =
                format!("{vendor}'s host name cannot be resolved: check the backend's base url");
            Error::new(Kind::Unavailable, message)
                .origin(Origin::Network)
                .obstacle(Obstacle::Name)
        }
        TransportErrorKind::Connect => {
            let message = format!(
                "{vendor} takes no connection: is it down, or the backend's base url wrong?"
            );
            Error::new(Kind::Unavailable, message).origin(Origin::Network)
        }
        // The same certificate is refused again.
        TransportErrorKind::Tls => {
            let message = format!(
                "{vendor}'s certificate or TLS handshake was refused: check the backend's base url and certificate authorities"
            );
            Error::new(Kind::Unavailable, message)
                .origin(Origin::Network)
                .obstacle(Obstacle::Trust)
                .retry(Retry::Permanent)
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
        503 if lost_behind_a_proxy(&refusal.body) => {
            let message = format!("a proxy lost its connection to {vendor} before the answer");
            Error::new(Kind::Unavailable, message)
                .origin(Origin::Upstream)
                .outcome(effect.outcome(Outcome::Unknown))
                .retry_after(refusal.retry_after)
        }
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

/// How Envoy, and meshes that are made of it, say with a 503 that they lost the server before its answer began.
const LOST: &str = "upstream connect error or disconnect/reset before headers";
/// What follows where certainly nothing was sent: there was no connection, or no room for a request.
const NEVER_SENT: [&str; 5] = [
    ". reset reason: connection failure",
    ". reset reason: local connection failure",
    ". reset reason: remote connection failure",
    ". reset reason: connection timeout",
    ". reset reason: overflow",
];

/// Whether a proxy says that the request may have reached the server. Other words of a 503 are the server's own, or those
/// of a proxy that has none to ask.
fn lost_behind_a_proxy(body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else {
        return false;
    };
    text.trim_start()
        .strip_prefix(LOST)
        .is_some_and(|reason| !NEVER_SENT.iter().any(|never| reason.starts_with(never)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &'static str) -> Refusal {
        Refusal {
            status,
            content_type: "text/plain".to_owned(),
            retry_after: None,
            request_id: None,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn a_503_is_not_applied_unless_a_proxy_lost_the_server() {
        use Outcome::{NotApplied, Unknown};
        let table = [
            ("", NotApplied),
            ("Service Unavailable", NotApplied),
            ("no healthy upstream", NotApplied),
            (
                "upstream connect error or disconnect/reset before headers",
                Unknown,
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
                Unknown,
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
                Unknown,
            ),
            // An earlier try may have been sent.
            (
                "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: connection failure",
                Unknown,
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
                NotApplied,
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: 111",
                NotApplied,
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: overflow",
                NotApplied,
            ),
        ];
        for (body, outcome) in table {
            let refusal = refusal(503, body);
            let write = from_refusal(&refusal, "vendor", Effect::Write);
            assert_eq!(
                (write.kind, write.origin, write.outcome),
                (Kind::Unavailable, Origin::Upstream, outcome),
                "{body}"
            );
            let read = from_refusal(&refusal, "vendor", Effect::Read);
            assert_eq!(read.outcome, NotApplied, "{body}");
        }
    }
}
