//! How statements fail, and what a caller of the port is told of it.

use std::time::Duration;

use backend::{Error, Kind, Outcome};
use rusqlite::ErrorCode;

use crate::postgres::from_postgres;
use crate::sql;

/// What went wrong inside a transaction: the database itself, or a rule of ours.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A statement failed.
    Database(sql::Error),
    /// A rule of the port says no.
    Port(Error),
}

/// The result of statements.
pub(crate) type Attempt<T> = Result<T, Failure>;

/// When to try again after the database was busy.
pub(crate) const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<sql::Error> for Failure {
    fn from(error: sql::Error) -> Self {
        Self::Database(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
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
            Failure::Database(error) => from_sql(error),
            Failure::Port(error) => error,
        }
    }
}

/// The port's error for a statement that failed.
pub(crate) fn from_sql(error: sql::Error) -> Error {
    match error {
        sql::Error::Sqlite(error) => from_sqlite(error),
        sql::Error::Postgres(failed) => from_postgres(failed),
        error @ (sql::Error::Column(_) | sql::Error::NoRows) => {
            Error::new(Kind::Internal, "a row of the store is not as it should be")
                .outcome(Outcome::NotApplied)
                .source(error)
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
