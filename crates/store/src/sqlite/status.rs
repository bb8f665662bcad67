//! What the database is and how it does.

use rusqlite::Connection;

use super::schema;

/// Version of SQLite, version of the schema, size of the file and of what in it holds nothing, in bytes.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<(String, i32, u64, u64)> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let page_bytes = pragma("page_size")?;
    Ok((
        rusqlite::version().to_owned(),
        schema::version(connection)?,
        pragma("page_count")? * page_bytes,
        pragma("freelist_count")? * page_bytes,
    ))
}
