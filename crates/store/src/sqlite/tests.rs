//! The writing thread and the statements, from inside.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use backend::{Error, Kind, Outcome};
use conversation::Time;
use rusqlite::params;
use tempfile::TempDir;

use super::upkeep::{HEARTBEAT, Upkeep};
use crate::config::StoreConfig;
use crate::sql::{Micros, earlier};
use crate::store::Store;

fn config(directory: &TempDir) -> StoreConfig {
    StoreConfig::at(directory.path().join("dragoman.db"))
}

/// A store with a table of its own to write to.
fn open() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(config(&directory)).unwrap();
    (directory, store)
}

async fn bind(store: &Store, name: &str) -> backend::Result<()> {
    let name = name.to_owned();
    store
        .write(move |connection, _now| {
            connection
                .prepare_cached("INSERT INTO bindings VALUES (?1, '', '', '')")?
                .execute(params![name])?;
            Ok(())
        })
        .await
}

fn names(store: &Store) -> Vec<String> {
    store.sqlite().unwrap().look(|connection| {
        let mut statement = connection.prepare("SELECT name FROM bindings ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect()
    })
}

/// Keeps the writing thread busy until the returned sender is dropped, so that what is sent meanwhile is one batch.
fn hold(
    store: &Store,
) -> (
    std::sync::mpsc::SyncSender<()>,
    tokio::task::JoinHandle<backend::Result<()>>,
) {
    let (release, held) = sync_channel::<()>(0);
    let (begun, begins) = sync_channel::<()>(1);
    let store = store.clone();
    let task = tokio::spawn(async move {
        store
            .write(move |_, _| {
                begun.send(()).unwrap();
                // Ends when the sender is dropped.
                let _released = held.recv();
                Ok(())
            })
            .await
    });
    tokio::task::block_in_place(|| begins.recv().unwrap());
    (release, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_and_a_panicking_job_leave_the_rest_of_their_batch_alone() {
    let (_directory, store) = open();
    let (release, held) = hold(&store);
    let jobs: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let name = format!("{number:02}");
                store
                    .write(move |connection, _now| {
                        connection
                            .prepare_cached("INSERT INTO bindings VALUES (?1, '', '', '')")?
                            .execute(params![name])?;
                        match number % 3 {
                            0 => Ok(()),
                            1 => Err(Error::new(Kind::Conflict, "refused").into()),
                            _ => panic!("a defect"),
                        }
                    })
                    .await
            })
        })
        .collect();
    drop(release);
    held.await.unwrap().unwrap();
    let mut results = Vec::new();
    for job in jobs {
        results.push(job.await.unwrap());
    }
    for (number, result) in results.into_iter().enumerate() {
        let kind = result.err().map(|error| error.kind);
        assert_eq!(
            kind,
            [None, Some(Kind::Conflict), Some(Kind::Internal)][number % 3],
            "{number}"
        );
    }
    assert_eq!(names(&store), ["00", "03", "06", "09", "12", "15", "18"]);
}

#[tokio::test]
async fn a_failing_job_alone_leaves_nothing() {
    let (_directory, store) = open();
    let refused: backend::Result<()> = store
        .write(|connection, _now| {
            connection
                .prepare_cached("INSERT INTO bindings VALUES ('x', '', '', '')")?
                .execute(params![])?;
            Err(Error::new(Kind::Conflict, "refused").into())
        })
        .await;
    assert_eq!(refused.unwrap_err().kind, Kind::Conflict);
    assert_eq!(names(&store), Vec::<String>::new());
    bind(&store, "y").await.unwrap();
    assert_eq!(names(&store), ["y"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_a_write_whose_caller_left_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig {
        queue_max_writes: 1,
        ..config(&directory)
    })
    .unwrap();
    let (release, held) = hold(&store);
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { bind(&store, "waiting").await })
    };
    // Sent until the queue holds one: then this one is refused.
    let error = loop {
        let refused =
            tokio::time::timeout(Duration::from_millis(20), bind(&store, "refused")).await;
        if let Ok(result) = refused {
            break result.unwrap_err();
        }
    };
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Overloaded, Outcome::NotApplied)
    );
    assert!(error.retry_after.is_some());
    waiting.abort();
    drop(release);
    held.await.unwrap().unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = Store::open(config(&directory)).unwrap();
    // Whichever was in the queue when its caller left is there.
    assert_eq!(names(&store).len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_told_and_heals() {
    let (_directory, store) = open();
    let limit = |pages: u32| {
        let store = store.clone();
        async move {
            let sqlite = store.sqlite().unwrap();
            sqlite
                .alter(move |connection| connection.pragma_update(None, "max_page_count", pages))
                .await;
        }
    };
    limit(1).await;
    let long = "x".repeat(1_000_000);
    let error = bind(&store, &long).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::StorageFull, Outcome::NotApplied)
    );
    // Reading goes on.
    assert_eq!(names(&store), Vec::<String>::new());
    limit(1_000_000).await;
    bind(&store, &long).await.unwrap();
    store.status().await.unwrap();
    store.sqlite().unwrap().check_integrity().unwrap();
}

#[tokio::test]
async fn another_processs_lock_is_waited_for_and_then_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig {
        busy_timeout: Duration::from_millis(300),
        ..config(&directory)
    })
    .unwrap();
    let other = rusqlite::Connection::open(store.path().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = bind(&store, "late").await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Unavailable, Outcome::NotApplied)
    );
    assert!(error.retry_after.is_some() && error.is_temporary());
    assert_eq!(store.status().await.unwrap_err().kind, Kind::Unavailable);
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        other.execute_batch("COMMIT").unwrap();
    });
    bind(&store, "in time").await.unwrap();
    release.join().unwrap();
    assert_eq!(names(&store), ["in time"]);
    store.status().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_waits_for_is_made_before_those_that_come_later() {
    let (directory, store) = open();
    let (release, held) = hold(&store);
    store
        .write_soon(|connection, _now| {
            connection
                .prepare_cached("INSERT INTO bindings VALUES ('soon', '', '', '')")?
                .execute(params![])?;
            Ok(())
        })
        .await
        .unwrap();
    // It fails alone.
    store
        .write_soon(|_, _| Err(Error::new(Kind::Conflict, "refused").into()))
        .await
        .unwrap();
    assert_eq!(names(&store), Vec::<String>::new());
    drop(release);
    held.await.unwrap().unwrap();
    store
        .write(|connection, _now| {
            let found: String = connection
                .prepare_cached("SELECT name FROM bindings")?
                .query_row(params![], |row| row.get(0))?;
            assert_eq!(found, "soon");
            Ok(())
        })
        .await
        .unwrap();
    // What was handed over before the end is written.
    store
        .write_soon(|connection, _now| {
            connection
                .prepare_cached("INSERT INTO bindings VALUES ('last', '', '', '')")?
                .execute(params![])?;
            Ok(())
        })
        .await
        .unwrap();
    drop(store);
    let store = Store::open(config(&directory)).unwrap();
    assert_eq!(names(&store), ["last", "soon"]);
    store.close().await.unwrap();
    let error = store.write_soon(|_, _| Ok(())).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (_directory, store) = open();
    store.close().await.unwrap();
    let error = bind(&store, "x").await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Unavailable, Outcome::NotApplied)
    );
    assert_eq!(store.close().await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn the_time_of_writes_never_goes_back() {
    let (_directory, store) = open();
    let mut last = store.write(|_, now| Ok(now)).await.unwrap();
    for _ in 0..200 {
        let now = store.write(|_, now| Ok(now)).await.unwrap();
        assert!(now >= last);
        last = now;
    }
}

#[tokio::test]
async fn what_shows_later_is_newer_than_what_was_visible() {
    let (_directory, store) = open();
    for _ in 0..200 {
        let until = store.visible_until().await.unwrap();
        assert!(store.write(|_, now| Ok(now)).await.unwrap() > until);
    }
}

#[tokio::test]
async fn upkeep_forgets_old_writes_in_portions_and_keeps_the_rest() {
    let (_directory, store) = open();
    let work = |connection: &rusqlite::Connection| {
        connection.execute_batch("BEGIN")?;
        let (now, retention) = (Time::now(), Duration::from_secs(50));
        let old = earlier(now, retention * 2);
        for (count, time) in [(2_500, old), (5, now)] {
            for _ in 0..count {
                connection.execute(
                    "INSERT INTO writes (intent, backend, operation, conversation, written_at) \
                     VALUES (x'00', 'b', 'create', 'c', ?1)",
                    params![Micros(time)],
                )?;
            }
        }
        let mut upkeep = Upkeep::begin(connection, true, "me", retention).unwrap();
        let left = || {
            connection.query_row("SELECT count(*) FROM writes", [], |row| {
                row.get::<_, i64>(0)
            })
        };
        assert!(upkeep.run(connection, now).unwrap() < HEARTBEAT);
        assert_eq!(left()?, 505);
        assert_eq!(upkeep.run(connection, now).unwrap(), HEARTBEAT);
        assert_eq!(left()?, 5);
        connection.execute_batch("COMMIT")
    };
    store.sqlite().unwrap().alter(work).await;
}

#[tokio::test]
async fn every_connection_is_durable_and_the_readers_cannot_write() {
    let (_directory, store) = open();
    let sqlite = store.sqlite().unwrap();
    let read_only = sqlite.look(|connection| {
        let refused = connection.execute("DELETE FROM bindings", []);
        assert!(refused.is_err());
        connection.pragma_query_value(None, "query_only", |row| row.get::<_, i64>(0))
    });
    assert_eq!(read_only, 1);
    let writing = sqlite
        .alter(|connection| {
            let value =
                |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            Ok((value("synchronous")?, value("foreign_keys")?))
        })
        .await;
    // 2 is FULL.
    assert_eq!(writing, (2, 1));
}

/// What the planner does for a statement.
fn plan(store: &Store, sql: &str) -> String {
    store.sqlite().unwrap().plan(sql)
}

#[test]
fn pages_are_read_from_an_index_in_its_order() {
    let (_directory, store) = open();
    for sql in [crate::backend::PAGE_UP, crate::backend::PAGE_DOWN] {
        let plan = plan(&store, sql);
        assert!(
            plan.contains("messages_by_place (conversation=? AND (sent_at,arrival)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
    for (sort, index) in [
        ("created_at", "directory_by_created_at"),
        ("updated_at", "directory_by_updated_at"),
        ("title", "directory_by_title"),
    ] {
        let plan = plan(
            &store,
            &format!(
                "SELECT d.document FROM directory d WHERE d.tenant = ? AND d.hidden = 0 AND (d.{sort}, d.id) > (?, ?) \
                 ORDER BY d.{sort}, d.id LIMIT ?"
            ),
        );
        assert!(
            plan.contains(index) && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}
