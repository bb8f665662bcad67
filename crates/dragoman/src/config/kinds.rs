//! The words that a `[[backend]]` chooses from.

use serde::{Deserialize, Serialize};

use super::choice::choose;

/// What a backend speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum BackendKind {
    /// The embedded store.
    Store,
    /// A Chatter server.
    Chatter,
    /// A Datamonkey server.
    Datamonkey,
    /// An app of Sunshine Conversations.
    Sunshine,
    /// A channel of Convore.
    Convore,
}

impl TryFrom<String> for BackendKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &Self::ALL.map(|kind| (kind.as_str(), kind)))
    }
}

impl BackendKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Store,
        Self::Chatter,
        Self::Datamonkey,
        Self::Sunshine,
        Self::Convore,
    ];

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Chatter => "chatter",
            Self::Datamonkey => "datamonkey",
            Self::Sunshine => "sunshine",
            Self::Convore => "convore",
        }
    }
}

/// Who answers where the backend has no AI of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum ResponderKind {
    /// Repeats what the user said; for trials and tests.
    Echo,
    /// A server with OpenAI's chat completions.
    OpenAi,
    /// Nobody: asking for an answer is refused.
    None,
}

impl TryFrom<String> for ResponderKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &Self::WORDS)
    }
}

impl ResponderKind {
    /// Every kind with its word in the file.
    pub(super) const WORDS: [(&'static str, Self); 3] = [
        ("echo", Self::Echo),
        ("openai", Self::OpenAi),
        ("none", Self::None),
    ];

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::OpenAi => "openai",
            Self::None => "none",
        }
    }
}

/// Under which name the longest answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum TokenLimitKind {
    /// What most servers know.
    MaxTokens,
    /// What newer models of OpenAI insist on.
    MaxCompletionTokens,
}

impl TryFrom<String> for TokenLimitKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(
            &word,
            &[
                ("max_tokens", Self::MaxTokens),
                ("max_completion_tokens", Self::MaxCompletionTokens),
            ],
        )
    }
}

/// What a backend must hold of a new conversation to get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum RequireKind {
    /// Everything, by itself.
    Native,
    /// Everything, together with what is kept beside it.
    Effective,
}

impl TryFrom<String> for RequireKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(
            &word,
            &[("native", Self::Native), ("effective", Self::Effective)],
        )
    }
}

/// Which of its published forms a Chatter server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum GenerationKind {
    /// Conversations under the chat prefix only.
    V0,
    /// Both prefixes.
    V1,
    /// Conversations under their own prefix only.
    V2,
}

impl TryFrom<String> for GenerationKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(
            &word,
            &[("v0", Self::V0), ("v1", Self::V1), ("v2", Self::V2)],
        )
    }
}

/// How conversations that were made at a vendor without us become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum DiscoveryKind {
    /// A list looks for them.
    OnList,
    /// Not at all.
    Off,
}

impl TryFrom<String> for DiscoveryKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("on_list", Self::OnList), ("off", Self::Off)])
    }
}

/// How an API key of Sunshine Conversations is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum SignInKind {
    /// Sent as it is.
    Basic,
    /// Signs tokens of scope `app`.
    JwtApp,
    /// Signs tokens of scope `account`.
    JwtAccount,
}

impl TryFrom<String> for SignInKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(
            &word,
            &[
                ("basic", Self::Basic),
                ("jwt_app", Self::JwtApp),
                ("jwt_account", Self::JwtAccount),
            ],
        )
    }
}

/// What an import becomes where the vendor has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum ImportKind {
    /// It is kept here whole, beside the backend.
    Overlay,
    /// Silent posts, where there are any.
    Post,
}

impl TryFrom<String> for ImportKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("overlay", Self::Overlay), ("post", Self::Post)])
    }
}

/// What is shown of a kept field that was changed at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum DriftKind {
    /// The vendor's value.
    Backend,
    /// The value that is kept here.
    Kept,
}

impl TryFrom<String> for DriftKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("backend", Self::Backend), ("kept", Self::Kept)])
    }
}

/// What an AI is told of messages that its vendor does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum ContextKind {
    /// The newest of them, as a transcript.
    Transcript,
    /// Nothing.
    None,
}

impl TryFrom<String> for ContextKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(
            &word,
            &[("transcript", Self::Transcript), ("none", Self::None)],
        )
    }
}
