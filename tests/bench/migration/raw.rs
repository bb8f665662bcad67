//! The references: the same rows by plain SQL, and the vendor's imitation without anybody before it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde_json::json;
use store::{Store, StoreConfig};

use crate::fake::FakeConvore;
use crate::{AT_ONCE, MESSAGES_EACH, Outcome};

/// Rows of one transaction: as many as a copy writes at once.
const ROWS_PER_COMMIT: usize = 200;
/// How long one call may take; generous, because nothing here is measured by it.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Copies every conversation and message into a new database of the same tables, row by row; how long it took, in
/// seconds.
pub(crate) fn copy_rows(from: &Path, to: &Path) -> Outcome<f64> {
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let file = format!("{}{suffix}", to.display());
        if Path::new(&file).exists() {
            std::fs::remove_file(file)?;
        }
    }
    // The tables, as the store makes them.
    let store = Store::open(StoreConfig::at(to))?;
    tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(store.close())?;
    drop(store);
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut target = Connection::open(to)?;
    target.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    let started = Instant::now();
    for table in ["conversations", "messages"] {
        let mut select = source.prepare(&format!("SELECT * FROM {table} ORDER BY number"))?;
        let columns = select.column_count();
        let marks = vec!["?"; columns].join(", ");
        let insert = format!("INSERT INTO {table} VALUES ({marks})");
        let mut rows = select.query([])?;
        let mut is_over = false;
        while !is_over {
            let transaction = target.transaction()?;
            {
                let mut insert = transaction.prepare_cached(&insert)?;
                for _ in 0..ROWS_PER_COMMIT {
                    let Some(row) = rows.next()? else {
                        is_over = true;
                        break;
                    };
                    let values: Vec<Value> = (0..columns)
                        .map(|column| row.get(column))
                        .collect::<rusqlite::Result<_>>()?;
                    insert.execute(params_from_iter(values))?;
                }
            }
            transaction.commit()?;
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

/// How many messages the vendor's imitation takes in a second from callers who do nothing else.
pub(crate) async fn imports_per_second(address: &str, messages: usize) -> Outcome<f64> {
    let client = Client::builder()
        .no_proxy()
        .timeout(CALL_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let address: Arc<str> = address.into();
    let started = Instant::now();
    let conversations = messages.div_ceil(MESSAGES_EACH);
    let callers = (0..AT_ONCE.min(conversations)).map(|_| {
        let (client, address) = (client.clone(), Arc::clone(&address));
        let each = messages / AT_ONCE.min(conversations);
        tokio::spawn(async move { import(&client, &address, each).await })
    });
    for caller in join_all(callers).await {
        caller?.map_err(|error| error.to_string())?;
    }
    Ok(messages as f64 / started.elapsed().as_secs_f64())
}

async fn import(client: &Client, address: &str, messages: usize) -> Result<(), reqwest::Error> {
    let post = |path: &str, body: &serde_json::Value| {
        let request = client.post(format!("{address}{path}"));
        request.bearer_auth(FakeConvore::KEY).json(body).send()
    };
    let conversation = json!({
        "channel_id": FakeConvore::CHANNEL, "participants": [], "label_ids": []
    });
    let made = post("/v1/conversations", &conversation).await?;
    let made: serde_json::Value = made.error_for_status()?.json().await?;
    let words = "t".repeat(300);
    for number in 0..messages {
        let message = json!({
            "conversation_id": made["id"], "direction": "inbound",
            "date": format!("2024-03-01T{:02}:{:02}:00.000Z", number / 60 % 24, number % 60),
            "sender": {
                "name": "Bo", "handle": {"type": "email", "value": "bo@example.test"}, "role": "from"
            },
            "recipients": [], "body": format!("<p>{words}</p>")
        });
        let answer = post("/v1/messages/import", &message).await?;
        answer.error_for_status()?.bytes().await?;
    }
    Ok(())
}
