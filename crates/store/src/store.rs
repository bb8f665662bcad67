//! The database: opened, read, written, closed, whatever engine it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backend::{Error, Kind, Outcome, Result};
use conversation::Time;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::backend::{StoreBackend, off_thread};
use crate::config::{Place, StoreConfig};
use crate::failure::Attempt;
use crate::postgres::{self, Address, Isolation, Postgres};
use crate::sql::Connection;
use crate::sqlite::{self, Sqlite};
use crate::state::{HeldLeases, SealingKey, State, TakenTurns};

/// An open database. Cheap to clone; the last clone closes it, [`Store::close`] does so in good order.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Which process this is, for records that only it may finish.
    instance: Box<str>,
    config: StoreConfig,
    engine: Engine,
    leases: HeldLeases,
    turns: TakenTurns,
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database for serving: makes what is absent and brings its schema up to date. A SQLite file is served by
    /// one process at a time, which takes its serving lock; a PostgreSQL database by any number. One that cannot be
    /// reached yet is waited for.
    ///
    /// Blocks the thread until the database is open.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where another process serves from the file, or the schema is newer than this version;
    /// [`Kind::Unavailable`] or [`Kind::StorageFull`] where it cannot be reached; [`Kind::InvalidRequest`] where its
    /// address cannot be used. Messages say what to do.
    pub fn open(config: StoreConfig) -> Result<Self> {
        Self::start(config, true)
    }

    /// Opens the database beside processes that may be serving from it: for short commands on keys and state.
    ///
    /// # Errors
    /// As [`Store::open`], but the serving lock of a file is needed only where the schema must be brought up to date.
    pub fn open_shared(config: StoreConfig) -> Result<Self> {
        Self::start(config, false)
    }

    fn start(config: StoreConfig, is_serving: bool) -> Result<Self> {
        let instance: Box<str> = Uuid::now_v7().simple().to_string().into();
        let engine = match &config.place {
            Place::File(path) => {
                Engine::Sqlite(Sqlite::open(&config, path, &instance, is_serving)?)
            }
            Place::Postgres(postgres) => {
                Engine::Postgres(Postgres::open(&config, postgres, &instance, is_serving)?)
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                instance,
                config,
                engine,
                leases: HeldLeases::default(),
                turns: TakenTurns::default(),
            }),
        })
    }

    /// The backend of this name in the database. Names do not meet: each sees its own conversations.
    #[must_use]
    pub fn backend(&self, name: &str) -> StoreBackend {
        StoreBackend::new(self.clone(), name)
    }

    /// The gateway's state, with the key that seals credentials. Blocks the thread for one read.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where stored credentials were sealed with another key.
    pub fn state(&self, sealing_key: &SealingKey) -> Result<State> {
        State::new(self.clone(), sealing_key)
    }

    /// Writes what waits and closes the database; a file's log is folded into it, and its serving lock given back. Later
    /// calls fail.
    ///
    /// # Errors
    /// Where the writing thread is gone already, or the database cannot be told.
    pub async fn close(&self) -> Result<()> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }

    /// Several processes may serve from it at once: then what they must agree on is in the database, not in memory.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.engine, Engine::Postgres(_))
    }

    /// Where the database is, in words: a path, or an address without its password.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.path().display().to_string(),
            Engine::Postgres(postgres) => postgres.address().to_owned(),
        }
    }

    /// The file of the database, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => Some(sqlite.path()),
            Engine::Postgres(_) => None,
        }
    }

    /// Whether the address of a PostgreSQL database can be used, as far as that shows without asking it.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`]: what is wrong with it, without the password.
    pub fn check_address(url: &SecretString) -> Result<()> {
        Address::parse(url.expose_secret()).map(drop)
    }

    /// The address of a PostgreSQL database without its password; of one that cannot be read, nothing is told.
    #[must_use]
    pub fn shown(url: &SecretString) -> String {
        Address::parse(url.expose_secret()).map_or_else(
            |_| "an unreadable address".to_owned(),
            |address| address.shown.into(),
        )
    }

    pub(crate) fn instance(&self) -> &str {
        &self.inner.instance
    }

    pub(crate) fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    pub(crate) fn sqlite(&self) -> Option<&Sqlite> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => Some(sqlite),
            Engine::Postgres(_) => None,
        }
    }

    pub(crate) fn postgres(&self) -> Option<&Postgres> {
        match &self.inner.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(postgres) => Some(postgres),
        }
    }

    /// The turns that were taken in this process, where no other one serves.
    pub(crate) fn turns(&self) -> &TakenTurns {
        &self.inner.turns
    }

    /// The leases of this process, where no other one serves.
    pub(crate) fn leases(&self) -> &HeldLeases {
        &self.inner.leases
    }

    /// A process that was silent for so long is dead: whoever is asked may finish what it began.
    pub(crate) fn dead_after(&self) -> Duration {
        match &self.inner.engine {
            Engine::Sqlite(_) => sqlite::DEAD_AFTER,
            Engine::Postgres(_) => postgres::DEAD_AFTER,
        }
    }

    /// Reads. Each statement sees what was committed when it began. A file is read on the caller's thread.
    pub(crate) async fn read<T: Send>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T> + Send,
    ) -> Result<T> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.read(read),
            Engine::Postgres(postgres) => postgres.read(read).await,
        }
    }

    /// As [`Store::read`], on the caller's thread whatever the engine: for what is read once, when a store is opened.
    pub(crate) fn read_blocking<T>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T>,
    ) -> Result<T> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.read(read),
            Engine::Postgres(postgres) => postgres.read_blocking(read),
        }
    }

    /// Reads; all statements see the same moment.
    pub(crate) async fn read_together<T: Send>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T> + Send,
    ) -> Result<T> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.read_together(read),
            Engine::Postgres(postgres) => postgres.read_together(read).await,
        }
    }

    /// Reads what takes a while: never on a thread that serves.
    pub(crate) async fn read_apart<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        if self.is_shared() {
            return self.read(read).await;
        }
        let store = self.clone();
        off_thread(move || match store.sqlite() {
            Some(sqlite) => sqlite.read(read),
            None => Err(closed()),
        })
        .await?
    }

    /// Every write up to this time is visible to whoever reads from now on: what shows later is newer.
    pub(crate) async fn visible_until(&self) -> Result<Time> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite.visible_until()),
            Engine::Postgres(postgres) => postgres.visible_until().await,
        }
    }

    /// Writes in a transaction, as if no other ran beside it; returns after the commit. `write` is given the time of the
    /// write, and may be run again where it met another one; where it fails, nothing of it is kept. It runs even if the
    /// caller no longer waits.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        self.write_as(Isolation::Serializable, write).await
    }

    /// As [`Store::write`], for what locks the rows by which it decides (see [`LOCKED`](crate::sql::LOCKED)) or says all
    /// of it in one statement: others that run beside it then cost nothing.
    pub(crate) async fn write_beside<T: Send + 'static>(
        &self,
        write: impl Fn(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        self.write_as(Isolation::ReadCommitted, write).await
    }

    async fn write_as<T: Send + 'static>(
        &self,
        isolation: Isolation,
        write: impl Fn(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.write(write).await,
            Engine::Postgres(postgres) => postgres.write(isolation, write).await,
        }
    }

    /// As [`Store::write_beside`]; a file's commit is not waited for: for what does no harm when a crash undoes it. Writes
    /// that are handed over later come after it.
    pub(crate) async fn write_soon(
        &self,
        write: impl Fn(&Connection, Time) -> Attempt<()> + Send + 'static,
    ) -> Result<()> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.write_soon(write),
            Engine::Postgres(postgres) => postgres.write(Isolation::ReadCommitted, write).await,
        }
    }
}

pub(crate) fn broke_off() -> Error {
    let message = "a write of the store broke off; nothing of it is kept";
    Error::new(Kind::Internal, message).outcome(Outcome::NotApplied)
}

pub(crate) fn closed() -> Error {
    Error::new(Kind::Unavailable, "the store is closed").outcome(Outcome::NotApplied)
}
