//! The vendors' APIs over our backends, each with its part of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use facadekit::{Detached, Facade, FacadeLimits, FacadeParts};
use keys::KeyCheck;
use server::RequestLimits;
use store::State;

use super::stacks::Built;
use crate::config::{BackendKind, Configuration, FacadesConfig, Secret};

/// What all facades of a gateway share.
pub(crate) struct Shared {
    /// Everything that holds conversations.
    pub(crate) backend: Arc<dyn Backend>,
    /// Where facades keep what is theirs.
    pub(crate) state: Arc<State>,
    /// The gateway's one memory of keys.
    pub(crate) keys: KeyCheck,
    /// Limits of each request.
    pub(crate) limits: RequestLimits,
    /// What outlives its caller.
    pub(crate) detached: Detached,
}

impl Shared {
    /// What a facade is given, with the names of its own vendor's backends.
    pub(crate) fn parts(&self, own: Arc<[Box<str>]>) -> FacadeParts {
        let limits = &self.limits;
        FacadeParts {
            backend: Arc::clone(&self.backend),
            directory: Arc::clone(&self.state) as _,
            state: Arc::clone(&self.state) as _,
            credentials: Arc::clone(&self.state) as _,
            leases: Arc::clone(&self.state) as _,
            turns: Arc::clone(&self.state) as _,
            keys: self.keys.clone(),
            own,
            limits: FacadeLimits {
                body_bytes_max: limits.body_bytes_max,
                attachment_bytes_max: limits.attachment_bytes_max,
                json_depth_max: limits.json_depth_max,
                body_timeout: limits.body_total_timeout,
                request_timeout: limits.request_timeout,
                respond_timeout: limits.respond_timeout,
            },
            detached: self.detached.clone(),
        }
    }
}

/// The facades that are served, and the names of their own vendors' backends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Enabled {
    /// One for each vendor.
    pub(crate) all: Vec<Facade>,
    own: BTreeMap<&'static str, Vec<Box<str>>>,
}

/// The facades that are served. They know the router by `shared`, whatever stands for it, so that they stay as they are,
/// with what they remember of their callers, where their part of the configuration does.
pub(super) fn enabled(
    configuration: &Configuration,
    backends: &[Built],
    shared: &Shared,
    former: Option<(&Configuration, &Enabled)>,
) -> backend::Result<Enabled> {
    let mut own = BTreeMap::new();
    for kind in kinds(configuration) {
        // Also those that are configured no more: what first lived there keeps the ids that it had there.
        let mut names = shared.state.backends_of_kind(kind.as_str())?;
        // And those that are not bound to their names yet.
        let theirs = backends.iter().filter(|built| built.config.kind == kind);
        names.extend(theirs.map(|built| built.config.name.as_str().into()));
        names.sort_unstable();
        names.dedup();
        own.insert(kind.as_str(), names);
    }
    if let Some((before, former)) = former
        && former.own == own
        && before.facades == configuration.facades
        && limits_of(before) == limits_of(configuration)
    {
        return Ok(former.clone());
    }
    let all = kinds(configuration).filter_map(|kind| {
        let names = own.get(kind.as_str()).cloned().unwrap_or_default();
        one(kind, &configuration.facades, shared.parts(names.into()))
    });
    Ok(Enabled {
        all: all.collect(),
        own,
    })
}

/// The limits that facades are given.
fn limits_of(configuration: &Configuration) -> ([usize; 3], [u64; 3]) {
    let (limits, timeouts) = (&configuration.limits, &configuration.timeouts);
    (
        [
            limits.body_max_bytes,
            limits.attachment_max_bytes,
            limits.json_max_depth,
        ],
        [
            timeouts.body_seconds,
            timeouts.request_seconds,
            timeouts.respond_seconds,
        ],
    )
}

/// The vendors whose facades are served.
pub(crate) fn names(configuration: &Configuration) -> Vec<&'static str> {
    kinds(configuration).map(BackendKind::as_str).collect()
}

fn kinds(configuration: &Configuration) -> impl Iterator<Item = BackendKind> {
    let config = &configuration.facades;
    [
        (BackendKind::Chatter, config.chatter.enabled),
        (BackendKind::Datamonkey, config.datamonkey.enabled),
        (BackendKind::Sunshine, config.sunshine.enabled),
        (BackendKind::Convore, config.convore.enabled),
    ]
    .into_iter()
    .filter_map(|(kind, is_enabled)| is_enabled.then_some(kind))
}

/// A vendor's facade; the store has none.
pub(crate) fn one(kind: BackendKind, config: &FacadesConfig, parts: FacadeParts) -> Option<Facade> {
    match kind {
        BackendKind::Store => None,
        BackendKind::Chatter => {
            let config = &config.chatter;
            let defaults = chatter::FacadeConfig::default();
            let problems_base = config.problems_base.as_ref();
            let config = chatter::FacadeConfig {
                requests_per_minute: config.requests_per_minute,
                problems_base: problems_base
                    .map_or(defaults.problems_base, |base| base.without_slash().into()),
            };
            Some(chatter::facade(parts, config))
        }
        BackendKind::Datamonkey => {
            let config = &config.datamonkey;
            let config = datamonkey::FacadeConfig {
                anonymous: config.anonymous.as_ref().and_then(|anonymous| {
                    // The check of the configuration has refused one that lacks either.
                    Some(datamonkey::Anonymous {
                        tenant: anonymous.tenant.as_ref()?.as_str().into(),
                        sessions_per_minute: anonymous.sessions_per_minute?.try_into().ok()?,
                    })
                }),
                signing_key: config.signing_key.as_ref().map(Secret::to_secret_string),
            };
            Some(datamonkey::facade(parts, config))
        }
        BackendKind::Sunshine => {
            let config = &config.sunshine;
            let config = sunshine::FacadeConfig {
                app_ids: config.app_ids.iter().map(Into::into).collect(),
                public_url: config
                    .public_url
                    .as_ref()
                    .map(|url| url.without_slash().into()),
            };
            Some(sunshine::facade(parts, config))
        }
        BackendKind::Convore => {
            let config = &config.convore;
            let config = convore::facade::FacadeConfig {
                channel_name: config.channel_name.trim().into(),
                events_kept: Duration::from_secs(config.events_kept_seconds),
            };
            Some(convore::facade::facade(parts, config))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_the_configuration_are_those_of_the_facades() {
        let ours = FacadesConfig::default();
        let convore = convore::facade::FacadeConfig::default();
        assert_eq!(ours.convore.channel_name, *convore.channel_name);
        assert_eq!(
            Duration::from_secs(ours.convore.events_kept_seconds),
            convore.events_kept
        );
        let chatter = chatter::FacadeConfig::default();
        assert_eq!(
            ours.chatter.requests_per_minute,
            chatter.requests_per_minute
        );
        assert_eq!(sunshine::FacadeConfig::default().app_ids.len(), 0);
        assert!(ours.datamonkey.anonymous.is_none());
    }
}
