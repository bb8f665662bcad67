//! The stack of each backend: an adapter below its overlay, or the store; around it who answers; on top the ids by which
//! messages are known.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{BackendBinding, Passthrough, Repair, Translator};
use backend::{Backend, Error, History, Kind};
use layers::{CacheSettings, Cached, GuardSettings, Guarded, Passing, Renamed};
use overlay::{DriftPolicy, Overlay, OverlaySettings};
use responders::{Answering, Echo, OpenAi, OpenAiConfig, TokenLimit};
use server::Mounted;
use store::{State, Store};

use super::vendors;
use crate::config::{
    BackendConfig, BackendKind, Configuration, ContextKind, DriftKind, ResponderKind, Secret,
    TokenLimitKind, Words,
};

/// A backend, and the part of the configuration that it was built from.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) config: BackendConfig,
    pub(crate) mounted: Mounted,
    /// What is handed on to its successor, where its part of the configuration changes.
    overlay: Option<Arc<Overlay>>,
    cached: Option<Arc<Cached>>,
}

/// A backend that cannot be built, or whose name belongs to another server.
#[derive(Debug)]
pub(crate) struct Unbuildable {
    /// Its place among the backends of the configuration; absent where none of them is at fault.
    pub(crate) position: Option<usize>,
    /// Why.
    pub(crate) error: Error,
}

impl From<Error> for Unbuildable {
    fn from(error: Error) -> Self {
        Self {
            position: None,
            error,
        }
    }
}

/// Every backend of the configuration, in its order. One whose part of the configuration is as it was stays as it is, with
/// all that it remembers; nothing of what is built anew calls anybody yet.
pub(super) fn backends(
    configuration: &Configuration,
    store: &Store,
    state: &Arc<State>,
    former: &[Built],
) -> Result<Vec<Built>, Unbuildable> {
    let configs = configuration.backends.iter().enumerate();
    let stacks = configs.map(|(position, config)| {
        let former = former.iter().find(|built| built.config.name == config.name);
        match former {
            Some(former) if former.config == *config => Ok(former.clone()),
            former => built(config, store, state, former).map_err(|error| Unbuildable {
                position: Some(position),
                error,
            }),
        }
    });
    stacks.collect()
}

/// The first backend whose name belongs to another server, where there is one. Writes nothing.
pub(super) fn may_bind(backends: &[Built], state: &State) -> Result<(), Unbuildable> {
    for (position, one) in backends.iter().enumerate() {
        let may_be = state.may_bind(&binding(&one.config));
        may_be.map_err(|error| Unbuildable {
            position: Some(position),
            error,
        })?;
    }
    Ok(())
}

/// Binds each name to its server, for ever: all of them or none.
pub(super) async fn bind(backends: &[Built], state: &State) -> Result<(), Unbuildable> {
    may_bind(backends, state)?;
    let bindings = backends.iter().map(|one| binding(&one.config));
    Ok(state.bind_all(bindings.collect()).await?)
}

/// The adapter by itself, or the store.
///
/// # Errors
/// Where its settings cannot be used.
pub(crate) fn bare(
    config: &BackendConfig,
    store: &Store,
    state: &Arc<State>,
) -> backend::Result<Arc<dyn Backend>> {
    Ok(alone(config, store, state)?.0)
}

/// A backend alone, and how its vendor is called in its own words; the store has none.
type Alone = (Arc<dyn Backend>, Option<Arc<dyn Passthrough>>);

fn alone(config: &BackendConfig, store: &Store, state: &Arc<State>) -> backend::Result<Alone> {
    let vendor = match config.kind {
        BackendKind::Store => return Ok((Arc::new(store.backend(config.name.as_str())), None)),
        BackendKind::Chatter => vendors::chatter(config, state)?,
        BackendKind::Datamonkey => vendors::datamonkey(config, state)?,
        BackendKind::Sunshine => vendors::sunshine(config, state)?,
        BackendKind::Convore => vendors::convore(config, state)?,
    };
    Ok((vendor.backend, Some(vendor.passthrough)))
}

fn built(
    config: &BackendConfig,
    store: &Store,
    state: &Arc<State>,
    former: Option<&Built>,
) -> backend::Result<Built> {
    let (bare, passthrough) = alone(config, store, state)?;
    // The store holds everything by itself. A vendor never stands without its guard, its memory and its overlay, in this
    // order: the reason stands at the guard.
    let (cached, overlay) = match config.kind {
        BackendKind::Store => (None, None),
        BackendKind::Chatter
        | BackendKind::Datamonkey
        | BackendKind::Sunshine
        | BackendKind::Convore => {
            let guarded = Guarded::new(Arc::clone(&bare), guard_settings(config));
            let cached = Cached::new(Arc::new(guarded), cache_settings(config));
            // Requests that run on the former ones change the same conversations and rows. What another account was told is
            // nobody's any more.
            let former_cached = former
                .filter(|former| has_same_access(&former.config, config))
                .and_then(|former| former.cached.as_deref());
            let cached = Arc::new(match former_cached {
                Some(former) => cached.succeeding(former),
                None => cached,
            });
            let overlay = Overlay::new(
                Arc::clone(&cached) as _,
                overlay_settings(config),
                Arc::clone(state) as _,
                Arc::clone(state) as _,
                Arc::clone(state) as _,
            );
            let overlay = match state.is_shared() {
                true => overlay.shared(Arc::clone(state) as _),
                false => overlay,
            };
            let former = former.and_then(|former| former.overlay.as_deref());
            let overlay = match former {
                Some(former) => overlay.succeeding(former),
                None => overlay,
            };
            (Some(cached), Some(Arc::new(overlay)))
        }
    };
    let whole: Arc<dyn Backend> = match &overlay {
        Some(overlay) => Arc::clone(overlay) as _,
        None => Arc::clone(&bare),
    };
    let answering: Arc<dyn Backend> = match config.effective_responder() {
        ResponderKind::Echo => Arc::new(Answering::new(whole, Arc::new(Echo))),
        ResponderKind::OpenAi => {
            let server = Arc::new(model_server(config)?);
            Arc::new(Answering::new(whole, server).needing_words())
        }
        ResponderKind::None => whole,
    };
    let mounted = Mounted {
        // Above who answers: a responder sees messages as their backend does.
        stack: Arc::new(Renamed::new(answering, Arc::clone(state) as _)),
        bare,
        overlay: overlay.clone().map(|overlay| overlay as Arc<dyn Repair>),
        passthrough: passthrough
            .filter(|_| config.passthrough == Some(true))
            .zip(cached.clone())
            .map(|(vendor, cached)| Arc::new(Passing::new(vendor, cached)) as _),
    };
    Ok(Built {
        config: config.clone(),
        mounted,
        overlay,
        cached,
    })
}

/// A responder that asks a server; the check of the configuration has said what is missing, with the place in the file.
fn model_server(config: &BackendConfig) -> backend::Result<OpenAi> {
    let missing = |key: &str| {
        let message = format!("a responder of kind openai needs `{key}`");
        Error::new(Kind::InvalidRequest, message)
    };
    let responder = config
        .responder
        .as_ref()
        .ok_or_else(|| missing("base_url"))?;
    let base_url = responder
        .base_url
        .as_ref()
        .ok_or_else(|| missing("base_url"))?;
    let model = responder.model.as_deref().ok_or_else(|| missing("model"))?;
    let defaults = OpenAiConfig::new(base_url.as_url().as_str(), model);
    OpenAi::new(OpenAiConfig {
        api_key: responder.api_key.as_ref().map(Secret::to_secret_string),
        other_models: responder
            .other_models
            .iter()
            .flat_map(Words::iter)
            .map(Into::into)
            .collect(),
        system_prompt: responder.system_prompt.as_deref().map(Into::into),
        temperature: responder.temperature,
        top_p: responder.top_p,
        max_tokens: responder.max_tokens,
        token_limit: match responder.max_tokens_as {
            None => defaults.token_limit,
            Some(TokenLimitKind::MaxTokens) => TokenLimit::MaxTokens,
            Some(TokenLimitKind::MaxCompletionTokens) => TokenLimit::MaxCompletionTokens,
        },
        asks_for_usage: responder.asks_for_usage.unwrap_or(defaults.asks_for_usage),
        longest_silence: responder
            .silence_seconds
            .map_or(defaults.longest_silence, Duration::from_secs),
        transport: vendors::transport(config),
        ..defaults
    })
}

fn binding(config: &BackendConfig) -> BackendBinding {
    BackendBinding {
        name: config.name.as_str().into(),
        kind: config.kind.as_str().into(),
        base_url: config
            .base_url
            .as_ref()
            .map(|url| url.as_url().as_str().into())
            .unwrap_or_default(),
        account: config
            .username
            .as_deref()
            .or(config.app_id.as_deref())
            .unwrap_or_default()
            .into(),
    }
}

/// True where both ask the vendor with the same credentials of the backend's own.
fn has_same_access(one: &BackendConfig, other: &BackendConfig) -> bool {
    one.token == other.token
        && one.username == other.username
        && one.password == other.password
        && one.signing_key == other.signing_key
        && one.app_id == other.app_id
        && one.key_id == other.key_id
        && one.key_secret == other.key_secret
        && one.channel_id == other.channel_id
}

fn guard_settings(config: &BackendConfig) -> GuardSettings {
    let defaults = GuardSettings::default();
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    GuardSettings {
        read_timeout: config
            .read_seconds
            .map_or(defaults.read_timeout, Duration::from_secs),
        calls_at_once_max: config
            .calls_at_once_max
            .map_or(defaults.calls_at_once_max, count),
        calls_per_minute: config
            .calls_per_minute
            .and_then(|most| NonZeroU32::new(u32::try_from(most).unwrap_or(u32::MAX))),
        breaker_failures: config
            .breaker_failures
            .map_or(defaults.breaker_failures, count),
        retry_budget_percent: config
            .retry_budget_percent
            .unwrap_or(defaults.retry_budget_percent),
        retry_after_max: config
            .retry_after_max_seconds
            .map_or(defaults.retry_after_max, Duration::from_secs),
    }
}

fn cache_settings(config: &BackendConfig) -> CacheSettings {
    let defaults = CacheSettings::default();
    CacheSettings {
        fresh_for: config
            .cache_seconds
            .map_or(defaults.fresh_for, Duration::from_secs),
        stale_for: config
            .stale_seconds
            .map_or(defaults.stale_for, Duration::from_secs),
        max_bytes: config.cache_max_bytes.unwrap_or(defaults.max_bytes),
    }
}

fn overlay_settings(config: &BackendConfig) -> OverlaySettings {
    let defaults = OverlaySettings::default();
    let history = match (config.context, config.context_max_tokens) {
        (Some(ContextKind::None), _) => History::None,
        (_, Some(max_tokens)) => History::Transcript { max_tokens },
        (_, None) => defaults.history,
    };
    OverlaySettings {
        drift: match config.drift {
            None => defaults.drift,
            Some(DriftKind::Backend) => DriftPolicy::Backend,
            Some(DriftKind::Kept) => DriftPolicy::Kept,
        },
        index_max_age: config
            .index_max_age_seconds
            .map_or(defaults.index_max_age, Duration::from_secs),
        history,
        cache_max_bytes: config
            .overlay_cache_max_bytes
            .unwrap_or(defaults.cache_max_bytes),
    }
}

/// The shapes of all vendors, whether or not one is configured.
pub(super) fn translators() -> Vec<Arc<dyn Translator>> {
    vec![
        Arc::new(chatter::ChatterTranslator),
        Arc::new(datamonkey::DatamonkeyTranslator),
        Arc::new(sunshine::SunshineTranslator),
        Arc::new(convore::ConvoreTranslator),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(keys: &str) -> OverlaySettings {
        let config: BackendConfig =
            toml::from_str(&format!("name = \"a\"\nkind = \"chatter\"\n{keys}")).unwrap();
        overlay_settings(&config)
    }

    #[test]
    fn an_overlay_has_its_own_defaults_and_takes_every_key() {
        assert_eq!(settings(""), OverlaySettings::default());
        let keys = "drift = \"kept\"\nindex_max_age_seconds = 7\ncontext_max_tokens = 8\noverlay_cache_max_bytes = 0\n";
        let wanted = OverlaySettings {
            drift: DriftPolicy::Kept,
            index_max_age: Duration::from_secs(7),
            history: History::Transcript { max_tokens: 8 },
            cache_max_bytes: 0,
        };
        assert_eq!(settings(keys), wanted);
        let none = settings("context = \"none\"\ncontext_max_tokens = 8\n");
        assert_eq!(none.history, History::None);
    }

    #[test]
    fn a_guard_and_its_memory_have_their_own_defaults_and_take_every_key() {
        let read = |keys: &str| -> BackendConfig {
            toml::from_str(&format!("name = \"a\"\nkind = \"chatter\"\n{keys}")).unwrap()
        };
        let plain = read("");
        assert_eq!(guard_settings(&plain), GuardSettings::default());
        assert_eq!(cache_settings(&plain), CacheSettings::default());
        let set = read(
            "read_seconds = 1\ncalls_at_once_max = 2\ncalls_per_minute = 3\nbreaker_failures = 4\n\
             retry_budget_percent = 5\nretry_after_max_seconds = 6\ncache_seconds = 7\n\
             cache_max_bytes = 8\nstale_seconds = 9\n",
        );
        let wanted = GuardSettings {
            read_timeout: Duration::from_secs(1),
            calls_at_once_max: 2,
            calls_per_minute: NonZeroU32::new(3),
            breaker_failures: 4,
            retry_budget_percent: 5,
            retry_after_max: Duration::from_secs(6),
        };
        assert_eq!(guard_settings(&set), wanted);
        let wanted = CacheSettings {
            fresh_for: Duration::from_secs(7),
            stale_for: Duration::from_secs(9),
            max_bytes: 8,
        };
        assert_eq!(cache_settings(&set), wanted);
    }

    #[test]
    fn every_vendor_has_a_translator_of_its_kind() {
        let shapes: Vec<&str> = translators().iter().map(|one| one.shape()).collect();
        let vendors = BackendKind::ALL
            .into_iter()
            .filter(|kind| *kind != BackendKind::Store)
            .map(BackendKind::as_str);
        assert_eq!(shapes, vendors.collect::<Vec<_>>());
    }
}
