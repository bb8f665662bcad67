//! `[backend.responder]`: who answers where the backend has no AI of its own.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::choice::choose;
use super::kinds::{ResponderKind, TokenLimitKind};
use super::words::Words;
use super::{BaseUrl, Secret};

/// Who answers where the backend has no AI of its own. Everything but `kind` belongs to `openai`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponderConfig {
    /// `echo`, `openai` or `none`. Required.
    pub kind: ResponderKind,
    /// The server with OpenAI's chat completions: scheme, host, port and path; `/chat/completions` is asked below it.
    /// Required.
    pub base_url: Option<BaseUrl>,
    /// Sent as `Authorization: Bearer …`. Default: none.
    pub api_key: Option<Secret>,
    /// The model that answers. Required.
    pub model: Option<String>,
    /// Models that a conversation or a request may choose instead. Default: none.
    pub other_models: Option<Words>,
    /// What the model is told first, unless the conversation has a prompt of its own. Default: nothing.
    pub system_prompt: Option<String>,
    /// Sampling temperature, 0 to 2, unless the conversation has one. Default: the server's own.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1, unless the conversation has it. Default: the server's own.
    pub top_p: Option<f64>,
    /// The longest answer in tokens; a conversation may ask for less, not for more. Default: the server's own.
    pub max_tokens: Option<u64>,
    /// Under which name `max_tokens` is sent: `max_tokens` or `max_completion_tokens`. Default: `max_tokens`.
    pub max_tokens_as: Option<TokenLimitKind>,
    /// Whether the server is asked what the answer cost; some refuse to be asked. Default: true.
    pub asks_for_usage: Option<bool>,
    /// The longest silence before the answer begins and within it, in seconds. Default: 120.
    pub silence_seconds: Option<u64>,
}

impl ResponderConfig {
    /// A responder that needs no more than its name.
    pub fn of(kind: ResponderKind) -> Self {
        Self {
            kind,
            base_url: None,
            api_key: None,
            model: None,
            other_models: None,
            system_prompt: None,
            temperature: None,
            top_p: None,
            max_tokens: None,
            max_tokens_as: None,
            asks_for_usage: None,
            silence_seconds: None,
        }
    }

    /// The keys that are set although this kind takes none.
    pub(super) fn set_keys(&self) -> Vec<&'static str> {
        [
            ("base_url", self.base_url.is_some()),
            ("api_key", self.api_key.is_some()),
            ("model", self.model.is_some()),
            ("other_models", self.other_models.is_some()),
            ("system_prompt", self.system_prompt.is_some()),
            ("temperature", self.temperature.is_some()),
            ("top_p", self.top_p.is_some()),
            ("max_tokens", self.max_tokens.is_some()),
            ("max_tokens_as", self.max_tokens_as.is_some()),
            ("asks_for_usage", self.asks_for_usage.is_some()),
            ("silence_seconds", self.silence_seconds.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_set)| is_set.then_some(key))
        .collect()
    }
}

/// Reads `responder = "echo"` as well as `[backend.responder]`.
pub(super) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ResponderConfig>, D::Error> {
    deserializer.deserialize_any(WordOrTable).map(Some)
}

/// Writes a responder as it is mostly written: a word, where that says it all.
pub(super) fn write<S: Serializer>(
    responder: &Option<ResponderConfig>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match responder {
        Some(responder) if responder.set_keys().is_empty() => responder.kind.serialize(serializer),
        responder => responder.serialize(serializer),
    }
}

struct WordOrTable;

impl<'de> Visitor<'de> for WordOrTable {
    type Value = ResponderConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a word or a table")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<ResponderConfig, E> {
        let kind = choose(word, &ResponderKind::WORDS).map_err(E::custom)?;
        Ok(ResponderConfig::of(kind))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ResponderConfig, A::Error> {
        ResponderConfig::deserialize(MapAccessDeserializer::new(map))
    }
}
