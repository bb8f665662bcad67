//! Experiments 5 and 6, and a vendor that is down: what callers see, and how much the vendor is asked meanwhile. The other
//! vendors' callers notice nothing.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, failed_or_kept, problem, said};
use crate::site::{BACKENDS, Site};

/// Far beyond what is tried: nothing here ends because its time is over.
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 60\n";
/// The most requests of one caller that a retry budget may add, and the floor below which it does not count.
const MORE: (usize, usize) = (20, 30);
/// The most failures that a breaker needs to open.
const FAILURES_MAX: usize = 20;

/// A time that nobody waits for.
const FAR: &str = "99999999999";
/// The longest time that callers are told to stay away, in seconds.
const AFTER_MAX: u64 = 300;

/// Experiment 6: everything fails for a while, then nothing.
pub(crate) async fn burst(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch(SETTINGS, ""));
    let mut runs = 0;
    for backend in BACKENDS {
        let conversation = gateway.conversation(backend).await;
        let path = format!("/v1/conversations/{conversation}");
        let proxy = site.proxy(backend);
        proxy.plan([Rule::new(Fault::status(503))]);
        proxy.witness().forget();
        let asked = usize::try_from(bench.rounds(150, 2_000)).expect("a count");
        for _ in 0..asked / 10 {
            let answers = join_all((0..10).map(|_| {
                let request = gateway.client.request(reqwest::Method::GET, &path);
                gateway
                    .client
                    .send(request.header("cache-control", "no-cache"))
            }));
            for answer in answers.await {
                failed_or_kept(&answer, &[]);
            }
        }
        // The breaker has opened, so that most of it never reached the vendor.
        let reached = proxy.witness().count();
        assert!(
            reached <= asked * (100 + MORE.0) / 100 + MORE.1,
            "{backend}: {reached} for {asked}"
        );
        assert!(
            reached <= 4 * FAILURES_MAX,
            "{backend}: the breaker let {reached} through"
        );
        // Probes, one at a time.
        // They would overlap: each answer takes a moment.
        proxy.plan([Rule::new(Fault::status(503)).pausing(Duration::from_millis(300))]);
        proxy.witness().forget();
        let began = Instant::now();
        while proxy.witness().count() == 0 {
            assert!(began.elapsed() < PATIENCE, "{backend}: it is never probed");
            tokio::time::sleep(Duration::from_millis(200)).await;
            join_all((0..20).map(|_| gateway.client.get(&path))).await;
        }
        assert_eq!(
            proxy.witness().most_in_work(),
            1,
            "{backend}: probes at once"
        );
        proxy.heal();
        let began = Instant::now();
        let mut in_a_row = 0;
        while in_a_row < 20 {
            let read = gateway.client.get(&path).await;
            let is_good = read.status == 200 && read.header("dragoman-stale").is_empty();
            in_a_row = if is_good { in_a_row + 1 } else { 0 };
            assert!(
                began.elapsed() < PATIENCE,
                "{backend}: it does not recover: {}",
                read.text
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        runs += u64::try_from(asked).expect("a count");
    }
    gateway.holds(&[]).await;
    runs
}

/// Experiment 5: too many requests, and when to come again, in every spelling.
pub(crate) async fn too_many(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch(SETTINGS, ""));
    let other = gateway.conversation("four").await;
    // What a vendor is asked only once is asked before.
    gateway.conversation("one").await;
    let proxy = site.proxy("one");
    let afters = ["2", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "", FAR];
    for after in afters {
        let fault = Fault::json(429, &json!({"detail": "slow down"}));
        let fault = match after {
            "" => fault,
            after => fault.field("retry-after", after),
        };
        proxy.plan([Rule::new(fault)]);
        proxy.witness().forget();
        // A write: it is never answered from what is kept.
        let refused = gateway.client.send(gateway.create("one", &json!({}))).await;
        let words = problem(&refused, &["slow down"]);
        assert_eq!(words["code"], "rate-limited", "{after}: {words}");
        assert_eq!(words["outcome"], "not_applied", "{after}: {words}");
        // The caller is always told a time, one of ours where the vendor's cannot be read.
        let told = refused.header("retry-after").parse::<u64>().ok();
        let in_bounds = told.is_some_and(|told| (1..=AFTER_MAX).contains(&told));
        assert!(in_bounds, "{after}: {told:?}");
        // Nothing is sent there before the time that it named, and the others are not kept waiting.
        let requests = proxy.witness().requests();
        let asked = requests.len();
        if after == "2" {
            assert!(asked > 1, "{after}: it is not asked again");
            for pair in requests.windows(2) {
                let waited = pair[1].at - pair[0].at;
                assert!(waited >= Duration::from_secs(2), "asked after {waited:?}");
            }
        }
        let again = gateway.client.send(gateway.create("one", &json!({}))).await;
        assert_eq!(again.status, 429, "{after}: {}", again.text);
        let path = format!("/v1/conversations/{other}");
        let free = gateway.client.get(&path).await;
        assert_eq!(free.status, 200, "{after}: {}", free.text);
        proxy.heal();
        if after == FAR {
            let more = proxy.witness().count() - asked;
            assert_eq!(more, 0, "{after}: asked before the time");
            break;
        }
        let began = Instant::now();
        loop {
            let made = gateway.client.send(gateway.create("one", &json!({}))).await;
            if made.status == 201 {
                break;
            }
            let waited = began.elapsed();
            assert!(waited < 2 * PATIENCE, "{after}: never again: {}", made.text);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    gateway.holds(&[]).await;
    afters.len() as u64
}

/// A vendor is down: new conversations go to the fallback, reads are served from what is kept and say so, writes fail at
/// once and say what became of them.
pub(crate) async fn down(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let routes = |to: &str| {
        format!(
            "[[route]]\nname = \"{to}-first\"\nto = \"{to}\"\nfallback = [\"store\"]\n[route.when]\nlabel = \"{to}\"\n"
        )
    };
    let routes: String = BACKENDS.iter().map(|name| routes(name)).collect();
    let mut runs = 0;
    for (number, backend) in BACKENDS.into_iter().enumerate() {
        let gateway = Gateway::start(site.launch(SETTINGS, "").appended(&routes));
        let conversation = gateway.conversation(backend).await;
        let path = format!("/v1/conversations/{conversation}");
        let messages = format!("{path}/messages");
        gateway
            .client
            .post(&messages, &said("kept"))
            .await
            .expect(201);
        // What was read before is what can be kept.
        gateway.client.get(&path).await.expect(200);
        let before = gateway.client.get(&messages).await;
        assert!(before.text.contains("kept"), "{backend}: {}", before.text);
        let healthy: Vec<&str> = BACKENDS
            .into_iter()
            .filter(|name| *name != backend)
            .collect();
        let mut others = Vec::new();
        for name in &healthy {
            others.push(gateway.conversation(name).await);
        }
        match number % 2 {
            0 => site.proxy(backend).down().await,
            _ => site.proxy(backend).plan([Rule::new(Fault::status(503))]),
        }
        for round in 0..bench.rounds(6, 100) {
            let what = format!("{backend}, round {round}");
            let made = gateway
                .client
                .post("/v1/conversations", &json!({"labels": [backend]}))
                .await;
            assert_eq!(made.status, 201, "{what}: {}", made.text);
            assert_eq!(made.header("dragoman-backend"), "store", "{what}");
            assert!(
                made.header("dragoman-route").contains("fallback"),
                "{what}: {}",
                made.header("dragoman-route")
            );
            for path in [&path, &messages] {
                let read = gateway.client.get(path).await;
                assert_eq!(read.status, 200, "{what}: {path}: {}", read.text);
                assert!(
                    !read.header("dragoman-stale").is_empty(),
                    "{what}: {path} does not say its age"
                );
                assert!(
                    path.ends_with("messages") == read.text.contains("kept"),
                    "{what}: {}",
                    read.text
                );
            }
            // What must reach the vendor fails, and says that nothing was done.
            let renamed = gateway
                .client
                .patch(&path, &json!({"title": format!("round {round}")}))
                .await;
            if !renamed.status.is_success() {
                let words = problem(&renamed, &[]);
                assert!(
                    matches!(renamed.status.as_u16(), 502 | 503),
                    "{what}: {words}"
                );
                assert_eq!(words["outcome"], "not_applied", "{what}: {words}");
            }
            let listed = gateway.client.get("/v1/conversations?limit=50").await;
            assert_eq!(listed.status, 200, "{what}: {}", listed.text);
            for (name, other) in healthy.iter().zip(&others) {
                let path = format!("/v1/conversations/{other}");
                let read = gateway.client.get(&path).await;
                assert_eq!(read.status, 200, "{what}: {name}: {}", read.text);
                assert_eq!(read.header("dragoman-stale"), "", "{what}: {name}");
                let posted = gateway
                    .client
                    .post(&format!("{path}/messages"), &said("meanwhile"))
                    .await;
                assert_eq!(posted.status, 201, "{what}: {name}: {}", posted.text);
            }
            runs += 1;
        }
        match number % 2 {
            0 => site.proxy(backend).up(),
            _ => site.proxy(backend).heal(),
        }
        let began = Instant::now();
        loop {
            let made = gateway
                .client
                .post("/v1/conversations", &json!({"labels": [backend]}))
                .await;
            if made.header("dragoman-backend") == backend {
                break;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{backend}: it stays with the fallback: {}",
                made.text
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        gateway.holds(&[]).await;
    }
    runs
}
