//! The JSON of chat completions, as far as text needs it. Everything that a server may leave out, it may leave out.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Serialize)]
pub(super) struct Completion {
    pub(super) model: Box<str>,
    pub(super) messages: Vec<Said>,
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_completion_tokens: Option<u64>,
}

/// One message of the conversation.
#[derive(Serialize)]
pub(super) struct Said {
    pub(super) role: &'static str,
    pub(super) content: String,
}

/// What is asked of the stream.
#[derive(Serialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

/// One event of a stream, or the whole answer.
#[derive(Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(super) model: Option<Box<str>>,
    #[serde(default)]
    pub(super) usage: Option<Tokens>,
    #[serde(default)]
    pub(super) error: Option<Failure>,
}

/// One of the answers; there is one, because one was asked for.
#[derive(Deserialize)]
pub(super) struct Choice {
    /// Of a stream.
    #[serde(default)]
    pub(super) delta: Option<Words>,
    /// Of a whole answer.
    #[serde(default)]
    pub(super) message: Option<Words>,
    #[serde(default)]
    pub(super) finish_reason: Option<Box<str>>,
}

/// What is said.
#[derive(Deserialize)]
pub(super) struct Words {
    #[serde(default)]
    pub(super) content: Option<Content>,
    /// What a model says instead of an answer that it will not give.
    #[serde(default)]
    pub(super) refusal: Option<String>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<IgnoredAny>>,
}

/// A text, or parts of which some are text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

/// A part; what is no text (thoughts, for one) has none here.
#[derive(Deserialize)]
pub(super) struct ContentPart {
    #[serde(default, rename = "type")]
    kind: Option<Box<str>>,
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts
                .into_iter()
                .filter(|part| part.kind.as_deref() == Some("text"))
                .filter_map(|part| part.text)
                .collect(),
        }
    }
}

/// What the answer cost.
#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default)]
    pub(super) completion_tokens: Option<u64>,
    #[serde(default)]
    pub(super) total_tokens: Option<u64>,
}

/// What went wrong: an object at most servers, a text at some.
#[derive(Deserialize)]
pub(super) struct Failure(serde_json::Value);

impl Failure {
    /// The server's own word for it.
    pub(super) fn code(&self) -> Option<String> {
        let word = |name: &str| self.0.get(name)?.as_str().filter(|word| is_word(word));
        word("code").or_else(|| word("type")).map(str::to_owned)
    }
}

/// Whether this can be a code: what is longer or has blanks is prose, and may quote a message.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// The body of a refusal.
#[derive(Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) error: Option<Failure>,
}
