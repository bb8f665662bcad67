//! How one Convore account is reached, and how long its answers may take.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use transport::TransportConfig;

/// One Convore account as a backend.
#[derive(Clone, Debug)]
pub struct ConvoreConfig {
    /// Scheme, host and port, without `/v1`. A slash at the end changes nothing.
    pub base_url: String,
    /// The secret half of an API key. It implies the account.
    pub api_key: SecretString,
    /// The channel in which conversations are made. Those of all channels are read.
    pub channel_id: String,
    /// Longest time for a write. Default 30 s.
    pub write_timeout: Duration,
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

impl ConvoreConfig {
    /// An account with the default limits.
    #[must_use]
    pub fn new(
        base_url: impl Into<String>,
        api_key: impl Into<SecretString>,
        channel_id: impl Into<String>,
    ) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: api_key.into(),
            channel_id: channel_id.into(),
            write_timeout: Duration::from_secs(30),
            settle_after: Duration::from_secs(60),
            clock_skew: Duration::from_secs(5),
            requests_per_minute: None,
            transport: TransportConfig::default(),
        }
    }
}
