//! The gateway that copies conversations is killed: another one goes on by itself, and at the end everything is there once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::client::Client;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, LONG_PATIENCE, LOOK, conversation, messages_of};
use crate::gateway::{PATIENCE, said, until};

const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\n";
const REPLICAS: usize = 2;
const CONVERSATIONS: usize = 8;
const MESSAGES: usize = 5;
/// How many writes each process makes without delay.
const QUICK: usize = 6;
/// How long those behind them take: whoever is killed has plenty of work left.
const LATE: Duration = Duration::from_secs(3);
/// What the target is told of a message, whichever.
const WORDS: &str = "to be moved ";

pub(crate) async fn run(bench: Bench) -> u64 {
    let mut fleet = Fleet::start(bench, REPLICAS, SETTINGS, KEYS).await;
    let said = seeded(&fleet.client(0)).await;
    let spec = json!({"from": "store", "to": "four"});
    let planned = fleet.client(0).post("/admin/v1/migrations", &spec).await;
    assert!(planned.status.is_success(), "{}", planned.text);
    let migration = planned.json()["id"].as_str().expect("an id").to_owned();
    let planned = ended(&fleet.client(1), &migration).await;
    assert_eq!(
        planned["plan"]["conversations"], CONVERSATIONS,
        "{planned:#}"
    );
    let rounds = bench.rounds(2, 6);
    begin(&fleet.client(0), &migration, "copy").await;
    // The one that copies; afterwards the one that has taken over, whichever that is.
    let mut copying = 0;
    for round in 0..rounds {
        let proxy = fleet.site.proxy("four");
        let copied = || proxy.witness().count_of("POST", WORDS);
        proxy.plan([Rule::new(Fault::Late(LATE)).method("POST").after(QUICK)]);
        let enough = copied() + 2;
        let began = Instant::now();
        while copied() < enough {
            assert!(
                began.elapsed() < LONG_PATIENCE,
                "round {round}: nobody goes on with the copy"
            );
            tokio::time::sleep(LOOK).await;
        }
        assert!(copied() < said.len(), "round {round}: all is copied");
        let log = tokio::task::block_in_place(|| fleet.replicas.kill(copying));
        assert!(!log.contains("panicked"), "round {round}: {log}");
        // By itself: nobody asks, and nobody starts.
        copying = runner(&fleet, &migration).await;
        tokio::task::block_in_place(|| fleet.replicas.add(1));
    }
    let proxy = fleet.site.proxy("four");
    proxy.heal();
    until("the rest is copied", || {
        proxy.witness().count_of("POST", WORDS) >= said.len()
    })
    .await;
    // Any of them tells how it went, and does the next job.
    let client = fleet.replicas.clients().pop().expect("one is left");
    let status = ended(&client, &migration).await;
    assert!(status.get("stopped").is_none(), "{status:#}");
    begin(&client, &migration, "check").await;
    let checked = ended(&client, &migration).await;
    assert_eq!(checked["check"]["same"], CONVERSATIONS, "{checked:#}");
    assert_eq!(checked["check"]["messages"], said.len(), "{checked:#}");
    for text in &said {
        let sent = proxy.witness().count_of("POST", text);
        assert_eq!(sent, 1, "{text} was sent {sent} times");
    }
    let convore = &fleet.site.vendors.convore;
    assert!(convore.doubled().is_empty(), "{:#?}", convore.doubled());
    assert_eq!(convore.conversation_ids().len(), CONVERSATIONS);
    fleet.ends_well().await;
    rounds
}

/// Conversations at the source; the texts of all their messages.
async fn seeded(client: &Client) -> Vec<String> {
    let mut texts = Vec::new();
    for number in 0..CONVERSATIONS {
        // Each its own: lost creates that nobody can tell apart stay in doubt, and may leave one that is nobody's.
        let body = json!({
            "title": format!("conversation {number}"),
            "participants": [{
                "kind": "person",
                "side": "customer",
                "handles": [{"type": "email", "value": format!("customer-{number}@example.com")}],
            }],
        });
        let id = conversation(client, "store", &body).await;
        for message in 0..MESSAGES {
            let text = format!("{WORDS}{number}-{message}.");
            client
                .post(&messages_of(&id), &said(&text))
                .await
                .expect(201);
            texts.push(text);
        }
    }
    texts
}

/// Which of them runs the job now: the record names its process.
async fn runner(fleet: &Fleet, migration: &str) -> usize {
    let began = Instant::now();
    loop {
        for (number, one) in fleet.replicas.all() {
            let status = status(&fleet.client(number), migration).await;
            let holder = status["holder"].as_str().unwrap_or_default();
            let words: Vec<&str> = holder.split([' ', ',']).collect();
            let is_named = words.contains(&one.process_id().to_string().as_str());
            if is_named {
                return number;
            }
        }
        assert!(
            began.elapsed() < LONG_PATIENCE,
            "nobody takes the migration over"
        );
        tokio::time::sleep(LOOK).await;
    }
}

async fn status(client: &Client, migration: &str) -> Value {
    let path = format!("/admin/v1/migrations/{migration}");
    client.get(&path).await.expect(200)
}

/// Begins a job, as soon as none runs.
async fn begin(client: &Client, migration: &str, job: &str) {
    let path = format!("/admin/v1/migrations/{migration}/{job}");
    let began = Instant::now();
    loop {
        let begun = client.post(&path, &json!({})).await;
        if begun.status.is_success() {
            return;
        }
        assert_eq!(begun.status, 409, "{job}: {}", begun.text);
        assert!(began.elapsed() < PATIENCE, "{job}: {}", begun.text);
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until no job runs, whoever ran it; the status then.
async fn ended(client: &Client, migration: &str) -> Value {
    let began = Instant::now();
    loop {
        let status = status(client, migration).await;
        if status["job"].is_null() && status["holder"].is_null() {
            return status;
        }
        assert!(
            began.elapsed() < LONG_PATIENCE,
            "it does not end: {status:#}"
        );
        tokio::time::sleep(LOOK).await;
    }
}
