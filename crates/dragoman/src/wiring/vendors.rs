//! The adapters, each built from its part of the configuration.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Bootstraps, Credentials, Passthrough};
use backend::{Backend, Error, Kind};
use chatter::{Chatter, ChatterConfig, ChatterCredentials, Generation};
use convore::{Convore, ConvoreConfig};
use datamonkey::{Datamonkey, DatamonkeyConfig};
use store::State;
use sunshine::{ImportMode, JwtScope, Sunshine, SunshineConfig, SunshineCredentials};
use transport::TransportConfig;

use crate::config::{BackendConfig, GenerationKind, ImportKind, Secret, SignInKind};

/// An adapter, by both of its sides.
pub(super) struct Vendor {
    /// Behind the port.
    pub(super) backend: Arc<dyn Backend>,
    /// In its vendor's own words.
    pub(super) passthrough: Arc<dyn Passthrough>,
}

impl Vendor {
    fn of<A: Backend + Passthrough>(adapter: A) -> Self {
        let adapter = Arc::new(adapter);
        Self {
            backend: Arc::clone(&adapter) as _,
            passthrough: adapter,
        }
    }
}

/// A Chatter server.
pub(super) fn chatter(config: &BackendConfig, state: &Arc<State>) -> backend::Result<Vendor> {
    let credentials = match (&config.token, &config.username, &config.password) {
        (Some(token), _, _) => ChatterCredentials::Token(token.to_secret_string()),
        (None, Some(username), Some(password)) => ChatterCredentials::Login {
            username: username.clone(),
            password: password.to_secret_string(),
        },
        _ => ChatterCredentials::None,
    };
    let settings = ChatterConfig {
        generation: config.generation.map(|generation| match generation {
            GenerationKind::V0 => Generation::V0,
            GenerationKind::V1 => Generation::V1,
            GenerationKind::V2 => Generation::V2,
        }),
        write_timeout: Duration::from_secs(config.write_seconds),
        answer_timeout: Duration::from_secs(config.answer_seconds),
        settle_after: Duration::from_secs(config.settle_after_seconds),
        clock_skew: Duration::from_secs(config.clock_skew_seconds),
        requests_per_minute: requests_per_minute(config),
        transport: transport(config),
        ..ChatterConfig::new(base_url(config)?, credentials)
    };
    let stored: Arc<dyn Credentials> = Arc::clone(state) as _;
    let backend = Chatter::new(config.name.as_str(), &settings, Some(stored))?;
    Ok(Vendor::of(backend))
}

/// A Datamonkey server.
pub(super) fn datamonkey(config: &BackendConfig, state: &Arc<State>) -> backend::Result<Vendor> {
    let settings = DatamonkeyConfig {
        signing_key: config.signing_key.as_ref().map(Secret::to_secret_string),
        write_timeout: Duration::from_secs(config.write_seconds),
        answer_timeout: Duration::from_secs(config.answer_seconds),
        settle_after: Duration::from_secs(config.settle_after_seconds),
        clock_skew: Duration::from_secs(config.clock_skew_seconds),
        requests_per_minute: requests_per_minute(config),
        transport: transport(config),
        ..DatamonkeyConfig::new(base_url(config)?)
    };
    let user_tokens: Arc<dyn Bootstraps> = Arc::clone(state) as _;
    let leases = Arc::clone(state) as _;
    let backend = Datamonkey::among_replicas(config.name.as_str(), &settings, user_tokens, leases)?;
    Ok(Vendor::of(backend))
}

/// An app of Sunshine Conversations.
pub(super) fn sunshine(config: &BackendConfig, state: &Arc<State>) -> backend::Result<Vendor> {
    let credentials = match (&config.token, &config.key_id, &config.key_secret) {
        (Some(token), _, _) => SunshineCredentials::Token(token.to_secret_string()),
        (None, Some(key_id), Some(secret)) => {
            let (key_id, secret) = (key_id.clone(), secret.to_secret_string());
            match config.sign_in {
                None | Some(SignInKind::Basic) => SunshineCredentials::Basic { key_id, secret },
                Some(SignInKind::JwtApp) => SunshineCredentials::Jwt {
                    key_id,
                    secret,
                    scope: JwtScope::App,
                },
                Some(SignInKind::JwtAccount) => SunshineCredentials::Jwt {
                    key_id,
                    secret,
                    scope: JwtScope::Account,
                },
            }
        }
        _ => return Err(missing(config, "key_id")),
    };
    let app_id = text(config, config.app_id.as_ref(), "app_id")?;
    let settings = SunshineConfig {
        import_mode: match config.import_mode {
            None | Some(ImportKind::Overlay) => ImportMode::Overlay,
            Some(ImportKind::Post) => ImportMode::Post,
        },
        write_timeout: Duration::from_secs(config.write_seconds),
        settle_after: Duration::from_secs(config.settle_after_seconds),
        clock_skew: Duration::from_secs(config.clock_skew_seconds),
        requests_per_minute: requests_per_minute(config),
        transport: transport(config),
        ..SunshineConfig::new(base_url(config)?, app_id, credentials)
    };
    let backend = Sunshine::new(config.name.as_str(), &settings)?;
    Ok(Vendor::of(backend.with_stored(Arc::clone(state) as _)))
}

/// A channel of Convore.
pub(super) fn convore(config: &BackendConfig, state: &Arc<State>) -> backend::Result<Vendor> {
    let api_key = config
        .token
        .as_ref()
        .map(Secret::to_secret_string)
        .ok_or_else(|| missing(config, "token"))?;
    let channel_id = text(config, config.channel_id.as_ref(), "channel_id")?;
    let settings = ConvoreConfig {
        write_timeout: Duration::from_secs(config.write_seconds),
        settle_after: Duration::from_secs(config.settle_after_seconds),
        clock_skew: Duration::from_secs(config.clock_skew_seconds),
        requests_per_minute: requests_per_minute(config),
        transport: transport(config),
        ..ConvoreConfig::new(base_url(config)?, api_key, channel_id)
    };
    let backend = Convore::new(config.name.as_str(), &settings)?;
    Ok(Vendor::of(backend.with_stored(Arc::clone(state) as _)))
}

/// The limit as adapters take it; the check of the configuration has bounded it.
fn requests_per_minute(config: &BackendConfig) -> Option<NonZeroU32> {
    let limit = u32::try_from(config.requests_per_minute?).unwrap_or(u32::MAX);
    NonZeroU32::new(limit)
}

fn base_url(config: &BackendConfig) -> backend::Result<String> {
    let url = config.base_url.as_ref();
    url.map(|url| url.as_url().as_str().to_owned())
        .ok_or_else(|| missing(config, "base_url"))
}

fn text(
    config: &BackendConfig,
    value: Option<&String>,
    key: &'static str,
) -> backend::Result<String> {
    value.cloned().ok_or_else(|| missing(config, key))
}

/// The check of the configuration has said so already, with the place in the file.
fn missing(config: &BackendConfig, key: &str) -> Error {
    let kind = config.kind.as_str();
    Error::new(
        Kind::InvalidRequest,
        format!("a backend of kind {kind} needs `{key}`"),
    )
}

/// How connections are made.
pub(crate) fn transport(config: &BackendConfig) -> TransportConfig {
    TransportConfig {
        connect_timeout_ms: config.connect_seconds.saturating_mul(1000),
        extra_ca_pem: config.ca_pem.clone(),
        ..TransportConfig::default()
    }
}
