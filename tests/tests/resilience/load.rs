//! A constant load while two vendors fail at random: nobody else's request fails, nothing is said twice, what one caller
//! said stays in order, memory stays bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tests::client::Client;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, problem, said};
use crate::site::Site;

/// No fault here is silent, so no time has to be over.
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\n";
const KEYS: &str = "settle_after_seconds = 1\nclock_skew_seconds = 1";
/// Backends whose vendors fail.
const FAILING: [&str; 2] = ["one", "four"];
/// Backends that nothing may happen to.
const UNTOUCHED: [&str; 3] = ["two", "three", "store"];
/// Memory that all of it may cost, in bytes.
const MEMORY_MORE: u64 = 128 << 20;
/// The most that a caller waits between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// What one caller was told.
#[derive(Default)]
struct Told {
    /// Texts that were acknowledged, in their order.
    done: Vec<String>,
    /// Texts that failed for good, or of which nobody knows.
    unknown: Vec<String>,
}

/// Says one thing after the other; each under its key until it is known what became of it.
async fn speak(client: Client, path: String, name: &'static str, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let text = format!("{name}-{number}.");
        let began = Instant::now();
        loop {
            let request = client.request(Method::POST, &path);
            let request = request.header("idempotency-key", &text).json(&said(&text));
            let answer = client.send(request).await;
            if answer.status == 201 {
                told.done.push(text);
                break;
            }
            let words = problem(&answer, &[]);
            assert!(!UNTOUCHED.contains(&name), "{name} is disturbed: {words}");
            // Also a failure that its key keeps: more cannot be learned by asking again.
            if words["code"] == "outcome-unknown" || words["retryable"] == false {
                told.unknown.push(text);
                break;
            }
            assert!(began.elapsed() < 2 * PATIENCE, "{text} never ends: {words}");
            tokio::time::sleep(PAUSE).await;
        }
    }
    told
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch(SETTINGS, KEYS));
    let stop = Arc::new(AtomicBool::new(false));
    let memory = gateway.memory_bytes();
    let mut callers = Vec::new();
    for name in FAILING.into_iter().chain(UNTOUCHED) {
        let conversation = gateway.conversation(name).await;
        let path = format!("/v1/conversations/{conversation}/messages");
        let speaking = speak(gateway.client.clone(), path, name, Arc::clone(&stop));
        callers.push((name, conversation, tokio::spawn(speaking)));
    }
    let faults = [
        Fault::Late(Duration::from_millis(100)),
        Fault::status(503),
        Fault::Reset { applied: false },
        Fault::Reset { applied: true },
        Fault::CutAfter(10),
        Fault::Garbled,
    ];
    let mut random = bench.random("load");
    let mut most = 0;
    for _ in 0..bench.rounds(20, 600) {
        let proxy = site.proxy(random.one_of::<&str>(&FAILING));
        let fault = random.one_of(&faults).clone();
        proxy.plan([Rule::new(fault).chance(0.5)]);
        tokio::time::sleep(Duration::from_millis(random.between(100, 700))).await;
        proxy.heal();
        most = most.max(gateway.memory_bytes());
    }
    stop.store(true, Ordering::Relaxed);
    let mut runs = 0;
    for (name, conversation, caller) in callers {
        let told = caller
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let texts = gateway.texts(&conversation).await;
        let shown: Vec<&String> = texts
            .iter()
            .filter(|text| !told.unknown.contains(text))
            .collect();
        // Each once, and in the order in which they were said.
        assert_eq!(shown, told.done.iter().collect::<Vec<_>>(), "{name}");
        for text in &told.unknown {
            let times = texts.iter().filter(|one| *one == text).count();
            assert!(times <= 1, "{name}: {text} is shown {times} times");
        }
        assert!(!told.done.is_empty(), "{name}: nothing was said");
        if FAILING.contains(&name) {
            // The vendor was told of each once at most, whatever was repeated.
            let requests = site.proxy(name).witness().requests();
            for text in told.done.iter().chain(&told.unknown) {
                let sent = requests.iter().filter(|seen| {
                    seen.method == "POST" && seen.passed_on && seen.text().contains(text)
                });
                let sent = sent.count();
                assert!(sent <= 1, "{name}: {text} was sent {sent} times");
            }
        }
        runs += u64::try_from(told.done.len() + told.unknown.len()).expect("a count");
    }
    let more = most.saturating_sub(memory);
    assert!(more < MEMORY_MORE, "{more} bytes more");
    gateway.holds(&["four-1", "store-1"]).await;
    runs
}
