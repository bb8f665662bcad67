//! `[[backend]]`: one place where conversations can live.

use serde::{Deserialize, Serialize};
use url::Url;

use super::choice::choose;
use super::{Name, Secret};

/// One place where conversations can live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
    /// Its name in routes, headers and answers; unique, case-sensitive. Once conversations live
    /// there, the name stays with this kind and base URL. Required.
    pub name: Name,
    /// `store` (the embedded one) or `chatter`. Required.
    pub kind: BackendKind,
    /// The vendor's address, with scheme and without the API's own path. Required by `chatter`.
    pub base_url: Option<BaseUrl>,
    /// The vendor's access token, renewed elsewhere. `chatter` only; default: none.
    pub token: Option<Secret>,
    /// The user name to log in with, instead of a token: tokens are then fetched and renewed.
    /// `chatter` only, together with `password`.
    pub username: Option<String>,
    /// The password that belongs to `username`.
    pub password: Option<Secret>,
    /// The server's generation: `v0`, `v1` or `v2`. `chatter` only; default: found once, with
    /// requests that change nothing.
    pub generation: Option<GenerationKind>,
    /// Certificate authorities to trust besides those of the system, as PEM text, usually
    /// `${file:/path}`. `chatter` only; default: none.
    pub ca_pem: Option<String>,
    /// Who answers where the backend has no AI of its own: `echo` or `none`. `store` only;
    /// default: `echo`.
    pub responder: Option<ResponderKind>,
    /// How conversations that were made at the vendor without us become known: `on_list` (a list
    /// looks for them, at most once per `directory.discover_interval_seconds`) or `off`.
    /// `chatter` only; default: `on_list`.
    pub discovery: Option<DiscoveryKind>,
    /// The tenant that such conversations belong to. `chatter` only; default: none, only keys with
    /// the scope `unowned` see them.
    pub default_tenant: Option<Name>,
    /// Until a connection to the vendor stands, in seconds. Default: 5.
    #[serde(default = "connect_seconds")]
    pub connect_seconds: u64,
    /// For one write at the vendor that runs no AI, in seconds. Default: 30.
    #[serde(default = "write_seconds")]
    pub write_seconds: u64,
    /// For one answer of the vendor's AI, and the longest silence inside one, in seconds.
    /// Default: 300.
    #[serde(default = "answer_seconds")]
    pub answer_seconds: u64,
    /// How long after a lost write the vendor may still carry it out, in seconds; only then a write
    /// that left no trace counts as not applied. Default: 60.
    #[serde(default = "settle_after_seconds")]
    pub settle_after_seconds: u64,
    /// How far the vendor's clock may be from ours, in seconds. Default: 5.
    #[serde(default = "clock_skew_seconds")]
    pub clock_skew_seconds: u64,
}

fn connect_seconds() -> u64 {
    5
}

fn write_seconds() -> u64 {
    30
}

fn answer_seconds() -> u64 {
    300
}

fn settle_after_seconds() -> u64 {
    60
}

fn clock_skew_seconds() -> u64 {
    5
}

impl BackendConfig {
    /// The backend that is there without any configuration.
    pub(super) fn embedded_store() -> Self {
        Self {
            name: Name::store(),
            kind: BackendKind::Store,
            base_url: None,
            token: None,
            username: None,
            password: None,
            generation: None,
            ca_pem: None,
            responder: None,
            discovery: None,
            default_tenant: None,
            connect_seconds: connect_seconds(),
            write_seconds: write_seconds(),
            answer_seconds: answer_seconds(),
            settle_after_seconds: settle_after_seconds(),
            clock_skew_seconds: clock_skew_seconds(),
        }
    }

    /// Who answers here: the one set, else `echo` on the store and nobody elsewhere.
    pub fn effective_responder(&self) -> ResponderKind {
        self.responder.unwrap_or(match self.kind {
            BackendKind::Store => ResponderKind::Echo,
            BackendKind::Chatter => ResponderKind::None,
        })
    }

    /// How conversations made elsewhere become known: the way set, else on lists of a vendor. In
    /// the store there are none.
    pub fn effective_discovery(&self) -> DiscoveryKind {
        self.discovery.unwrap_or(match self.kind {
            BackendKind::Store => DiscoveryKind::Off,
            BackendKind::Chatter => DiscoveryKind::OnList,
        })
    }
}

/// What a backend speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum BackendKind {
    /// The embedded store.
    Store,
    /// A Chatter server.
    Chatter,
}

impl TryFrom<String> for BackendKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("store", Self::Store), ("chatter", Self::Chatter)])
    }
}

impl BackendKind {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Chatter => "chatter",
        }
    }
}

/// Who answers where the backend has no AI of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum ResponderKind {
    /// Repeats what the user said; for trials and tests.
    Echo,
    /// Nobody: asking for an answer is refused.
    None,
}

impl TryFrom<String> for ResponderKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("echo", Self::Echo), ("none", Self::None)])
    }
}

/// Which of its published forms a Chatter server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum GenerationKind {
    /// Conversations under the chat prefix only.
    V0,
    /// Both prefixes.
    V1,
    /// Conversations under their own prefix only.
    V2,
}

impl TryFrom<String> for GenerationKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(
            &word,
            &[("v0", Self::V0), ("v1", Self::V1), ("v2", Self::V2)],
        )
    }
}

/// How conversations that were made at a vendor without us become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum DiscoveryKind {
    /// A list looks for them.
    OnList,
    /// Not at all.
    Off,
}

impl TryFrom<String> for DiscoveryKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("on_list", Self::OnList), ("off", Self::Off)])
    }
}

/// A vendor's address: `http` or `https`, without credentials, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The address for the adapter.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The text itself is never repeated here: somebody may have put a password into it.
        let url =
            Url::parse(&text).map_err(|error| format!("this is not an absolute URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("a base URL starts with http:// or https:// and names a host".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a base URL holds no credentials, put them into `token`".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a base URL has no query and no fragment".to_owned());
        }
        Ok(Self(url))
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.0.into()
    }
}
