//! The database: opened, read where the caller is, written by one thread, closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend::{Error, Kind, Result};
use conversation::Time;
use rusqlite::Connection;
use uuid::Uuid;

use crate::backend::StoreBackend;
use crate::config::StoreConfig;
use crate::failure::Attempt;
use crate::state::{HeldLeases, SealingKey, State};

mod connection;
mod lock;
mod readers;
mod row;
mod schema;
mod scrubbing;
mod serving;
mod status;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

pub use serving::Serving;
pub use status::StoreStatus;

pub(crate) use row::Micros;
pub(crate) use upkeep::{DEAD_AFTER, earlier};

use connection::Role;
use lock::ServingLock;
use readers::{Moment, Readers};
use upkeep::Upkeep;
use writer::Writer;

/// An open database. Cheap to clone; the last clone closes it, [`Store::close`] does so in good order.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// Which process this is, for records that only it may finish.
    instance: Box<str>,
    config: StoreConfig,
    readers: Readers,
    writer: Writer,
    leases: HeldLeases,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database for serving: makes it where it is absent, brings its schema up to date, and takes the
    /// serving lock, so that one process at a time serves from it.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where another process serves from it, or its schema is newer than this version;
    /// [`Kind::Unavailable`] or [`Kind::StorageFull`] where it cannot be reached. Messages say what to do.
    pub fn open(config: StoreConfig) -> Result<Self> {
        connection::prepare_file(&config.path)?;
        let lock = ServingLock::take(&config.path)?;
        Self::start(config, Some(lock))
    }

    /// Opens the database beside a process that may be serving from it: for short commands on keys and state.
    ///
    /// # Errors
    /// As [`Store::open`], but the serving lock is needed only where the schema must be brought up to date.
    pub fn open_shared(config: StoreConfig) -> Result<Self> {
        connection::prepare_file(&config.path)?;
        Self::start(config, None)
    }

    fn start(config: StoreConfig, lock: Option<ServingLock>) -> Result<Self> {
        connection::check_version()?;
        let mut writing = connection::open(&config, Role::Writing)?;
        // Nobody changes the schema under a process of an older version that serves from it.
        let change = match &lock {
            None if !schema::is_current(&writing)? => Some(ServingLock::take(&config.path)?),
            _ => None,
        };
        schema::bring_up_to_date(&mut writing, &config.path)?;
        drop(change);
        let reading = (0..config.read_connections.max(1))
            .map(|_| connection::open(&config, Role::Reading))
            .collect::<Result<Vec<_>>>()?;
        let instance: Box<str> = Uuid::now_v7().simple().to_string().into();
        let upkeep = Upkeep::begin(&writing, lock.is_some(), &instance, config.settle_retention)?;
        let writer = Writer::start(
            writing,
            upkeep,
            lock,
            config.batch_max_writes,
            config.queue_max_writes,
        )?;
        let path = config.path.clone();
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                instance,
                config,
                readers: Readers::new(reading),
                writer,
                leases: HeldLeases::default(),
            }),
        })
    }

    /// The backend of this name in the database. Names do not meet: each sees its own conversations.
    #[must_use]
    pub fn backend(&self, name: &str) -> StoreBackend {
        StoreBackend::new(self.clone(), name)
    }

    /// The leases of this process.
    pub(crate) fn leases(&self) -> &HeldLeases {
        &self.inner.leases
    }

    /// The gateway's state, with the key that seals credentials.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where stored credentials were sealed with another key.
    pub fn state(&self, sealing_key: &SealingKey) -> Result<State> {
        State::new(self.clone(), sealing_key)
    }

    /// Writes what waits, folds the log into the file and gives the serving lock back. Later calls fail.
    ///
    /// # Errors
    /// Where the writing thread is gone already.
    pub async fn close(&self) -> Result<()> {
        self.inner.writer.close().await
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What the database is and how it does: for readiness checks. Reads one page.
    ///
    /// # Errors
    /// Where it cannot be read, or the last write failed for want of room or access.
    pub fn status(&self) -> Result<StoreStatus> {
        let status = self.read(|connection| Ok(StoreStatus::read(connection)?))?;
        match self.inner.writer.last_failure() {
            Some(error) => Err(error),
            None => Ok(status),
        }
    }

    /// Reads the whole file and checks its structure. Slow: for operators and tests.
    ///
    /// # Errors
    /// [`Kind::Internal`] where something is wrong; the message holds SQLite's first finding.
    pub fn check_integrity(&self) -> Result<()> {
        let finding = self.read(|connection| {
            Ok(
                connection.query_row("PRAGMA integrity_check(1)", [], |row| {
                    row.get::<_, String>(0)
                })?,
            )
        })?;
        if finding == "ok" {
            return Ok(());
        }
        Err(Error::new(
            Kind::Internal,
            format!("the database file is damaged: {finding}"),
        ))
    }

    pub(crate) fn instance(&self) -> &str {
        &self.inner.instance
    }

    pub(crate) fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    /// Reads on the caller's thread. Each statement sees what was committed when it began.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Attempt<T>) -> Result<T> {
        Ok(self.inner.readers.with(read)?)
    }

    /// Reads on the caller's thread; all statements see the same moment.
    pub(crate) fn read_together<T>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T>,
    ) -> Result<T> {
        self.read(|connection| {
            let _moment = Moment::begin(connection)?;
            read(connection)
        })
    }

    /// Every write up to this time is visible: what shows later is newer. At most a heartbeat old.
    pub(crate) fn visible_until(&self) -> Time {
        self.inner.writer.visible_until()
    }

    /// Writes in a transaction that other waiting writes may share; returns after the commit. `write` is given the
    /// time of the write; where it fails, nothing of it is kept. It runs even if the caller no longer waits.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.writer.write(write).await
    }

    /// As [`Store::write`], but returns before the commit: for what does no harm when a crash undoes it. Writes that
    /// are handed over later come after it.
    pub(crate) fn write_soon(
        &self,
        write: impl FnOnce(&Connection, Time) -> Attempt<()> + Send + 'static,
    ) -> Result<()> {
        self.inner.writer.write_soon(write)
    }
}
