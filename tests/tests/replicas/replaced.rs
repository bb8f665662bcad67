//! Gateways that are replaced one after the other, under load, behind a load balancer: no request fails. Then the way back.
//!
//! `DRAGOMAN_TEST_PREVIOUS` names the program of the version before; without it each is replaced by another process of the
//! same one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::dragoman::Launch;
use tests::nginx::Nginx;
use tests::ports::free_port;
use tokio::task::JoinHandle;

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, LOOK, conversation, keyed, messages_of, ready, texts};
use crate::gateway::said;
use crate::writers::{text, until_more};

/// The program of the version before.
const PREVIOUS: &str = "DRAGOMAN_TEST_PREVIOUS";
const GATEWAYS: usize = 3;
/// Half of them write to the store, the others to a vendor.
const CALLERS: usize = 6;
/// Requests of all of them between two gateways that are replaced.
const BETWEEN: usize = 60;
/// A stop tells clients to leave before it takes no connections any more.
const SETTINGS: &str = "[timeouts]\ndrain_seconds = 2\n";

/// What all callers are told, and tell.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    requests: AtomicUsize,
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let previous = std::env::var_os(PREVIOUS).map(PathBuf::from);
    let mut fleet = Fleet::start_as(previous, bench, 1, SETTINGS, KEYS).await;
    let before = fleet.replicas.launch();
    let present = before.clone().program(None);
    let mut numbers = Vec::new();
    for _ in 0..GATEWAYS {
        // Whoever comes after it listens there too.
        let address = ([127, 0, 0, 1], free_port()).into();
        let launch = before.clone();
        let add = || fleet.replicas.add_at(address, launch);
        numbers.push(tokio::task::block_in_place(add));
    }
    // The one that made the first key.
    tokio::task::block_in_place(|| fleet.replicas.stop(0));
    let nginx = tokio::task::block_in_place(|| fleet.replicas.nginx());
    let callers = Callers::start(&nginx, fleet.replicas.key()).await;
    callers.ask_more().await;
    replace_each(&mut fleet, &numbers, &present, &callers).await;
    // Where the schema is another one by now, the version before does not start over it.
    let status = before.clone().begin(&["db", "status", "--json"]);
    let status = tokio::task::block_in_place(|| status.wait()).output;
    let status: Value = serde_json::from_str(&status).unwrap_or_else(|_| panic!("{status}"));
    if status["up_to_date"] == true {
        replace_each(&mut fleet, &numbers, &before, &callers).await;
    }
    let requests = callers.end(&nginx).await;
    drop(nginx);
    fleet.ends_well().await;
    requests as u64
}

async fn replace_each(fleet: &mut Fleet, numbers: &[usize], by: &Launch, callers: &Callers) {
    for number in numbers {
        let replace = || fleet.replicas.replace(*number, by.clone());
        tokio::task::block_in_place(replace);
        ready(&fleet.client(*number)).await;
        callers.ask_more().await;
    }
}

/// Callers of the load balancer, of whom each writes to a conversation of its own and reads it.
struct Callers {
    shared: Arc<Shared>,
    client: Client,
    /// Of each its conversation, and how many messages it wrote.
    tasks: Vec<JoinHandle<(String, usize)>>,
}

impl Callers {
    async fn start(nginx: &Nginx, key: &str) -> Self {
        let client = Client::new(nginx.base_url(), Some(key));
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for number in 0..CALLERS {
            let backend = if number % 2 == 0 { "store" } else { "four" };
            let id = conversation(&client, backend, &json!({})).await;
            let (client, shared) = (client.clone(), Arc::clone(&shared));
            tasks.push(tokio::spawn(async move {
                let written = call(&client, &id, &shared).await;
                (id, written)
            }));
        }
        Self {
            shared,
            client,
            tasks,
        }
    }

    async fn ask_more(&self) {
        until_more(&self.shared.requests, BETWEEN, &self.tasks).await;
    }

    /// Lets each end what it has begun; everything that was answered is there once, in order. How many requests.
    async fn end(self, nginx: &Nginx) -> usize {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            let ended = task.await;
            let (id, written) = ended.unwrap_or_else(|error| panic!("{error}\n{}", nginx.errors()));
            let expected: Vec<String> = (0..written).map(|number| text(&id, number)).collect();
            assert_eq!(texts(&self.client, &id).await, expected, "lost or doubled");
        }
        self.shared.requests.load(Ordering::Relaxed)
    }
}

/// Writes and reads, and takes no answer but the right one: nothing is repeated. How many messages it wrote.
async fn call(client: &Client, id: &str, shared: &Shared) -> usize {
    let path = messages_of(id);
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let text = text(id, number);
        let answer = client.send(keyed(client, &path, &text, &said(&text))).await;
        assert_eq!(answer.status, 201, "{text}: {}", answer.text);
        let read = client.request(Method::GET, &format!("/v1/conversations/{id}"));
        let answer = client.send(read).await;
        assert_eq!(answer.status, 200, "{id}: {}", answer.text);
        number += 1;
        shared.requests.fetch_add(2, Ordering::Relaxed);
        // Some load, not all there can be: other experiments run beside.
        tokio::time::sleep(LOOK / 2).await;
    }
    number
}
