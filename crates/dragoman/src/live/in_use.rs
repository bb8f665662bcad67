//! The configuration in use, and what is told of it.

use std::sync::Arc;

use backend::ports::ConfigVersion;
use secrecy::SecretString;
use server::{ConfigOutcome, ConfigRefusal, ConfigResult};

use super::words::{internal, shown};
use crate::config::Configuration;
use crate::config::changes::{Change, changes};
use crate::wiring::Generation;

/// The configuration in use.
pub(super) struct InUse {
    pub(super) generation: Arc<Generation>,
    /// What was configured; of it, what is read only at the start is not in use.
    pub(super) wanted: Configuration,
    pub(super) version: ConfigVersion,
    /// The text that it was read from.
    pub(super) text: SecretString,
}

impl InUse {
    pub(super) fn outcome(
        &self,
        result: ConfigResult,
        changes: Vec<Change>,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        Ok(ConfigOutcome {
            result,
            version: self.version.clone(),
            changes: shown(changes),
            needs_restart: self.held_back()?,
            notes: Vec::new(),
        })
    }

    /// Keys that were configured otherwise than they are in use.
    pub(super) fn held_back(&self) -> backend::Result<Vec<String>> {
        let held = changes(self.generation.configuration(), &self.wanted).map_err(internal)?;
        Ok(held.into_iter().map(|change| change.key).collect())
    }
}
