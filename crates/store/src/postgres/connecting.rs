//! Connections: made on the store's own runtime, with every setting that the statements depend on.

use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::PostgresConfig;

/// The name by which our connections are known in the database.
pub(super) const APPLICATION: &str = "dragoman";
/// How long a caller waits for a connection that others use.
const WAIT: Duration = Duration::from_secs(2);

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connecting {
    runtime: Handle,
    config: Config,
    tls: MakeRustlsConnect,
    /// How long a connection is waited for; statements may take twice as long before the database gives up.
    pub(super) patience: Duration,
}

impl Connecting {
    pub(super) fn new(
        runtime: Handle,
        mut config: Config,
        tls: MakeRustlsConnect,
        patience: Duration,
    ) -> Self {
        config
            .application_name(APPLICATION)
            .connect_timeout(patience)
            .keepalives_idle(Duration::from_secs(30))
            .tcp_user_timeout(patience * 2);
        Self {
            runtime,
            config,
            tls,
            patience,
        }
    }

    /// A connection of its own, which belongs to no pool.
    pub(super) async fn client(self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = self.config.connect(self.tls).await?;
        let driving = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection to the database ended");
            }
        });
        // The database gives up a little later than we do; a process that was stopped in a transaction keeps its locks
        // no longer than that.
        let statement = (self.patience * 2).as_millis();
        client
            .batch_execute(&format!(
                "SET application_name = '{APPLICATION}'; SET statement_timeout = {statement}; \
                 SET lock_timeout = {statement}; SET idle_in_transaction_session_timeout = {statement}"
            ))
            .await?;
        // Small tables would be read whole, and then every write to them is held to meet every other. A database that
        // does not know the word plans its own way.
        if let Err(error) = client.batch_execute("SET enable_seqscan = off").await {
            tracing::debug!(error = %error, "the database plans its own way");
        }
        Ok((client, driving))
    }
}

impl Connect for Connecting {
    fn connect(
        &self,
        _config: &Config,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>>
    {
        Box::pin(async move {
            match self.runtime.spawn(self.clone().client()).await {
                Ok(connected) => connected,
                // The store is being closed: nobody waits any more.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

/// The connections of a process.
pub(super) fn pool(
    connecting: Connecting,
    config: &PostgresConfig,
) -> Result<Pool, deadpool_postgres::BuildError> {
    let (address, patience) = (connecting.config.clone(), connecting.patience);
    let recycling_method = RecyclingMethod::Fast;
    let manager = Manager::from_connect(address, connecting, ManagerConfig { recycling_method });
    Pool::builder(manager)
        .max_size(config.connections_max.max(1))
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(patience))
        .recycle_timeout(Some(patience))
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .build()
}
