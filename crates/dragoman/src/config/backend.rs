//! `[[backend]]`: one place where conversations can live.

use serde::{Deserialize, Serialize};
use url::Url;

use super::kinds::{
    BackendKind, ContextKind, DiscoveryKind, DriftKind, GenerationKind, ImportKind, ResponderKind,
    SignInKind,
};
use super::responder::{self, ResponderConfig};
use super::{Name, Secret};

/// One place where conversations can live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
    /// Its name in routes, headers and answers; unique, case-sensitive. Once conversations live
    /// there, the name stays with this kind and base URL. Required.
    pub name: Name,
    /// `store` (a place in the embedded database), `chatter`, `datamonkey`, `sunshine` or `convore`. Required.
    pub kind: BackendKind,
    /// The vendor's address, with scheme and without the API's own path. Required by every kind
    /// but `store`.
    pub base_url: Option<BaseUrl>,
    /// An access token or API key of the vendor, renewed elsewhere. Required by `convore`; `chatter`
    /// and `sunshine` take one instead of their other ways to log in.
    pub token: Option<Secret>,
    /// The user name to log in with, instead of a token: tokens are then fetched and renewed.
    /// `chatter` only, together with `password`.
    pub username: Option<String>,
    /// The password that belongs to `username`.
    pub password: Option<Secret>,
    /// The server's generation: `v0`, `v1` or `v2`. `chatter` only; default: found once, with
    /// requests that change nothing.
    pub generation: Option<GenerationKind>,
    /// The secret with which the vendor's server signs its tokens: with it access does not end after
    /// 24 hours. `datamonkey` only; default: none.
    pub signing_key: Option<Secret>,
    /// The vendor's id of the app. Required by `sunshine`.
    pub app_id: Option<String>,
    /// The id of an API key of the vendor, together with `key_secret`. `sunshine` only.
    pub key_id: Option<String>,
    /// The secret that belongs to `key_id`.
    pub key_secret: Option<Secret>,
    /// How `key_id` and `key_secret` are used: `basic`, or a token signed with them, `jwt_app` or
    /// `jwt_account`. `sunshine` only; default: `basic`.
    pub sign_in: Option<SignInKind>,
    /// What an import becomes: `overlay` (kept here whole, because it would reach customers and
    /// bots) or `post`. `sunshine` only; default: `overlay`.
    pub import_mode: Option<ImportKind>,
    /// The vendor's id of the channel in which new conversations are made. Required by `convore`.
    pub channel_id: Option<String>,
    /// Certificate authorities to trust besides those of the system, as PEM text, usually
    /// `${file:/path}`. Not for `store`; default: none.
    pub ca_pem: Option<String>,
    /// Who answers where the backend has no AI of its own: `echo` or `none` as one word, or a table
    /// `[backend.responder]`. `store`, `sunshine` and `convore` only; the answers reach the customers
    /// of the latter two. Default: `echo` for `store`, else `none`.
    #[serde(
        default,
        deserialize_with = "responder::read",
        serialize_with = "responder::write"
    )]
    pub responder: Option<ResponderConfig>,
    /// How conversations that were made at the vendor without us become known: `on_list` (a list
    /// looks for them, at most once per `directory.discover_interval_seconds`) or `off`.
    /// Not for `store`; default: `on_list`.
    pub discovery: Option<DiscoveryKind>,
    /// The tenant that such conversations belong to. `chatter` and `convore` only (elsewhere they
    /// belong to the user for whom they were found); default: none, only keys with the scope
    /// `unowned` see them.
    pub default_tenant: Option<Name>,
    /// What is shown of a field that is kept beside the vendor and was changed at the vendor, past
    /// the gateway: `backend` (the vendor's value) or `kept` (ours). Not for `store`; default:
    /// `backend`.
    pub drift: Option<DriftKind>,
    /// How old an index of a conversation's messages may be before a list reads them again, although
    /// the vendor's change mark stands still, in seconds. Not for `store`; default: 60.
    pub index_max_age_seconds: Option<u64>,
    /// What the AI is told of messages that the vendor does not hold, where a request does not say:
    /// `transcript` or `none`. Not for `store`; default: `transcript`.
    pub context: Option<ContextKind>,
    /// The longest such transcript, in tokens, counted as a quarter of its characters. Not for
    /// `store`; default: 4000.
    pub context_max_tokens: Option<u64>,
    /// The most memory for what is kept beside the vendor, in bytes; 0 holds nothing in memory. Where
    /// several replicas serve nothing is held. Not for `store`; default: 33554432 (32 MiB).
    pub overlay_cache_max_bytes: Option<u64>,
    /// The most requests to the vendor in a minute that migrations make, for each replica; what callers do
    /// comes on top.
    /// Not for `store`; default: what the vendor documents.
    pub requests_per_minute: Option<u64>,
    /// For one attempt of a read at the vendor, in seconds. Not for `store`; default: 30.
    pub read_seconds: Option<u64>,
    /// The most calls to the vendor that run at once, streamed answers included, for each replica; who must
    /// wait longer than 10 s gets 429. Not for `store`; default: 128.
    pub calls_at_once_max: Option<u64>,
    /// The most calls to the vendor in a minute with one credential, for each replica. Not for `store`; default: no limit
    /// but the vendor's own, which is learned from its 429.
    pub calls_per_minute: Option<u64>,
    /// After so many failures, among at most twice as many calls of a minute, the vendor is left alone
    /// for a moment; 1 to 20. Not for `store`; default: 10.
    pub breaker_failures: Option<u64>,
    /// How many calls may be repeated for each hundred calls of the last 10 s, 0 to 100; 0 repeats
    /// nothing, else 10 may always be. Not for `store`; default: 20.
    pub retry_budget_percent: Option<u64>,
    /// The longest wait that a vendor may ask for and a caller is kept for, in seconds; a longer one is
    /// told to the caller. Not for `store`; default: 30.
    pub retry_after_max_seconds: Option<u64>,
    /// How old an answer to a read may be that is given instead of asking the vendor, in seconds; 0 asks
    /// each time. Each replica remembers its own. Not for `store`; default: 0.
    pub cache_seconds: Option<u64>,
    /// The most memory for what the vendor answered to reads, in bytes; 0 remembers nothing. Not for
    /// `store`; default: 33554432 (32 MiB).
    pub cache_max_bytes: Option<u64>,
    /// How old an answer may be that is given, marked with its age, where the vendor is down, in seconds;
    /// 0 gives none. Not for `store`; default: 86400 (a day).
    pub stale_seconds: Option<u64>,
    /// Whether keys with the scope `passthrough` may call the vendor's own API here, with the credentials
    /// of this backend. Not for `store`; default: false.
    pub passthrough: Option<bool>,
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
            signing_key: None,
            app_id: None,
            key_id: None,
            key_secret: None,
            sign_in: None,
            import_mode: None,
            channel_id: None,
            ca_pem: None,
            responder: None,
            discovery: None,
            default_tenant: None,
            drift: None,
            index_max_age_seconds: None,
            context: None,
            context_max_tokens: None,
            overlay_cache_max_bytes: None,
            requests_per_minute: None,
            read_seconds: None,
            calls_at_once_max: None,
            calls_per_minute: None,
            breaker_failures: None,
            retry_budget_percent: None,
            retry_after_max_seconds: None,
            cache_seconds: None,
            cache_max_bytes: None,
            stale_seconds: None,
            passthrough: None,
            connect_seconds: connect_seconds(),
            write_seconds: write_seconds(),
            answer_seconds: answer_seconds(),
            settle_after_seconds: settle_after_seconds(),
            clock_skew_seconds: clock_skew_seconds(),
        }
    }

    /// Who answers here: the one set, else `echo` on the store and nobody elsewhere.
    pub fn effective_responder(&self) -> ResponderKind {
        let set = self.responder.as_ref().map(|responder| responder.kind);
        set.unwrap_or(match self.kind {
            BackendKind::Store => ResponderKind::Echo,
            BackendKind::Chatter
            | BackendKind::Datamonkey
            | BackendKind::Sunshine
            | BackendKind::Convore => ResponderKind::None,
        })
    }

    /// How conversations made elsewhere become known: the way set, else on lists of a vendor. In
    /// the store there are none.
    pub fn effective_discovery(&self) -> DiscoveryKind {
        self.discovery.unwrap_or(match self.kind {
            BackendKind::Store => DiscoveryKind::Off,
            BackendKind::Chatter
            | BackendKind::Datamonkey
            | BackendKind::Sunshine
            | BackendKind::Convore => DiscoveryKind::OnList,
        })
    }
}

/// A vendor's address: `http` or `https`, without credentials, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The address without a slash at its end, for what is put behind it.
    pub(crate) fn without_slash(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

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
