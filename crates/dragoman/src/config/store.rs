//! `[store]`: where the embedded database and its sealing key live.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Secret;
use super::choice::choose;

/// The only kind of database URL there is so far.
pub(super) const SQLITE_SCHEME: &str = "sqlite:";
const DATABASE_FILE: &str = "dragoman.db";

/// Where the embedded database and its sealing key live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Directory of the database and the sealing key, created on first start; relative to the
    /// working directory. Default: `./dragoman-data`.
    pub data_dir: PathBuf,
    /// The database as `sqlite:PATH`, for a file elsewhere. Default: `dragoman.db` in `data_dir`.
    pub database_url: Option<String>,
    /// When a commit counts as done: `full` (on the disk: survives a power failure) or `normal`
    /// (the operating system has it: survives a crash of the process). Default: `full`.
    pub synchronous: SynchronousKind,
    /// Most writes that may wait, a count; above it the answer is 503. Default: 4096.
    pub queue_max_writes: usize,
    /// The key that seals credentials at rest, 64 hexadecimal digits. Default: made on first start
    /// and kept in `data_dir`.
    pub sealing_key: Option<Secret>,
}

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum SynchronousKind {
    /// When it is on the disk.
    Full,
    /// When the operating system has it.
    Normal,
}

impl TryFrom<String> for SynchronousKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        choose(&word, &[("full", Self::Full), ("normal", Self::Normal)])
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./dragoman-data"),
            database_url: None,
            synchronous: SynchronousKind::Full,
            queue_max_writes: 4096,
            sealing_key: None,
        }
    }
}

impl StoreConfig {
    /// The file of the embedded database.
    pub fn database_path(&self) -> PathBuf {
        self.database_url
            .as_deref()
            .and_then(|url| url.strip_prefix(SQLITE_SCHEME))
            .map_or_else(
                || self.data_dir.join(DATABASE_FILE),
                |path| Path::new(path).to_owned(),
            )
    }
}
