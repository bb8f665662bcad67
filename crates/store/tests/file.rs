//! The database file: opened, closed, opened again, shared, refused, and killed while it is written.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend as _, BackendExt as _, Context, ConversationQuery, Kind, Location, PageRequest,
    Principal, Scope,
};
use conversation::{ConversationId, Message, NewConversation, NewMessage, Role};
use futures_util::TryStreamExt as _;
use store::{SealingKey, Serving, Store, StoreConfig};

fn context() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "key".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request", Duration::from_secs(60))
}

fn open(path: &Path) -> Store {
    Store::open(StoreConfig::at(path)).unwrap()
}

async fn all(store: &Store, at: &Location) -> Vec<Message> {
    store
        .backend("store")
        .all_messages(&context(), at, PageRequest::first(500))
        .try_collect()
        .await
        .unwrap()
}

#[tokio::test]
async fn who_serves_is_told_to_others_until_they_stop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dragoman.db");
    let store = open(&path);
    assert_eq!(store.serving().await.unwrap(), []);
    let serving = Serving {
        address: "127.0.0.1:8080".into(),
        process: 4_711,
        command: "dragoman serve".into(),
    };
    store.note_serving(&serving).await.unwrap();
    let beside = Store::open_shared(StoreConfig::at(&path)).unwrap();
    assert_eq!(
        beside.serving().await.unwrap(),
        std::slice::from_ref(&serving)
    );
    // It moves, and its heartbeats leave that alone.
    let moved = Serving {
        address: "127.0.0.1:9090".into(),
        ..serving
    };
    store.note_serving(&moved).await.unwrap();
    assert_eq!(beside.serving().await.unwrap(), [moved]);
    store.close().await.unwrap();
    assert_eq!(beside.serving().await.unwrap(), []);
}

#[tokio::test]
async fn a_process_that_died_serves_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dragoman.db");
    let store = open(&path);
    let serving = Serving {
        address: "127.0.0.1:8080".into(),
        process: 4_711,
        command: "dragoman serve".into(),
    };
    store.note_serving(&serving).await.unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute(
        "UPDATE instances SET heartbeat_at = heartbeat_at - 61000000",
        [],
    )
    .unwrap();
    assert_eq!(store.serving().await.unwrap(), []);
    // Whoever serves next is alone.
    drop(store);
    file.execute(
        "INSERT INTO instances (id, heartbeat_at, address) VALUES ('dead', 9000000000000000, 'x')",
        [],
    )
    .unwrap();
    let store = open(&path);
    assert_eq!(store.serving().await.unwrap(), []);
}

fn hello() -> NewMessage {
    NewMessage::text(Role::User, "hello")
}

#[tokio::test]
async fn what_was_written_is_there_after_a_close_and_after_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/dragoman.db");
    let store = open(&path);
    let backend = store.backend("store");
    let created = backend
        .create_conversation(&context(), NewConversation::default())
        .await
        .unwrap();
    let first = backend
        .post_message(&context(), &created.location, hello())
        .await
        .unwrap();
    store.close().await.unwrap();
    assert_eq!(
        std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len()),
        0
    );
    drop((store, backend));
    let store = open(&path);
    let second = store
        .backend("store")
        .post_message(&context(), &created.location, hello())
        .await
        .unwrap();
    drop(store);
    let store = open(&path);
    assert_eq!(all(&store, &created.location).await, vec![first, second]);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    let status = store.status().await.unwrap();
    assert!(status.schema_version >= 2 && status.bytes > 0, "{status:?}");
}

#[cfg(unix)]
#[test]
fn a_new_database_is_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/dragoman.db");
    let _store = open(&path);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn one_process_serves_and_commands_share() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dragoman.db");
    let serving = open(&path);
    let error = Store::open(StoreConfig::at(&path)).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(
        error.message.contains("another process serves from"),
        "{}",
        error.message
    );
    // A command beside it writes, and the serving one sees it at once.
    let shared = Store::open_shared(StoreConfig::at(&path)).unwrap();
    let created = shared
        .backend("store")
        .create_conversation(&context(), NewConversation::default())
        .await
        .unwrap();
    serving
        .backend("store")
        .get_conversation(&context(), &created.location)
        .await
        .unwrap();
    shared.close().await.unwrap();
    // But it changes no schema under a process that serves.
    let other = rusqlite::Connection::open(&path).unwrap();
    let newest = "DELETE FROM refinery_schema_history \
                  WHERE version = (SELECT max(version) FROM refinery_schema_history) RETURNING *";
    let version: (i64, String, String, String) = other
        .query_row(newest, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let error = Store::open_shared(StoreConfig::at(&path)).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    other
        .execute(
            "INSERT INTO refinery_schema_history VALUES (?1, ?2, ?3, ?4)",
            version,
        )
        .unwrap();
    drop(other);
    serving.close().await.unwrap();
    open(&path);
}

#[test]
fn a_newer_schema_and_a_foreign_file_are_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dragoman.db");
    drop(open(&path));
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
             VALUES (99, 'later', '2030-01-01T00:00:00Z', '0')",
            [],
        )
        .unwrap();
    drop(other);
    let error = Store::open(StoreConfig::at(&path)).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(
        error.message.contains("schema 99") && error.message.contains("start the newer version"),
        "{}",
        error.message
    );
    let foreign = directory.path().join("foreign.db");
    std::fs::write(
        &foreign,
        "this is no database, but a text that is long enough to be read as a header".repeat(20),
    )
    .unwrap();
    let error = Store::open(StoreConfig::at(&foreign)).unwrap_err();
    assert!(
        error.message.contains("damaged or none of ours"),
        "{}",
        error.message
    );
    let error = Store::open(StoreConfig::at(directory.path())).unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_whole_writes_while_others_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("dragoman.db"));
    let backend = store.backend("store");
    let at = backend
        .create_conversation(&context(), NewConversation::default())
        .await
        .unwrap()
        .location;
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (backend, at) = (backend.clone(), at.clone());
            tokio::spawn(async move {
                for _ in 0..20 {
                    // Ten at a time: nobody may ever see a part of them.
                    let stored = backend
                        .import_messages(&context(), &at, vec![hello(); 10])
                        .await
                        .unwrap();
                    let last = stored.last().unwrap().as_ref().unwrap().id.clone();
                    backend.get_message(&context(), &at, &last).await.unwrap();
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, at) = (store.clone(), at.clone());
            tokio::spawn(async move {
                let mut seen = 0;
                while seen < 800 {
                    let page = store
                        .backend("store")
                        .list_messages(&context(), &at, &PageRequest::first(1_000))
                        .await;
                    let now = page.unwrap().items.len();
                    assert!(now >= seen && now % 10 == 0, "{seen} then {now}");
                    seen = now;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
    let shown = backend.get_conversation(&context(), &at).await.unwrap();
    assert_eq!(shown.counts.unwrap().messages, Some(800));
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

/// Tells the child process where the database is.
const CHILD_PATH: &str = "DRAGOMAN_STORE_TEST_CHILD_PATH";

#[test]
fn a_killed_process_loses_nothing_that_it_answered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dragoman.db");
    let mut answered = Vec::new();
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_writes_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD_PATH, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ids = lines.map_while(Result::ok).filter_map(|line| {
            let (conversation, message) = line.strip_prefix("stored ")?.split_once(' ')?;
            Some((
                conversation.parse::<ConversationId>().unwrap(),
                message.parse().unwrap(),
            ))
        });
        // Another number of writes each round, so that the kill meets another moment.
        answered.extend(ids.take(40 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(&path);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
            let backend = store.backend("store");
            for (conversation, message) in &answered {
                let native = conversation.to_string().into();
                let at = Location {
                    id: *conversation,
                    backend: "store".into(),
                    native,
                    credential: None,
                    renamed: false,
                };
                backend.get_message(&context(), &at, message).await.unwrap();
            }
            // Counts and messages were written together or not at all.
            let conversations = backend
                .list_conversations(&context(), &ConversationQuery::all(100))
                .await
                .unwrap();
            for located in conversations.page.items {
                let stored = all(&store, &located.location).await.len();
                assert_eq!(
                    located.conversation.counts.unwrap().messages,
                    Some(stored as u64)
                );
            }
        });
        assert_eq!(
            answered.len(),
            (1..=round).map(|round| 40 * round).sum::<usize>()
        );
    }
}

#[test]
#[ignore = "the child of a_killed_process_loses_nothing_that_it_answered"]
fn child_that_writes_until_it_is_killed() {
    let path = std::env::var(CHILD_PATH).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(Path::new(&path));
        store.state(&SealingKey::from_bytes([1; 32])).unwrap();
        let backend = store.backend("store");
        let at = backend
            .create_conversation(&context(), NewConversation::default())
            .await
            .unwrap()
            .location;
        let writers = (0..8).map(|_| {
            let (backend, at) = (backend.clone(), at.clone());
            tokio::spawn(async move {
                loop {
                    let posted = backend
                        .post_message(&context(), &at, hello())
                        .await
                        .unwrap();
                    println!("stored {} {}", at.id, posted.id);
                }
            })
        });
        futures_util::future::join_all(writers).await;
    });
}
