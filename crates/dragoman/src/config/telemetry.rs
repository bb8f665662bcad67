//! `[telemetry]`: what is logged, and how.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::choice::choose;

/// What is logged, and how. Message texts, tokens and keys are never logged, at no level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// `auto` (pretty on a terminal, JSON otherwise), `pretty` or `json`. Default: `auto`.
    pub log_format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`) or directives such as
    /// `info,server=debug`. Default: `info`.
    pub log_level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// One readable line per event.
    Pretty,
    /// One JSON object per line.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        let choices =
            [Self::Auto, Self::Pretty, Self::Json].map(|format| (format.as_str(), format));
        choose(&word, &choices)
    }
}

impl LogFormat {
    /// The word in the file and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pretty => "pretty",
            Self::Json => "json",
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Auto,
            log_level: "info".to_owned(),
        }
    }
}
