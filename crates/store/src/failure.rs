//! How statements fail, and what a caller of the port is told of it.

use std::time::Duration;

use backend::{Error, Kind, Outcome};
use rusqlite::ErrorCode;

/// What went wrong inside a transaction: SQLite itself, or a rule of ours.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// A rule of the port says no.
    Port(Error),
}

/// The result of statements.
pub(crate) type Attempt<T> = Result<T, Failure>;

/// When to try again after the database was busy.
pub(crate) const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Port(error)
    }
}

impl From<Failure> for Error {
    /// The port's error; nothing was applied, because a failed transaction is rolled back.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sqlite(error) => from_sqlite(error),
            Failure::Port(error) => error,
        }
    }
}

/// The port's error for one of SQLite's.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            Kind::StorageFull,
            "no room is left on the disk of the database",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Kind::Unavailable,
            "another process holds the database locked",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            Kind::Unavailable,
            "the database cannot be written: check its owner and permissions",
        ),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed,
        ) => (
            Kind::Unavailable,
            "the database cannot be reached: check its disk, directory and permissions",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            Kind::Internal,
            "the database file is damaged or none of ours: restore it from a backup",
        ),
        _ => (Kind::Internal, "a statement of the store failed"),
    };
    let wait = matches!(kind, Kind::Unavailable | Kind::StorageFull).then_some(BUSY_RETRY_AFTER);
    Error::new(kind, message)
        .outcome(Outcome::NotApplied)
        .retry_after(wait)
        .source(error)
}
