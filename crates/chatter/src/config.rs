//! How one Chatter server is reached, and how long its answers may take.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use transport::TransportConfig;

/// A release line of the vendor's server. They differ in paths, list shapes and what a chat call leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Measured on commit 2e6f1dad: conversations under `/chat` only, no ratings, every chat call fails.
    V0,
    /// Measured on commit 56cfcd49: both prefixes, answers stored twice, streams without tokens that can lock a
    /// conversation.
    V1,
    /// Measured on commit fe43ba0b: `/conversations` only, streams for real.
    V2,
}

/// A word that names no generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownGeneration;

impl fmt::Display for UnknownGeneration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "not a generation of chatter: use `v0`, `v1` or `v2`, or leave it out to find it once",
        )
    }
}

impl std::error::Error for UnknownGeneration {}

impl FromStr for Generation {
    type Err = UnknownGeneration;

    fn from_str(text: &str) -> Result<Self, UnknownGeneration> {
        match text {
            "v0" => Ok(Self::V0),
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            _ => Err(UnknownGeneration),
        }
    }
}

/// How the backend itself logs in.
#[derive(Clone)]
pub enum ChatterCredentials {
    /// Not at all: every user brings a token.
    None,
    /// A token that somebody renews elsewhere (the vendor's live 30 minutes).
    Token(SecretString),
    /// A user name and a password: tokens are fetched, and renewed before they expire.
    Login {
        /// The user name.
        username: String,
        /// The password.
        password: SecretString,
    },
}

// By hand: a user name belongs to no log either.
impl fmt::Debug for ChatterCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token([hidden])",
            Self::Login { .. } => "Login([hidden])",
        })
    }
}

/// One Chatter server as a backend.
#[derive(Clone, Debug)]
pub struct ChatterConfig {
    /// Scheme, host and port, without `/api/v1`.
    pub base_url: String,
    /// How the backend itself logs in.
    pub credentials: ChatterCredentials,
    /// The server's generation; absent: found with two requests that change nothing, once.
    pub generation: Option<Generation>,
    /// Longest time for a write that runs no AI. Default 30 s. After some streams a write never ends (measured on
    /// commit 56cfcd49 with FastAPI 0.116), so it must not be endless.
    pub write_timeout: Duration,
    /// Longest time for an answer of the AI, and longest silence inside one. Default 300 s.
    pub answer_timeout: Duration,
    /// How long after a write's deadline the server may still carry it out; only then is a write that left no trace
    /// said to be not applied. Default 60 s.
    pub settle_after: Duration,
    /// How far the server's clock may be from ours. Default 5 s.
    pub clock_skew: Duration,
    /// The most requests in a minute for which copies are paced. Default: the server's own 100, which it counts for each
    /// path: new conversations share one.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Connections and limits.
    pub transport: TransportConfig,
}

impl ChatterConfig {
    /// A server with the default limits.
    #[must_use]
    pub fn new(base_url: impl Into<String>, credentials: ChatterCredentials) -> Self {
        Self {
            base_url: base_url.into(),
            credentials,
            generation: None,
            write_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(300),
            settle_after: Duration::from_secs(60),
            clock_skew: Duration::from_secs(5),
            requests_per_minute: None,
            transport: TransportConfig::default(),
        }
    }
}
