//! Explanations and vendors' own APIs with the real binary, over imitations of the vendors.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Client};

use crate::callers::{client, create_key};
use crate::vendors::Vendors;

/// The explanation that an answer names.
async fn explanation(client: &Client, answer: &Answer) -> Value {
    client
        .get(answer.header("dragoman-explanation"))
        .await
        .expect(200)
}

/// The calls to the vendor: method, path and status.
fn calls(explanation: &Value) -> Vec<(String, String, u64)> {
    let calls = explanation["calls"].as_array().expect("calls");
    let shown = calls.iter().map(|call| {
        (
            call["method"].as_str().expect("a method").to_owned(),
            call["path"].as_str().expect("a path").to_owned(),
            call["status"].as_u64().expect("a status"),
        )
    });
    shown.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_explained_from_our_words_to_the_vendors_and_back() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let admin = client(&dragoman);
    for backend in ["one", "two", "three", "four"] {
        let request = admin
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", backend)
            .header("dragoman-user", "ada")
            .header("dragoman-explain", "true")
            .json(&json!({"title": "planted title", "labels": ["planted"]}));
        let made = admin.send(request).await;
        made.expect(201);
        let shown = explanation(&admin, &made).await;
        assert_eq!(shown["backend"], backend, "{shown}");
        assert_eq!(shown["canonical"][0]["operation"], "create_conversation");
        assert_eq!(
            shown["canonical"][0]["canonical"]["title"],
            "[13 characters]"
        );
        let calls = calls(&shown);
        assert!(
            calls
                .iter()
                .any(|(method, _, status)| method == "POST" && *status < 300),
            "{backend}: {calls:?}"
        );
        let last = shown["calls"]
            .as_array()
            .expect("calls")
            .last()
            .expect("a call");
        assert!(last["answer"]["json"].is_object(), "{backend}: {last}");
        assert_eq!(shown["answer"]["body"]["json"]["id"], made.json()["id"]);
        assert!(!shown.to_string().contains("planted"), "{backend}: {shown}");
    }
    let text = admin
        .request(Method::POST, "/v1/conversations")
        .header("dragoman-backend", "four")
        .header("dragoman-user", "ada")
        .header("dragoman-explain", "text")
        .json(&json!({"title": "planted title"}));
    let made = admin.send(text).await;
    let shown = explanation(&admin, &made).await.to_string();
    assert!(shown.contains("planted title"), "{shown}");
    for secret in [
        dragoman.key().expect("a key"),
        crate::fake_convore::FakeConvore::KEY,
    ] {
        assert!(!shown.contains(secret), "a secret stands in an explanation");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_facades_request_is_explained_for_administrators_only() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let admin = client(&dragoman);
    let plain = create_key(
        &dragoman,
        &["--tenant", "default", "--scopes", "read,write"],
    );
    let list = |client: &Client| {
        client
            .request(Method::GET, "/facade/convore/v1/conversations")
            .header("dragoman-explain", "true")
    };
    let listed = admin.send(list(&admin)).await;
    listed.expect(200);
    let shown = explanation(&admin, &listed).await;
    assert_eq!(shown["request"]["via"], "convore");
    assert_eq!(
        shown["canonical"][0]["operation"], "list_conversations",
        "{shown}"
    );
    let other = admin.with_key(&plain);
    let listed = other.send(list(&other)).await;
    listed.expect(200);
    assert!(!listed.headers.contains_key("dragoman-explanation"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_vendor_is_called_in_its_own_words_and_the_log_says_so() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch_with("", "passthrough = true").start();
    let admin = client(&dragoman);
    let key = create_key(
        &dragoman,
        &["--tenant", "default", "--scopes", "passthrough,act-as"],
    );
    let caller = admin.with_key(&key);
    let app = format!(
        "v2/apps/{}/conversations?filter[userExternalId]=nobody",
        crate::fake_sunshine::APP_ID
    );
    let paths = [
        ("one", "api/v1/conversations"),
        ("two", "api/v1/chat"),
        ("three", &app),
        ("four", "v1/conversations"),
    ];
    for (backend, path) in paths {
        let request = caller
            .request(
                Method::GET,
                &format!("/v1/backends/{backend}/passthrough/{path}"),
            )
            .header("dragoman-user", "ada");
        let answer = caller.send(request).await;
        assert_eq!(
            answer.header("dragoman-backend"),
            backend,
            "{}",
            answer.text
        );
        assert_eq!(
            answer.header("dragoman-upstream-status"),
            answer.status.as_str()
        );
        // Whom the vendor does not know it says so itself.
        assert!(
            answer.status == 200 || backend == "three",
            "{backend}: {}",
            answer.text
        );
    }
    // The key of the first start may not, whatever else it may.
    let refused = admin.get("/v1/backends/four/passthrough/v1/labels").await;
    refused.expect(403);
    let log = admin
        .get("/admin/v1/audit?action=passthrough")
        .await
        .expect(200);
    let entries = log["data"].as_array().expect("a list");
    assert_eq!(entries.len(), 8, "{log}");
    assert_eq!(entries[0]["outcome"], "200");
    assert_eq!(entries[0]["target"], "four GET /v1/conversations");
    assert_eq!(entries[1]["outcome"], "begun");
}
