//! `[store]`: where the database and its sealing key live.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use secrecy::{ExposeSecret as _, SecretString};

use super::Secret;
use super::choice::choose;

/// What begins the address of a file.
const SQLITE_SCHEME: &str = "sqlite:";
/// What begins the address of a PostgreSQL database.
const POSTGRES_SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
const DATABASE_FILE: &str = "dragoman.db";

/// Where the database and its sealing key live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Directory of the database file and the sealing key, created on first start; relative to the
    /// working directory. Default: `./dragoman-data`.
    pub data_dir: PathBuf,
    /// The database as `sqlite:PATH`, for a file elsewhere, or as `postgres://USER@HOST/DATABASE`, which any
    /// number of gateways may share; add `?sslmode=verify-full` where it is on another machine. Default:
    /// `dragoman.db` in `data_dir`.
    pub database_url: Option<Secret>,
    /// Most connections to a PostgreSQL database, a count for each gateway. Default: 16.
    pub connections_max: usize,
    /// How long a start waits for a PostgreSQL database that cannot be reached, in seconds. Default: 60.
    pub start_wait_seconds: u64,
    /// When a commit counts as done: `full` (on the disk: survives a power failure) or `normal`
    /// (the operating system has it: survives a crash of the process). Default: `full`.
    pub synchronous: SynchronousKind,
    /// Most writes that may wait, a count; above it the answer is 503. Default: 4096.
    pub queue_max_writes: usize,
    /// The key that seals credentials at rest, 64 hexadecimal digits; the same for all gateways that
    /// share a database, where it must be set. Default: made on first start and kept in `data_dir`.
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
            connections_max: 16,
            start_wait_seconds: 60,
            synchronous: SynchronousKind::Full,
            queue_max_writes: 4096,
            sealing_key: None,
        }
    }
}

/// Where a database is.
pub(crate) enum DatabasePlace {
    /// A file of SQLite.
    File(PathBuf),
    /// A PostgreSQL database, by its address.
    Postgres(SecretString),
}

impl StoreConfig {
    /// Where the database is.
    pub(crate) fn database(&self) -> DatabasePlace {
        let Some(url) = self.database_url.as_ref().map(Secret::to_secret_string) else {
            return DatabasePlace::File(self.data_dir.join(DATABASE_FILE));
        };
        let text = url.expose_secret();
        if POSTGRES_SCHEMES
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return DatabasePlace::Postgres(url);
        }
        let path = text.strip_prefix(SQLITE_SCHEME).unwrap_or(text);
        DatabasePlace::File(Path::new(path).to_owned())
    }

    /// Whether the address of the database begins as one that is known, or is left out.
    pub(super) fn has_known_scheme(&self) -> bool {
        self.database_url.as_ref().is_none_or(|url| {
            let url = url.to_secret_string();
            let known = POSTGRES_SCHEMES.iter().chain([&SQLITE_SCHEME]);
            known
                .into_iter()
                .any(|scheme| url.expose_secret().starts_with(scheme))
        })
    }

    /// The file of the database, where it is one.
    pub(crate) fn database_file(&self) -> Option<PathBuf> {
        match self.database() {
            DatabasePlace::File(path) => Some(path),
            DatabasePlace::Postgres(_) => None,
        }
    }

    /// Where the database is, in words without a secret.
    pub(crate) fn database_shown(&self) -> String {
        match self.database() {
            DatabasePlace::File(path) => path.display().to_string(),
            DatabasePlace::Postgres(url) => store::Store::shown(&url),
        }
    }

    /// The file where the database should be and is not; `None` where it is there, or is no file.
    pub(crate) fn missing_file(&self) -> Option<PathBuf> {
        self.database_file().filter(|path| !path.is_file())
    }
}
