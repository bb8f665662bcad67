//! What is measured: gateways over one database of SQLite, or over one of PostgreSQL.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::Database;
use tests::client::Client;
use tests::dragoman::{Dragoman, Launch};

use crate::Outcome;
use crate::children::{cpu_seconds, resident_mebibytes};
use crate::load::{self, Requests};
use crate::postgres::Server;
use crate::report::Measured;
use crate::scenarios::Content;

/// Threads of the load, the same for every target: a multiple of every number of replicas.
const THREADS: usize = 4;
/// Connections of the load, over all replicas.
pub(crate) const CONNECTIONS: usize = 64;
/// Names the database to a gateway.
const DATABASE_URL: &str = "DRAGOMAN__STORE__DATABASE_URL";
/// All gateways over one database seal with one key.
const SEALING_KEY: &str = "0909090909090909090909090909090909090909090909090909090909090909";

/// Gateways over one database.
pub(crate) struct Target {
    pub(crate) name: String,
    // Before the database: gateways end before what they work on is taken away.
    gateways: Vec<Dragoman>,
    key: String,
    database_url: String,
    pub(crate) content: Content,
    /// Holds the file of SQLite, and the load's script.
    folder: TempDir,
    database: Option<Database>,
}

impl Target {
    /// One gateway over a file of SQLite.
    pub(crate) async fn over_sqlite(beside: &Path) -> Outcome<Self> {
        let folder = TempDir::new_in(beside)?;
        let url = format!("sqlite:{}", folder.path().join("dragoman.db").display());
        Self::start("SQLite".to_owned(), 1, url, folder, None).await
    }

    /// Gateways over a database of PostgreSQL, which ends with this value.
    pub(crate) async fn over_postgres(
        replicas: usize,
        database: Database,
        beside: &Path,
    ) -> Outcome<Self> {
        let plural = if replicas == 1 { "" } else { "s" };
        let name = format!("PostgreSQL, {replicas} replica{plural}");
        let url = database.url().to_owned();
        Self::start(
            name,
            replicas,
            url,
            TempDir::new_in(beside)?,
            Some(database),
        )
        .await
    }

    async fn start(
        name: String,
        replicas: usize,
        database_url: String,
        folder: TempDir,
        database: Option<Database>,
    ) -> Outcome<Self> {
        let mut gateways = Vec::with_capacity(replicas);
        for _ in 0..replicas {
            // Each has a folder of its own: nothing but the database is shared.
            let own = TempDir::new_in(folder.path())?;
            gateways.push(launch(&database_url).data_dir(Arc::new(own)).start());
        }
        // Only the first start over an empty database makes a key.
        let key = gateways
            .first()
            .and_then(Dragoman::key)
            .ok_or("the first gateway printed no key")?
            .to_owned();
        let client = Client::new(gateways[0].base_url(), Some(&key));
        let content = Content::fill(&client).await?;
        Ok(Self {
            name,
            gateways,
            key,
            database_url,
            content,
            folder,
            database,
        })
    }

    /// The header field that names its caller.
    pub(crate) fn authorization(&self) -> (&'static str, String) {
        ("authorization", format!("Bearer {}", self.key))
    }

    /// Whether the database is a server's.
    pub(crate) fn is_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// Runs load over all its gateways, the same number of connections to each.
    pub(crate) fn load(&self, requests: &Requests, duration: Duration) -> Outcome<load::Seen> {
        let urls: Vec<String> = self.gateways.iter().map(Dragoman::base_url).collect();
        let each: Vec<&str> = urls
            .iter()
            .map(String::as_str)
            .cycle()
            .take(THREADS)
            .collect();
        let seen = load::run(self.folder.path(), &each, requests, CONNECTIONS, duration);
        Ok(seen.map_err(|error| format!("{}: {error}", self.name))?)
    }

    /// The same, with what it cost.
    pub(crate) fn measure(
        &self,
        requests: &Requests,
        duration: Duration,
        server: &Server,
    ) -> Outcome<Measured> {
        let bytes = self.bytes()?;
        let (gateways, database) = (self.cpu_seconds()?, server.cpu_seconds()?);
        let seen = self.load(requests, duration)?;
        let per_thousand = |seconds: f64| seconds * 1_000.0 / seen.requests;
        let gateways = per_thousand(self.cpu_seconds()? - gateways);
        let database = per_thousand(server.cpu_seconds()? - database);
        Ok(Measured {
            // At the end one more is under way on each connection. Nobody waits for it, but it is done.
            writes: seen.requests + CONNECTIONS as f64,
            per_second: seen.per_second,
            p50_milliseconds: seen.p50_microseconds / 1_000.0,
            p99_milliseconds: seen.p99_microseconds / 1_000.0,
            gateways_cpu: gateways,
            // SQLite works inside of its gateway.
            database_cpu: self.is_postgres().then_some(database),
            bytes: self.bytes()? - bytes,
        })
    }

    fn cpu_seconds(&self) -> Outcome<f64> {
        let mut seconds = 0.0;
        for gateway in &self.gateways {
            seconds += cpu_seconds(gateway.process_id())?;
        }
        Ok(seconds)
    }

    /// Resident memory of its largest gateway.
    pub(crate) fn mebibytes(&self) -> Outcome<f64> {
        let mut most = 0.0_f64;
        for gateway in &self.gateways {
            most = most.max(resident_mebibytes(gateway.process_id())?);
        }
        Ok(most)
    }

    /// How many bytes of the database are in use, as the program tells it.
    fn bytes(&self) -> Outcome<f64> {
        let ran = launch(&self.database_url)
            .begin(&["db", "status", "--json"])
            .wait();
        if !ran.status.success() {
            return Err(format!("{}: db status: {}{}", self.name, ran.output, ran.errors).into());
        }
        let told: Value = serde_json::from_str(&ran.output)?;
        let bytes = told["bytes"].as_f64().ok_or("db status tells no size")?;
        // What SQLite has free in its file, it fills before the file grows.
        Ok(bytes - told["free_bytes"].as_f64().unwrap_or_default())
    }
}

fn launch(database_url: &str) -> Launch {
    Launch::new()
        .variable(DATABASE_URL, database_url)
        .variable("DRAGOMAN__STORE__SEALING_KEY", SEALING_KEY)
}
