//! The adapters, each built from its part of the configuration.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::Credentials;
use backend::{Backend, Error, Kind};
use chatter::{Chatter, ChatterConfig, ChatterCredentials, Generation};
use store::State;
use transport::TransportConfig;

use crate::config::{BackendConfig, GenerationKind};

/// A Chatter server.
pub(super) fn chatter(
    config: &BackendConfig,
    state: &Arc<State>,
) -> backend::Result<Arc<dyn Backend>> {
    let base_url = config.base_url.as_ref().ok_or_else(|| {
        Error::new(
            Kind::InvalidRequest,
            "a backend of kind chatter needs a base_url",
        )
    })?;
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
        transport: TransportConfig {
            connect_timeout_ms: config.connect_seconds.saturating_mul(1000),
            extra_ca_pem: config.ca_pem.clone(),
            ..TransportConfig::default()
        },
        ..ChatterConfig::new(base_url.as_url().as_str(), credentials)
    };
    let user_tokens: Arc<dyn Credentials> = Arc::clone(state) as _;
    let backend = Chatter::new(config.name.as_str(), &settings, Some(user_tokens))?;
    Ok(Arc::new(backend))
}
