//! How PostgreSQL fails, and what a caller of the port is told of it.

use std::fmt;

use backend::{Error, Kind, Outcome};
use deadpool_postgres::PoolError;
use deadpool_postgres::TimeoutType;
use tokio_postgres::error::SqlState;

use crate::failure::BUSY_RETRY_AFTER;

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The database says so, or the connection broke.
    Postgres(tokio_postgres::Error),
    /// No answer came in the time that a statement may take.
    TimedOut,
    /// The database did not tell the time.
    NoTime,
}

impl Failed {
    /// The same work may succeed when it is done once more: it met other work.
    pub(super) fn meets_others(&self) -> bool {
        self.state().is_some_and(|state| {
            [
                // A row that was not there when it was looked for is there now.
                SqlState::UNIQUE_VIOLATION,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ]
            .contains(state)
        })
    }

    /// The connection is of no use any more, also where it still stands: a database that turned into a copy of another
    /// one takes no writes, and the next connection may reach the one that does.
    pub(super) fn spoils(&self) -> bool {
        match self {
            Self::Postgres(error) => {
                error.is_closed()
                    || error.as_db_error().is_none()
                    || self.state() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
            }
            Self::TimedOut | Self::NoTime => true,
        }
    }

    /// The connection ended, so nobody said what became of what was sent last.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Postgres(error) => error
                .as_db_error()
                .is_none_or(|error| error.code().code().starts_with("57P")),
            Self::TimedOut | Self::NoTime => true,
        }
    }

    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::TimedOut | Self::NoTime => None,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The details of a violated rule quote the values of the row.
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) => write!(f, "{} (SQLSTATE {})", error.message(), error.code().code()),
                None => error.fmt(f),
            },
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NoTime => f.write_str("the time is missing in an answer"),
        }
    }
}

impl std::error::Error for Failed {
    /// Not of what the database said: its details quote values.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Postgres(error) if error.as_db_error().is_none() => error.source(),
            _ => None,
        }
    }
}

/// The port's error for one of PostgreSQL's. Nothing was applied: who knows less says so.
pub(crate) fn from_postgres(failed: Failed) -> Error {
    let (kind, message) = of(&failed);
    let wait = matches!(kind, Kind::Unavailable | Kind::StorageFull).then_some(BUSY_RETRY_AFTER);
    Error::new(kind, message)
        .outcome(Outcome::NotApplied)
        .retry_after(wait)
        .source(failed)
}

fn of(failed: &Failed) -> (Kind, &'static str) {
    let Some(state) = failed.state() else {
        return match failed {
            Failed::Postgres(_) => (
                Kind::Unavailable,
                "the database cannot be reached, or ended the connection",
            ),
            Failed::TimedOut | Failed::NoTime => {
                (Kind::Unavailable, "the database does not answer in time")
            }
        };
    };
    if failed.meets_others() {
        return (
            Kind::Unavailable,
            "too many writes meet in the database at the moment",
        );
    }
    let code = state.code();
    match code {
        "25006" => (
            Kind::Unavailable,
            "the database takes no writes: it is a copy of another one, or set to read only",
        ),
        "53100" => (
            Kind::StorageFull,
            "no room is left on the disk of the database",
        ),
        "53300" => (
            Kind::Unavailable,
            "the database takes no more connections: lower `store.connections_max`, or raise its own limit",
        ),
        "57014" | "55P03" | "25P03" => (Kind::Unavailable, "the database does not answer in time"),
        "28000" | "28P01" => (
            Kind::Unavailable,
            "the database refuses the user or the password: check `store.database_url`",
        ),
        "3D000" => (
            Kind::Unavailable,
            "the server has no database of this name: create it, or check `store.database_url`",
        ),
        "42501" => (
            Kind::Unavailable,
            "the user of `store.database_url` lacks a right in the database: it must own what is in it",
        ),
        _ if ["08", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            (
                Kind::Unavailable,
                "the database cannot be reached, or ended the connection",
            )
        }
        _ => (Kind::Internal, "a statement of the store failed"),
    }
}

/// The port's error where no connection was to be had.
pub(super) fn from_pool(error: PoolError, address: &str) -> Error {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => Error::new(
            Kind::Overloaded,
            "all connections to the database are in use: raise `store.connections_max`, or send less at once",
        )
        .outcome(Outcome::NotApplied)
        .retry_after(Some(BUSY_RETRY_AFTER)),
        PoolError::Closed => crate::store::closed(),
        PoolError::Backend(error) => from_postgres(Failed::Postgres(error)),
        error => Error::new(
            Kind::Unavailable,
            format!("the database at {address} cannot be reached"),
        )
        .outcome(Outcome::NotApplied)
        .retry_after(Some(BUSY_RETRY_AFTER))
        .source(error),
    }
}
