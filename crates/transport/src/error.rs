//! What can go wrong on the way to a remote service and back.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// A call that brought no usable answer.
///
/// Neither `Display` nor `Debug` nor the source ever holds a URL, a body, a header's value or a secret.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct TransportError {
    kind: TransportErrorKind,
    delivery: Delivery,
    detail: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The sort of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The settings cannot be used: a limit of zero, or a PEM text without a certificate.
    InvalidConfig,
    /// The base URL cannot be used.
    InvalidUrl,
    /// The request itself cannot be built: an unusable path segment, a header with a line break, a body that does
    /// not serialise. The caller's data is at fault, not the remote service.
    InvalidRequest,
    /// The host's name could not be resolved.
    Dns,
    /// No connection: refused, unreachable, or closed during the TLS handshake.
    Connect,
    /// The TLS handshake was refused: wrong name, expired or unknown certificate, no common protocol. A repeat
    /// will not help.
    Tls,
    /// Nothing came in time, or the deadline passed.
    Timeout(Phase),
    /// The connection was reset or closed before the answer was complete.
    ConnectionLost,
    /// The answer's body (or one line or event of a stream) is larger than the limit.
    BodyTooLarge,
    /// The answer is not what it must be: broken HTTP, broken compression, not JSON, of another shape, nested too
    /// deep, not UTF-8.
    InvalidResponse,
}

/// Where a call stood when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The deadline had passed before anything was sent.
    BeforeSending,
    /// While connecting.
    Connecting,
    /// While waiting for the answer's status and headers.
    WaitingForAnswer,
    /// While reading the answer's body.
    ReadingAnswer,
}

/// Whether the request can have reached the remote service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Certainly not one byte of it was sent, so nothing can have been applied.
    NotSent,
    /// It may have arrived and may have been applied.
    MaybeSent,
}

impl TransportError {
    /// An error that has no other error as its cause.
    pub(crate) fn new(
        kind: TransportErrorKind,
        delivery: Delivery,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            delivery,
            detail: detail.into(),
            source: None,
        }
    }

    /// The same error with its cause, which must not hold a URL, a body or a secret.
    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// A request that cannot be built; nothing was sent.
    pub(crate) fn invalid_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            TransportErrorKind::InvalidRequest,
            Delivery::NotSent,
            detail,
        )
    }

    /// An answer that came and cannot be used.
    pub(crate) fn invalid_response(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            TransportErrorKind::InvalidResponse,
            Delivery::MaybeSent,
            detail,
        )
    }

    /// An answer that is larger than a limit.
    pub(crate) fn too_large(what: &str, limit_bytes: usize) -> Self {
        Self::new(
            TransportErrorKind::BodyTooLarge,
            Delivery::MaybeSent,
            format!("{what} is larger than {limit_bytes} bytes"),
        )
    }

    /// The sort of failure.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether the request can have reached the remote service. [`Delivery::NotSent`] is certain.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// What happened, in words for an operator: without URL, body or secret.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for TransportErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidConfig => "invalid transport settings",
            Self::InvalidUrl => "invalid base url",
            Self::InvalidRequest => "invalid request",
            Self::Dns => "name not resolved",
            Self::Connect => "no connection",
            Self::Tls => "tls handshake failed",
            Self::Timeout(Phase::BeforeSending) => "deadline passed before sending",
            Self::Timeout(Phase::Connecting) => "timeout while connecting",
            Self::Timeout(Phase::WaitingForAnswer) => "timeout while waiting for the answer",
            Self::Timeout(Phase::ReadingAnswer) => "timeout while reading the answer",
            Self::ConnectionLost => "connection lost",
            Self::BodyTooLarge => "answer too large",
            Self::InvalidResponse => "invalid answer",
        })
    }
}
