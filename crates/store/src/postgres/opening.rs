//! Opening: waits for the database, brings its schema up to date, makes the connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{Error, Kind, Result};
use secrecy::ExposeSecret as _;
use tokio_postgres::Client;

use super::address::Address;
use super::connecting::{self, Connecting};
use super::failed::{Failed, from_postgres};
use super::{Driving, Shared, schema, tls, wait_for};
use crate::config::{PostgresConfig, StoreConfig};

/// How long to wait before the database is tried again that cannot be reached.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often it is said that the database is waited for.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// Opens the database. Blocks the thread, which may be one that runs futures: nothing else is done before this.
pub(super) fn open(
    config: &StoreConfig,
    postgres: &PostgresConfig,
) -> Result<(Driving, Arc<Shared>)> {
    let (runtime, address, connecting) = reach(config, postgres)?;
    if !address.is_local() && !address.trust.verifies() {
        tracing::warn!(
            database = %address.shown,
            "nobody checks that the database is the right one: add sslmode=verify-full to `store.database_url`"
        );
    }
    let waiting = postgres.start_wait;
    let (making, shown) = (connecting.clone(), address.shown.clone());
    let tells_outcomes = wait_for(runtime.handle()?, async move {
        prepare(making, &shown, waiting).await
    })?;
    let pool = connecting::pool(connecting.clone(), postgres).map_err(|error| {
        Error::new(
            Kind::Internal,
            "the connections of the store cannot be made",
        )
        .source(error)
    })?;
    let shared = Shared {
        pool,
        connecting,
        runtime: runtime.handle()?.clone(),
        address: address.shown,
        patience: config.busy_timeout,
        tells_outcomes,
    };
    Ok((runtime, Arc::new(shared)))
}

/// Version of the server, version of the schema, size of the database in bytes; nothing is changed. Blocks the thread.
pub(crate) fn look_at(
    config: &StoreConfig,
    postgres: &PostgresConfig,
) -> Result<(String, i32, u64)> {
    let (runtime, address, connecting) = reach(config, postgres)?;
    let waiting = postgres.start_wait;
    wait_for(runtime.handle()?, async move {
        let client = first_client(connecting, &address.shown, waiting).await?;
        let schema_version = schema::version(&client).await?;
        let row = client
            .query_one(
                "SELECT current_setting('server_version'), pg_database_size(current_database())",
                &[],
            )
            .await
            .map_err(|error| from_postgres(Failed::Postgres(error)))?;
        Ok((
            row.get(0),
            schema_version,
            u64::try_from(row.get::<_, i64>(1)).unwrap_or_default(),
        ))
    })
}

/// What is needed to reach a database.
fn reach(
    config: &StoreConfig,
    postgres: &PostgresConfig,
) -> Result<(Driving, Address, Connecting)> {
    let address = Address::parse(postgres.url.expose_secret())?;
    let runtime = Driving::start()?;
    let connecting = Connecting::new(
        runtime.handle()?.clone(),
        address.config.clone(),
        tls::connector(&address)?,
        config.busy_timeout,
    );
    Ok((runtime, address, connecting))
}

/// Brings the schema up to date; whether the database tells what became of transactions.
async fn prepare(connecting: Connecting, shown: &str, waiting: Duration) -> Result<bool> {
    let mut client = first_client(connecting, shown, waiting).await?;
    schema::bring_up_to_date(&mut client, shown).await?;
    let asked = client
        .simple_query("SELECT pg_xact_status(pg_current_xact_id())")
        .await;
    if let Err(error) = &asked {
        tracing::info!(error = %error, "the database does not tell what became of transactions: where a connection \
            breaks in a commit, the outcome is unknown");
    }
    Ok(asked.is_ok())
}

async fn first_client(connecting: Connecting, shown: &str, waiting: Duration) -> Result<Client> {
    let started = Instant::now();
    let mut said = None::<Instant>;
    loop {
        let error = match connecting.clone().client().await {
            Ok((client, _driving)) => return Ok(client),
            Err(error) => from_postgres(Failed::Postgres(error)),
        };
        let reason = reason_of(&error);
        if is_final(&error, &reason) || started.elapsed() >= waiting {
            let waited = started.elapsed().as_secs();
            let message = format!(
                "the database {shown} cannot be used after {waited} s: {}{reason}",
                error.message
            );
            let mut error = error;
            error.message = message;
            return Err(error);
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            said = Some(Instant::now());
            tracing::warn!(
                database = %shown,
                "waiting for the database: {}{reason}", error.message
            );
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// What the system or the server said.
fn reason_of(error: &Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut last = None;
    while let Some(deeper) = source {
        last = Some(deeper.to_string());
        source = deeper.source();
    }
    last.map_or_else(String::new, |last| format!(" ({last})"))
}

/// Waiting does not help: what is wrong is what was configured.
fn is_final(error: &Error, reason: &str) -> bool {
    reason.contains("certificate")
        || ["password", "no database of this name"]
            .iter()
            .any(|words| error.message.contains(words))
}
