//! The overlay against the backend that it lies over: without any row, and with a million, interleaved in rounds.
//!
//! The backend below is an embedded store, so that the whole cost of the overlay shows: a vendor's answer takes a
//! thousand times as long. Usage: `bench-overlay ROUNDS SECONDS`; `tests/bench/run` calls it.
#![expect(
    clippy::print_stdout,
    reason = "a program for people: progress and table go to standard output"
)]

mod table;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::ports::{Change, KeptAt, KeptField, OverlayState};
use backend::{Backend, Context, Location, PageRequest, Principal, Scope};
use conversation::{ConversationId, MessageId, NewConversation, NewMessage, RawJson, Role};
use futures_util::StreamExt;
use overlay::{Overlay, OverlaySettings};
use store::{SealingKey, State, Store, StoreConfig};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::table::{Row, row};

/// What is read: a list of conversations, each with a page of messages.
const CONVERSATIONS: usize = 100;
const MESSAGES: usize = 50;
/// Rows of other conversations, and how many each of those has.
const OTHER_ROWS: usize = 1_000_000;
const ROWS_EACH: usize = 100;
/// How long one call may take; generous, because nothing here is measured by it.
const CALL_LIMIT: Duration = Duration::from_secs(60);
const NAME: &str = "below";

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Filled {
    backend: Arc<dyn Backend>,
    at: Vec<Location>,
    messages: Vec<Vec<MessageId>>,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, seconds] = &arguments[..] else {
        return Err("usage: bench-overlay ROUNDS SECONDS".into());
    };
    let (rounds, duration) = (
        rounds.parse::<usize>()?,
        Duration::from_secs(seconds.parse()?),
    );
    // Beside the binary, so on a disk.
    let beside = std::env::current_exe()?;
    let folder = TempDir::new_in(beside.parent().ok_or("the binary has no folder")?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;

    let below = Store::open(StoreConfig::at(folder.path().join("below.db")))?;
    let below = runtime.block_on(fill(Arc::new(below.backend(NAME))))?;
    let empty = state(folder.path(), "empty")?;
    let full = state(folder.path(), "full")?;
    let started = Instant::now();
    runtime.block_on(keep_rows(&*full, &below))?;
    println!(
        "\n{OTHER_ROWS} rows kept in {:.1} s; {rounds} rounds of {seconds} s, lists of {CONVERSATIONS}, pages of {MESSAGES}",
        started.elapsed().as_secs_f64()
    );
    let cached = OverlaySettings::default();
    let uncached = OverlaySettings {
        cache_max_bytes: 0,
        ..OverlaySettings::default()
    };
    let mut rows = Vec::new();
    for (what, state, settings) in [
        ("no rows", &empty, &cached),
        ("no rows, nothing in memory", &empty, &uncached),
        ("1,000,000 rows", &full, &cached),
        ("1,000,000 rows, nothing in memory", &full, &uncached),
    ] {
        let over: Arc<dyn Backend> = Arc::new(Overlay::new(
            Arc::clone(&below.backend),
            settings.clone(),
            Arc::clone(state) as _,
            Arc::clone(state) as _,
            Arc::clone(state) as _,
        ));
        rows.extend(measure(&runtime, &below, &over, what, rounds, duration)?);
    }
    table::print("below", &rows);
    Ok(())
}

/// Each way to read, below and through the overlay, turn by turn.
fn measure(
    runtime: &Runtime,
    filled: &Filled,
    over: &Arc<dyn Backend>,
    what: &str,
    rounds: usize,
    duration: Duration,
) -> Outcome<Vec<Row>> {
    let (mut lists, mut pages, mut points) = (Vec::new(), Vec::new(), Vec::new());
    let below = &filled.backend;
    for _ in 0..rounds {
        let of_list = |backend: &Arc<dyn Backend>| {
            per_second(duration, |_| runtime.block_on(list(&**backend, filled)))
        };
        lists.push((of_list(below)?, of_list(over)?));
        let of_page = |backend: &Arc<dyn Backend>| {
            per_second(duration, |turn| {
                runtime.block_on(page(&**backend, filled, turn))
            })
        };
        pages.push((of_page(below)?, of_page(over)?));
        let of_point = |backend: &Arc<dyn Backend>| {
            per_second(duration, |turn| {
                runtime.block_on(point(&**backend, filled, turn))
            })
        };
        points.push((of_point(below)?, of_point(over)?));
    }
    Ok(vec![
        row(
            format!("lists of {CONVERSATIONS}/s, {what}"),
            &lists,
            "",
            "",
        ),
        row(format!("pages of {MESSAGES}/s, {what}"), &pages, "", ""),
        row(format!("messages/s, {what}"), &points, "", ""),
    ])
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

fn state(folder: &Path, name: &str) -> Outcome<Arc<State>> {
    let store = Store::open(StoreConfig::at(folder.join(name).join("dragoman.db")))?;
    Ok(Arc::new(store.state(&SealingKey::from_bytes([7; 32]))?))
}

async fn fill(backend: Arc<dyn Backend>) -> Outcome<Filled> {
    let (mut at, mut messages) = (Vec::new(), Vec::new());
    for _ in 0..CONVERSATIONS {
        let new = NewConversation::default();
        let located = backend.create_conversation(&context(), new).await?;
        let said = vec![NewMessage::text(Role::User, "t".repeat(300)); MESSAGES];
        let mut ids = Vec::with_capacity(MESSAGES);
        for stored in backend
            .import_messages(&context(), &located.location, said)
            .await?
        {
            ids.push(stored?.id);
        }
        at.push(located.location);
        messages.push(ids);
    }
    Ok(Filled {
        backend,
        at,
        messages,
    })
}

fn kept(message: Option<MessageId>, pointer: &str) -> Outcome<Change> {
    let value =
        RawJson::from_serialize(&"kept beside the backend, because it has no place for it")?;
    Ok(Change::Field(KeptField {
        message,
        pointer: pointer.into(),
        value: Some(value),
        base: None,
        unexpected: false,
        drift: None,
    }))
}

/// Two rows for each conversation and each message that is read, and the rest for others.
async fn keep_rows(state: &dyn OverlayState, filled: &Filled) -> Outcome<()> {
    let beside = |conversation| KeptAt {
        conversation,
        backend: NAME.into(),
    };
    for (at, messages) in filled.at.iter().zip(&filled.messages) {
        let mut changes = vec![kept(None, "/description")?, kept(None, "/metadata/note")?];
        for id in messages {
            changes.push(kept(Some(id.clone()), "/subject")?);
            changes.push(kept(Some(id.clone()), "/metadata/note")?);
        }
        state.apply(&beside(at.id), None, changes).await?;
    }
    for _ in 0..OTHER_ROWS / ROWS_EACH {
        let changes: Outcome<Vec<Change>> = (0..ROWS_EACH)
            .map(|_| kept(Some(MessageId::generate()), "/subject"))
            .collect();
        let other = beside(ConversationId::generate());
        state.apply(&other, None, changes?).await?;
    }
    Ok(())
}

/// Calls a function until the time is over; how often it could be called in a second.
fn per_second(duration: Duration, mut call: impl FnMut(usize) -> Outcome<()>) -> Outcome<f64> {
    let started = Instant::now();
    let mut turn = 0;
    while started.elapsed() < duration {
        call(turn)?;
        turn += 1;
    }
    Ok(turn as f64 / started.elapsed().as_secs_f64())
}

async fn list(backend: &dyn Backend, filled: &Filled) -> Outcome<()> {
    let cx = context();
    let mut read = backend.get_conversations(&cx, &filled.at);
    let mut count = 0;
    while let Some((_, conversation)) = read.next().await {
        black_box(conversation?);
        count += 1;
    }
    if count == CONVERSATIONS {
        Ok(())
    } else {
        Err(format!("a list of {count} instead of {CONVERSATIONS}").into())
    }
}

async fn page(backend: &dyn Backend, filled: &Filled, turn: usize) -> Outcome<()> {
    let at = &filled.at[turn * 7 % CONVERSATIONS];
    let page = PageRequest::first(MESSAGES);
    let page = backend.list_messages(&context(), at, &page).await?;
    if page.items.len() == MESSAGES {
        Ok(())
    } else {
        Err(format!("a page of {} instead of {MESSAGES}", page.items.len()).into())
    }
}

async fn point(backend: &dyn Backend, filled: &Filled, turn: usize) -> Outcome<()> {
    let conversation = turn * 7 % CONVERSATIONS;
    let id = &filled.messages[conversation][turn * 13 % MESSAGES];
    let at = &filled.at[conversation];
    black_box(backend.get_message(&context(), at, id).await?);
    Ok(())
}
