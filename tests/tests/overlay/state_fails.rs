//! The gateway's own state is locked: writes to vendors are refused clearly, before anything is sent.

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;

use crate::vendors::Vendors;

fn said(text: &str) -> Value {
    json!({"parts": [{"type": "text", "text": text}]})
}

#[tokio::test]
async fn a_locked_state_refuses_writes_and_leaves_vendors_untouched() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let client = Client::new(dragoman.base_url(), dragoman.key());
    let mut conversations = Vec::new();
    for name in ["one", "two", "three", "four"] {
        let create = client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", name)
            .json(&json!({}));
        let created = client.send(create).await.expect(201);
        conversations.push((name, created["id"].as_str().expect("an id").to_owned()));
    }
    let path = dragoman.data_dir().path().join("data").join("dragoman.db");
    let connection = rusqlite::Connection::open(path).expect("the database");
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock of whoever writes");
    let before = vendors.requests();
    // At once: each waits for the lock for a while.
    let refusals = conversations.iter().map(|(name, id)| {
        let post = client
            .request(Method::POST, &format!("/v1/conversations/{id}/messages"))
            .json(&said("hello"));
        let create = client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", *name)
            .json(&json!({}));
        join(client.send(post), client.send(create))
    });
    for (posted, created) in join_all(refusals).await {
        for answer in [posted, created] {
            let refused = answer.expect(503);
            assert_eq!(refused["outcome"], "not_applied", "{refused}");
            assert_eq!(refused["retryable"], true, "{refused}");
        }
    }
    assert_eq!(vendors.requests(), before, "the vendors are untouched");
    connection.execute_batch("ROLLBACK").expect("the end of it");
    for (name, id) in &conversations {
        let path = format!("/v1/conversations/{id}/messages");
        let posted = client.post(&path, &said("hello again")).await;
        assert_eq!(posted.status, 201, "{name}: {}", posted.text);
    }
}
