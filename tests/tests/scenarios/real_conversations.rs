//! The real conversations found in the Chatter recordings, through the whole API: on the store, and on Chatter.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::dragoman::Launch;

use crate::callers::client;
use crate::fake::{FakeChatter, Generation};
use crate::recordings::{Recorded, RecordedMessage, all, with_messages};
use crate::sse;

/// A recorded message as the API takes it, with its own time.
fn import_of(message: &RecordedMessage) -> Value {
    let mut body = json!({
        "role": message.role,
        "parts": [{"type": "text", "text": message.content}],
        "sent_at": message.created_at,
    });
    if let Some(mean) = message.rating {
        body["rating"] = json!({"mean": mean, "count": 1});
    }
    body
}

fn user_message(text: &str) -> Value {
    json!({"role": "user", "parts": [{"type": "text", "text": text}]})
}

async fn create(client: &Client, recorded: &Recorded) -> String {
    let body = json!({"title": recorded.title, "metadata": recorded.extra_metadata});
    let created = client.post("/v1/conversations", &body).await.expect(201);
    assert_eq!(
        created["title"],
        recorded.title.as_str(),
        "{}",
        recorded.native_id
    );
    created["id"].as_str().expect("an id").to_owned()
}

/// All items of a list, read in pages of `limit`; fails when a page is larger or the walk does not end.
async fn walk(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{separator}limit={limit}");
    let mut next = first.clone();
    let mut items = Vec::new();
    for _ in 0..10_000 {
        let page = client.get(&next).await.expect(200);
        let data = page["data"].as_array().expect("a list");
        assert!(
            data.len() <= limit,
            "a page of {} with limit {limit}",
            data.len()
        );
        items.extend(data.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{first}&cursor={cursor}"),
            None => return items,
        }
    }
    panic!("the walk does not end");
}

fn texts(messages: &[Value]) -> Vec<(String, String)> {
    let text = |message: &Value, pointer: &str| {
        message
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer} in {message}"))
            .to_owned()
    };
    messages
        .iter()
        .map(|message| (text(message, "/role"), text(message, "/parts/0/text")))
        .collect()
}

/// The same moment, whatever the number of digits after the second.
fn instant(text: &str) -> String {
    text.trim_end_matches('Z')
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

#[tokio::test]
async fn recorded_conversations_go_through_the_store_unchanged() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let mut ids = Vec::new();
    for recorded in all() {
        let id = create(&client, &recorded).await;
        let path = format!("/v1/conversations/{id}");
        let read = client.get(&path).await.expect(200);
        let metadata = read["metadata"].as_object().cloned().unwrap_or_default();
        assert_eq!(metadata, recorded.extra_metadata, "{}", recorded.native_id);

        if !recorded.messages.is_empty() {
            let imports: Vec<Value> = recorded.messages.iter().map(import_of).collect();
            let body = json!({"messages": imports});
            let result = client
                .post(&format!("{path}/messages:import"), &body)
                .await
                .expect(200);
            assert_eq!(
                result["data"].as_array().expect("results").len(),
                imports.len()
            );
        }
        for limit in [1, 3, 100] {
            let messages = walk(&client, &format!("{path}/messages?order=asc"), limit).await;
            let expected: Vec<(String, String)> = recorded
                .messages
                .iter()
                .map(|message| (message.role.clone(), message.content.clone()))
                .collect();
            assert_eq!(
                texts(&messages),
                expected,
                "{} in pages of {limit}",
                recorded.native_id
            );
            for (message, original) in messages.iter().zip(&recorded.messages) {
                let sent_at = message["sent_at"].as_str().expect("a time");
                assert_eq!(
                    instant(sent_at),
                    instant(&original.created_at),
                    "{}",
                    recorded.native_id
                );
                if let Some(mean) = original.rating {
                    assert_eq!(message["rating"]["mean"], mean, "{}", recorded.native_id);
                }
            }
        }
        ids.push(id);
    }
    let mut listed: Vec<String> = walk(&client, "/v1/conversations", 7)
        .await
        .iter()
        .map(|conversation| conversation["id"].as_str().expect("an id").to_owned())
        .collect();
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids, "the list shows every conversation once");
}

#[tokio::test]
async fn recorded_questions_are_posted_answered_streamed_rated_and_deleted_on_the_store() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    for recorded in with_messages() {
        let Some(question) = recorded
            .messages
            .iter()
            .find(|message| message.role == "user")
        else {
            continue;
        };
        let path = format!("/v1/conversations/{}", create(&client, &recorded).await);
        let messages = format!("{path}/messages");

        let posted = client
            .post(&messages, &user_message(&question.content))
            .await
            .expect(201);
        assert_eq!(posted["direction"], "inbound");
        let answer = client
            .post(&format!("{path}/responses"), &json!({}))
            .await
            .expect(200);
        assert!(answer.to_string().contains("assistant"), "{answer}");

        let request = client
            .request(Method::POST, &format!("{path}/responses"))
            .header("accept", "text/event-stream");
        let streamed = client
            .send(request.json(&json!({"input": user_message("and streamed?")})))
            .await;
        assert_eq!(streamed.status, 200, "{}", streamed.text);
        let events = sse::events(&streamed.text);
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names.first(), Some(&"message.started"), "{names:?}");
        assert_eq!(names.last(), Some(&"message.completed"), "{names:?}");
        assert!(sse::text(&events).contains("and streamed?"), "{names:?}");

        let listed = walk(&client, &format!("{messages}?order=asc"), 2).await;
        let roles: Vec<&str> = listed
            .iter()
            .map(|message| message["role"].as_str().expect("a role"))
            .collect();
        assert_eq!(
            roles,
            ["user", "assistant", "user", "assistant"],
            "{}",
            recorded.native_id
        );

        let last = listed.last().expect("messages")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let rated = client
            .put(&format!("{messages}/{last}/rating"), &json!({"value": 4}))
            .await
            .expect(200);
        assert_eq!(rated["rating"]["mine"], 4.0, "{rated}");

        let patched = client
            .patch(
                &path,
                &json!({"title": "renamed", "metadata": {"seen": true}}),
            )
            .await
            .expect(200);
        assert_eq!(
            (&patched["title"], &patched["metadata"]["seen"]),
            (&json!("renamed"), &json!(true))
        );

        let first = listed[0]["id"].as_str().expect("an id");
        client
            .delete(&format!("{messages}/{first}"))
            .await
            .expect(204);
        client.get(&format!("{messages}/{first}")).await.expect(404);
        assert_eq!(walk(&client, &messages, 100).await.len(), 3);
        client.delete(&path).await.expect(204);
        client.get(&path).await.expect(404);
        client.get(&messages).await.expect(404);
    }
}

/// The README's second block: two variables, and new conversations live on Chatter.
async fn recorded_questions_through_chatter(generation: Generation) {
    let chatter = FakeChatter::start(generation).await;
    let dragoman = Launch::new()
        .variable("DRAGOMAN_CHATTER_URL", &chatter.base_url())
        .variable("DRAGOMAN_CHATTER_TOKEN", FakeChatter::TOKEN)
        .start();
    let client = client(&dragoman);
    for recorded in with_messages() {
        let questions: Vec<&RecordedMessage> = recorded
            .messages
            .iter()
            .filter(|message| message.role == "user")
            .collect();
        if questions.is_empty() {
            continue;
        }
        let path = format!("/v1/conversations/{}", create(&client, &recorded).await);
        let read = client.get(&path).await;
        assert_eq!(read.header("dragoman-backend"), "chatter");
        assert_eq!(read.expect(200)["title"], recorded.title.as_str());

        let mut expected = Vec::new();
        for (number, question) in questions.iter().enumerate() {
            let body = json!({"input": user_message(&question.content)});
            let request = client
                .request(Method::POST, &format!("{path}/responses"))
                .json(&body);
            if number % 2 == 0 {
                client.send(request).await.expect(200);
            } else {
                let streamed = client
                    .send(request.header("accept", "text/event-stream"))
                    .await;
                assert_eq!(streamed.status, 200, "{}", streamed.text);
                let events = sse::events(&streamed.text);
                assert_eq!(
                    events.last().expect("events").name,
                    "message.completed",
                    "{}",
                    streamed.text
                );
                assert_eq!(sse::text(&events), format!("Echo: {}", question.content));
            }
            expected.push(("user".to_owned(), question.content.clone()));
            expected.push((
                "assistant".to_owned(),
                format!("Echo: {}", question.content),
            ));
        }
        let listed = walk(&client, &format!("{path}/messages?order=asc"), 3).await;
        assert_eq!(
            texts(&listed),
            expected,
            "each answer once and in order, {}",
            recorded.native_id
        );

        let answer = listed.last().expect("messages")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let rated = client
            .put(
                &format!("{path}/messages/{answer}/rating"),
                &json!({"value": 3.5}),
            )
            .await
            .expect(200);
        assert_eq!(rated["rating"]["mean"], 3.5, "{rated}");

        // What the vendor stores only with an answer of its own is kept beside it until then, and history always.
        let (posts, imports) = (
            format!("{path}/messages"),
            format!("{path}/messages:import"),
        );
        let history = json!({"messages": [{"parts": [{"type": "text", "text": "kept"}], "sent_at": "2020-02-02T02:02:02.020Z"}]});
        let posted = client.post(&posts, &user_message("stored")).await;
        posted.expect(201);
        assert!(posted.header("dragoman-fidelity").starts_with("overlay"));
        client.post(&imports, &history).await.expect(200);
        let strict = client
            .request(Method::POST, &posts)
            .header("prefer", "handling=strict")
            .json(&user_message("refused"));
        let refused = client.send(strict).await.expect(422);
        assert_eq!(refused["code"], "not-held-by-backend");
        let listed = walk(&client, &format!("{path}/messages?order=asc"), 3).await;
        let mut with_kept = expected.clone();
        with_kept.insert(0, ("user".to_owned(), "kept".to_owned()));
        with_kept.push(("user".to_owned(), "stored".to_owned()));
        assert_eq!(texts(&listed), with_kept);
        assert_eq!(
            client
                .patch(&path, &json!({"title": "renamed"}))
                .await
                .expect(200)["title"],
            "renamed"
        );
        client.delete(&path).await.expect(204);
        client.get(&path).await.expect(404);
    }
    let unknown = client
        .get("/v1/conversations/conv_01jdqz0000000000000000000a")
        .await
        .expect(404);
    assert_eq!(unknown["code"], "not-found");
}

#[tokio::test]
async fn recorded_questions_go_through_chatter_v2() {
    recorded_questions_through_chatter(Generation::V2).await;
}

#[tokio::test]
async fn recorded_questions_go_through_chatter_v1_on_a_new_framework() {
    recorded_questions_through_chatter(Generation::V1NewFastApi).await;
}

#[tokio::test]
async fn recorded_questions_go_through_chatter_v1_whose_streams_lock_the_conversation() {
    recorded_questions_through_chatter(Generation::V1OldFastApi).await;
}

#[tokio::test]
async fn statistics_and_status_of_chatter_are_a_clear_upstream_error() {
    let chatter = FakeChatter::start(Generation::V2).await;
    let dragoman = Launch::new()
        .variable("DRAGOMAN_CHATTER_URL", &chatter.base_url())
        .variable("DRAGOMAN_CHATTER_TOKEN", FakeChatter::TOKEN)
        .start();
    let client = client(&dragoman);
    for what in ["statistics", "status"] {
        let problem = client
            .get(&format!("/v1/backends/chatter/{what}"))
            .await
            .expect(502);
        assert_eq!(
            (problem["code"].as_str(), problem["origin"].as_str()),
            (Some("upstream-error"), Some("upstream"))
        );
    }
    for what in ["templates", "tools"] {
        let listed = client
            .get(&format!("/v1/backends/chatter/{what}"))
            .await
            .expect(200);
        assert!(listed["data"].is_array(), "{listed}");
    }
}

#[tokio::test]
async fn wrong_credential_for_chatter_is_a_bad_gateway_and_never_401() {
    let chatter = FakeChatter::start(Generation::V2).await;
    let dragoman = Launch::new()
        .variable("DRAGOMAN_CHATTER_URL", &chatter.base_url())
        .variable("DRAGOMAN_CHATTER_TOKEN", "not-a-token")
        .start();
    let problem = client(&dragoman)
        .post("/v1/conversations", &json!({"title": "x"}))
        .await
        .expect(502);
    assert_eq!(problem["code"], "upstream-auth");
}
