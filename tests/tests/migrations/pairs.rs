//! Every backend to every other one: whatever a conversation can hold is there afterwards, by the same ids.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;

use crate::admin;
use crate::seen::{self, Whole};
use crate::site::Site;
use crate::vendors::Vendors;

const BACKENDS: [&str; 5] = ["one", "two", "three", "four", "store"];
const FILE: &[u8] = b"%PDF-1.7 not really \x00\xff\xfe but bytes";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of a cat";

/// Whatever a conversation can hold.
fn conversation(title: &str) -> Value {
    json!({
        "kind": "mail", "title": title, "description": "what it is about", "status": "closed", "priority": "urgent",
        "labels": ["one", "two"], "icon_url": "https://example.com/i.png",
        "participants": [
            {"id": "p1", "kind": "person", "side": "customer", "name": "Bea",
             "handles": [{"type": "email", "value": "bea@example.com"}]},
            {"id": "p2", "kind": "bot", "side": "business", "name": "Bot"}
        ],
        "assistant": {"model": "m", "temperature": 0.5, "system_prompt": "be brief"},
        "metadata": {"nested": {"a": [1, 2.5]}, "flat": "x", "null": null},
        "extensions": {"acme": {"shard": 7}}
    })
}

/// Every part, of which the files are these attachments; quotes and replies name this message.
fn parts(file: &str, picture: &str, quoted: &str) -> Vec<Value> {
    let every = include_str!("../../../crates/conversation/tests/every_part.json");
    // JSON numbers of any length stay as they are in the texts of the other tests; here they must be exact too.
    let mut parts: Vec<Value> = serde_json::from_str(every).expect("parts");
    for part in &mut parts {
        if part["type"] == "file" {
            part["attachment_id"] = json!(file);
        }
        if part["type"] == "quote" {
            part["message_id"] = json!(quoted);
        }
        // Rounded by this test's own reading of it.
        if part["type"] == "tool_call" {
            part["arguments"]["a"] = json!(12_345);
        }
    }
    parts.push(json!({"type": "image", "attachment_id": picture, "media_type": "image/png", "name": "cat.png"}));
    parts
}

async fn put(client: &Client, conversation: &str, name: &str, bytes: &'static [u8]) -> String {
    let path = format!("/v1/attachments?conversation_id={conversation}&name={name}");
    let request = client
        .request(Method::POST, &path)
        .header("content-type", "application/octet-stream")
        .body(bytes);
    let put = client.send(request).await.expect(201);
    put["id"].as_str().expect("an id").to_owned()
}

async fn said(client: &Client, path: &str, body: &Value) -> String {
    let posted = client.post(path, body).await.expect(201);
    posted["id"].as_str().expect("an id").to_owned()
}

/// A conversation with everything in it at this backend; its id, and those of its files.
async fn furnish(client: &Client, backend: &str, title: &str) -> (String, [String; 2]) {
    let request = client
        .request(Method::POST, "/v1/conversations")
        .header("dragoman-backend", backend)
        .json(&conversation(title));
    let made = client.send(request).await.expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/conversations/{id}");
    let posts = format!("{path}/messages");
    let first = said(
        client,
        &posts,
        &json!({"parts": [{"type": "text", "text": "first"}]}),
    )
    .await;
    let file = put(client, &id, "bill.pdf", FILE).await;
    let picture = put(client, &id, "cat.png", PICTURE).await;
    let every = json!({
        "parts": parts(&file, &picture, &first), "subject": "a subject", "client_message_id": "c-1",
        "recipients": [
            {"kind": "to", "name": "Bea", "handle": {"type": "email", "value": "bea@example.com"}},
            {"kind": "cc", "name": "Carla", "handle": {"type": "email", "value": "carla@example.com"}}
        ],
        "in_reply_to": {"id": first, "kind": "reply"}, "metadata": {"k": {"v": 1}}, "source": {"channel": "web"}
    });
    said(client, &posts, &every).await;
    let history = json!({"messages": [
        {"role": "user", "parts": [{"type": "text", "text": "long ago"}], "sent_at": "2020-02-02T02:02:02.020Z",
         "author": {"id": "p1", "kind": "person", "name": "Bea"}, "status": "read", "rating": {"mean": 4.5, "count": 2}},
        {"role": "assistant", "parts": [{"type": "text", "text": "the answer"}], "sent_at": "2020-02-02T02:02:02.020Z",
         "usage": {"input_tokens": 3, "output_tokens": 5}, "model": "m", "provider": "p", "finish_reason": "stop",
         "latency_ms": 70, "edited_at": "2020-02-03T02:02:02.020Z", "extensions": {"acme": {"x": 1}}},
        {"role": "system", "parts": [{"type": "text", "text": "be brief"}], "sent_at": "2020-02-02T02:02:03Z"}
    ]});
    client
        .post(&format!("{posts}:import"), &history)
        .await
        .expect(200);
    let asked = json!({"input": {"parts": [{"type": "text", "text": "a question"}]}});
    let answered = client
        .post(&format!("{path}/responses"), &asked)
        .await
        .expect(200);
    let answer = answered["message"]["id"].as_str().expect("an id");
    let rating = client
        .put(&format!("{posts}/{answer}/rating"), &json!({"value": 4}))
        .await;
    rating.expect(200);
    (id, [file, picture])
}

async fn assert_files(client: &Client, id: &str, files: &[String; 2], when: &str) {
    assert_eq!(seen::bytes_of(client, id, &files[0]).await, FILE, "{when}");
    assert_eq!(
        seen::bytes_of(client, id, &files[1]).await,
        PICTURE,
        "{when}"
    );
}

/// Moves one conversation and compares what a caller sees before and after.
async fn moves(client: &Client, from: &str, to: &str) {
    let when = format!("{from} to {to}");
    let (id, files) = furnish(client, from, &when).await;
    let before = seen::whole(client, &id).await;
    assert_eq!(before.messages.len(), 7, "{when}");
    assert_files(client, &id, &files, &when).await;
    let after = carry(client, &id, from, to, &when).await;
    seen::assert_same(&before, &after, &when);
    assert_files(client, &id, &files, &format!("{when}, afterwards")).await;
    for message in &after.messages {
        let path = format!("/v1/conversations/{id}/messages/{}", message.id);
        client.get(&path).await.expect(200);
    }
}

/// Plan, copy, check and switch of one conversation.
async fn carry(client: &Client, id: &str, from: &str, to: &str, when: &str) -> Whole {
    let spec = json!({"from": from, "to": to, "filter": {"ids": [id]}});
    let planned = admin::plan(client, &spec).await;
    let migration = admin::id_of(&planned);
    assert_eq!(planned["plan"]["conversations"], 1, "{when}: {planned:#}");
    admin::job(client, migration, "copy").await;
    let checked = admin::job(client, migration, "check").await;
    assert_eq!(
        checked["check"]["same"],
        1,
        "{when}: {checked:#}\n{}",
        admin::findings(client, migration).await
    );
    admin::job(client, migration, "switch").await;
    let whole = seen::whole(client, id).await;
    assert_eq!(
        &*whole.conversation.backend,
        to,
        "{when}: {}",
        admin::findings(client, migration).await
    );
    // Else its old home would be looked through for good, at the others' cost.
    admin::finish(client, migration).await;
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_backend_takes_over_from_every_other() {
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors);
    let (dragoman, client) = site.serve_first();
    // All at once: migrations do not stand in each other's way.
    let pairs = BACKENDS.iter().flat_map(|from| {
        let others = BACKENDS.iter().filter(move |to| *to != from);
        others.map(move |to| (*from, *to))
    });
    let client = &client;
    let moved = join_all(pairs.map(|(from, to)| moves(client, from, to))).await;
    assert_eq!(moved.len(), 20);
    dragoman.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_that_goes_everywhere_and_home_again_is_the_same() {
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors);
    let (dragoman, client) = site.serve_first();
    let (id, files) = furnish(&client, "four", "around").await;
    let mut before = seen::whole(&client, &id).await;
    let way = [
        "four", "store", "three", "one", "two", "four", "store", "four",
    ];
    for (number, step) in way.windows(2).enumerate() {
        let when = format!("step {number}, {} to {}", step[0], step[1]);
        let after = carry(&client, &id, step[0], step[1], &when).await;
        seen::assert_same(&before, &after, &when);
        assert_files(&client, &id, &files, &when).await;
        // And it goes on there.
        let posts = format!("/v1/conversations/{id}/messages");
        let words = json!({"parts": [{"type": "text", "text": when}], "in_reply_to": {
            "id": before.messages[0].id, "kind": "reply"
        }});
        said(&client, &posts, &words).await;
        before = seen::whole(&client, &id).await;
        assert_eq!(before.messages.len(), 8 + number, "{when}");
    }
    assert!(
        vendors.convore.doubled().is_empty(),
        "{:#?}",
        vendors.convore.doubled()
    );
    dragoman.stop();
}
