//! How one app of the vendor is reached, and how long its answers may take.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use transport::TransportConfig;

/// What a self-signed token may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JwtScope {
    /// Everything in one app: keys of an app (`app_…`).
    #[default]
    App,
    /// Everything in the account: keys of an account or a service account (`act_…`, `svc_…`).
    Account,
}

impl JwtScope {
    /// The vendor's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Account => "account",
        }
    }
}

/// A word that names no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownScope;

impl fmt::Display for UnknownScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a scope of sunshine's tokens: use `app` or `account`")
    }
}

impl std::error::Error for UnknownScope {}

impl FromStr for JwtScope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        match text {
            "app" => Ok(Self::App),
            "account" => Ok(Self::Account),
            _ => Err(UnknownScope),
        }
    }
}

/// How the backend logs in.
#[derive(Clone)]
pub enum SunshineCredentials {
    /// A key's id and secret with every call.
    Basic {
        /// The key's id, such as `app_…`.
        key_id: String,
        /// The key's secret.
        secret: SecretString,
    },
    /// A short-lived token that is signed with the key's secret, which itself is never sent.
    Jwt {
        /// The key's id, such as `app_…`.
        key_id: String,
        /// The key's secret.
        secret: SecretString,
        /// What the token may do.
        scope: JwtScope,
    },
    /// A token that somebody else made: an `OAuth` access token, or one signed elsewhere.
    Token(SecretString),
}

// By hand: a key's id belongs to no log either.
impl fmt::Debug for SunshineCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Basic { .. } => "Basic([hidden])",
            Self::Jwt { .. } => "Jwt([hidden])",
            Self::Token(_) => "Token([hidden])",
        })
    }
}

/// What an import does. The vendor has no history that can be written: every message that is stored is said now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// It is refused; imported history is kept beside the vendor.
    #[default]
    Overlay,
    /// It is posted: the business' messages silently, the users' so that bots and webhooks see them. Original times are
    /// kept in the metadata.
    Post,
}

/// A word that names no import mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownImportMode;

impl fmt::Display for UnknownImportMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an import mode of sunshine: use `overlay` or `post`")
    }
}

impl std::error::Error for UnknownImportMode {}

impl FromStr for ImportMode {
    type Err = UnknownImportMode;

    fn from_str(text: &str) -> Result<Self, UnknownImportMode> {
        match text {
            "overlay" => Ok(Self::Overlay),
            "post" => Ok(Self::Post),
            _ => Err(UnknownImportMode),
        }
    }
}

/// One app of the vendor as a backend.
#[derive(Clone, Debug)]
pub struct SunshineConfig {
    /// Scheme and host, with `/sc` where the account is a licensed one (`https://example.zendesk.com/sc`,
    /// `https://api.smooch.io`). `/v2/apps/{appId}` is appended.
    pub base_url: String,
    /// The app's id.
    pub app_id: String,
    /// How the backend logs in.
    pub credentials: SunshineCredentials,
    /// What an import does.
    pub import_mode: ImportMode,
    /// Longest time for a write. Default 30 s.
    pub write_timeout: Duration,
    /// How long after a write's deadline the vendor may still carry it out; only then is a write that left no trace
    /// said to be not applied. Default 60 s.
    pub settle_after: Duration,
    /// How far the vendor's clock may be from ours. Default 5 s.
    pub clock_skew: Duration,
    /// The most requests in a minute for which copies are paced. Default: none, because the vendor names no number.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Connections and limits.
    pub transport: TransportConfig,
}

impl SunshineConfig {
    /// An app with the default limits.
    #[must_use]
    pub fn new(
        base_url: impl Into<String>,
        app_id: impl Into<String>,
        credentials: SunshineCredentials,
    ) -> Self {
        Self {
            base_url: base_url.into(),
            app_id: app_id.into(),
            credentials,
            import_mode: ImportMode::default(),
            write_timeout: Duration::from_secs(30),
            settle_after: Duration::from_secs(60),
            clock_skew: Duration::from_secs(5),
            requests_per_minute: None,
            transport: TransportConfig::default(),
        }
    }
}
