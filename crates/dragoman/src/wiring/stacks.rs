//! The stack of each backend: an adapter below its overlay, or the store; around it who answers; on top the ids by which
//! messages are known.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{BackendBinding, Directory, Repair, Translator};
use backend::{Backend, Error, History, Kind};
use layers::Renamed;
use overlay::{DriftPolicy, Overlay, OverlaySettings};
use responders::{Answering, Echo, OpenAi, OpenAiConfig, TokenLimit};
use server::Mounted;
use store::{State, Store};

use super::vendors;
use crate::config::{
    BackendConfig, BackendKind, Configuration, ContextKind, DriftKind, ResponderKind, Secret,
    TokenLimitKind, Words,
};

/// Every backend of the configuration, in its order, each name bound to its server for ever.
pub(super) async fn backends(
    configuration: &Configuration,
    store: &Store,
    state: &Arc<State>,
) -> backend::Result<Vec<Mounted>> {
    let mut backends = Vec::new();
    for config in &configuration.backends {
        state.bind_backend(&binding(config)).await?;
        backends.push(mounted(config, store, state)?);
    }
    Ok(backends)
}

fn mounted(config: &BackendConfig, store: &Store, state: &Arc<State>) -> backend::Result<Mounted> {
    let bare: Arc<dyn Backend> = match config.kind {
        BackendKind::Store => Arc::new(store.backend(config.name.as_str())),
        BackendKind::Chatter => vendors::chatter(config, state)?,
        BackendKind::Datamonkey => vendors::datamonkey(config, state)?,
        BackendKind::Sunshine => vendors::sunshine(config)?,
        BackendKind::Convore => vendors::convore(config)?,
    };
    // The store holds everything by itself. A vendor never stands without its overlay.
    let overlay = match config.kind {
        BackendKind::Store => None,
        BackendKind::Chatter
        | BackendKind::Datamonkey
        | BackendKind::Sunshine
        | BackendKind::Convore => Some(Arc::new(Overlay::new(
            Arc::clone(&bare),
            overlay_settings(config),
            Arc::clone(state) as _,
            Arc::clone(state) as _,
            Arc::clone(state) as _,
        ))),
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
    Ok(Mounted {
        // Above who answers: a responder sees messages as their backend does.
        stack: Arc::new(Renamed::new(answering, Arc::clone(state) as _)),
        bare,
        overlay: overlay.map(|overlay| overlay as Arc<dyn Repair>),
        passthrough: None,
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
    fn every_vendor_has_a_translator_of_its_kind() {
        let shapes: Vec<&str> = translators().iter().map(|one| one.shape()).collect();
        let vendors = BackendKind::ALL
            .into_iter()
            .filter(|kind| *kind != BackendKind::Store)
            .map(BackendKind::as_str);
        assert_eq!(shapes, vendors.collect::<Vec<_>>());
    }
}
