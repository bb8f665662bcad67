//! SQLite: one file, served by one process; read where the caller is, written by one thread.

use std::path::{Path, PathBuf};

use backend::{Error, Kind, Result};
use conversation::Time;

use crate::config::StoreConfig;
use crate::failure::Attempt;
use crate::sql::Connection;

mod connection;
mod lock;
mod readers;
mod schema;
mod scrubbing;
mod status;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

pub(crate) use upkeep::DEAD_AFTER;

use connection::Role;
use lock::ServingLock;
use readers::{Moment, Readers};
use upkeep::Upkeep;
use writer::Writer;

/// An open SQLite database.
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Readers,
    writer: Writer,
}

impl Sqlite {
    /// Opens the file and makes it where it is absent. One that serves takes the serving lock.
    pub(crate) fn open(
        config: &StoreConfig,
        path: &Path,
        instance: &str,
        is_serving: bool,
    ) -> Result<Self> {
        connection::prepare_file(path)?;
        let lock = if is_serving {
            Some(ServingLock::take(path)?)
        } else {
            None
        };
        connection::check_version()?;
        let mut writing = connection::open(config, path, Role::Writing)?;
        // Nobody changes the schema under a process of an older version that serves from it.
        let change = match &lock {
            None if !schema::is_current(&writing)? => Some(ServingLock::take(path)?),
            _ => None,
        };
        schema::bring_up_to_date(&mut writing, path)?;
        drop(change);
        let reading = (0..config.read_connections.max(1))
            .map(|_| connection::open(config, path, Role::Reading))
            .collect::<Result<Vec<_>>>()?;
        let upkeep = Upkeep::begin(&writing, lock.is_some(), instance, config.settle_retention)?;
        let writer = Writer::start(
            writing,
            upkeep,
            lock,
            config.batch_max_writes,
            config.queue_max_writes,
        )?;
        Ok(Self {
            path: path.to_owned(),
            readers: Readers::new(reading),
            writer,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.writer.close().await
    }

    /// Why the last write failed for want of room or access; `None` once one was made.
    pub(crate) fn last_failure(&self) -> Option<Error> {
        self.writer.last_failure()
    }

    /// Reads on the caller's thread.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Attempt<T>) -> Result<T> {
        Ok(self.readers.with(|connection| read(connection))?)
    }

    /// Reads on the caller's thread; all statements see the same moment.
    pub(crate) fn read_together<T>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T>,
    ) -> Result<T> {
        Ok(self.readers.with(|connection| {
            let _moment = Moment::begin(connection)?;
            read(connection)
        })?)
    }

    /// Every write up to this time is visible: what shows later is newer. At most a heartbeat old.
    pub(crate) fn visible_until(&self) -> Time {
        self.writer.visible_until()
    }

    /// Writes in a transaction that other waiting writes may share.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(write).await
    }

    /// As [`Sqlite::write`], but returns before the commit.
    pub(crate) fn write_soon(
        &self,
        write: impl FnOnce(&Connection, Time) -> Attempt<()> + Send + 'static,
    ) -> Result<()> {
        self.writer.write_soon(write)
    }

    /// Writes the database, as it is now, into a new file.
    pub(crate) async fn copy_into(&self, file: &Path) -> Result<()> {
        let name = file.to_string_lossy().into_owned();
        self.writer
            .run_alone(move |connection| {
                connection
                    .execute("VACUUM INTO ?1", [name])
                    .map(drop)
                    .map_err(crate::failure::from_sqlite)
            })
            .await
    }

    /// Version of SQLite, version of the schema, size of the file and of what in it holds nothing, in bytes.
    pub(crate) fn status(&self) -> Result<(String, i32, u64, u64)> {
        self.readers
            .with(status::read)
            .map_err(crate::failure::from_sqlite)
    }

    /// As [`Sqlite::status`], of a file that is not opened otherwise.
    pub(crate) fn look_at(config: &StoreConfig, path: &Path) -> Result<(String, i32, u64, u64)> {
        let connection = connection::open(config, path, Role::Reading)?;
        status::read(&connection).map_err(crate::failure::from_sqlite)
    }

    /// Reads the whole file and checks its structure.
    pub(crate) fn check_integrity(&self) -> Result<()> {
        let finding = self
            .readers
            .with(|connection| {
                connection.query_row("PRAGMA integrity_check(1)", [], |row| {
                    row.get::<_, String>(0)
                })
            })
            .map_err(crate::failure::from_sqlite)?;
        if finding == "ok" {
            return Ok(());
        }
        Err(Error::new(
            Kind::Internal,
            format!("the database file is damaged: {finding}"),
        ))
    }

    /// The newest version of the schema that this program knows.
    pub(crate) fn latest_schema() -> i32 {
        schema::latest()
    }
}

#[cfg(test)]
impl Sqlite {
    /// Looks at the file with SQLite's own words.
    pub(crate) fn look<T>(
        &self,
        look: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> T {
        self.readers.with(look).unwrap()
    }

    /// What the planner does for a statement.
    pub(crate) fn plan(&self, sql: &str) -> String {
        self.look(|connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
            let steps = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| {
                    row.get::<_, String>(3)
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(steps.join("; "))
        })
    }

    /// Does something to the writing connection.
    pub(crate) async fn alter<T: Send + 'static>(
        &self,
        alter: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> T {
        let altered = self
            .writer
            .run_alone(|connection| alter(connection).map_err(crate::failure::from_sqlite));
        altered.await.unwrap()
    }
}
