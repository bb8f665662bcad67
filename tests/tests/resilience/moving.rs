//! Experiment 29, in a migration: the gateway is asked to stop while it copies, again and again. It ends in good order, the
//! next one goes on by itself, and at the end everything is there, once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, until};
use crate::site::Site;

const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\nshutdown_seconds = 45\n";
const KEYS: &str = "settle_after_seconds = 1\nclock_skew_seconds = 1\nwrite_seconds = 40";
const CONVERSATIONS: usize = 10;
const MESSAGES: usize = 5;
/// How many writes each process makes without delay.
const QUICK: usize = 6;
/// How long those behind them take: whoever is asked to stop has plenty of work left.
const LATE: Duration = Duration::from_secs(3);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What the target is told of a message, whichever.
const WORDS: &str = "to be moved ";

pub(crate) async fn run(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let launch = || site.launch(SETTINGS, KEYS);
    let mut gateway = Gateway::start(launch());
    let mut said = Vec::new();
    for conversation in 0..CONVERSATIONS {
        let id = gateway.conversation("store").await;
        let path = format!("/v1/conversations/{id}/messages");
        for message in 0..MESSAGES {
            let text = format!("{WORDS}{conversation}-{message}.");
            gateway.say(&path, &text).await.expect(201);
            said.push(text);
        }
    }
    let spec = json!({"from": "store", "to": "four"});
    let planned = gateway.client.post("/admin/v1/migrations", &spec).await;
    assert!(planned.status.is_success(), "{}", planned.text);
    let planned = planned.json();
    let migration = planned["id"].as_str().expect("an id");
    let planned = ended(&gateway, migration).await;
    assert_eq!(planned["plan"]["conversations"], CONVERSATIONS);
    let proxy = site.proxy("four");
    let copied = || proxy.witness().count_of("POST", WORDS);
    let rounds = bench.rounds(3, 6);
    for round in 0..rounds {
        proxy.plan([Rule::new(Fault::Late(LATE)).method("POST").after(QUICK)]);
        if round == 0 {
            begin(&gateway, migration, "copy").await;
        }
        // Each process goes on by itself: nobody asks the later ones.
        let enough = copied() + 2;
        until("it copies", || copied() >= enough).await;
        assert!(copied() < said.len(), "round {round}: all is copied");
        gateway.never_panicked().await;
        gateway.ask_to_stop();
        let status = gateway.ended();
        let log = gateway.dragoman.output();
        assert!(status.success(), "round {round}: {status}: {log}");
        assert!(!log.contains("panicked"), "round {round}: {log}");
        let (data_dir, key) = (gateway.dragoman.data_dir(), gateway.key().to_owned());
        gateway = Gateway::again(launch(), data_dir, key);
    }
    proxy.heal();
    until("the rest is copied", || copied() >= said.len()).await;
    let status = ended(&gateway, migration).await;
    assert!(status.get("stopped").is_none(), "{status:#}");
    begin(&gateway, migration, "check").await;
    let checked = ended(&gateway, migration).await;
    assert_eq!(checked["check"]["same"], CONVERSATIONS, "{checked:#}");
    assert_eq!(checked["check"]["messages"], said.len(), "{checked:#}");
    // Nothing was sent twice, and a second copy has nothing to do.
    let before = proxy.witness().count_of("POST", "");
    begin(&gateway, migration, "copy").await;
    ended(&gateway, migration).await;
    assert_eq!(proxy.witness().count_of("POST", ""), before);
    for text in &said {
        let sent = proxy.witness().count_of("POST", text);
        assert_eq!(sent, 1, "{text} was sent {sent} times");
    }
    gateway.holds(&[WORDS]).await;
    rounds
}

/// Begins a job, as soon as none runs.
async fn begin(gateway: &Gateway, migration: &str, job: &str) {
    let path = format!("/admin/v1/migrations/{migration}/{job}");
    let began = Instant::now();
    loop {
        let begun = gateway.client.post(&path, &json!({})).await;
        if begun.status.is_success() {
            return;
        }
        assert_eq!(begun.status, 409, "{job}: {}", begun.text);
        assert!(began.elapsed() < PATIENCE, "{job}: {}", begun.text);
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until no job runs; the status then.
async fn ended(gateway: &Gateway, migration: &str) -> Value {
    let path = format!("/admin/v1/migrations/{migration}");
    let began = Instant::now();
    loop {
        let status = gateway.client.get(&path).await.expect(200);
        if status.get("job").is_none() {
            return status;
        }
        assert!(
            began.elapsed() < 2 * PATIENCE,
            "it does not end: {status:#}"
        );
        tokio::time::sleep(LOOK).await;
    }
}
