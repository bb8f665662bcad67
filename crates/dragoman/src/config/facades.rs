//! `[facades]`: the vendors' APIs that are served beside our own.

use serde::{Deserialize, Serialize};

use super::words::Words;
use super::{BaseUrl, Name, Secret};

/// The vendors' APIs that are served beside our own, each below `/facade/<vendor>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FacadesConfig {
    /// Chatter's API.
    pub chatter: ChatterFacadeConfig,
    /// Datamonkey's API.
    pub datamonkey: DatamonkeyFacadeConfig,
    /// The API of Sunshine Conversations.
    pub sunshine: SunshineFacadeConfig,
    /// Convore's API.
    pub convore: ConvoreFacadeConfig,
}

/// `[facades.chatter]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatterFacadeConfig {
    /// Whether it is served. Default: true.
    pub enabled: bool,
    /// Requests a minute for each path and caller, counted by all replicas together; 0: no limit, and headers that say so.
    /// Chats, streams and lists of a user have 30, 20 and 60 percent of it, as at the vendor. Default: 100, the vendor's
    /// own.
    pub requests_per_minute: u32,
    /// What stands before `/problems/` in the type of a problem. Default: `http://localhost:8000`, the vendor's own.
    pub problems_base: Option<BaseUrl>,
}

impl Default for ChatterFacadeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            requests_per_minute: 100,
            problems_base: None,
        }
    }
}

/// `[facades.datamonkey]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatamonkeyFacadeConfig {
    /// Whether it is served. Default: true.
    pub enabled: bool,
    /// The secret with which tokens of users without a key are signed, at least 32 bytes. Default: made at the first use
    /// and kept sealed.
    pub signing_key: Option<Secret>,
    /// Who may come without a key. Default: nobody.
    pub anonymous: Option<AnonymousConfig>,
}

impl Default for DatamonkeyFacadeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            signing_key: None,
            anonymous: None,
        }
    }
}

/// `[facades.datamonkey.anonymous]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnonymousConfig {
    /// The tenant to which everybody without a key belongs, each as an end user of its own. Required.
    pub tenant: Option<Name>,
    /// The most end users that can be made in a minute. Required.
    pub sessions_per_minute: Option<u32>,
}

/// `[facades.sunshine]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SunshineFacadeConfig {
    /// Whether it is served. Default: true.
    pub enabled: bool,
    /// The ids of apps that are known; empty: any. Default: empty.
    pub app_ids: Words,
    /// Scheme, host and path under which callers reach the facade: links and media URLs begin with it. Default: what
    /// the request itself names, with `http`.
    pub public_url: Option<BaseUrl>,
}

impl Default for SunshineFacadeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            app_ids: Words::default(),
            public_url: None,
        }
    }
}

/// `[facades.convore]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvoreFacadeConfig {
    /// Whether it is served. Default: true.
    pub enabled: bool,
    /// The name of each tenant's first channel. Default: `Inbox`.
    pub channel_name: String,
    /// How long changes of status and labels stay among the events, in seconds. Default: 2592000 (30 days).
    pub events_kept_seconds: u64,
}

impl Default for ConvoreFacadeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            channel_name: "Inbox".to_owned(),
            events_kept_seconds: 30 * 24 * 60 * 60,
        }
    }
}
