//! What the database is and how it does: for readiness checks and operators.

use backend::Result;

use crate::config::{Place, StoreConfig};
use crate::postgres;
use crate::sqlite::Sqlite;
use crate::store::Store;

/// Which engine holds a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file, served by one process.
    Sqlite,
    /// A server, for any number of processes.
    Postgres,
}

impl Engine {
    /// Its name, as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What the database is and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// Which engine holds it.
    pub engine: Engine,
    /// The version of the engine, such as `3.54.1`.
    pub version: String,
    /// The version of the schema.
    pub schema_version: i32,
    /// The newest version of the schema that this program knows.
    pub schema_latest: i32,
    /// The size of the database, in bytes.
    pub bytes: u64,
    /// How much of it holds nothing and is used again, in bytes; absent where the engine does not tell.
    pub free_bytes: Option<u64>,
}

impl StoreStatus {
    /// Looks at a database as it is, and changes nothing of it; `None` where there is none yet. Blocks the thread.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub fn look(config: &StoreConfig) -> Result<Option<Self>> {
        match &config.place {
            Place::File(path) if !path.is_file() => Ok(None),
            Place::File(path) => {
                let (version, schema_version, bytes, free_bytes) = Sqlite::look_at(config, path)?;
                Ok(Some(Self::of_sqlite(
                    version,
                    schema_version,
                    bytes,
                    free_bytes,
                )))
            }
            Place::Postgres(postgres) => {
                let (version, schema_version, bytes) = postgres::look_at(config, postgres)?;
                Ok(Some(Self::of_postgres(version, schema_version, bytes)))
            }
        }
    }

    fn of_sqlite(version: String, schema_version: i32, bytes: u64, free_bytes: u64) -> Self {
        Self {
            engine: Engine::Sqlite,
            version,
            schema_version,
            schema_latest: Sqlite::latest_schema(),
            bytes,
            free_bytes: Some(free_bytes),
        }
    }

    fn of_postgres(version: String, schema_version: i32, bytes: u64) -> Self {
        Self {
            engine: Engine::Postgres,
            version,
            schema_version,
            schema_latest: postgres::latest_schema(),
            bytes,
            free_bytes: None,
        }
    }
}

impl Store {
    /// What the database is and how it does: for readiness checks. Asks it once.
    ///
    /// # Errors
    /// Where it cannot be read, or the last write failed for want of room or access.
    pub async fn status(&self) -> Result<StoreStatus> {
        if let Some(sqlite) = self.sqlite() {
            let (version, schema_version, bytes, free_bytes) = sqlite.status()?;
            if let Some(error) = sqlite.last_failure() {
                return Err(error);
            }
            return Ok(StoreStatus::of_sqlite(
                version,
                schema_version,
                bytes,
                free_bytes,
            ));
        }
        let (version, schema_version, bytes) = self.read(postgres::read_status).await?;
        Ok(StoreStatus::of_postgres(version, schema_version, bytes))
    }
}
