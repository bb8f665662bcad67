//! The store and the gateway's state, opened from the configuration.

use std::sync::Arc;
use std::time::Duration;

use backend::Kind;
use backend::ports::Keys;
use store::{Place, PostgresConfig, SealingKey, State, Store, Synchronous};

use crate::config::{Configuration, DatabasePlace, StoreConfig, SynchronousKind};
use crate::data_dir;
use crate::failure::Failure;

/// The file of the sealing key in the data directory.
const SEALING_KEY_FILE: &str = "sealing.key";

/// How long a short command waits for a database that cannot be reached.
const BESIDE_WAIT: Duration = Duration::from_secs(5);

/// Who opens the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// The one process that serves from it.
    Serving,
    /// A short command beside it.
    Beside,
}

/// The open database with the state in it.
#[derive(Debug)]
pub(crate) struct OpenState {
    pub(crate) store: Store,
    pub(crate) state: Arc<State>,
    /// Whether opening it made it.
    pub(crate) is_new: bool,
}

/// Opens the database, and makes it where it is absent.
pub(crate) fn open(configuration: &Configuration, usage: Use) -> Result<OpenState, Failure> {
    let opened = open_store(configuration, usage)?;
    opened.map_err(|error| cannot_open(configuration, &error))
}

/// Opens the database for serving; `None` where another process serves from it.
pub(crate) fn open_for_serving(
    configuration: &Configuration,
) -> Result<Option<OpenState>, Failure> {
    match open_store(configuration, Use::Serving)? {
        Ok(open) => Ok(Some(open)),
        // A newer schema is a conflict too: whoever opens the database beside is told so.
        Err(error) if error.kind == Kind::Conflict => Ok(None),
        Err(error) => Err(cannot_open(configuration, &error)),
    }
}

fn cannot_open(configuration: &Configuration, error: &backend::Error) -> Failure {
    Failure::with_help(
        format!(
            "the database {} cannot be opened: {error}",
            configuration.store.database_shown()
        ),
        "`store.database_url` in the file, --data-dir or `store.data_dir` choose another one",
    )
}

fn open_store(
    configuration: &Configuration,
    usage: Use,
) -> Result<backend::Result<OpenState>, Failure> {
    let config = &configuration.store;
    data_dir::prepare(&config.data_dir)
        .map_err(|error| Failure::with_help(&error, error.help()))?;
    let is_new = config.database_file().is_some_and(|path| !path.exists());
    let store = match usage {
        Use::Serving => Store::open(settings(config, usage)),
        Use::Beside => Store::open_shared(settings(config, usage)),
    };
    let store = match store {
        Ok(store) => store,
        Err(error) => return Ok(Err(error)),
    };
    let sealing_key = sealing_key(config)?;
    Ok(store.state(&sealing_key).map(|state| OpenState {
        store,
        state: Arc::new(state),
        is_new,
    }))
}

/// The key of the configuration, else the one in the data directory, which is made on first start.
fn sealing_key(config: &StoreConfig) -> Result<SealingKey, Failure> {
    match &config.sealing_key {
        Some(key) => SealingKey::parse(&key.to_secret_string()),
        None => SealingKey::load_or_create(&config.data_dir.join(SEALING_KEY_FILE)),
    }
    .map_err(Failure::runtime)
}

/// How the database is opened.
pub(crate) fn settings(config: &StoreConfig, usage: Use) -> store::StoreConfig {
    let base = match config.database() {
        DatabasePlace::File(path) => store::StoreConfig::at(path),
        DatabasePlace::Postgres(url) => {
            let place = Place::Postgres(PostgresConfig {
                url,
                connections_max: config.connections_max,
                start_wait: match usage {
                    Use::Serving => Duration::from_secs(config.start_wait_seconds),
                    Use::Beside => BESIDE_WAIT,
                },
            });
            store::StoreConfig::in_place(place)
        }
    };
    store::StoreConfig {
        synchronous: match config.synchronous {
            SynchronousKind::Full => Synchronous::Full,
            SynchronousKind::Normal => Synchronous::Normal,
        },
        queue_max_writes: config.queue_max_writes,
        ..base
    }
}

impl OpenState {
    /// The API keys in it.
    pub(crate) fn keys(&self) -> &dyn Keys {
        &*self.state
    }

    /// Writes what waits and gives the file back.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        self.store.close().await.map_err(|error| {
            Failure::runtime(format!("the database did not close in good order: {error}"))
        })
    }
}
