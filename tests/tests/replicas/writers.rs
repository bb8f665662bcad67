//! Writers who go on whatever happens to the database: each repeats a message under its key until it is there. At the end
//! everything that was answered is there exactly once, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tests::client::{Answer, Client};
use tokio::task::JoinHandle;

use crate::fleet::{Fleet, LONG_PATIENCE, LOOK, conversation, keyed, messages_of, texts};
use crate::gateway::{problem, said};

/// How many write to each gateway: half of them to the store, the others to a vendor.
const OF_EACH: usize = 4;
/// So long the gateway itself may take for a request, in seconds.
pub(crate) const REQUEST_SECONDS: u64 = 15;
/// What ends later hangs. Far beyond the gateway's own deadline, as machines are slow.
const HANGS_AFTER: Duration = Duration::from_secs(REQUEST_SECONDS * 6);

/// What all writers are told, and tell.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Messages that were answered with 201.
    written: AtomicUsize,
    /// Answers that were no 201.
    refused: AtomicUsize,
}

/// Writers at all gateways.
pub(crate) struct Writers {
    shared: Arc<Shared>,
    /// Of each its conversation, and how many messages it got there.
    tasks: Vec<JoinHandle<(String, usize)>>,
}

impl Writers {
    /// Lets them begin.
    pub(crate) async fn start(fleet: &Fleet) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for client in fleet.replicas.clients() {
            for number in 0..OF_EACH {
                let backend = if number % 2 == 0 { "store" } else { "four" };
                let id = conversation(&client, backend, &json!({})).await;
                let (client, shared) = (client.clone(), Arc::clone(&shared));
                tasks.push(tokio::spawn(async move {
                    let written = write(&client, &id, &shared).await;
                    (id, written)
                }));
            }
        }
        Self { shared, tasks }
    }

    /// How many answers were refusals so far.
    pub(crate) fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Waits until so many more are written.
    pub(crate) async fn write_more(&self, more: usize) {
        until_more(&self.shared.written, more, &self.tasks).await;
    }

    /// Waits until every writer, and not only some, has written again.
    pub(crate) async fn all_write(&self) {
        // Each writes one message after the other, so none can be further ahead of another that is stuck than this.
        self.write_more(self.tasks.len() * 5).await;
    }

    /// Lets each end what it has begun, and looks whether everything is there exactly once; how many messages.
    pub(crate) async fn end(self, fleet: &Fleet) -> usize {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = 0;
        for task in self.tasks {
            let (id, written) = task.await.unwrap_or_else(|error| panic!("{error}"));
            let expected: Vec<String> = (0..written).map(|number| text(&id, number)).collect();
            for client in fleet.replicas.clients() {
                assert_eq!(texts(&client, &id).await, expected, "lost or doubled");
            }
            // A vendor that was told twice would have two.
            let proxy = fleet.site.proxy("four").witness();
            for text in &expected {
                let sent = proxy.count_of("POST", text);
                assert!(sent <= 1, "{text} was sent {sent} times");
            }
            all += written;
        }
        all
    }
}

/// Waits until so many more are counted by these tasks, none of which ends by itself.
pub(crate) async fn until_more<T>(count: &AtomicUsize, more: usize, tasks: &[JoinHandle<T>]) {
    let counted = || count.load(Ordering::Relaxed);
    let (began, goal) = (Instant::now(), counted() + more);
    while counted() < goal {
        let has_failed = tasks.iter().any(JoinHandle::is_finished);
        assert!(
            !has_failed && began.elapsed() < LONG_PATIENCE,
            "nothing is done any more: {} of {goal}",
            counted()
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// No text contains another one. It is the key too.
pub(crate) fn text(conversation: &str, number: usize) -> String {
    format!("{conversation}-said-{number}.")
}

async fn write(client: &Client, id: &str, shared: &Shared) -> usize {
    let path = messages_of(id);
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let text = text(id, number);
        let began = Instant::now();
        loop {
            let request = keyed(client, &path, &text, &said(&text));
            let answer = tokio::time::timeout(HANGS_AFTER, client.send(request)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{text}: the request hangs"));
            if answer.status == 201 {
                break;
            }
            refused_well(&text, &answer);
            shared.refused.fetch_add(1, Ordering::Relaxed);
            assert!(
                began.elapsed() < LONG_PATIENCE,
                "{text}: it stays {} {}",
                answer.status,
                answer.text
            );
            tokio::time::sleep(2 * LOOK).await;
        }
        number += 1;
        shared.written.fetch_add(1, Ordering::Relaxed);
        // Some load, not all there can be: other experiments run beside.
        tokio::time::sleep(LOOK / 2).await;
    }
    number
}

/// What a request is told that the database does not let end: come again; or that its time is over; or, repeated, that the
/// first still runs.
pub(crate) fn refused_well(what: &str, answer: &Answer) {
    let words = problem(
        answer,
        &["postgres", "tokio", "relation", "connection refused"],
    );
    match answer.status.as_u16() {
        503 => assert!(
            !answer.header("retry-after").is_empty(),
            "{what}: nobody says when to come again: {words}"
        ),
        // The first still runs; or its lease could not be given back, and ends by itself.
        409 => {
            let codes = ["request-in-progress", "conversation-busy"];
            let code = words["code"].as_str().unwrap_or_default();
            assert!(codes.contains(&code), "{what}: {words}");
        }
        504 => assert!(words["outcome"].is_string(), "{what}: {words}"),
        status => panic!("{what}: {status}: {words}"),
    }
}
