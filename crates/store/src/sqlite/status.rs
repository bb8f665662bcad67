//! What the database is and how it does.

use rusqlite::Connection;

use super::schema;

/// What the database is and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// The version of SQLite, such as `3.54.1`.
    pub sqlite_version: &'static str,
    /// The version of the schema.
    pub schema_version: i32,
    /// The size of a page, in bytes.
    pub page_bytes: u64,
    /// Pages in the database.
    pub pages: u64,
    /// Pages among them that hold nothing and are used again.
    pub free_pages: u64,
}

impl StoreStatus {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0));
        Ok(Self {
            sqlite_version: rusqlite::version(),
            schema_version: schema::version(connection)?,
            page_bytes: pragma("page_size")?,
            pages: pragma("page_count")?,
            free_pages: pragma("freelist_count")?,
        })
    }
}
