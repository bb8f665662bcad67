//! PostgreSQL: one database for any number of equal processes.
//!
//! Statements are written for blocking threads, as for SQLite; connections are driven by a runtime of the store's own, so
//! that a blocked thread never holds up the answer that it waits for. Each write is a transaction of its own, repeated
//! where it met another one; what several processes must agree on is decided by rows and by the database's clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{Error, Kind, Result};
use conversation::Time;
use deadpool_postgres::Pool;
use metrics::{gauge, histogram};
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};
use tokio::sync::oneshot;

use crate::config::{PostgresConfig, StoreConfig};
use crate::copying;
use crate::failure::Attempt;
use crate::sql::Connection;
use crate::store::{broke_off, closed};

mod address;
mod connecting;
mod dialect;
mod failed;
mod leases;
mod opening;
mod schema;
mod session;
mod status;
mod tls;
mod touches;
mod transaction;
mod turns;
mod upkeep;
mod values;

pub(crate) use address::Address;
pub(crate) use failed::{Failed, from_postgres};
pub(crate) use opening::look_at;
pub(crate) use schema::latest as latest_schema;
pub(crate) use session::{Prepared, Session};
pub(crate) use status::read as read_status;
pub(crate) use transaction::Isolation;
pub(crate) use values::FoundRow;

/// The time now by the database's clock, in microseconds.
const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)";
/// How often a process says that it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(3);
/// A process that was silent for so long is dead: whoever is asked may finish what it began.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(15);

/// How long freeing the room of removed rows may take.
const VACUUM_MAX: Duration = Duration::from_secs(3_600);

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    shared: Arc<Shared>,
    /// Drives the connections.
    _runtime: Driving,
    upkeep: Option<upkeep::Upkeep>,
}

/// What every use of the database needs.
struct Shared {
    pool: Pool,
    connecting: connecting::Connecting,
    runtime: Handle,
    /// Where it is, without secrets.
    address: Box<str>,
    /// The longest that a statement may take, in time to tell the caller.
    patience: Duration,
    /// It can tell what became of a transaction whose end was not heard of.
    tells_outcomes: bool,
}

impl Postgres {
    /// Opens the database, waiting for it where it cannot be reached yet, and brings its schema up to date.
    pub(crate) fn open(
        config: &StoreConfig,
        postgres: &PostgresConfig,
        instance: &str,
        is_serving: bool,
    ) -> Result<Self> {
        let (runtime, shared) = opening::open(config, postgres)?;
        if is_serving {
            let session = shared.blocking_session()?;
            blocking(|| copying::check_finished(&session))?;
        }
        let upkeep = if is_serving {
            Some(upkeep::Upkeep::start(
                shared.clone(),
                instance,
                config.settle_retention,
            )?)
        } else {
            None
        };
        Ok(Self {
            shared,
            _runtime: runtime,
            upkeep,
        })
    }

    /// Where the database is, without secrets.
    pub(crate) fn address(&self) -> &str {
        &self.shared.address
    }

    /// Reads with a connection of its own; each statement sees what was committed when it began.
    pub(crate) async fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T> + Send,
    ) -> Result<T> {
        let session = self.shared.session().await?;
        Ok(blocking(|| read(&session))?)
    }

    /// As [`Postgres::read`], on the caller's thread from the beginning.
    pub(crate) fn read_blocking<T>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T>,
    ) -> Result<T> {
        let session = self.shared.blocking_session()?;
        Ok(blocking(|| read(&session))?)
    }

    /// Reads; all statements see the same moment.
    pub(crate) async fn read_together<T>(
        &self,
        read: impl FnOnce(&Connection) -> Attempt<T> + Send,
    ) -> Result<T> {
        let session = self.shared.session().await?;
        Ok(blocking(|| {
            session.begin_reading()?;
            let found = read(&session);
            session.end_reading();
            found
        })?)
    }

    /// Writes in a transaction; returns after the commit. It runs even if the caller no longer waits.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        isolation: Isolation,
        write: impl Fn(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let shared = self.shared.clone();
        gauge!("dragoman_store_writes_waiting").increment(1);
        self.shared.runtime.spawn(async move {
            let session = shared.session().await;
            gauge!("dragoman_store_writes_waiting").decrement(1);
            let started = Instant::now();
            let result = match session {
                Ok(session) => shared.transact(session, isolation, write).await,
                Err(error) => Err(error),
            };
            histogram!("dragoman_store_commit_duration_seconds")
                .record(started.elapsed().as_secs_f64());
            // A caller that no longer waits has dropped its end; its write stands all the same.
            let _gone = sender.send(result);
        });
        receiver.await.map_err(|_| closed())?
    }

    /// Runs one statement that is right by itself.
    pub(crate) async fn single<T>(
        &self,
        statement: impl FnOnce(&Connection) -> Attempt<T> + Send,
    ) -> Result<T> {
        self.read(statement).await
    }

    /// Frees the room of removed rows.
    pub(crate) async fn vacuum(&self) -> Result<()> {
        let mut connecting = self.shared.connecting.clone();
        connecting.patience = VACUUM_MAX;
        let vacuuming = self.shared.runtime.spawn(async move {
            let (client, _driving) = connecting.client().await?;
            client.batch_execute("VACUUM").await
        });
        vacuuming
            .await
            .map_err(|_| closed())?
            .map_err(|error| from_postgres(Failed::Postgres(error)))
    }

    /// Every write up to this time can be seen by whoever reads from now on.
    pub(crate) async fn visible_until(&self) -> Result<Time> {
        self.read(|connection| Ok(status::visible_until(connection)?))
            .await
    }

    /// Takes this process out and ends the connections.
    pub(crate) async fn close(&self) -> Result<()> {
        let ended = match &self.upkeep {
            Some(upkeep) => upkeep.end().await,
            None => Ok(()),
        };
        self.shared.pool.close();
        ended
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.upkeep.take());
        self.shared.pool.close();
    }
}

/// A runtime whose end nobody waits for, which is not allowed where futures run.
struct Driving(Option<Runtime>);

impl Driving {
    /// The runtime that drives connections.
    fn start() -> Result<Self> {
        let built = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-postgres")
            .enable_all()
            .build();
        match built {
            Ok(runtime) => Ok(Self(Some(runtime))),
            Err(error) => {
                let message = "the threads of the store cannot be started";
                Err(Error::new(Kind::Unavailable, message).source(error))
            }
        }
    }

    fn handle(&self) -> Result<&Handle> {
        self.0.as_ref().map(Runtime::handle).ok_or_else(closed)
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// A connection of the caller's own, for whoever blocks its thread from the beginning.
    fn blocking_session(self: &Arc<Self>) -> Result<Session> {
        let shared = self.clone();
        wait_for(&self.runtime, async move { shared.session().await })
    }

    /// Runs a write on a connection, on a thread that may wait.
    async fn transact<T: Send + 'static>(
        self: Arc<Self>,
        session: Session,
        isolation: Isolation,
        write: impl Fn(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        tokio::task::spawn_blocking(move || transaction::run(&self, session, isolation, &write))
            .await
            .unwrap_or_else(|_| Err(broke_off()))
    }

    /// A connection of the caller's own.
    async fn session(&self) -> Result<Session> {
        let client = self
            .pool
            .get()
            .await
            .map_err(|error| failed::from_pool(error, &self.address))?;
        Ok(Session::new(client, self.runtime.clone(), self.patience))
    }
}

/// Runs what waits for the database on this thread. Other futures of a runtime with several threads go on meanwhile.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::CurrentThread) | Err(_) => work(),
        Ok(_) => tokio::task::block_in_place(work),
    }
}

/// Runs it on the store's own runtime, and blocks this thread, which may be one that runs futures.
fn wait_for<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Whoever waits for it waits until it is told.
        let _gone = sender.send(work.await);
    });
    blocking(|| receiver.recv().map_err(|_| closed())?)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
