//! The serving lock: one process at a time serves from a database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use backend::{Error, Kind, Result};

/// Held while a process serves; the operating system gives it back when the process dies.
pub(super) struct ServingLock {
    _file: File,
}

impl ServingLock {
    /// Takes it, or says that another process has it.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let path = beside(database, "lock");
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Kind::Conflict,
                format!(
                    "another process serves from {}: stop it first, or choose another data directory",
                    database.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(unusable(&path, error)),
        }
    }
}

/// Runs `change` while no other process changes the schema.
pub(super) fn while_changing_schema<T>(
    database: &Path,
    change: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let path = beside(database, "schema-lock");
    let file = open(&path)?;
    file.lock().map_err(|error| unusable(&path, error))?;
    let result = change();
    drop(file);
    result
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        Kind::Unavailable,
        format!("the lock file {} cannot be used: {error}", path.display()),
    )
    .source(error)
}
