//! Which server is asked, for which model, and how the model is set up where nobody says otherwise.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use transport::TransportConfig;

/// The path of the one operation, below the base URL.
const PATH: &str = "/chat/completions";

/// How the longest answer is asked for: servers know one of two names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenLimit {
    /// `max_tokens`: what most servers know.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: what newer models of OpenAI insist on.
    MaxCompletionTokens,
}

/// A server with OpenAI's chat completions.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// The responder's name, which its answers carry as `provider`. Default `openai`.
    pub name: Box<str>,
    /// Scheme, host, port and path, such as `https://api.example/v1`; `/chat/completions` is asked below it, and may
    /// stand at its end already.
    pub base_url: String,
    /// Sent as `Authorization: Bearer …`. Absent: servers on one's own machine mostly want none.
    pub api_key: Option<SecretString>,
    /// The model that answers.
    pub model: Box<str>,
    /// Models that a conversation or a request may choose instead. What it names beside these is not asked for, because
    /// the operator pays, and because the names of other backends' models mean nothing here.
    pub other_models: Vec<Box<str>>,
    /// What the model is told first, unless the conversation has a prompt of its own.
    pub system_prompt: Option<Box<str>>,
    /// Sampling temperature, 0 to 2, unless the conversation has one. Absent: the server's own.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1, unless the conversation has it. Absent: the server's own.
    pub top_p: Option<f64>,
    /// The longest answer in tokens. A conversation may ask for less, not for more.
    pub max_tokens: Option<u64>,
    /// How the longest answer is asked for.
    pub token_limit: TokenLimit,
    /// Whether the server is asked to tell at the end what the answer cost. Default true; some servers refuse to be
    /// asked.
    pub asks_for_usage: bool,
    /// The longest silence before the answer begins and within it. Default 120 s: some models think before they speak.
    pub longest_silence: Duration,
    /// Connections and limits.
    pub transport: TransportConfig,
}

impl OpenAiConfig {
    /// A server and a model, and nothing special.
    #[must_use]
    pub fn new(base_url: impl Into<String>, model: impl Into<Box<str>>) -> Self {
        Self {
            name: "openai".into(),
            base_url: base_url.into(),
            api_key: None,
            model: model.into(),
            other_models: Vec::new(),
            system_prompt: None,
            temperature: None,
            top_p: None,
            max_tokens: None,
            token_limit: TokenLimit::default(),
            asks_for_usage: true,
            longest_silence: Duration::from_secs(120),
            transport: TransportConfig::default(),
        }
    }

    /// The URL below which the operation lies.
    pub(super) fn api_url(&self) -> &str {
        let base = self.base_url.trim_end_matches('/');
        base.strip_suffix(PATH).unwrap_or(base)
    }

    /// What is wrong with the first setting that cannot be used.
    pub(super) fn first_mistake(&self) -> Option<&'static str> {
        let within =
            |value: Option<f64>, most: f64| value.is_none_or(|value| (0.0..=most).contains(&value));
        let checks = [
            (!self.name.is_empty(), "the responder's name is empty"),
            (!self.model.is_empty(), "the responder's `model` is empty"),
            (
                self.api_key
                    .as_ref()
                    .is_none_or(|key| !key.expose_secret().is_empty()),
                "the responder's `api_key` is empty: leave it out where the server wants none",
            ),
            (
                within(self.temperature, 2.0),
                "the responder's `temperature` must be 0 to 2",
            ),
            (
                within(self.top_p, 1.0),
                "the responder's `top_p` must be 0 to 1",
            ),
            (
                self.max_tokens != Some(0),
                "the responder's `max_tokens` must be at least 1",
            ),
            (
                !self.longest_silence.is_zero(),
                "the responder's longest silence must not be 0",
            ),
        ];
        let mistake = checks.into_iter().find(|(is_good, _)| !is_good);
        mistake.map(|(_, mistake)| mistake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_path_may_stand_in_the_url_already() {
        for url in [
            "http://model.example/v1",
            "http://model.example/v1/",
            "http://model.example/v1/chat/completions",
            "http://model.example/v1/chat/completions/",
        ] {
            let config = OpenAiConfig::new(url, "m");
            assert_eq!(config.api_url(), "http://model.example/v1", "{url}");
        }
    }

    #[test]
    fn settings_that_no_server_takes_are_named() {
        let good = || OpenAiConfig::new("http://model.example", "m");
        assert_eq!(good().first_mistake(), None);
        let bad = [
            OpenAiConfig {
                model: "".into(),
                ..good()
            },
            OpenAiConfig {
                api_key: Some("".into()),
                ..good()
            },
            OpenAiConfig {
                temperature: Some(2.1),
                ..good()
            },
            OpenAiConfig {
                temperature: Some(f64::NAN),
                ..good()
            },
            OpenAiConfig {
                top_p: Some(-0.1),
                ..good()
            },
            OpenAiConfig {
                max_tokens: Some(0),
                ..good()
            },
        ];
        for config in bad {
            assert!(config.first_mistake().is_some(), "{config:?}");
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        let config = OpenAiConfig {
            api_key: Some("planted".into()),
            ..OpenAiConfig::new("http://model.example", "m")
        };
        assert!(!format!("{config:?}").contains("planted"));
    }
}
