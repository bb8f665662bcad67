//! Why a command failed: one sentence, what to do, and the exit code.

use std::process::ExitCode;

use crate::cli::print;
use crate::config::diagnose::ConfigError;

/// Exit code of a failure while running.
const RUNTIME: u8 = 1;
/// Exit code of a wrong configuration or command line.
const USAGE: u8 = 2;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// Something outside the configuration went wrong.
    Runtime {
        /// What, in one sentence.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The arguments cannot be used together or do not name a thing.
    Usage {
        /// What, in one sentence.
        message: String,
        /// What to do about it.
        help: String,
    },
}

impl Failure {
    /// A failure while running.
    pub(crate) fn runtime(message: impl ToString) -> Self {
        Self::Runtime {
            message: message.to_string(),
            help: None,
        }
    }

    /// A failure while running, with what to do about it.
    pub(crate) fn with_help(message: impl ToString, help: impl Into<String>) -> Self {
        Self::Runtime {
            message: message.to_string(),
            help: Some(help.into()),
        }
    }

    /// Tells the operator and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Config(error) => {
                print::error(&error.report(print::error_in_colour()));
                ExitCode::from(USAGE)
            }
            Self::Runtime { message, help } => {
                print::error(&sentence(message, help.as_deref()));
                ExitCode::from(RUNTIME)
            }
            Self::Usage { message, help } => {
                print::error(&sentence(message, Some(help)));
                ExitCode::from(USAGE)
            }
        }
    }
}

fn sentence(message: &str, help: Option<&str>) -> String {
    match help {
        Some(help) => format!("error: {message}\n  help: {help}\n"),
        None => format!("error: {message}\n"),
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::runtime(format!("the result cannot be written as JSON: {error}"))
    }
}

/// Standard output that cannot be written.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::runtime(format!("the result cannot be written: {error}"))
    }
}
