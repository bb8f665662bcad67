//! One key, one effect, one answer.

use backend::{Error, Kind, Outcome};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{PATIENCE, Server, events};

async fn count(server: &Server) -> usize {
    let list = server
        .get("/v1/conversations?limit=200")
        .send()
        .await
        .expect(200)
        .json();
    list["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn repeat_gets_the_stored_answer_byte_for_byte() {
    let server = Server::start().await;
    let send = async || {
        server
            .post("/v1/conversations")
            .header("idempotency-key", "one")
            .json(&json!({"title": "a"}))
            .send()
            .await
    };
    let first = send().await;
    let second = send().await;
    assert_eq!(first.expect(201).header("idempotency-replayed"), None);
    assert_eq!(
        second.expect(201).header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(first.body, second.body);
    for name in ["location", "etag", "content-type", "dragoman-backend"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
        assert!(first.header(name).is_some(), "{name}");
    }
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn fifty_equal_requests_at_once_have_one_effect() {
    let server = Server::start().await;
    let calls = (0..50).map(|_| {
        server
            .post("/v1/conversations")
            .header("idempotency-key", "one")
            .json(&json!({"title": "a"}))
            .send()
    });
    let answers = join_all(calls).await;
    let mut bodies: Vec<&[u8]> = Vec::new();
    for answer in &answers {
        match answer.status.as_u16() {
            201 => bodies.push(&answer.body),
            _ => {
                answer.problem(409, "request-in-progress");
                assert_eq!(answer.header("retry-after"), Some("1"));
            }
        }
    }
    assert!(!bodies.is_empty());
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn other_request_under_the_same_key_is_refused() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let send = |path: &str, body: Value| {
        server
            .post(path)
            .header("idempotency-key", "one")
            .json(&body)
            .send()
    };
    send("/v1/conversations", json!({"title": "a"}))
        .await
        .expect(201);
    let body = send("/v1/conversations", json!({"title": "b"})).await;
    body.problem(422, "idempotency-mismatch");
    let path = format!("{conversation}/messages");
    let path = send(&path, json!({"parts": [{"type": "text", "text": "a"}]})).await;
    path.problem(422, "idempotency-mismatch");
}

#[tokio::test]
async fn keys_of_different_callers_never_meet() {
    let server = Server::start().await;
    let other = server.new_key("other", None, backend::Scope::ALL).await;
    let send = |key: String| {
        server
            .post("/v1/conversations")
            .key(&key)
            .header("idempotency-key", "one")
            .json(&json!({}))
            .send()
    };
    let ours = send(server.key.clone()).await;
    let theirs = send(other).await;
    assert_ne!(
        ours.expect(201).json()["id"],
        theirs.expect(201).json()["id"]
    );
}

#[tokio::test]
async fn every_kind_of_write_is_repeated_once() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let message = server.message(&conversation, "a").await;
    let text = json!({"parts": [{"type": "text", "text": "b"}]});
    let calls: [(http::Method, String, Value); 7] = [
        (
            http::Method::PATCH,
            conversation.clone(),
            json!({"title": "t"}),
        ),
        (
            http::Method::POST,
            format!("{conversation}/messages"),
            text.clone(),
        ),
        (
            http::Method::POST,
            format!("{conversation}/messages:import"),
            json!({"messages": [text]}),
        ),
        (
            http::Method::PATCH,
            message.clone(),
            json!({"metadata": {"k": 1}}),
        ),
        (
            http::Method::PUT,
            format!("{message}/rating"),
            json!({"value": 3}),
        ),
        (
            http::Method::POST,
            format!("{conversation}/participants"),
            json!({"participants": [{"name": "A"}]}),
        ),
        (
            http::Method::POST,
            format!("{conversation}/responses"),
            json!({"input": {"parts": [{"type": "text", "text": "c"}]}}),
        ),
    ];
    for (index, (method, path, body)) in calls.into_iter().enumerate() {
        let send = async || {
            crate::support::Call::new(&server, method.clone(), &path)
                .header("idempotency-key", &format!("key-{index}"))
                .json(&body)
                .send()
                .await
        };
        let (first, second) = (send().await, send().await);
        assert!(first.status.is_success(), "{path}: {}", first.text());
        assert_eq!(
            second.header("idempotency-replayed"),
            Some("true"),
            "{path}"
        );
        assert_eq!(
            (first.status, &first.body),
            (second.status, &second.body),
            "{path}"
        );
    }
}

#[tokio::test]
async fn refusals_are_stored_and_validation_is_not() {
    let server = Server::start().await;
    let path = server.conversation().await;
    server.delete(&path).send().await.expect(204);
    let send = |body: Value| {
        server
            .post(&format!("{path}/messages"))
            .header("idempotency-key", "one")
            .json(&body)
            .send()
    };
    send(json!({"parts": []}))
        .await
        .problem(422, "invalid-request");
    let body = json!({"parts": [{"type": "text", "text": "a"}]});
    let first = send(body.clone()).await;
    first.problem(404, "not-found");
    let second = send(body).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn streamed_answer_is_repeated_as_one_burst() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let send = async || {
        server
            .post(&format!("{path}/responses"))
            .header("accept", "text/event-stream")
            .header("idempotency-key", "one")
            .json(&json!({"input": {"parts": [{"type": "text", "text": "a b c"}]}}))
            .send()
            .await
    };
    let first = send().await;
    first.expect(200);
    let second = loop {
        // The record ends a moment after the last event.
        let second = send().await;
        if second.status != 409 {
            break second;
        }
    };
    assert_eq!(
        second.expect(200).header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(second.header("content-type"), Some("text/event-stream"));
    assert_eq!(events(&first.text()), events(&second.text()));
    let list = server
        .get(&format!("{path}/messages"))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let other_form = server
        .post(&format!("{path}/responses"))
        .header("idempotency-key", "one")
        .json(&json!({"input": {"parts": [{"type": "text", "text": "a b c"}]}}))
        .send()
        .await;
    other_form.problem(422, "idempotency-mismatch");
}

#[tokio::test]
async fn bad_idempotency_key_is_a_400() {
    let server = Server::start().await;
    for key in ["", "a b", &"a".repeat(256)] {
        let answer = server
            .post("/v1/conversations")
            .header("idempotency-key", key)
            .send()
            .await;
        answer.problem(400, "invalid-header");
        assert_eq!(
            answer.pointers(),
            [("header".to_owned(), "/idempotency-key".to_owned())]
        );
    }
}

#[tokio::test]
async fn fidelity_policy_belongs_to_the_request() {
    let server = Server::start().await;
    let send = |key: &str, prefer: &str| {
        let call = server.post("/v1/conversations");
        let call = call.header("idempotency-key", key);
        call.header("prefer", prefer).json(&json!({})).send()
    };
    let (lenient, strict) = ("handling=lenient", "handling=strict");
    for (key, first, other) in [("one", lenient, strict), ("two", strict, lenient)] {
        let made = send(key, first).await;
        assert_eq!(made.expect(201).header("preference-applied"), Some(first));
        let mismatch = send(key, other).await;
        mismatch.problem(422, "idempotency-mismatch");
        let repeat = send(key, first).await;
        assert_eq!(
            repeat.expect(201).header("idempotency-replayed"),
            Some("true")
        );
        assert_eq!(repeat.header("preference-applied"), None);
    }
}

#[tokio::test]
async fn answer_that_failed_unknown_is_asked_for_again_without_a_second_input() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let send = async || {
        let call = server.post(&format!("{path}/responses"));
        let input = json!({"input": {"parts": [{"type": "text", "text": "a"}]}});
        let call = call.header("idempotency-key", "one").json(&input);
        call.send().await
    };
    let script = server.responder.script().await;
    let lost = Error::new(Kind::UpstreamFailed, "cut").outcome(Outcome::Unknown);
    script.send(Err(lost)).await.unwrap();
    let first = send().await;
    assert_eq!(first.problem(502, "upstream-error")["outcome"], "unknown");
    let repeat = timeout(PATIENCE, async {
        loop {
            let repeat = send().await;
            match repeat.status.as_u16() {
                409 => tokio::task::yield_now().await,
                _ => break repeat,
            }
        }
    })
    .await
    .expect("the answer is settled");
    repeat.expect(200);
    let list = server.get(&format!("{path}/messages")).send().await;
    let list = list.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "{list}");
}
