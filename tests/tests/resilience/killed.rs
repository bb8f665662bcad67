//! Experiments 11 and 12: the process dies, between the vendor's work and our note of it, and in the middle of many writes.
//! What was acknowledged is there, nothing is there twice, and what is in doubt is looked up, never sent again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tests::client::Client;
use tests::dragoman::Launch;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, problem, said, until};
use crate::site::{BACKENDS, Site};

const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\nrespond_seconds = 60\n";
const KEYS: &str =
    "settle_after_seconds = 1\nclock_skew_seconds = 1\nwrite_seconds = 50\nanswer_seconds = 50";
/// Writers at once on the store.
const WRITERS: usize = 8;
/// Writes that are acknowledged before a kill.
const WRITES: usize = 100;

/// What is on its way when the process dies.
#[derive(Debug, Clone, Copy)]
enum Write {
    Create,
    Post,
    Respond,
}

impl Write {
    fn request(
        self,
        gateway: &Gateway,
        backend: &str,
        conversation: &str,
        name: &str,
    ) -> RequestBuilder {
        let post = |path: &str| {
            let path = format!("/v1/conversations/{conversation}/{path}");
            gateway.client.request(Method::POST, &path)
        };
        let request = match self {
            Self::Create => gateway.create(backend, &json!({"title": name})),
            Self::Post => post("messages").json(&said(name)),
            Self::Respond => post("responses").json(&json!({"input": said(name)})),
        };
        request.header("idempotency-key", name)
    }

    /// Whether the vendor behind a backend is told of it.
    fn reaches(self, backend: &str) -> bool {
        match self {
            Self::Create => true,
            // These two run their AI, or keep the message beside it.
            Self::Post => matches!(backend, "three" | "four"),
            Self::Respond => matches!(backend, "one" | "two"),
        }
    }
}

/// Experiment 11: killed when the vendor has done it and its answer is on its way.
pub(crate) async fn in_between(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let mut gateway = Gateway::start(site.launch(SETTINGS, KEYS));
    let (mut runs, mut ends) = (0, Vec::new());
    for round in 0..bench.rounds(1, 12) {
        for backend in BACKENDS {
            let conversation = gateway.conversation(backend).await;
            for write in [Write::Create, Write::Post, Write::Respond] {
                if !write.reaches(backend) {
                    continue;
                }
                let name = format!("{write:?}-{backend}-{round}.");
                let (next, is_known) =
                    one(&site, gateway, backend, &conversation, write, &name).await;
                gateway = next;
                ends.push((write, backend, is_known));
                runs += 1;
            }
        }
    }
    // Settled, not given up: there is one candidate for each at its vendor.
    let unknown: Vec<_> = ends.iter().filter(|(_, _, is_known)| !is_known).collect();
    assert!(unknown.is_empty(), "never known: {unknown:?}");
    gateway.holds(&[]).await;
    runs
}

async fn one(
    site: &Site,
    gateway: Gateway,
    backend: &str,
    conversation: &str,
    write: Write,
    name: &str,
) -> (Gateway, bool) {
    let proxy = site.proxy(backend);
    proxy.witness().forget();
    // The answer to whatever changes something comes never.
    proxy.plan([Rule::new(Fault::Silent { applied: true })
        .method("POST")
        .times(1)]);
    let request = write.request(&gateway, backend, conversation, name);
    let client = gateway.client.clone();
    let asked = tokio::spawn(async move { client.try_send(request).await });
    until("the vendor has done it", || {
        let seen = proxy.witness().requests();
        seen.iter()
            .any(|seen| seen.planned && seen.answered_by_vendor)
    })
    .await;
    let gateway = gateway.killed_and_started(site.launch(SETTINGS, KEYS));
    let lost = asked.await.expect("the caller does not panic");
    assert!(lost.is_err(), "{name}: it was answered by a dead process");
    proxy.heal();
    // The caller repeats it under its key until it knows.
    let began = Instant::now();
    let answer = loop {
        let request = write.request(&gateway, backend, conversation, name);
        let answer = gateway.client.send(request).await;
        if answer.status.is_success() {
            break answer;
        }
        let words = problem(&answer, &[]);
        if words["code"] == "outcome-unknown" {
            break answer;
        }
        assert!(
            matches!(answer.status.as_u16(), 409 | 503 | 504) && began.elapsed() < 2 * PATIENCE,
            "{name}: {words}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let told = proxy.witness().requests();
    let told = told
        .iter()
        .filter(|seen| seen.method == "POST" && seen.text().contains(name))
        .count();
    assert!(told <= 1, "{name}: told {told} times");
    if answer.status.is_success() {
        let shown = match write {
            Write::Create => {
                let listed = gateway
                    .client
                    .get("/v1/conversations?limit=200")
                    .await
                    .expect(200);
                let listed = listed["data"].as_array().cloned().unwrap_or_default();
                listed.iter().filter(|one| one["title"] == name).count()
            }
            Write::Post | Write::Respond => {
                let texts = gateway.texts(conversation).await;
                texts.iter().filter(|text| *text == name).count()
            }
        };
        assert_eq!(shown, 1, "{name}: shown {shown} times");
    }
    (gateway, answer.status.is_success())
}

/// Experiment 12: killed under writes to the store.
pub(crate) async fn writing(bench: Bench) -> u64 {
    let mut gateway = Gateway::start(Launch::new());
    let mut conversations = Vec::new();
    for _ in 0..WRITERS {
        conversations.push(gateway.conversation("store").await);
    }
    let acknowledged: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();
    let mut random = bench.random("kills");
    let rounds = bench.rounds(3, 100);
    for round in 0..rounds {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let path = format!("/v1/conversations/{}/messages", conversations[writer]);
                let name = format!("{round}-{writer}");
                let done = Arc::clone(&acknowledged);
                tokio::spawn(write(gateway.client.clone(), path, name, writer, done))
            })
            .collect();
        let goal = count(&acknowledged) + WRITES;
        until("enough writes", || count(&acknowledged) >= goal).await;
        tokio::time::sleep(Duration::from_millis(random.between(0, 50))).await;
        let (data_dir, key) = gateway.kill();
        for writer in writers {
            writer.await.expect("a writer ends with the server");
        }
        gateway = Gateway::again(Launch::new(), data_dir, key);
        gateway.assert_sound();
        let acknowledged = acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (writer, conversation) in conversations.iter().enumerate() {
            let texts = gateway.texts(conversation).await;
            let unique: BTreeSet<&String> = texts.iter().collect();
            assert_eq!(
                unique.len(),
                texts.len(),
                "round {round}: a message is there twice"
            );
            let lost = acknowledged
                .iter()
                .find(|(by, text)| *by == writer && !unique.contains(text));
            assert!(
                lost.is_none(),
                "round {round}: acknowledged and lost: {lost:?}"
            );
        }
    }
    gateway.holds(&[]).await;
    rounds
}

fn count(acknowledged: &Mutex<Vec<(usize, String)>>) -> usize {
    acknowledged
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .len()
}

/// Writes until the server is gone.
async fn write(
    client: Client,
    path: String,
    name: String,
    writer: usize,
    done: Arc<Mutex<Vec<(usize, String)>>>,
) {
    for number in 0_u64.. {
        let text = format!("{name}-{number}");
        let request = client.request(Method::POST, &path).json(&said(&text));
        match client.try_send(request).await {
            Ok(answer) => {
                assert_eq!(answer.status, 201, "{}", answer.text);
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((writer, text));
            }
            // Not acknowledged: it may be there or not.
            Err(_) => return,
        }
    }
}
