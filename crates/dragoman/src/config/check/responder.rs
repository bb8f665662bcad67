//! Rules of `[backend.responder]`.

use super::Rules;
use crate::config::{ResponderConfig, ResponderKind, Secret};

/// The longest answer that can be asked for, in tokens.
const MAX_TOKENS: u64 = 10_000_000;

impl Rules<'_> {
    pub(super) fn responder(&mut self, responder: &ResponderConfig, path: &str) {
        if responder.kind != ResponderKind::OpenAi {
            for key in responder.set_keys() {
                self.broken(
                    &format!("{path}.{key}"),
                    format!(
                        "a responder of kind `{}` takes no `{key}`",
                        responder.kind.as_str()
                    ),
                    Some("remove this key, it belongs to kind `openai`".to_owned()),
                );
            }
            return;
        }
        for (key, is_there, example) in [
            (
                "base_url",
                responder.base_url.is_some(),
                "base_url = \"http://127.0.0.1:11434/v1\"",
            ),
            (
                "model",
                responder
                    .model
                    .as_deref()
                    .is_some_and(|model| !model.trim().is_empty()),
                "model = \"…\", as the server names it",
            ),
        ] {
            if !is_there {
                self.broken(
                    path,
                    format!("a responder of kind `openai` has no `{key}`"),
                    Some(format!("add {example}")),
                );
            }
        }
        if responder.api_key.as_ref().is_some_and(Secret::is_empty) {
            self.broken(
                &format!("{path}.api_key"),
                "the `api_key` is empty".to_owned(),
                Some("give it, or leave the key out".to_owned()),
            );
        }
        for (key, value, most) in [
            ("temperature", responder.temperature, 2.0),
            ("top_p", responder.top_p, 1.0),
        ] {
            if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
                let path = format!("{path}.{key}");
                self.broken(
                    &path,
                    format!("`{path}` must be between 0 and {most}"),
                    None,
                );
            }
        }
        if let Some(most) = responder.max_tokens
            && !(1..=MAX_TOKENS).contains(&most)
        {
            let path = format!("{path}.max_tokens");
            self.broken(
                &path,
                format!("`{path}` is {most}, it must be between 1 and {MAX_TOKENS}"),
                None,
            );
        }
        if let Some(seconds) = responder.silence_seconds {
            self.seconds(&format!("{path}.silence_seconds"), seconds);
        }
    }
}
