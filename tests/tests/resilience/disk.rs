//! Experiments 15, 16 and 17: the disk is full, slow, read-only or failing, at every single operation; files run out;
//! somebody else holds the database. Writes fail clearly, reads go on, nothing acknowledged is lost, and it heals by
//! itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::client::Client;
use tests::dragoman::Launch;
use tests::faulty_system::{EIO, ENOSPC, EROFS, FaultySystem};
use tokio::net::TcpStream;

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, faulty_system, problem, said, until};

/// More faults than a test can meet: until it is healed.
const ALWAYS: i64 = 1 << 40;
/// How much longer a sync of a slow disk takes.
const SLOW_SYNC: Duration = Duration::from_secs(2);
/// How long somebody else holds the database so that everybody waits: much shorter than anybody waits.
const HELD: Duration = Duration::from_secs(1);
const AT_ONCE: Duration = Duration::ZERO;
/// How many files a process may open where they are scarce.
const FILES: usize = 64;

fn launch(system: &FaultySystem) -> Launch {
    let json = Launch::new().variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json");
    system.under(json)
}

/// Experiment 15.
pub(crate) async fn full_slow_or_scarce(_: Bench) -> u64 {
    unwritable(ENOSPC, (507, "storage-full")).await;
    unwritable(EROFS, (503, "unavailable")).await;
    slow().await;
    scarce().await;
    4
}

/// Every write fails for a while.
async fn unwritable(error: i64, (status, code): (u16, &str)) {
    let system = faulty_system();
    let gateway = Gateway::start(launch(&system));
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    gateway
        .client
        .post(&path, &said("before"))
        .await
        .expect(201);
    system.fail(1, ALWAYS, error);
    for _ in 0..5 {
        let refused = gateway.client.post(&path, &said("meanwhile")).await;
        let words = problem(&refused, &["No space", "ead-only file system"]);
        assert_eq!(refused.status, status, "{words}");
        assert_eq!(words["code"], code, "{words}");
        // Of a log that cannot be written only a later reader of it knows whether it holds the write.
        let is_known = words["outcome"] == "not_applied";
        assert!(is_known || words["outcome"] == "unknown", "{words}");
        assert!(is_known || error != ENOSPC, "{words}");
        assert_eq!(gateway.texts(&conversation).await, ["before"]);
    }
    assert!(system.failed() > 0, "no write was tried");
    // Whoever balances the load is told.
    assert!(!gateway.is_ready().await, "it says that it is ready");
    assert_eq!(gateway.client.get("/healthz").await.status, 200);
    system.heal();
    let posted = gateway.client.post(&path, &said("after")).await;
    assert_eq!(posted.status, 201, "{}", posted.text);
    assert_eq!(gateway.texts(&conversation).await, ["before", "after"]);
    gateway.assert_sound();
    gateway.holds(&[]).await;
}

async fn slow() {
    let system = faulty_system();
    let gateway = Gateway::start(launch(&system));
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    gateway
        .client
        .post(&path, &said("before"))
        .await
        .expect(201);
    system.slow_sync(SLOW_SYNC);
    let began = Instant::now();
    let is_written = AtomicBool::new(false);
    let writes = async {
        let answers = join_all((0..20).map(|_| gateway.say(&path, "slow"))).await;
        is_written.store(true, Ordering::Relaxed);
        for answer in answers {
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
        began.elapsed()
    };
    let reads = async {
        let mut count = 0_u32;
        // What is answered after the writes have ended says nothing.
        loop {
            gateway.client.get(&path).await.expect(200);
            if is_written.load(Ordering::Relaxed) {
                return count;
            }
            count += 1;
        }
    };
    let (wrote, read) = tokio::join!(writes, reads);
    // Commits wait for the disk, together; reads do not.
    assert!(wrote >= SLOW_SYNC, "{wrote:?}");
    assert!(read > 1, "reads wait for the disk too");
    system.heal();
    gateway.holds(&[]).await;
}

async fn scarce() {
    let files = FILES.to_string();
    let limit = format!("--nofile={files}:{files}");
    let gateway = Gateway::start(
        Launch::new()
            .variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json")
            .through(&["prlimit", &limit]),
    );
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    // Whoever is connected already.
    let connected = Client::new(gateway.dragoman.base_url(), Some(gateway.key()));
    connected.get(&path).await.expect(200);
    let mut held = Vec::new();
    for _ in 0..2 * FILES {
        // Beyond the limit the operating system takes them, and nobody answers.
        held.push(
            TcpStream::connect(gateway.dragoman.address())
                .await
                .expect("a connection"),
        );
    }
    until("the limit is reached", || gateway.open_files() > FILES / 2).await;
    let most = gateway.open_files();
    assert!(most <= FILES + 4, "{most} files");
    // It is served, or learns that nothing was done.
    for number in 0..5 {
        let text = format!("scarce {number}");
        let written = connected.post(&path, &said(&text)).await;
        let texts = connected.get(&path).await;
        if written.status == 201 {
            assert!(texts.status != 200 || texts.text.contains(&text));
        } else {
            let words = problem(&written, &[]);
            assert!(matches!(written.status.as_u16(), 503 | 507), "{words}");
            assert_eq!(words["outcome"], "not_applied", "{words}");
        }
        if texts.status != 200 {
            let words = problem(&texts, &[]);
            assert!(matches!(texts.status.as_u16(), 503 | 507), "{words}");
        }
    }
    drop(held);
    // With the connections gone it serves as before, writes included.
    let began = Instant::now();
    loop {
        let request = gateway
            .client
            .request(Method::POST, &path)
            .json(&said("again"));
        match gateway.client.try_send(request).await {
            Ok(answer) if answer.status == 201 => break,
            _ => assert!(began.elapsed() < PATIENCE, "it does not serve again"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    gateway.assert_sound();
    gateway.holds(&[]).await;
}

/// Experiment 16: each operation on the database fails once, one after the other, under a scenario of the whole API.
pub(crate) async fn each_operation(bench: Bench) -> u64 {
    let system = faulty_system();
    let gateway = Gateway::start(launch(&system));
    let files = gateway.open_files();
    let step = i64::try_from(bench.rounds(4, 1)).expect("a step");
    let first = i64::try_from(bench.random("first").between(0, 4)).expect("a number") % step;
    let mut nth = 1 + first;
    let mut runs = 0;
    loop {
        let before = system.failed();
        let error = if runs % 2 == 0 { EIO } else { ENOSPC };
        system.fail(nth, 1, error);
        let done = scenario(&gateway, &format!("run {nth}")).await;
        let failed = system.failed() - before;
        system.heal();
        done.still_there(&gateway, nth).await;
        runs += 1;
        if failed == 0 {
            break;
        }
        nth += step;
    }
    assert!(runs > 5, "the scenario has hardly any operation: {runs}");
    gateway.assert_sound();
    gateway.files_are_closed(files).await;
    gateway.holds(&[]).await;
    runs
}

/// What a scenario was told to have been done.
#[derive(Default)]
struct Done {
    conversation: Option<String>,
    texts: Vec<String>,
    title: Option<String>,
    is_deleted: Option<bool>,
}

impl Done {
    async fn still_there(&self, gateway: &Gateway, nth: i64) {
        let Some(conversation) = &self.conversation else {
            return;
        };
        let path = format!("/v1/conversations/{conversation}");
        let shown = gateway.client.get(&path).await;
        match self.is_deleted {
            Some(true) => {
                assert_eq!(shown.status, 404, "operation {nth}: {}", shown.text);
                return;
            }
            // Whether it was deleted is not known where the delete failed.
            Some(false) if shown.status == 404 => return,
            _ => {}
        }
        let shown = shown.expect(200);
        if let Some(title) = &self.title {
            assert_eq!(shown["title"], *title, "operation {nth}");
        }
        let texts = gateway.texts(conversation).await;
        for text in &self.texts {
            let times = texts.iter().filter(|shown| *shown == text).count();
            assert_eq!(times, 1, "operation {nth}: {text} is there {times} times");
        }
    }
}

async fn scenario(gateway: &Gateway, name: &str) -> Done {
    let mut done = Done::default();
    let client = &gateway.client;
    let created = client
        .send(gateway.create("store", &json!({"title": name})))
        .await;
    if created.status != 201 {
        problem(&created, &[]);
        return done;
    }
    let created = created.expect(201);
    let id = created["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/conversations/{id}");
    done.title = Some(name.to_owned());
    done.conversation = Some(id);
    let text = format!("{name}, posted");
    let posted = client.request(Method::POST, &format!("{path}/messages"));
    let posted = posted.header("idempotency-key", &text).json(&said(&text));
    let posted = client.send(posted).await;
    if posted.status == 201 {
        done.texts.push(text);
    } else {
        problem(&posted, &[]);
    }
    let text = format!("{name}, imported");
    let (import, body) = (
        format!("{path}/messages:import"),
        json!({"messages": [said(&text)]}),
    );
    let imported = client.post(&import, &body).await;
    if imported.status.is_success() {
        done.texts.push(text);
    } else {
        problem(&imported, &[]);
    }
    let text = format!("{name}, asked");
    let asked = client
        .post(&format!("{path}/responses"), &json!({"input": said(&text)}))
        .await;
    if asked.status.is_success() {
        done.texts.push(text);
    } else {
        problem(&asked, &[]);
    }
    let title = format!("{name}, renamed");
    let renamed = client.patch(&path, &json!({"title": title})).await;
    if renamed.status == 200 {
        done.title = Some(title);
    } else {
        problem(&renamed, &[]);
        done.title = None;
    }
    let listed = client.get("/v1/conversations?limit=5").await;
    if listed.status != 200 {
        problem(&listed, &[]);
    }
    if name.len().is_multiple_of(2) {
        let deleted = client.delete(&path).await;
        if deleted.status != 204 {
            problem(&deleted, &[]);
        }
        done.is_deleted = Some(deleted.status == 204);
    }
    done
}

/// Experiment 17: somebody else holds the database, for a while and for long.
pub(crate) async fn locked(bench: Bench) -> u64 {
    let gateway = Gateway::start(Launch::new().variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json"));
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let database = gateway.dragoman.data_dir();
    let database = database.path().join("data").join("dragoman.db");
    // Between threads, because what is tried waits in between.
    let other = rusqlite::Connection::open(database).expect("the database");
    other.busy_timeout(PATIENCE).expect("an open database");
    let other = Arc::new(Mutex::new(other));
    let told = |words: &'static str, after: Duration| {
        let other = Arc::clone(&other);
        // On a thread of its own: the lock must not be held longer because others are busy.
        let telling = tokio::task::spawn_blocking(move || {
            std::thread::sleep(after);
            let other = other.lock().unwrap_or_else(PoisonError::into_inner);
            other.execute_batch(words).expect("the lock, or its end");
        });
        async { telling.await.expect("the lock, or its end") }
    };
    let rounds = bench.rounds(2, 20);
    for round in 0..rounds {
        // For a while: everybody waits, and nobody is told.
        told("BEGIN IMMEDIATE", AT_ONCE).await;
        let texts: Vec<String> = (0..8).map(|number| format!("{round} {number}")).collect();
        let writes = texts.iter().map(|text| gateway.say(&path, text));
        let free = told("ROLLBACK", HELD);
        let (answers, ()) = tokio::join!(join_all(writes), free);
        for answer in answers {
            assert_eq!(answer.status, 201, "round {round}: {}", answer.text);
        }
    }
    // For longer than anybody waits: a clear refusal, and when to come again.
    told("BEGIN IMMEDIATE", AT_ONCE).await;
    let refused = join_all((0..8).map(|_| gateway.say(&path, "never"))).await;
    for answer in refused {
        let words = problem(&answer, &["database is locked", "SQLITE"]);
        assert_eq!(answer.status, 503, "{words}");
        assert_eq!(words["outcome"], "not_applied", "{words}");
        let after: u64 = answer
            .header("retry-after")
            .parse()
            .expect("Retry-After in seconds");
        assert!(after >= 1, "{words}");
        // Reads do not need the lock.
        gateway.client.get(&path).await.expect(200);
    }
    told("ROLLBACK", AT_ONCE).await;
    gateway.client.post(&path, &said("after")).await.expect(201);
    let texts = gateway.texts(&conversation).await;
    assert!(!texts.contains(&"never".to_owned()), "{texts:?}");
    gateway.holds(&[]).await;
    rounds + 1
}
