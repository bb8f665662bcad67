//! Where the store of a test lives: a SQLite file, or a PostgreSQL database where `DRAGOMAN_TEST_ENGINE` says so.

use std::ops::Deref;
use std::path::PathBuf;

use store::{Store, StoreConfig};
use tempfile::TempDir;
use testkit::Database;

/// A folder, and beside it the database where it is none in a file. Both go with it.
pub(crate) struct Home {
    directory: TempDir,
    database: Option<Database>,
}

impl Deref for Home {
    type Target = TempDir;

    fn deref(&self) -> &TempDir {
        &self.directory
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            database: Database::of_engine(),
        }
    }

    /// How the store of this test is opened.
    pub(crate) fn config(&self) -> StoreConfig {
        match &self.database {
            Some(database) => StoreConfig::postgres(database.url()),
            None => StoreConfig::at(self.directory.path().join("data/dragoman.db")),
        }
    }

    /// Opens the store. Who opened it before is gone, also where it did not close it.
    pub(crate) fn open(&self) -> Store {
        let store = Store::open(self.config()).unwrap();
        if !self.is_file() {
            // A file's lock tells that the others are dead; here they only were not heard of for long.
            beside(
                &store,
                "DELETE FROM instances WHERE id <> (SELECT max(id) FROM instances)",
            );
        }
        store
    }

    /// True where the store is a file.
    pub(crate) fn is_file(&self) -> bool {
        self.database.is_none()
    }

    /// The files of the database, where it is one in files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let folder = self.directory.path().join("data");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        files.map(|file| file.unwrap().path()).collect()
    }
}

/// Runs a statement beside a store, and tells what it finds, column by column.
pub(crate) fn beside(store: &Store, sql: &str) -> Vec<Vec<String>> {
    if let Some(path) = store.path() {
        let connection = rusqlite::Connection::open(path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns)
                .map(|column| match row.get_ref(column)? {
                    rusqlite::types::ValueRef::Integer(number) => Ok(number.to_string()),
                    value => Ok(value.as_str()?.to_owned()),
                })
                .collect()
        });
        return rows.unwrap().collect::<rusqlite::Result<_>>().unwrap();
    }
    // The server for tests asks for no password.
    Database::rows_at(&store.place(), sql)
}

/// Waits until a statement finds this number beside a store: for what a process does by itself.
pub(crate) fn becomes(store: &Store, sql: &str, wanted: i64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while number(store, sql) != wanted {
        assert!(
            std::time::Instant::now() < deadline,
            "{sql} is not {wanted}"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The one number that a statement finds beside a store.
pub(crate) fn number(store: &Store, sql: &str) -> i64 {
    beside(store, sql)[0][0].parse().unwrap()
}
