//! A running gateway, and what must hold of it whatever happened: the invariants.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::client::{Answer, Client};
use tests::dragoman::{Dragoman, Launch};
use tests::faulty_system::FaultySystem;

/// How long something that must come may take. Nothing is measured by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// How many open files more than before are no leak.
const FILES_MORE: usize = 5;

/// Waits until it holds.
///
/// # Panics
/// If that takes too long.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it never came: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A system without faults so far, whose functions are compiled while others go on.
pub(crate) fn faulty_system() -> FaultySystem {
    tokio::task::block_in_place(FaultySystem::new)
}

fn sound(data_dir: &TempDir) {
    let path = data_dir.path().join("data").join("dragoman.db");
    let connection = rusqlite::Connection::open(path).expect("the database");
    // The gateway writes meanwhile.
    connection.busy_timeout(PATIENCE).expect("an open database");
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(sound, "ok");
}

/// A gateway under test.
pub(crate) struct Gateway {
    pub(crate) dragoman: Dragoman,
    pub(crate) client: Client,
    key: String,
}

/// A message's body.
pub(crate) fn said(text: &str) -> Value {
    json!({"parts": [{"type": "text", "text": text}]})
}

impl Gateway {
    /// Starts one for the first time.
    pub(crate) fn start(launch: Launch) -> Self {
        let dragoman = tokio::task::block_in_place(|| launch.start());
        let key = dragoman.key().expect("a first start prints a key");
        let key = key.to_owned();
        Self::with_key(dragoman, key)
    }

    fn with_key(dragoman: Dragoman, key: String) -> Self {
        let client = Client::new(dragoman.base_url(), Some(&key));
        Self {
            dragoman,
            client,
            key,
        }
    }

    /// Kills it, as a crash does, and starts another one with its data.
    pub(crate) fn killed_and_started(self, launch: Launch) -> Self {
        tokio::task::block_in_place(|| {
            let data_dir = self.dragoman.kill();
            Self::with_key(launch.data_dir(data_dir).start(), self.key)
        })
    }

    /// Kills it.
    pub(crate) fn kill(self) -> (Arc<TempDir>, String) {
        let data_dir = tokio::task::block_in_place(|| self.dragoman.kill());
        (data_dir, self.key)
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        tokio::task::block_in_place(|| self.dragoman.ask_to_stop());
    }

    /// Waits for its end, while others go on.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        tokio::task::block_in_place(|| self.dragoman.wait())
    }

    /// The database is sound, as its own check says.
    ///
    /// # Panics
    /// If it is not.
    pub(crate) fn assert_sound(&self) {
        tokio::task::block_in_place(|| sound(&self.dragoman.data_dir()));
    }

    /// Starts one with the data and the key of an earlier one.
    pub(crate) fn again(launch: Launch, data_dir: Arc<TempDir>, key: String) -> Self {
        tokio::task::block_in_place(|| Self::with_key(launch.data_dir(data_dir).start(), key))
    }

    /// The key that every request has.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The request of a create on a backend.
    pub(crate) fn create(&self, backend: &str, body: &Value) -> RequestBuilder {
        self.client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", backend)
            .json(body)
    }

    /// A new conversation on a backend.
    pub(crate) async fn conversation(&self, backend: &str) -> String {
        let created = self.client.send(self.create(backend, &json!({}))).await;
        let created = created.expect(201);
        created["id"].as_str().expect("an id").to_owned()
    }

    /// Posts a message with this text to the messages at a path.
    pub(crate) async fn say(&self, path: &str, text: &str) -> Answer {
        self.client.post(path, &said(text)).await
    }

    /// The texts of all messages of a conversation, oldest first.
    pub(crate) async fn texts(&self, conversation: &str) -> Vec<String> {
        let first = format!("/v1/conversations/{conversation}/messages?limit=100&order=asc");
        let mut texts = Vec::new();
        let mut path = first.clone();
        loop {
            let page = self.client.get(&path).await.expect(200);
            for message in page["data"].as_array().expect("a list") {
                let text = message["parts"][0]["text"].as_str();
                texts.push(text.unwrap_or_default().to_owned());
            }
            let Some(cursor) = page["next_cursor"].as_str() else {
                return texts;
            };
            path = format!("{first}&cursor={cursor}");
        }
    }

    /// A metric, summed over the labels that hold all these words.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.client.get("/metrics").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let lines = page.text.lines().filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or_default();
            (rest.starts_with('{') || rest.starts_with(' '))
                && labels.iter().all(|label| line.contains(label))
        });
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }

    /// Memory that the process holds, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that it held since [`Gateway::forget_most_memory`], in bytes.
    pub(crate) fn most_memory_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Counts the most memory from now on.
    pub(crate) fn forget_most_memory(&self) {
        let path = format!("/proc/{}/clear_refs", self.dragoman.process_id());
        fs::write(path, "5").expect("the process is ours");
    }

    fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.dragoman.process_id());
        let status = fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find(|line| line.starts_with(name));
        let words = line.and_then(|line| line.split_whitespace().nth(1));
        words.and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") * 1_024
    }

    /// Files and sockets that the process has open.
    pub(crate) fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.dragoman.process_id());
        fs::read_dir(path).expect("the process runs").count()
    }

    /// Waits until no more files are open than before, but for a few.
    pub(crate) async fn files_are_closed(&self, before: usize) {
        let began = Instant::now();
        // Idle connections to vendors and callers may stay.
        while self.open_files() > before + FILES_MORE {
            assert!(
                began.elapsed() < PATIENCE,
                "{} files stay open, {before} were before",
                self.open_files()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the vendor itself answers a read again, at the latest when a breaker that opened has tried.
    pub(crate) async fn healed(&self, path: &str, what: &str) {
        let began = Instant::now();
        loop {
            let read = self.client.get(path).await;
            if read.status == 200 && read.header("dragoman-stale").is_empty() {
                return;
            }
            let waited = began.elapsed();
            assert!(
                waited < PATIENCE,
                "{what}: it stays {} {}",
                read.status,
                read.text
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ready to take requests.
    pub(crate) async fn is_ready(&self) -> bool {
        self.client.get("/readyz").await.status == 200
    }

    /// Nothing has panicked so far: neither a request nor anything beside them.
    pub(crate) async fn never_panicked(&self) {
        let log = self.dragoman.output();
        assert!(!log.contains("panicked"), "a panic:\n{log}");
        let panics = self.metric("dragoman_panics_total", &[]).await;
        assert!(panics < 1.0, "{panics} panics:\n{log}");
    }

    /// What holds after every fault: it is alive, never panicked, its log and its metrics hold none of these words, and it
    /// is ready.
    pub(crate) async fn holds(&self, secrets: &[&str]) {
        self.never_panicked().await;
        let log = self.dragoman.output();
        let metrics = self.client.get("/metrics").await.text;
        let key = self.key.rsplit('_').next().unwrap_or_default();
        // The banner of the first start shows the key once, on purpose.
        let logged: Vec<&str> = log.lines().filter(|line| line.starts_with('{')).collect();
        for secret in secrets.iter().chain([&key]) {
            let found = logged.iter().find(|line| line.contains(secret));
            assert!(found.is_none(), "a secret in the log: {found:?}");
            assert!(!metrics.contains(secret), "a secret in the metrics");
        }
        assert_eq!(self.client.get("/healthz").await.status, 200);
        assert!(self.is_ready().await, "it is not ready again");
    }
}

/// What every error is: a problem of the catalogue, with the request's id and nothing of the vendor's words.
#[track_caller]
pub(crate) fn problem(answer: &Answer, foreign: &[&str]) -> Value {
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{} {}",
        answer.status,
        answer.text
    );
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16(), "{problem}");
    for member in ["type", "title", "detail", "code", "request_id", "origin"] {
        assert!(problem[member].is_string(), "no {member}: {problem}");
    }
    // A replayed answer names the request that it was first given to.
    if answer.header("idempotency-replayed").is_empty() {
        let id = Some(answer.header("x-request-id"));
        assert_eq!(problem["request_id"].as_str(), id, "{problem}");
    }
    let code = problem["code"].as_str().unwrap_or_default();
    let kind = problem["type"].as_str().unwrap_or_default();
    assert!(kind.ends_with(code), "{problem}");
    for word in foreign
        .iter()
        .chain(&["SELECT", "INSERT", "rusqlite", "/tmp/"])
    {
        assert!(!answer.text.contains(word), "{word} in {problem}");
    }
    problem
}

/// What a read is while its vendor does not work: a problem, or a kept answer that says its age.
#[track_caller]
pub(crate) fn failed_or_kept(answer: &Answer, foreign: &[&str]) {
    if answer.status == 200 {
        let age = answer.header("dragoman-stale");
        assert!(
            !age.is_empty(),
            "it does not say that it is old: {}",
            answer.text
        );
        return;
    }
    let words = problem(answer, foreign);
    let status = answer.status.as_u16();
    assert!(matches!(status, 502..=504), "{words}");
}

/// All different ones of these.
pub(crate) fn distinct<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    all.into_iter().collect()
}
