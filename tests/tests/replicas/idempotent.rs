//! One request fifty times at once, under one key, at four gateways, of which one is killed meanwhile. The vendor is told
//! once, and everybody who is answered is told the same.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tests::client::{Answer, Client};
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, conversation, keyed, messages_of, posted, texts};
use crate::gateway::{distinct, problem, said, until};

const REPLICAS: usize = 4;
/// Callers at once.
const CALLERS: usize = 50;
/// How long the vendor takes: the one is killed meanwhile.
const LATE: Duration = Duration::from_secs(2);
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\n";

/// Whom the fault meets.
#[derive(Debug, Clone, Copy)]
enum Killed {
    /// The one that carries the request out.
    Owner,
    /// Another one.
    Other,
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let mut fleet = Fleet::start(bench, REPLICAS, SETTINGS, KEYS).await;
    let rounds = bench.rounds(2, 24);
    for round in 0..rounds {
        let killed = if round % 2 == 0 {
            Killed::Owner
        } else {
            Killed::Other
        };
        one(&mut fleet, &format!("once-{round}."), killed).await;
        tokio::task::block_in_place(|| fleet.replicas.add(1));
    }
    fleet.ends_well().await;
    rounds * CALLERS as u64
}

async fn one(fleet: &mut Fleet, name: &str, killed: Killed) {
    let nginx = tokio::task::block_in_place(|| fleet.replicas.nginx());
    let numbers: Vec<usize> = fleet.replicas.all().map(|(number, _)| number).collect();
    let direct: Vec<Client> = numbers.iter().map(|number| fleet.client(*number)).collect();
    let through = Client::new(nginx.base_url(), Some(fleet.replicas.key()));
    let conversation = conversation(&direct[0], "four", &serde_json::json!({})).await;
    let path = messages_of(&conversation);
    let proxy = fleet.site.proxy("four");
    proxy.witness().forget();
    proxy.plan([Rule::new(Fault::Late(LATE)).method("POST")]);
    let ask = |caller: usize| {
        // Every fifth comes through the load balancer; the first is carried out by the first gateway.
        let client = match caller % (REPLICAS + 1) {
            REPLICAS => through.clone(),
            direct_one => direct[direct_one].clone(),
        };
        let request = keyed(&client, &path, name, &said(name));
        tokio::spawn(async move { client.try_send(request).await })
    };
    let first = ask(0);
    let told = || proxy.witness().count_of("POST", name);
    until("the vendor is told", || told() > 0).await;
    let others: Vec<_> = (1..CALLERS).map(ask).collect();
    let victim = match killed {
        Killed::Owner => 0,
        Killed::Other => 2,
    };
    let log = tokio::task::block_in_place(|| fleet.replicas.kill(numbers[victim]));
    assert!(!log.contains("panicked"), "{name}: a panic:\n{log}");
    let mut answers = Vec::new();
    for (caller, asked) in std::iter::once(first).chain(others).enumerate() {
        match asked.await.expect("a caller does not panic") {
            Ok(answer) => answers.push(answer),
            // Whoever asked the killed one gets nothing.
            Err(error) => assert_eq!(caller % (REPLICAS + 1), victim, "{name}: {error}"),
        }
    }
    let made: Vec<&Answer> = answers.iter().filter(|one| one.status == 201).collect();
    for answer in answers.iter().filter(|one| one.status != 201) {
        refused_well(name, answer);
    }
    proxy.heal();
    let survivors: Vec<&Client> = direct
        .iter()
        .enumerate()
        .filter_map(|(place, client)| (place != victim).then_some(client))
        .collect();
    let again = join_all(
        survivors
            .iter()
            .map(|client| posted(client, &conversation, name)),
    );
    let again = again.await;
    let bodies = distinct(made.into_iter().chain(&again).map(|one| one.text.as_str()));
    assert_eq!(bodies.len(), 1, "{name}: answers differ: {bodies:?}");
    for client in &survivors {
        let replayed = posted(client, &conversation, name).await;
        assert_eq!(replayed.header("idempotency-replayed"), "true", "{name}");
        assert_eq!(texts(client, &conversation).await, [name]);
    }
    // What was on its way may arrive after its sender is dead.
    let began = Instant::now();
    while began.elapsed() < LATE {
        assert_eq!(told(), 1, "{name}: the vendor was told more than once");
        tokio::time::sleep(LATE / 10).await;
    }
}

/// What those are told who are not told the answer: it still runs, or nobody knows; or the load balancer found nobody.
fn refused_well(name: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    let is_nginx = answer.header("content-type").starts_with("text/html");
    if is_nginx && status == 502 {
        return;
    }
    let words = problem(answer, &[]);
    let is_right = match status {
        409 => words["code"] == "request-in-progress",
        502..=504 => words["outcome"] == "unknown",
        _ => false,
    };
    assert!(is_right, "{name}: {words}");
}
