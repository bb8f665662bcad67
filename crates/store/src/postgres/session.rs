//! Statements on one connection, each of which blocks its thread until the database has answered.

use std::cell::Cell;
use std::time::Duration;

use backend::Result as PortResult;
use conversation::Time;
use deadpool_postgres::{Client, Object};
use tokio::runtime::Handle;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::ToSql as PostgresToSql;

use super::dialect;
use super::failed::Failed;
use super::transaction::Isolation;
use super::values::{Bound, FoundRow};
use crate::failure::from_sql;
use crate::sql::{self, Engine, Micros, Statement, ToSql};

/// The time in microseconds by the database's clock, as it is now.
const CLOCK: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)";

/// A connection that belongs to one caller, and goes back to the others afterwards.
pub(crate) struct Session {
    /// `None` only while it is dropped.
    client: Option<Client>,
    runtime: Handle,
    patience: Duration,
    /// Nobody knows in which state the connection is: it is not used again.
    is_spoiled: Cell<bool>,
}

impl Session {
    pub(super) fn new(client: Client, runtime: Handle, patience: Duration) -> Self {
        Self {
            client: Some(client),
            runtime,
            patience,
            is_spoiled: Cell::new(false),
        }
    }

    /// Ends the connection instead of giving it back.
    pub(super) fn spoil(&self) {
        self.is_spoiled.set(true);
    }

    /// Runs statements that are no prepared ones; the words of the first row of each.
    pub(super) fn simple(&self, sql: &str) -> sql::Result<Vec<Vec<Option<String>>>> {
        let messages = self.wait(async |client| client.simple_query(sql).await)?;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|column| row.get(column).map(str::to_owned))
                        .collect(),
                ),
                _ => None,
            })
            .collect())
    }

    /// Begins a transaction that only reads, and sees one moment.
    pub(super) fn begin_reading(&self) -> sql::Result<()> {
        self.simple("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .map(drop)
    }

    /// Ends it. There is nothing to lose, so a failure only ends the connection.
    pub(super) fn end_reading(&self) {
        if self.simple("COMMIT").is_err() {
            self.spoil();
        }
    }

    /// Begins a transaction that writes; its time, and its number where `with_number` asks for it.
    pub(super) fn begin_writing(
        &self,
        isolation: Isolation,
        with_number: bool,
    ) -> sql::Result<(Time, Option<String>)> {
        let level = match isolation {
            Isolation::Serializable => "SERIALIZABLE",
            Isolation::ReadCommitted => "READ COMMITTED",
        };
        let number = if with_number {
            "CAST(pg_current_xact_id() AS text)"
        } else {
            "NULL"
        };
        let rows = self.simple(&format!(
            "BEGIN ISOLATION LEVEL {level}; \
             SELECT CAST(extract(epoch FROM transaction_timestamp()) * 1000000 AS bigint), {number}"
        ))?;
        let mut columns = rows.into_iter().next().unwrap_or_default().into_iter();
        let time = columns
            .next()
            .flatten()
            .and_then(|micros| micros.parse().ok())
            .and_then(|micros| Time::from_micros(micros).ok())
            .ok_or(Failed::NoTime)?;
        Ok((time, columns.next().flatten()))
    }

    /// Waits for an answer of the database, as long as statements may take. Where none came, the connection is spoiled.
    fn wait<T>(
        &self,
        ask: impl AsyncFnOnce(&Client) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> sql::Result<T> {
        let Some(client) = &self.client else {
            return Err(Failed::TimedOut.into());
        };
        // The runtime of the store lends its clock; its threads drive the connection meanwhile.
        let _entered = self.runtime.enter();
        let patience = self.patience;
        let answered = futures_executor::block_on(tokio::task::unconstrained(async move {
            tokio::time::timeout(patience, ask(client)).await
        }));
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let failed = Failed::Postgres(error);
                if failed.spoils() {
                    self.spoil();
                }
                Err(failed.into())
            }
            Err(_) => {
                self.spoil();
                Err(Failed::TimedOut.into())
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.is_spoiled.get()
        {
            // Taken out of the pool, which then makes another one.
            drop(Object::take(client));
        }
    }
}

impl Engine for Session {
    fn prepare_cached(&self, sql: &str) -> sql::Result<Statement<'_>> {
        Ok(Statement::Postgres(Prepared {
            session: self,
            sql: dialect::translate(sql),
        }))
    }

    fn now(&self) -> PortResult<Time> {
        let mut clock = self.prepare_cached(CLOCK).map_err(from_sql)?;
        let Micros(now) = clock
            .query_row([0_i64; 0], |row| row.get(0))
            .map_err(from_sql)?;
        Ok(now)
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// A statement in the database's words. It is made ready with its first run, once per connection.
pub(crate) struct Prepared<'c> {
    session: &'c Session,
    sql: String,
}

impl Prepared<'_> {
    /// Runs it; how many rows it changed.
    pub(crate) fn execute(&mut self, values: &[&dyn ToSql]) -> sql::Result<usize> {
        let bound = Bound::all(values)?;
        let sql = &self.sql;
        let changed = self.session.wait(async move |client| {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, &referred(&bound)).await
        })?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Inserts a row; its number.
    pub(crate) fn insert(&mut self, values: &[&dyn ToSql]) -> sql::Result<i64> {
        let mut numbered = Prepared {
            session: self.session,
            sql: format!("{} RETURNING number", self.sql),
        };
        let row = numbered.query(values)?.next().ok_or(sql::Error::NoRows)?;
        Ok(row.value(0)?.as_i64()?)
    }

    /// All that it finds.
    pub(crate) fn query(
        &mut self,
        values: &[&dyn ToSql],
    ) -> sql::Result<std::vec::IntoIter<FoundRow>> {
        let bound = Bound::all(values)?;
        let sql = &self.sql;
        let rows = self.session.wait(async move |client| {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, &referred(&bound)).await
        })?;
        let rows = rows
            .into_iter()
            .map(FoundRow::new)
            .collect::<sql::Result<Vec<_>>>()?;
        Ok(rows.into_iter())
    }
}

fn referred<'b>(bound: &'b [Bound<'_>]) -> Vec<&'b (dyn PostgresToSql + Sync)> {
    bound
        .iter()
        .map(|value| value as &(dyn PostgresToSql + Sync))
        .collect()
}
