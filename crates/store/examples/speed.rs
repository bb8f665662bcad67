//! How fast the store is on this machine: posts of many callers at once, then pages of 50.
//!
//! Usage: `cargo run --release -p store --example speed -- [DIRECTORY [CALLERS [SECONDS]]]`. The directory must be on
//! the disk that is asked about: where it is memory, a commit costs nothing.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{Backend as _, Context, Location, PageRequest, Principal, Result};
use conversation::{NewConversation, NewMessage, Role};
use store::{Store, StoreBackend, StoreConfig};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let callers = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(64_usize);
    let seconds = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3_u64);
    let file = directory.join(format!("speed-{}.db", std::process::id()));
    let store = Store::open(StoreConfig::at(&file))?;
    let duration = Duration::from_secs(seconds);

    let started = Instant::now();
    let posting: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(post_until(store.backend("store"), started + duration)))
        .collect();
    let (mut posted, mut locations) = (0, Vec::new());
    for task in posting {
        let (count, location) = task.await.map_err(|error| {
            backend::Error::new(backend::Kind::Internal, "a caller broke off").source(error)
        })??;
        posted += count;
        locations.push(location);
    }
    println!(
        "{callers} callers: {:.0} durable posts/s",
        per_second(posted, started)
    );

    let (started, mut pages) = (Instant::now(), 0);
    while started.elapsed() < duration {
        let at = &locations[pages * 7 % locations.len()];
        store
            .backend("store")
            .list_messages(&context(), at, &PageRequest::first(50))
            .await?;
        pages += 1;
    }
    println!(
        "one reader: {:.0} pages of 50/s",
        per_second(pages, started)
    );
    store.close().await?;
    for ending in ["", ".lock", ".schema-lock"] {
        let name = format!("{}{ending}", file.display());
        if let Err(error) = std::fs::remove_file(&name) {
            println!("{name} was left behind: {error}");
        }
    }
    Ok(())
}

/// Posts one message after the other into a conversation of its own.
async fn post_until(backend: StoreBackend, end: Instant) -> Result<(usize, Location)> {
    let at = backend
        .create_conversation(&context(), NewConversation::default())
        .await?
        .location;
    let mut posted = 0;
    while Instant::now() < end {
        backend
            .post_message(
                &context(),
                &at,
                NewMessage::text(Role::User, "x".repeat(300)),
            )
            .await?;
        posted += 1;
    }
    Ok((posted, at))
}

fn context() -> Context {
    let principal = Principal {
        tenant: "speed".into(),
        key: "speed".into(),
        user: None,
        scopes: Vec::new(),
    };
    Context::new(Arc::new(principal), "speed", Duration::from_secs(60))
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn per_second(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}
