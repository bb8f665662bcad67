//! How the database is opened: where it is, how durable, and every limit.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk: what was answered survives a power failure.
    #[default]
    Full,
    /// When the operating system has it: survives a crash of the process, not of the machine.
    Normal,
}

/// Where a database is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A SQLite file; it and its directory are created on first start.
    File(PathBuf),
    /// A PostgreSQL database; its tables are created on first start.
    Postgres(PostgresConfig),
}

/// How a PostgreSQL database is reached.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`, with `sslmode` and `sslrootcert` as in PostgreSQL's own clients
    /// (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`); several hosts are divided by commas, and
    /// `target_session_attrs=read-write` finds the one that takes writes.
    pub url: SecretString,
    /// The most connections of this process. Default: 16.
    pub connections_max: usize,
    /// How long opening waits for a database that cannot be reached. Default: 60 s.
    pub start_wait: Duration,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where it is. Of the settings below, PostgreSQL knows `busy_timeout` and `settle_retention` only.
    pub place: Place,
    /// When a commit counts as done. Default: full.
    pub synchronous: Synchronous,
    /// Connections for reading. Default: twice the cores, at least 4.
    pub read_connections: usize,
    /// Page cache of the writing connection, in KiB. Default: 16,384.
    pub write_cache_kib: u32,
    /// Page cache of each reading connection, in KiB. Default: 4,096.
    pub read_cache_kib: u32,
    /// How much of the file is mapped into memory, in bytes; 0 for nothing. Default: 256 MiB.
    pub mmap_bytes: u64,
    /// The most writes in one transaction. Default: 256.
    pub batch_max_writes: usize,
    /// The most writes that may wait; more are refused as overloaded. Default: 4,096.
    pub queue_max_writes: usize,
    /// How long a lock of another process, or an answer of the server, is waited for. Default: 5 s.
    pub busy_timeout: Duration,
    /// How long the result of a write can be asked for after its answer was lost. Default: 7 days.
    pub settle_retention: Duration,
}

impl StoreConfig {
    /// The defaults, with the database at `path`.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::in_place(Place::File(path.into()))
    }

    /// The defaults, with a PostgreSQL database.
    #[must_use]
    pub fn postgres(url: impl Into<SecretString>) -> Self {
        Self::in_place(Place::Postgres(PostgresConfig {
            url: url.into(),
            connections_max: 16,
            start_wait: Duration::from_secs(60),
        }))
    }

    /// The defaults, with the database in a place.
    #[must_use]
    pub fn in_place(place: Place) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            place,
            synchronous: Synchronous::default(),
            read_connections: (cores * 2).max(4),
            write_cache_kib: 16 * 1_024,
            read_cache_kib: 4 * 1_024,
            mmap_bytes: 256 * 1_024 * 1_024,
            batch_max_writes: 256,
            queue_max_writes: 4_096,
            busy_timeout: Duration::from_secs(5),
            settle_retention: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
