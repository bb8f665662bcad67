//! How a backend fails: what kind, whether trying again helps, whose fault it is, and what became of the write.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use conversation::Violation;
use serde::{Deserialize, Serialize};

/// The result of every port.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, for callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request breaks a rule that holds on every backend.
    InvalidRequest,
    /// The cursor is not one of ours, or belongs to another list.
    InvalidCursor,
    /// There is no such conversation, message or backend, or the caller may not know of it.
    NotFound,
    /// The caller may not do this.
    Forbidden,
    /// This backend has no such operation.
    Unsupported,
    /// The backend cannot hold what was sent; `violations` name each field.
    NotHeld,
    /// `respond` has no input and no unanswered message of a user.
    NothingToAnswer,
    /// The resource is not what the caller last saw.
    PreconditionFailed,
    /// The resource is in a state that rules the request out.
    Conflict,
    /// Somebody else is writing to the conversation.
    Busy,
    /// The conversation has just been bound to another backend. Nothing was done; the router finds it again.
    Moved,
    /// The conversation holds as many messages as the backend allows.
    Full,
    /// Too many requests.
    RateLimited,
    /// The gateway has no capacity left.
    Overloaded,
    /// The backend or the gateway's own state cannot be reached or does not work at the moment.
    Unavailable,
    /// No room is left to store anything.
    StorageFull,
    /// The backend refused our credential.
    UpstreamAuth,
    /// Access to the conversation has ended by itself, and nothing can renew it: what the gateway keeps is all there is.
    AccessEnded,
    /// The backend failed, or answered what its contract does not allow.
    UpstreamFailed,
    /// The backend's answer cannot be read.
    InvalidResponse,
    /// The deadline passed.
    Timeout,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// The kind as a stable word, for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::InvalidCursor => "invalid-cursor",
            Self::NotFound => "not-found",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::NotHeld => "not-held",
            Self::NothingToAnswer => "nothing-to-answer",
            Self::PreconditionFailed => "precondition-failed",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::Moved => "moved",
            Self::Full => "full",
            Self::RateLimited => "rate-limited",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::StorageFull => "storage-full",
            Self::UpstreamAuth => "upstream-auth",
            Self::AccessEnded => "access-ended",
            Self::UpstreamFailed => "upstream-failed",
            Self::InvalidResponse => "invalid-response",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// The same request fails again.
    Permanent,
    /// It may work later.
    Temporary,
    /// It was tried again and still failed.
    Exhausted,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The caller's.
    Client,
    /// Ours.
    Gateway,
    /// The vendor's.
    Upstream,
    /// Between us and the vendor.
    Network,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Certainly nothing changed.
    NotApplied,
    /// It was done, though the answer failed.
    Applied,
    /// It may have been done.
    Unknown,
}

/// What kept a connection from being made, where it was more than nobody taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// The host's name cannot be resolved.
    Name,
    /// Who answers there did not prove who it is.
    Trust,
}

/// What the vendor said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Its own word for the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its id of the request, for its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The beginning of its words, without secrets; never shown to callers, only logged at debug level.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

/// A failure of a backend or port. One pointer wide; the details are behind it.
#[derive(Clone)]
pub struct Error(Box<ErrorDetails>);

/// The details of an [`Error`].
#[derive(Debug, Clone)]
pub struct ErrorDetails {
    /// What went wrong.
    pub kind: Kind,
    /// Words for a person: lower case, without secrets, message text or a vendor's body.
    pub message: String,
    /// Whether trying again can help.
    pub retry: Retry,
    /// How long to wait before trying again, where known.
    pub retry_after: Option<Duration>,
    /// Whose fault it is.
    pub origin: Origin,
    /// What became of the write; reads are never applied.
    pub outcome: Outcome,
    /// Why the backend cannot be reached, where that is known.
    pub obstacle: Option<Obstacle>,
    /// The backend's name, where one was involved.
    pub backend: Option<Box<str>>,
    /// The operation, such as `post_message`.
    pub operation: Option<&'static str>,
    /// What the vendor said.
    pub upstream: Option<Upstream>,
    /// The members of the request that are refused, and why.
    pub violations: Vec<Violation>,
    /// The error below, for logs.
    pub source: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure with the usual retry, origin and outcome of its kind.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (retry, origin, outcome) = match kind {
            Kind::InvalidRequest
            | Kind::InvalidCursor
            | Kind::NotFound
            | Kind::Forbidden
            | Kind::Unsupported
            | Kind::NotHeld
            | Kind::NothingToAnswer
            | Kind::PreconditionFailed
            | Kind::Conflict
            | Kind::Full => (Retry::Permanent, Origin::Client, Outcome::NotApplied),
            Kind::Busy | Kind::Moved | Kind::RateLimited | Kind::Overloaded | Kind::Unavailable => {
                (Retry::Temporary, Origin::Gateway, Outcome::NotApplied)
            }
            Kind::StorageFull => (Retry::Temporary, Origin::Gateway, Outcome::NotApplied),
            Kind::UpstreamAuth | Kind::AccessEnded => {
                (Retry::Permanent, Origin::Upstream, Outcome::NotApplied)
            }
            Kind::UpstreamFailed | Kind::InvalidResponse => {
                (Retry::Permanent, Origin::Upstream, Outcome::Unknown)
            }
            Kind::Timeout => (Retry::Temporary, Origin::Network, Outcome::Unknown),
            Kind::Internal => (Retry::Permanent, Origin::Gateway, Outcome::Unknown),
        };
        Self(Box::new(ErrorDetails {
            kind,
            message: message.into(),
            retry,
            retry_after: None,
            origin,
            outcome,
            obstacle: None,
            backend: None,
            operation: None,
            upstream: None,
            violations: Vec::new(),
            source: None,
        }))
    }

    /// With another origin.
    #[must_use]
    pub fn origin(mut self, origin: Origin) -> Self {
        self.0.origin = origin;
        self
    }

    /// With another outcome.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    /// With what kept the connection from being made.
    #[must_use]
    pub fn obstacle(mut self, obstacle: Obstacle) -> Self {
        self.0.obstacle = Some(obstacle);
        self
    }

    /// With another answer to whether trying again helps.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// With the backend and the operation, unless they are named already.
    #[must_use]
    pub fn at(mut self, backend: &str, operation: &'static str) -> Self {
        self.0.backend.get_or_insert_with(|| backend.into());
        self.0.operation.get_or_insert(operation);
        self
    }

    /// With what the vendor said.
    #[must_use]
    pub fn upstream(mut self, upstream: Upstream) -> Self {
        self.0.upstream = Some(upstream);
        self
    }

    /// With the refused members.
    #[must_use]
    pub fn violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// With the error below.
    #[must_use]
    pub fn source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(std::sync::Arc::new(source));
        self
    }

    /// True where trying again, perhaps later, can help: also where it was tried several times already.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.retry != Retry::Permanent
    }

    /// No such conversation, or none that the caller may know of.
    #[must_use]
    pub fn conversation_not_found() -> Self {
        Self::new(Kind::NotFound, "conversation not found")
    }

    /// No such message in the conversation.
    #[must_use]
    pub fn message_not_found() -> Self {
        Self::new(Kind::NotFound, "message not found")
    }

    /// The backend has no such operation.
    #[must_use]
    pub fn unsupported(backend: &str, operation: &'static str) -> Self {
        Self::new(
            Kind::Unsupported,
            format!("backend `{backend}` cannot {}", operation.replace('_', " ")),
        )
        .at(backend, operation)
    }
}

impl Deref for Error {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut ErrorDetails {
        &mut self.0
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
