//! Experiment 1: a vendor never answers, or stops in the middle of an answer. The caller gets an error in time, and the
//! other vendors' callers notice nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, failed_or_kept, problem, said};
use crate::site::{BACKENDS, Site};

/// How long the others call while the vendor is silent.
const MEANWHILE: Duration = Duration::from_secs(5);
/// How long the silent vendor is waited for by configuration, for a read and for a write; and so are the others.
const LIMIT: Duration = Duration::from_secs(10);
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\n";
const KEYS: &str = "connect_seconds = 10\nread_seconds = 6\nwrite_seconds = 10";
/// How many callers wait for the silent vendor at once.
const WAITING: usize = 8;
/// A machine may be so much slower than the limit says.
const SLOWER: u32 = 10;

pub(crate) async fn run(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch(SETTINGS, KEYS));
    let mut conversations = Vec::new();
    for backend in BACKENDS {
        conversations.push((backend, gateway.conversation(backend).await));
    }
    let mut runs = 0;
    let files = gateway.open_files();
    for (silent, conversation) in &conversations {
        for fault in [Fault::Silent { applied: false }, Fault::StalledAfter(1)] {
            one(&site, &gateway, silent, conversation, fault, &conversations).await;
            runs += 1;
        }
    }
    // The callers' own connections may stay as well.
    let kept = BACKENDS.len() + WAITING + 2;
    gateway.files_are_closed(files + kept).await;
    gateway.holds(&[]).await;
    runs
}

async fn one(
    site: &Site,
    gateway: &Gateway,
    silent: &str,
    conversation: &str,
    fault: Fault,
    conversations: &[(&str, String)],
) {
    let what = format!("{silent}: {fault:?}");
    let proxy = site.proxy(silent);
    proxy.plan([Rule::new(fault)]);
    proxy.witness().forget();
    let path = format!("/v1/conversations/{conversation}");
    let began = Instant::now();
    let reads = (0..WAITING).map(|_| gateway.client.get(&path));
    let others = async {
        // For most of the time that the silent vendor's callers wait.
        let mut answered = 0;
        while began.elapsed() < MEANWHILE {
            for (backend, id) in conversations.iter().filter(|(name, _)| *name != silent) {
                let read = gateway.client.get(&format!("/v1/conversations/{id}")).await;
                assert_eq!(read.status, 200, "{what}: {backend}: {}", read.text);
                let post = format!("/v1/conversations/{id}/messages");
                let posted = gateway.client.post(&post, &said("meanwhile")).await;
                assert_eq!(posted.status, 201, "{what}: {backend}: {}", posted.text);
                answered += 2;
            }
        }
        answered
    };
    let create = gateway
        .client
        .send(gateway.create(silent, &json!({"title": "never"})));
    let (reads, answered, created) =
        tokio::join!(futures_util::future::join_all(reads), others, create);
    assert!(answered > 0, "{what}: the others were not asked");
    assert!(
        began.elapsed() < LIMIT * SLOWER,
        "{what}: it took {:?}",
        began.elapsed()
    );
    for read in &reads {
        failed_or_kept(read, &[]);
    }
    let words = problem(&created, &[]);
    let code = words["code"].as_str().unwrap_or_default();
    // Later ones meet a breaker that has opened.
    assert!(
        ["timeout", "outcome-unknown", "unavailable"].contains(&code),
        "{what}: {words}"
    );
    // A connection on which an answer is missing is never used again.
    let asked = proxy.witness().requests();
    let used: Vec<u64> = asked.iter().map(|seen| seen.connection).collect();
    proxy.heal();
    proxy.witness().forget();
    gateway.healed(&path, &what).await;
    for seen in proxy.witness().requests() {
        assert!(!used.contains(&seen.connection), "{what}: used again");
    }
}
