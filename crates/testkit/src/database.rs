//! A PostgreSQL database of a test's own, on the server that the environment names; gone when the test is.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::thread;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use url::Url;
use uuid::Uuid;

/// Names the server: a user there may make databases.
const SERVER: &str = "DRAGOMAN_TEST_POSTGRES_URL";

/// Begins the name of every database of a test.
const PREFIX: &str = "dragoman_test_";
/// Says which engine tests of the store use: `postgres`, or SQLite where it is absent.
const ENGINE: &str = "DRAGOMAN_TEST_ENGINE";

/// A database of a test's own, empty at first. It is removed with everybody who is connected to it: by
/// [`Database::remove`], or when it is dropped.
pub struct Database {
    server: Url,
    name: String,
    url: String,
    is_there: bool,
}

// By hand: an address may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Database").field(&self.name).finish()
    }
}

impl Database {
    /// Makes one on the server that `DRAGOMAN_TEST_POSTGRES_URL` names.
    ///
    /// # Panics
    /// If the variable is absent, or the server makes no database.
    pub async fn create() -> Self {
        Self::create_at(server().as_str()).await
    }

    /// Makes one where `DRAGOMAN_TEST_ENGINE` is `postgres`: then tests that need any store use this one. Blocks the thread,
    /// which may be one that runs futures.
    ///
    /// # Panics
    /// As [`Database::create`].
    #[must_use]
    pub fn of_engine() -> Option<Self> {
        match std::env::var(ENGINE).ok()?.as_str() {
            "postgres" => Some(apart(Self::create())),
            other => panic!("{ENGINE} is {other:?}, which is no engine but `postgres`"),
        }
    }

    /// The address of the database that belongs to a folder, where `DRAGOMAN_TEST_ENGINE` is `postgres`: the same for
    /// whoever asks again, as a file in it would be. It is made where it is absent, and ends with the server. Blocks the
    /// thread, as [`Database::of_engine`].
    ///
    /// # Panics
    /// As [`Database::create`].
    #[must_use]
    pub fn of_folder(folder: &Path) -> Option<String> {
        std::env::var_os(ENGINE)?;
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        let name = format!("{PREFIX}of_folder_{:016x}", hasher.finish());
        let mut url = server();
        let server = url.clone();
        url.set_path(&name);
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        apart(async move {
            let client = connect(server.as_str()).await;
            let is_there = client
                .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
                .await
                .expect("a list of databases")
                .is_some();
            if !is_there {
                order(&server, &create).await;
            }
        });
        Some(url.into())
    }

    /// Makes one on the server at this address, `postgres://…`.
    ///
    /// # Panics
    /// If the server makes no database.
    pub async fn create_at(server: &str) -> Self {
        let server = Url::parse(server).expect("the address of a PostgreSQL server, postgres://…");
        let name = format!("{PREFIX}{}", Uuid::now_v7().simple());
        // Nobody is ever connected to this template, which would be in the way of others who copy it.
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        order(&server, &create).await;
        let mut url = server.clone();
        url.set_path(&name);
        Self {
            server,
            name,
            url: url.into(),
            is_there: true,
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection to it, for a test that looks at what stands there.
    ///
    /// # Panics
    /// If it cannot be connected to.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }

    /// What a statement finds in the database at this address, column by column; null is empty. Blocks the thread, as
    /// [`Database::of_engine`].
    ///
    /// # Panics
    /// If the database cannot be asked.
    #[must_use]
    pub fn rows_at(url: &str, sql: &str) -> Vec<Vec<String>> {
        let (url, sql) = (url.to_owned(), sql.to_owned());
        let messages = apart(async move { connect(&url).await.simple_query(&sql).await });
        let messages = messages.unwrap_or_else(|error| panic!("no rows: {}", words(&error)));
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| {
            (0..row.len())
                .map(|column| row.get(column).unwrap_or_default().to_owned())
                .collect()
        })
        .collect()
    }

    /// Removes it.
    ///
    /// # Panics
    /// If the server does not do it.
    pub async fn remove(mut self) {
        self.is_there = false;
        order(&self.server, &self.removal()).await;
    }

    fn removal(&self) -> String {
        format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.is_there {
            return;
        }
        let (server, removal) = (self.server.clone(), self.removal());
        // A failure is a database that is left on a server for tests, which is no reason to fail one.
        let removing = thread::spawn(move || apart(async move { order(&server, &removal).await }));
        drop(removing.join());
    }
}

/// The server that the environment names.
fn server() -> Url {
    let Ok(server) = std::env::var(SERVER) else {
        panic!(
            "{SERVER} is not set: run `tests/run`, or `eval \"$(tests/postgres start)\"` before this test"
        );
    };
    Url::parse(&server).expect("the address of a PostgreSQL server, postgres://…")
}

/// Runs it on a thread and a runtime of its own: whoever asks may be inside of one, or of none.
fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(work)
    });
    match thread.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn order(server: &Url, statement: &str) {
    let client = connect(server.as_str()).await;
    let done = client.batch_execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {}", words(&error)));
}

async fn connect(url: &str) -> Client {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) =
        connected.unwrap_or_else(|error| panic!("no connection to PostgreSQL: {}", words(&error)));
    // It ends with its client.
    tokio::spawn(connection);
    client
}

/// What the server said, which the error alone does not.
fn words(error: &tokio_postgres::Error) -> String {
    let said = error.as_db_error().map(ToString::to_string);
    said.unwrap_or_else(|| format!("{error:?}"))
}
