//! Where a configuration came from, so that it can be read again while the process runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::diagnose::ConfigError;
use super::load::{Flags, Loaded, load, load_text};

/// The layers of a configuration: the file, and what a process keeps from its start.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    flags: Flags,
    variables: BTreeMap<String, String>,
}

impl Layers {
    /// The layers from which `loaded` was read. A file that was there then is missed when it is gone: its place is not
    /// taken by the defaults.
    pub(crate) fn of(flags: &Flags, variables: &BTreeMap<String, String>, loaded: &Loaded) -> Self {
        let mut flags = flags.clone();
        flags.config = loaded.file.clone().or(flags.config);
        Self {
            flags,
            variables: variables.clone(),
        }
    }

    /// The file, where there is one, or where the process looks for one.
    pub(crate) fn file(&self) -> PathBuf {
        let default = || PathBuf::from(super::load::DEFAULT_FILE);
        self.flags.config.clone().unwrap_or_else(default)
    }

    /// Reads the file again. Waits for the disk.
    ///
    /// # Errors
    /// As [`load`]; also where `former` held keys and the file holds none: whoever writes it may just have emptied it.
    pub(crate) fn read(&self, former: &SecretString) -> Result<Loaded, ConfigError> {
        let loaded = load(&self.flags, &self.variables)?;
        if !holds_keys(&loaded.text) && holds_keys(former) {
            return Err(ConfigError::without_file(
                format!("{} is empty, and was not before", self.file().display()),
                "to go back to the defaults, start the process again",
            ));
        }
        Ok(loaded)
    }

    /// Reads an older text of the file. Variables and flags are those of the process, and what references stand for is
    /// read now.
    ///
    /// # Errors
    /// As [`load`].
    pub(crate) fn read_text(&self, text: &SecretString, name: &str) -> Result<Loaded, ConfigError> {
        let text = text.expose_secret().to_owned();
        load_text(
            &self.flags,
            &self.variables,
            Some(Path::new(name).to_owned()),
            Some(text),
        )
    }
}

/// Whether a text that was read sets anything.
fn holds_keys(text: &SecretString) -> bool {
    toml::from_str::<toml::Table>(text.expose_secret()).is_ok_and(|table| !table.is_empty())
}
