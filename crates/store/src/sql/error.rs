//! How statements fail.

use rusqlite::types::FromSqlError;

use crate::postgres;

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// PostgreSQL, or the way to it.
    Postgres(postgres::Failed),
    /// A column does not hold what it should.
    Column(FromSqlError),
    /// A row was looked for and there is none.
    NoRows,
}

/// The result of a statement.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::NoRows,
            error => Self::Sqlite(error),
        }
    }
}

impl From<postgres::Failed> for Error {
    fn from(failed: postgres::Failed) -> Self {
        Self::Postgres(failed)
    }
}

impl From<FromSqlError> for Error {
    fn from(error: FromSqlError) -> Self {
        Self::Column(error)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Postgres(failed) => failed.fmt(f),
            Self::Column(error) => error.fmt(f),
            Self::NoRows => f.write_str("no row was found"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sqlite(error) => Some(error),
            Self::Postgres(failed) => Some(failed),
            Self::Column(error) => Some(error),
            Self::NoRows => None,
        }
    }
}
