//! A gateway that loses its time in the middle of a write, for longer than its lease lasts: others go on, and when it wakes
//! up it changes none of their rows. What it had sent is found, and is there once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::client::Client;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::fleet::{
    Fleet, KEYS, LONG_PATIENCE, LOOK, conversation, keyed, known, messages_of, texts, until_told,
};
use crate::gateway::{said, until};

/// Longer than a lease lasts, so that somebody else has it when the answer comes.
const PAUSE: Duration = Duration::from_secs(17);
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 120\n";

/// A message with something that the vendor cannot hold, so that a row is kept beside it.
fn marked(text: &str) -> Value {
    let mut body = said(text);
    body["metadata"] = json!({"mark": text});
    body
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let fleet = Fleet::start(bench, 2, SETTINGS, KEYS).await;
    let rounds = bench.rounds(1, 6);
    for round in 0..rounds {
        one(&fleet, round).await;
        made(&fleet, round).await;
    }
    fleet.ends_well().await;
    2 * rounds
}

async fn one(fleet: &Fleet, round: u64) {
    let (first, second) = (format!("paused-{round}."), format!("meanwhile-{round}."));
    let (paused, other) = (fleet.client(0), fleet.client(1));
    let conversation = conversation(&other, "four", &json!({"title": "theirs"})).await;
    let path = messages_of(&conversation);
    let proxy = fleet.site.proxy("four");
    proxy.witness().forget();
    // The vendor gets it, and its answer comes when the caller's lease is over.
    proxy.plan([Rule::new(Fault::Late(Duration::from_secs(2)))
        .method("POST")
        .times(1)]);
    let asked = tokio::spawn({
        let request = keyed(&paused, &path, &first, &marked(&first));
        let client = paused.clone();
        async move { client.send(request).await }
    });
    until("the vendor is told", || {
        proxy.witness().count_of("POST", &first) > 0
    })
    .await;
    fleet.replicas.one(0).pause();
    let paused_at = Instant::now();
    // The other one waits for the lease, or says that somebody has it; once it is over it writes.
    let meanwhile = loop {
        let request = keyed(&other, &path, &second, &marked(&second));
        let answer = other.send(request).await;
        if answer.status == 201 {
            break answer;
        }
        assert!(
            matches!(answer.status.as_u16(), 409 | 503) && paused_at.elapsed() < LONG_PATIENCE,
            "{second}: {} {}",
            answer.status,
            answer.text
        );
        tokio::time::sleep(4 * LOOK).await;
    };
    tokio::time::sleep(PAUSE.saturating_sub(paused_at.elapsed())).await;
    let before = rows(fleet, &second).await;
    fleet.replicas.one(0).resume();
    let late = asked.await.expect("a caller does not panic");
    // It may know what became of its write, or not; whoever repeats it gets the message that is there.
    assert!(
        late.status == 201 || late.status.is_server_error() || late.status == 409,
        "{first}: {} {}",
        late.status,
        late.text
    );
    let again = || keyed(&other, &path, &first, &marked(&first));
    let told = known(&other, &first, again).await.json();
    assert_eq!(
        rows(fleet, &second).await,
        before,
        "whoever woke up changed rows of the other"
    );
    let shown = meanwhile.json();
    for client in [&paused, &other] {
        until_told("each is shown once", || async {
            let mut shown = texts(client, &conversation).await;
            shown.sort();
            let mut expected = [second.clone(), first.clone()];
            expected.sort();
            let is_right = shown == expected;
            is_right.then_some(()).ok_or_else(|| format!("{shown:?}"))
        })
        .await;
        let message = shown["id"].as_str().expect("an id");
        let read = client.get(&format!("{path}/{message}")).await.expect(200);
        assert_eq!(read["metadata"]["mark"], second, "the other's row is gone");
        let message = told["id"].as_str().expect("an id");
        let read = client.get(&format!("{path}/{message}")).await.expect(200);
        assert_eq!(read["metadata"]["mark"], first, "its own row is gone");
    }
    let sent = proxy.witness().count_of("POST", &first);
    assert_eq!(sent, 1, "{first} was sent {sent} times");
    nothing_is_in_doubt(&other).await;
}

/// The same in the middle of making a conversation: the other one, to which its caller turns, finds it at the vendor.
async fn made(fleet: &Fleet, round: u64) {
    let name = format!("made-{round}.");
    let body = json!({"title": name, "metadata": {"mark": name}});
    let (paused, other) = (fleet.client(0), fleet.client(1));
    let create = |client: &Client| {
        keyed(client, "/v1/conversations", &name, &body).header("dragoman-backend", "four")
    };
    let proxy = fleet.site.proxy("four");
    proxy.witness().forget();
    proxy.plan([Rule::new(Fault::Late(Duration::from_secs(2)))
        .method("POST")
        .times(1)]);
    let asked = tokio::spawn({
        let (client, request) = (paused.clone(), create(&paused));
        async move { client.send(request).await }
    });
    until("the vendor is told", || {
        proxy.witness().count_of("POST", &name) > 0
    })
    .await;
    fleet.replicas.one(0).pause();
    let began = Instant::now();
    let told = known(&other, &name, || create(&other)).await.json();
    tokio::time::sleep(PAUSE.saturating_sub(began.elapsed())).await;
    let id = told["id"].as_str().expect("an id");
    let before = entries(fleet, &name).await;
    fleet.replicas.one(0).resume();
    let late = asked.await.expect("a caller does not panic");
    assert!(
        late.status == 201 || late.status.is_server_error() || late.status == 409,
        "{name}: {} {}",
        late.status,
        late.text
    );
    assert_eq!(
        entries(fleet, &name).await,
        before,
        "whoever woke up changed rows of the other"
    );
    for client in [&paused, &other] {
        let again = known(client, &name, || create(client)).await;
        assert_eq!(again.json()["id"], id);
        let listed = client.get("/v1/conversations?limit=100").await.expect(200);
        let listed = listed["data"].as_array().expect("a list");
        let ids: Vec<&Value> = listed
            .iter()
            .filter(|one| one["title"] == name)
            .map(|one| &one["id"])
            .collect();
        assert_eq!(ids, [id], "it is there once");
        let read = client.get(&format!("/v1/conversations/{id}")).await;
        assert_eq!(read.expect(200)["metadata"]["mark"], name);
    }
    let sent = proxy.witness().count_of("POST", &name);
    assert_eq!(sent, 1, "{name} was made {sent} times");
    nothing_is_in_doubt(&other).await;
}

async fn nothing_is_in_doubt(client: &Client) {
    until_told("no write is open", || async {
        let intents = client.get("/admin/v1/intents").await.expect(200);
        let open = intents["data"].as_array().expect("a list");
        let is_none = open.is_empty();
        is_none.then_some(()).ok_or_else(|| intents.to_string())
    })
    .await;
}

/// What is kept of a message.
async fn rows(fleet: &Fleet, text: &str) -> Vec<String> {
    rows_of(fleet, &["overlay_fields", "overlay_messages"], text).await
}

/// What is known of a conversation.
async fn entries(fleet: &Fleet, title: &str) -> Vec<String> {
    rows_of(fleet, &["directory", "overlay_fields"], title).await
}

/// The rows that tell of this, and how often each is there: as the tables have them, every column of them.
async fn rows_of(fleet: &Fleet, tables: &[&str], text: &str) -> Vec<String> {
    let client = fleet.database.connect().await;
    let mut found = Vec::new();
    for table in tables {
        let query = format!(
            "SELECT row_to_json(t)::text FROM {table} t WHERE row_to_json(t)::text LIKE '%{text}%' \
             ORDER BY 1"
        );
        let rows = client.query(&query, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        found.extend(
            rows.iter()
                .map(|row| format!("{table} {}", row.get::<_, String>(0))),
        );
    }
    assert!(!found.is_empty(), "no row is kept of {text}");
    found
}
