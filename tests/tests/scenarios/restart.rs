//! Stops and crashes: what was acknowledged is there afterwards, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::dragoman::Launch;

use crate::callers::client;

/// Writers at once.
const WRITERS: usize = 8;
/// Crashes in a row, each into the data of the one before.
const CRASHES: u32 = 3;
/// Acknowledged writes before a crash.
const WRITES_BEFORE_CRASH: usize = 120;

fn keyed(client: &Client, key: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
    client
        .request(Method::POST, path)
        .header("idempotency-key", key)
        .json(body)
}

#[tokio::test]
async fn idempotency_key_replays_the_stored_answer_after_a_restart() {
    let first = Launch::new().start();
    let before = client(&first);
    let body = json!({"title": "once", "metadata": {"n": 1}});
    let original = before
        .send(keyed(&before, "create-1", "/v1/conversations", &body))
        .await;
    original.expect(201);
    let (data_dir, key) = (first.data_dir(), first.key().expect("a key").to_owned());
    first.stop();

    let second = Launch::new().data_dir(data_dir).start();
    let after = Client::new(second.base_url(), Some(&key));
    let replayed = after
        .send(keyed(&after, "create-1", "/v1/conversations", &body))
        .await;
    assert_eq!(
        (replayed.status, &replayed.text),
        (original.status, &original.text)
    );
    assert_eq!(replayed.header("idempotency-replayed"), "true");
    let other = json!({"title": "another"});
    let mismatch = after
        .send(keyed(&after, "create-1", "/v1/conversations", &other))
        .await
        .expect(422);
    assert_eq!(mismatch["code"], "idempotency-mismatch");
    let listed = after.get("/v1/conversations").await.expect(200);
    assert_eq!(
        listed["data"].as_array().expect("a list").len(),
        1,
        "the create was done once"
    );
}

#[tokio::test]
async fn fifty_posts_with_one_key_are_one_message() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let id = client
        .post("/v1/conversations", &json!({}))
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/v1/conversations/{id}/messages");
    let body = json!({"parts": [{"type": "text", "text": "once"}]});
    let posts = (0..50).map(|_| client.send(keyed(&client, "post-1", &path, &body)));
    let answers: Vec<Answer> = futures_util::future::join_all(posts).await;
    let stored: BTreeSet<&str> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.text.as_str())
        .collect();
    assert_eq!(stored.len(), 1, "every success shows the same message");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (409, Some("request-in-progress"))
        );
    }
    let listed = client.get(&path).await.expect(200);
    assert_eq!(listed["data"].as_array().expect("a list").len(), 1);
}

/// Writes until told to stop; returns the texts that were acknowledged.
async fn write(
    client: Client,
    path: String,
    name: String,
    stop: Arc<AtomicBool>,
    done: Arc<Mutex<Vec<String>>>,
) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let text = format!("{name}-{number}");
        let body = json!({"parts": [{"type": "text", "text": text}]});
        let request = keyed(&client, &text, &path, &body);
        match client.try_send(request).await {
            Ok(answer) if answer.status == 201 => done.lock().expect("not poisoned").push(text),
            Ok(answer) => panic!("{} {}", answer.status, answer.text),
            // The server is gone; what was not acknowledged may or may not be there.
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_writes() {
    let mut dragoman = Launch::new().start();
    let key = dragoman.key().expect("a key").to_owned();
    let first = client(&dragoman);
    let mut conversations = Vec::new();
    for number in 0..WRITERS {
        // Two writers share a conversation each.
        if number % 2 == 0 {
            let created = first
                .post("/v1/conversations", &json!({}))
                .await
                .expect(201);
            conversations.push(created["id"].as_str().expect("an id").to_owned());
        }
    }
    let done = Arc::new(Mutex::new(Vec::new()));
    for crash in 0..CRASHES {
        let goal = done.lock().expect("not poisoned").len() + WRITES_BEFORE_CRASH;
        let stop = Arc::new(AtomicBool::new(false));
        let client = Client::new(dragoman.base_url(), Some(&key));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let path = format!("/v1/conversations/{}/messages", conversations[writer / 2]);
                let name = format!("crash{crash}-writer{writer}");
                tokio::spawn(write(
                    client.clone(),
                    path,
                    name,
                    Arc::clone(&stop),
                    Arc::clone(&done),
                ))
            })
            .collect();
        while done.lock().expect("not poisoned").len() < goal {
            assert!(
                writers.iter().any(|writer| !writer.is_finished()),
                "all writers gave up"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let data_dir = dragoman.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer
                .await
                .expect("a writer met only success or a closed connection");
        }
        dragoman = Launch::new().data_dir(data_dir).start();
        let after = Client::new(dragoman.base_url(), Some(&key));
        let mut stored = Vec::new();
        for id in &conversations {
            stored.extend(all_texts(&after, id).await);
        }
        let unique: BTreeSet<&String> = stored.iter().collect();
        assert_eq!(unique.len(), stored.len(), "a message is there twice");
        let acknowledged = done.lock().expect("not poisoned").clone();
        let lost: Vec<&String> = acknowledged
            .iter()
            .filter(|text| !unique.contains(text))
            .collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
}

/// The texts of all messages of a conversation, read page by page.
async fn all_texts(client: &Client, id: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut path = format!("/v1/conversations/{id}/messages?limit=100&order=asc");
    loop {
        let page = client.get(&path).await.expect(200);
        for message in page["data"].as_array().expect("a list") {
            texts.push(
                message["parts"][0]["text"]
                    .as_str()
                    .expect("a text")
                    .to_owned(),
            );
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return texts;
        };
        path = format!("/v1/conversations/{id}/messages?limit=100&order=asc&cursor={cursor}");
    }
}
