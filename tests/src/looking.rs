//! Looking into the database of a gateway, beside it, whichever engine holds it.

use std::path::Path;
use std::thread;

use rusqlite::types::ValueRef;
use testkit::Database;
use tokio_postgres::{NoTls, SimpleQueryMessage};

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
        Some(url) => on_server(url, sql.to_owned()),
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

/// On a thread and a runtime of its own: whoever asks may be inside of one.
fn on_server(url: String, sql: String) -> Vec<Vec<String>> {
    let asking = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let connected = tokio_postgres::connect(&url, NoTls).await;
            let (client, connection) = connected.expect("the database");
            // It ends with its client.
            tokio::spawn(connection);
            client.simple_query(&sql).await.expect("rows")
        })
    });
    let messages = asking.join().expect("the thread ends well");
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
