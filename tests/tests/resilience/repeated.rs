//! Experiments 9 and 10: the same request many times, and the same key for something else. One key is one effect at the
//! vendor, and whose key it is counts.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::client::Client;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::callers::create_key;
use crate::gateway::{Gateway, distinct, faulty_system, problem, said};
use crate::site::{BACKENDS, Site};

/// Callers at once.
const CALLERS: usize = 50;
/// How long a stored answer is kept, in seconds.
const KEPT_SECONDS: i64 = 3_600;

/// Creates whose words a vendor gets, each with words of its own.
fn create(gateway: &Gateway, backend: &str, title: &str) -> RequestBuilder {
    gateway.create(
        backend,
        &json!({"title": title, "metadata": {"mark": title}}),
    )
}

/// How many creates the vendor of a backend was told of.
fn creates(site: &Site, backend: &str) -> usize {
    let requests = site.proxy(backend).witness().requests();
    let fits = |seen: &&tests::faultd::Seen| {
        let path = seen.path.split('?').next().unwrap_or_default();
        let path = path.trim_end_matches('/');
        seen.method == "POST"
            && ["/conversations", "/chat"]
                .iter()
                .any(|end| path.ends_with(end))
    };
    requests.iter().filter(fits).count()
}

/// Experiment 9.
pub(crate) async fn at_once(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch("", ""));
    // What a vendor is asked only once is asked before.
    for backend in BACKENDS {
        gateway.conversation(backend).await;
    }
    let rounds = bench.rounds(1, 20);
    for round in 0..rounds {
        for backend in BACKENDS {
            let title = format!("once-{backend}-{round}");
            let proxy = site.proxy(backend);
            proxy.witness().forget();
            proxy.plan([Rule::new(Fault::Late(Duration::from_millis(150))).method("POST")]);
            let requests = (0..CALLERS).map(|_| {
                let request = create(&gateway, backend, &title).header("idempotency-key", &title);
                gateway.client.send(request)
            });
            let answers = join_all(requests).await;
            proxy.heal();
            let (made, refused): (Vec<_>, Vec<_>) =
                answers.iter().partition(|answer| answer.status == 201);
            assert!(!made.is_empty(), "{title}: nobody was answered");
            let bodies = distinct(made.iter().map(|answer| answer.text.as_str()));
            assert_eq!(bodies.len(), 1, "{title}: answers differ: {bodies:?}");
            for answer in refused {
                assert_eq!(
                    problem(answer, &[])["code"],
                    "request-in-progress",
                    "{title}"
                );
            }
            assert_eq!(creates(&site, backend), 1, "{title}: told more than once");
            let again = create(&gateway, backend, &title).header("idempotency-key", &title);
            let again = gateway.client.send(again).await;
            assert_eq!(again.header("idempotency-replayed"), "true", "{title}");
            assert_eq!(again.text, made[0].text, "{title}: the replay differs");
        }
    }
    gateway.holds(&[]).await;
    rounds * BACKENDS.len() as u64 * CALLERS as u64
}

fn keyed(client: &Client, path: &str, key: &str, body: &Value) -> RequestBuilder {
    client
        .request(reqwest::Method::POST, path)
        .header("idempotency-key", key)
        .json(body)
}

/// Experiment 10.
pub(crate) async fn for_something_else(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let system = faulty_system();
    let settings = format!("[timeouts]\nidempotency_seconds = {KEPT_SECONDS}\n");
    let gateway = Gateway::start(system.under(site.launch(&settings, "")));
    let stranger = tokio::task::block_in_place(|| {
        create_key(
            &gateway.dragoman,
            &["--name", "stranger", "--tenant", "another"],
        )
    });
    let stranger = gateway.client.with_key(&stranger);
    let mut runs = 0;
    let mut begun = Vec::new();
    for backend in BACKENDS {
        let conversation = gateway.conversation(backend).await;
        let path = format!("/v1/conversations/{conversation}/messages");
        let key = format!("key-{backend}");
        let post = |body| {
            gateway
                .client
                .send(keyed(&gateway.client, &path, &key, body))
        };
        let (one, two) = (said("first"), said("second"));
        let first = post(&one).await;
        first.expect(201);
        // Another body, and the same body for another conversation.
        let elsewhere = gateway.conversation(backend).await;
        let elsewhere = format!("/v1/conversations/{elsewhere}/messages");
        let elsewhere = keyed(&gateway.client, &elsewhere, &key, &one);
        for other in [post(&two).await, gateway.client.send(elsewhere).await] {
            assert_eq!(
                problem(&other, &[])["code"],
                "idempotency-mismatch",
                "{backend}"
            );
        }
        // Another tenant's key of the same name is its own, and shows nothing of mine.
        let theirs = stranger
            .send(keyed(&stranger, &path, &key, &said("first")))
            .await;
        assert_eq!(
            problem(&theirs, &["first"])["code"],
            "not-found",
            "{backend}"
        );
        let body = json!({"title": "for a tenant"});
        let mut made = Vec::new();
        for client in [&stranger, &gateway.client] {
            let request = keyed(
                client,
                "/v1/conversations",
                &format!("new-{backend}"),
                &body,
            );
            let answer = client
                .send(request.header("dragoman-backend", backend))
                .await;
            assert_eq!(answer.header("idempotency-replayed"), "", "{backend}");
            made.push(answer.expect(201)["id"].clone());
        }
        assert_ne!(
            made[0], made[1],
            "{backend}: one conversation for two tenants"
        );
        runs += 5;
        begun.push((backend, conversation, path, key, first));
    }
    // Once it has expired it is done anew.
    system.clock_is_off_by_seconds(KEPT_SECONDS + 60);
    for (backend, conversation, path, key, first) in begun {
        let request = keyed(&gateway.client, &path, &key, &said("first"));
        let anew = gateway.client.send(request).await;
        assert_ne!(anew.expect(201)["id"], first.json()["id"], "{backend}");
        assert_eq!(anew.header("idempotency-replayed"), "", "{backend}");
        assert_eq!(
            gateway.texts(&conversation).await,
            ["first", "first"],
            "{backend}"
        );
        runs += 1;
    }
    gateway.holds(&[]).await;
    runs
}
