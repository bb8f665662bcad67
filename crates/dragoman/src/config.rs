//! The typed configuration: one small struct per concern, defaults in one place each.
//!
//! Values are layered: built-in defaults, then the file, then `DRAGOMAN__SECTION__KEY` variables,
//! then flags. See [`load`] for the order and [`diagnose`] for how a mistake is reported.

mod backend;
pub(crate) mod changes;
mod check;
mod choice;
pub mod diagnose;
mod directory;
mod expose;
mod facades;
mod interpolate;
mod keys;
mod kinds;
mod limits;
pub mod load;
mod migration;
mod name;
mod places;
pub(crate) mod reading;
mod responder;
mod route;
mod secret;
mod server;
mod shortcut;
pub mod show;
mod source;
mod store;
mod streams;
mod telemetry;
mod timeouts;
mod words;

use serde::{Deserialize, Serialize};

pub use self::backend::{BackendConfig, BaseUrl};
pub use self::directory::DirectoryConfig;
pub use self::expose::ExposeConfig;
pub use self::facades::{
    AnonymousConfig, ChatterFacadeConfig, ConvoreFacadeConfig, DatamonkeyFacadeConfig,
    FacadesConfig, SunshineFacadeConfig,
};
pub use self::kinds::{
    BackendKind, ContextKind, DiscoveryKind, DriftKind, GenerationKind, ImportKind, RequireKind,
    ResponderKind, SignInKind, TokenLimitKind,
};
pub use self::limits::LimitsConfig;
pub use self::migration::MigrationConfig;
pub use self::name::Name;
pub use self::responder::ResponderConfig;
pub use self::route::{RouteConfig, ShadowConfig, ShareConfig, Shares, WhenConfig};
pub use self::secret::Secret;
pub use self::server::ServerConfig;
pub(crate) use self::store::DatabasePlace;
pub use self::store::{StoreConfig, SynchronousKind};
pub use self::streams::StreamsConfig;
pub use self::telemetry::{LogFormat, TelemetryConfig};
pub use self::timeouts::TimeoutsConfig;
pub use self::words::Words;

/// Every key that can be set, as dotted path without positions in arrays of tables.
///
/// # Errors
/// When a type has no JSON form, which the types rule out.
pub fn known_keys() -> Result<Vec<String>, serde_json::Error> {
    keys::shape().map(|shape| keys::leaves(&shape))
}

/// Everything an operator can set. An empty file is a valid configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// Where a new conversation lives when no header and no route chose: the name of a backend.
    /// Default: `store`.
    pub default_backend: Name,
    /// Where the server listens.
    pub server: ServerConfig,
    /// How much one caller may send or hold.
    pub limits: LimitsConfig,
    /// How long things may take.
    pub timeouts: TimeoutsConfig,
    /// How streamed answers behave.
    pub streams: StreamsConfig,
    /// How fresh lists are.
    pub directory: DirectoryConfig,
    /// How conversations are moved between backends.
    pub migration: MigrationConfig,
    /// Where the embedded database lives.
    pub store: StoreConfig,
    /// What is logged, and how.
    pub telemetry: TelemetryConfig,
    /// Which of the pages without a key are served.
    pub expose: ExposeConfig,
    /// The vendors' APIs that are served beside our own.
    pub facades: FacadesConfig,
    /// The backends, `[[backend]]` in the file. A backend `store` of kind `store` is added where
    /// the file has none of that kind.
    #[serde(rename = "backend")]
    pub backends: Vec<BackendConfig>,
    /// The rules that place new conversations, `[[route]]` in the file; the first match wins.
    #[serde(rename = "route")]
    pub routes: Vec<RouteConfig>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            default_backend: Name::store(),
            server: ServerConfig::default(),
            limits: LimitsConfig::default(),
            timeouts: TimeoutsConfig::default(),
            streams: StreamsConfig::default(),
            directory: DirectoryConfig::default(),
            migration: MigrationConfig::default(),
            store: StoreConfig::default(),
            telemetry: TelemetryConfig::default(),
            expose: ExposeConfig::default(),
            facades: FacadesConfig::default(),
            backends: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Configuration {
    /// The embedded store is always there: it holds the gateway's state in any case, and a
    /// configuration without `[[backend]]` must work.
    fn with_embedded_store(mut self) -> Self {
        if !self
            .backends
            .iter()
            .any(|backend| backend.kind == BackendKind::Store)
        {
            // Last, so that positions stay those of the file.
            self.backends.push(BackendConfig::embedded_store());
        }
        self
    }
}
