//! How one Datamonkey server is reached, and how long its answers may take.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use transport::TransportConfig;

/// The path of every operation, after the server's own prefix.
const API: &str = "/api/v1";

/// One Datamonkey server as a backend.
#[derive(Clone)]
pub struct DatamonkeyConfig {
    /// Scheme, host, port and path prefix. `/api/v1` is appended unless the URL ends with it already.
    pub base_url: String,
    /// The secret (HS256) with which the server signs its tokens, where the operator has it: then access never ends.
    pub signing_key: Option<SecretString>,
    /// Longest time for a write that runs no AI. Default 30 s.
    pub write_timeout: Duration,
    /// Longest time for an answer of the AI. Default 300 s. The server itself has no limit.
    pub answer_timeout: Duration,
    /// How long after a write's deadline the server may still carry it out; only then is a write that left no trace
    /// said to be not applied. Default 60 s.
    pub settle_after: Duration,
    /// How far the server's clock may be from ours. Default 5 s.
    pub clock_skew: Duration,
    /// The most requests in a minute for which copies are paced. Default: none, because the vendor names no number.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Connections and limits.
    pub transport: TransportConfig,
}

impl DatamonkeyConfig {
    /// A server with the default limits and no signing key.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            signing_key: None,
            write_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(300),
            settle_after: Duration::from_secs(60),
            clock_skew: Duration::from_secs(5),
            requests_per_minute: None,
            transport: TransportConfig::default(),
        }
    }

    /// The URL below which every operation lies.
    pub(crate) fn api_url(&self) -> String {
        let base = self.base_url.trim_end_matches('/');
        if base.ends_with(API) {
            base.to_owned()
        } else {
            format!("{base}{API}")
        }
    }
}

// By hand: who can read the signing key can be any of the vendor's users.
impl fmt::Debug for DatamonkeyConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DatamonkeyConfig")
            .field("base_url", &self.base_url)
            .field(
                "signing_key",
                &self.signing_key.as_ref().map(|_| "[hidden]"),
            )
            .field("write_timeout", &self.write_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .field("settle_after", &self.settle_after)
            .field("clock_skew", &self.clock_skew)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_api_is_appended_once() {
        let table = [
            ("http://monkey.example", "http://monkey.example/api/v1"),
            ("http://monkey.example/", "http://monkey.example/api/v1"),
            (
                "http://monkey.example/api/v1",
                "http://monkey.example/api/v1",
            ),
            (
                "http://monkey.example/api/v1/",
                "http://monkey.example/api/v1",
            ),
            (
                "https://monkey.example:8443/science",
                "https://monkey.example:8443/science/api/v1",
            ),
        ];
        for (base, expected) in table {
            assert_eq!(DatamonkeyConfig::new(base).api_url(), expected);
        }
    }
}
