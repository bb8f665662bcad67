//! Statements, whatever engine runs them.
//!
//! What is written against this module is written once. SQLite's library names the values ([`ToSql`], [`FromSql`]), and
//! statements are written in the words that both engines know; the few that they say differently are turned by
//! `postgres::dialect`. A statement blocks its thread until the engine has answered.

use backend::Result as PortResult;
use conversation::Time;

mod error;
mod micros;
mod row;

pub(crate) use error::{Error, Result};
pub(crate) use micros::{Micros, earlier};
pub(crate) use row::{Row, Rows};
pub(crate) use rusqlite::params;
pub(crate) use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, Value, ValueRef};

use crate::postgres;

/// Ends a statement that selects rows and locks them until the transaction ends, where several processes write: for those
/// by which a write decides. As all words between such marks, they are a remark to SQLite, whose one writer needs none.
pub(crate) const LOCKED: &str = " /*postgres: FOR UPDATE*/";

/// A connection that nobody else uses meanwhile.
pub(crate) type Connection = dyn Engine;

/// What an engine does for statements.
pub(crate) trait Engine {
    /// Makes a statement ready, or takes one that was made ready before.
    fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>>;

    /// The time by the clock that all processes over this database share.
    fn now(&self) -> PortResult<Time>;

    /// Several processes may write at once.
    fn is_shared(&self) -> bool;
}

impl Engine for rusqlite::Connection {
    fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(Statement::Sqlite(Self::prepare_cached(self, sql)?))
    }

    /// One process serves from a file, so its own clock is theirs all.
    fn now(&self) -> PortResult<Time> {
        Ok(Time::now())
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// A statement that is ready.
pub(crate) enum Statement<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
    Postgres(postgres::Prepared<'c>),
}

impl Statement<'_> {
    /// Runs it; how many rows it changed.
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize> {
        params.with(|values| match self {
            Self::Sqlite(statement) => Ok(statement.execute(values)?),
            Self::Postgres(statement) => statement.execute(values),
        })
    }

    /// Inserts one row into a table that numbers its rows; its number.
    pub(crate) fn insert(&mut self, params: impl Params) -> Result<i64> {
        params.with(|values| match self {
            Self::Sqlite(statement) => Ok(statement.insert(values)?),
            Self::Postgres(statement) => statement.insert(values),
        })
    }

    /// Whether it finds a row.
    pub(crate) fn exists(&mut self, params: impl Params) -> Result<bool> {
        params.with(|values| match self {
            Self::Sqlite(statement) => Ok(statement.exists(values)?),
            Self::Postgres(statement) => Ok(statement.query(values)?.next().is_some()),
        })
    }

    /// What it finds, one row after the other.
    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        params.with(|values| match self {
            Self::Sqlite(statement) => Ok(Rows::Sqlite(statement.query(values)?)),
            Self::Postgres(statement) => Ok(Rows::Postgres(statement.query(values)?, None)),
        })
    }

    /// The first row that it finds.
    ///
    /// # Errors
    /// [`Error::NoRows`] where it finds none.
    pub(crate) fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut rows = self.query(params)?;
        match rows.next()? {
            Some(row) => read(&row),
            None => Err(Error::NoRows),
        }
    }

    /// All rows that it finds, each as `read` makes it.
    pub(crate) fn query_map<T>(
        &mut self,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<std::vec::IntoIter<Result<T>>> {
        let mut rows = self.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(&row));
        }
        Ok(all.into_iter())
    }
}

/// Values that are bound to a statement, in the order of their numbers.
pub(crate) trait Params {
    /// Runs `then` with them.
    fn with<R>(self, then: impl FnOnce(&[&dyn ToSql]) -> R) -> R;
}

impl Params for &[&dyn ToSql] {
    fn with<R>(self, then: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        then(self)
    }
}

impl<T: ToSql, const N: usize> Params for [T; N] {
    fn with<R>(self, then: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        let values: [&dyn ToSql; N] = std::array::from_fn(|index| &self[index] as &dyn ToSql);
        then(&values)
    }
}

/// Values of a list, see [`params_from_iter`].
pub(crate) struct Listed<T>(Vec<T>);

/// Binds the values of a list.
pub(crate) fn params_from_iter<T: ToSql>(values: impl IntoIterator<Item = T>) -> Listed<T> {
    Listed(values.into_iter().collect())
}

impl<T: ToSql> Params for Listed<T> {
    fn with<R>(self, then: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        let values: Vec<&dyn ToSql> = self.0.iter().map(|value| value as &dyn ToSql).collect();
        then(&values)
    }
}

/// A row that may be absent.
pub(crate) trait OptionalExtension<T> {
    /// `None` where no row was found.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRows) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
