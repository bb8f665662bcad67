//! Looking into the database of a gateway, beside it, whichever engine holds it.

use std::path::Path;

use rusqlite::types::ValueRef;
use testkit::Database;

/// Whether several gateways may serve from the database of the one that runs in this folder.
#[must_use]
pub fn is_shared(folder: &Path) -> bool {
    Database::of_folder(folder).is_some()
}

/// What a statement finds in the database of the gateway that runs in this folder, column by column; null is empty.
///
/// # Panics
/// If the database cannot be asked.
pub fn rows(folder: &Path, sql: &str) -> Vec<Vec<String>> {
    match Database::of_folder(folder) {
        Some(url) => Database::rows_at(&url, sql),
        None => in_file(&folder.join("data").join("dragoman.db"), sql),
    }
}

fn in_file(file: &Path, sql: &str) -> Vec<Vec<String>> {
    let connection = rusqlite::Connection::open(file).expect("the database");
    let mut statement = connection.prepare(sql).expect("a statement");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| match row.get_ref(column)? {
                ValueRef::Null => Ok(String::new()),
                ValueRef::Integer(number) => Ok(number.to_string()),
                value => Ok(value.as_str()?.to_owned()),
            })
            .collect()
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}
