//! Mistakes and changes in the server's words.

use backend::{Error, Kind};
use server::{ConfigChange, ConfigMistake};

use crate::config::changes::Change;
use crate::config::diagnose::ConfigError;
use crate::config::load::Loaded;
use crate::wiring::Unbuildable;

pub(super) fn mistakes_of(error: &ConfigError) -> Vec<ConfigMistake> {
    let mistakes = error.mistakes().into_iter();
    mistakes
        .map(|(at, message)| ConfigMistake {
            at,
            message: message.to_owned(),
        })
        .collect()
}

/// What cannot be built, at its place in the file.
pub(super) fn blamed(loaded: &Loaded, error: &Unbuildable) -> ConfigMistake {
    let at = error.position.and_then(|position| {
        let path = format!("backend[{position}].name");
        loaded.position_of(&path)
    });
    ConfigMistake {
        at,
        message: error.error.to_string(),
    }
}

pub(super) fn shown(changes: Vec<Change>) -> Vec<ConfigChange> {
    let changes = changes.into_iter().map(|change| ConfigChange {
        key: change.key,
        from: change.from,
        to: change.to,
        needs_restart: change.needs_restart,
    });
    changes.collect()
}

/// The types rule it out.
pub(super) fn internal(error: serde_json::Error) -> Error {
    Error::new(
        Kind::Internal,
        format!("a configuration has no JSON form: {error}"),
    )
}
