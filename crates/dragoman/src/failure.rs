//! Why a command failed: one sentence, what to do, and the exit code.

use std::process::ExitCode;

use crate::cli::print;
use crate::config::diagnose::ConfigError;

/// Exit code of a failure while running.
const RUNTIME: u8 = 1;
/// Exit code of a wrong configuration or command line.
const USAGE: u8 = 2;
/// Exit code of a command on conversations that may succeed later, and goes on where it stopped.
const TEMPORARY: u8 = 5;
/// Exit code of a command on conversations that fails again until something is changed.
const PERMANENT: u8 = 6;

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
    /// A command on conversations did not come to its end; the same command again goes on.
    Temporary {
        /// What, in one sentence.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// The operator left a command on conversations before its end.
    Left {
        /// What becomes of it, in one sentence.
        message: String,
        /// How to go on.
        help: String,
    },
    /// A command on conversations failed, and does so again until something is changed.
    Permanent {
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

    /// A failure that may pass by itself, with what to do about it.
    pub(crate) fn temporary(message: impl ToString, help: impl Into<String>) -> Self {
        Self::Temporary {
            message: message.to_string(),
            help: help.into(),
        }
    }

    /// A command that the operator left, with how to go on.
    pub(crate) fn left(message: impl ToString, help: impl Into<String>) -> Self {
        Self::Left {
            message: message.to_string(),
            help: help.into(),
        }
    }

    /// A failure that stays until something is changed, with what to do about it.
    pub(crate) fn permanent(message: impl ToString, help: impl Into<String>) -> Self {
        Self::Permanent {
            message: message.to_string(),
            help: Some(help.into()),
        }
    }

    /// Arguments that cannot be used, with what to write instead.
    pub(crate) fn usage(message: impl ToString, help: impl Into<String>) -> Self {
        Self::Usage {
            message: message.to_string(),
            help: help.into(),
        }
    }

    /// What failed, in one sentence.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Config(error) => error.report(false),
            Self::Runtime { message, .. }
            | Self::Temporary { message, .. }
            | Self::Left { message, .. }
            | Self::Permanent { message, .. }
            | Self::Usage { message, .. } => message.clone(),
        }
    }

    /// The same for a command on conversations, where exit code 1 means "different".
    pub(crate) fn of_conversations(self) -> Self {
        match self {
            Self::Runtime { message, help } => Self::Permanent { message, help },
            other => other,
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
            Self::Temporary { message, help } => {
                print::error(&sentence(message, Some(help)));
                ExitCode::from(TEMPORARY)
            }
            Self::Left { message, help } => {
                print::error(&format!("{message}\n  {help}\n"));
                ExitCode::from(TEMPORARY)
            }
            Self::Permanent { message, help } => {
                print::error(&sentence(message, help.as_deref()));
                ExitCode::from(PERMANENT)
            }
            Self::Usage { message, help } => {
                print::error(&sentence(message, Some(help)));
                ExitCode::from(USAGE)
            }
        }
    }
}

fn sentence(message: &str, help: Option<&str>) -> String {
    let message = print::plain(message);
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
