//! The embedded store against bare rusqlite: point reads, pages of 50, durable inserts, interleaved in rounds.
//!
//! Usage: `bench-store ROUNDS SECONDS`; `tests/bench/run` calls it.
#![expect(
    clippy::print_stdout,
    reason = "a program for people: progress and table go to standard output"
)]

mod bare;
mod table;

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{Backend, Context, Location, PageRequest, Principal, Scope};
use conversation::{Message, MessageId, NewConversation, NewMessage, Role};
use futures_util::future::join_all;
use store::{Store, StoreBackend, StoreConfig};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::bare::Bare;
use self::table::row;

const CONVERSATIONS: usize = 200;
const MESSAGES: usize = 50;
/// Callers at once for the inserts of the store, which groups their commits.
const CALLERS: usize = 64;
/// Characters of text that bring a message's document to about 600 bytes.
const TEXT_CHARACTERS: usize = 300;
/// How long one call may take; generous, because nothing here is measured by it.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// The store with the same content as the reference.
struct Filled {
    backend: StoreBackend,
    conversations: Vec<(Location, Vec<MessageId>)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, seconds] = &arguments[..] else {
        return Err("usage: bench-store ROUNDS SECONDS".into());
    };
    let (rounds, duration) = (
        rounds.parse::<usize>()?,
        Duration::from_secs(seconds.parse()?),
    );
    // Beside the binary, so on a disk: a temporary folder may be in memory, where a commit costs nothing.
    let beside = std::env::current_exe()?;
    let folder = TempDir::new_in(beside.parent().ok_or("the binary has no folder")?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;

    let opened = Store::open(StoreConfig::at(folder.path().join("store.db")))?;
    let ours = runtime.block_on(fill(opened.backend("store")))?;
    let document = runtime.block_on(a_document(&ours))?;
    println!(
        "\n{rounds} rounds of {seconds} s, {CONVERSATIONS} conversations of {MESSAGES} messages of {} bytes",
        document.len()
    );
    let mut bare = Bare::create(&folder.path().join("bare.db"))?;
    bare.fill(CONVERSATIONS, MESSAGES, &document)?;

    let (mut points, mut pages, mut parsed, mut inserts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let ours_points = per_second(duration, |turn| runtime.block_on(point(&ours, turn)))?;
        let ours_pages = per_second(duration, |turn| runtime.block_on(page(&ours, turn)))?;
        points.push((
            per_second(duration, |turn| bare_point(&bare, turn))?,
            ours_points,
        ));
        pages.push((
            per_second(duration, |turn| bare_page(&bare, turn, false))?,
            ours_pages,
        ));
        parsed.push((
            per_second(duration, |turn| bare_page(&bare, turn, true))?,
            ours_pages,
        ));
        let first = MESSAGES + round * 1_000_000;
        let insert =
            |turn: usize| Ok(bare.insert(turn % CONVERSATIONS, first + turn, &document)?);
        inserts.push((
            per_second(duration, insert)?,
            insert_concurrently(&runtime, &ours, duration)?,
        ));
        println!(
            "store round {}: point reads {:.0}/s, pages {:.0}/s, inserts {:.0}/s",
            round + 1,
            points[round].1,
            pages[round].1,
            inserts[round].1
        );
    }
    runtime.block_on(opened.close())?;
    table::print(
        "rusqlite",
        &[
            row("point reads/s", &points, "", ""),
            row(
                "pages of 50/s, reference gives text",
                &pages,
                "≥ 0.7",
                "≥ 0.9",
            ),
            row("pages of 50/s, reference parses too", &parsed, "", ""),
            row(
                format!("durable inserts/s, {CALLERS} callers, reference one by one"),
                &inserts,
                "",
                "",
            ),
        ],
    );
    Ok(())
}

fn context() -> Context {
    let principal = Principal {
        tenant: "bench".into(),
        key: "bench".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "bench", CALL_LIMIT)
}

fn a_message() -> NewMessage {
    NewMessage::text(Role::User, "t".repeat(TEXT_CHARACTERS))
}

async fn fill(backend: StoreBackend) -> backend::Result<Filled> {
    let mut conversations = Vec::with_capacity(CONVERSATIONS);
    for _ in 0..CONVERSATIONS {
        let located = backend
            .create_conversation(&context(), NewConversation::default())
            .await?;
        let mut ids = Vec::with_capacity(MESSAGES);
        for result in backend
            .import_messages(&context(), &located.location, vec![a_message(); MESSAGES])
            .await?
        {
            ids.push(result?.id);
        }
        conversations.push((located.location, ids));
    }
    Ok(Filled {
        backend,
        conversations,
    })
}

/// What the store gives for one message, as the reference keeps it.
async fn a_document(ours: &Filled) -> Result<String, Box<dyn Error>> {
    let (at, ids) = &ours.conversations[0];
    Ok(serde_json::to_string(
        &ours.backend.get_message(&context(), at, &ids[0]).await?,
    )?)
}

/// Calls a function until the time is over; how often it could be called in a second.
fn per_second(
    duration: Duration,
    mut call: impl FnMut(usize) -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let mut turn = 0;
    while started.elapsed() < duration {
        call(turn)?;
        turn += 1;
    }
    Ok(turn as f64 / started.elapsed().as_secs_f64())
}

/// Numbers that meet every conversation and message in no simple order.
fn place(turn: usize) -> (usize, usize) {
    (turn * 7 % CONVERSATIONS, turn * 13 % MESSAGES)
}

async fn point(ours: &Filled, turn: usize) -> Result<(), Box<dyn Error>> {
    let (conversation, message) = place(turn);
    let (at, ids) = &ours.conversations[conversation];
    black_box(
        ours.backend
            .get_message(&context(), at, &ids[message])
            .await?,
    );
    Ok(())
}

async fn page(ours: &Filled, turn: usize) -> Result<(), Box<dyn Error>> {
    let (conversation, _) = place(turn);
    let (at, _) = &ours.conversations[conversation];
    let page = ours
        .backend
        .list_messages(&context(), at, &PageRequest::first(MESSAGES))
        .await?;
    check_page(page.items.len())
}

fn bare_point(bare: &Bare, turn: usize) -> Result<(), Box<dyn Error>> {
    let (conversation, message) = place(turn);
    black_box(serde_json::from_str::<Message>(
        &bare.point(conversation, message)?,
    )?);
    Ok(())
}

fn bare_page(bare: &Bare, turn: usize, parses: bool) -> Result<(), Box<dyn Error>> {
    let documents = bare.page(place(turn).0, MESSAGES)?;
    if parses {
        for document in &documents {
            black_box(serde_json::from_str::<Message>(document)?);
        }
    }
    check_page(black_box(documents).len())
}

fn check_page(items: usize) -> Result<(), Box<dyn Error>> {
    if items == MESSAGES {
        Ok(())
    } else {
        Err(format!("a page of {items} instead of {MESSAGES}").into())
    }
}

/// Callers that each post one message after another into conversations of their own.
fn insert_concurrently(
    runtime: &Runtime,
    ours: &Filled,
    duration: Duration,
) -> Result<f64, Box<dyn Error>> {
    // Conversations of their own, so that the pages that are measured stay as they are.
    let started = Instant::now();
    let callers = runtime.block_on(async {
        join_all((0..CALLERS).map(|_| {
            let backend = ours.backend.clone();
            tokio::spawn(async move {
                let at = backend
                    .create_conversation(&context(), NewConversation::default())
                    .await?
                    .location;
                let mut posted = 0_usize;
                while started.elapsed() < duration {
                    backend.post_message(&context(), &at, a_message()).await?;
                    posted += 1;
                }
                backend::Result::Ok(posted)
            })
        }))
        .await
    });
    let elapsed = started.elapsed().as_secs_f64();
    let mut posted = 0;
    for caller in callers {
        posted += caller??;
    }
    Ok(posted as f64 / elapsed)
}
