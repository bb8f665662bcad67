//! Graceful shutdown: open requests and streams end properly, within the deadline, and the exit code is 0.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;
use tests::dragoman::Launch;

use crate::callers::client;
use crate::fake::{FakeChatter, FakeOptions, Generation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_stream_gets_its_end_and_the_process_exits_with_zero() {
    let mut options = FakeOptions::new(Generation::V2);
    // A model that takes far longer than the shutdown may.
    options.model_delay = Duration::from_secs(2);
    let chatter = FakeChatter::start_with(options).await;
    let mut dragoman = Launch::new()
        .configuration("[timeouts]\nstream_grace_seconds = 1\nshutdown_seconds = 20\n")
        .variable("DRAGOMAN_CHATTER_URL", &chatter.base_url())
        .variable("DRAGOMAN_CHATTER_TOKEN", FakeChatter::TOKEN)
        .start();
    let client = client(&dragoman);
    let id = client
        .post("/v1/conversations", &json!({"title": "long"}))
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let words = "word ".repeat(200);
    let body = json!({"input": {"role": "user", "parts": [{"type": "text", "text": words}]}});
    let request = client.request(Method::POST, &format!("/v1/conversations/{id}/responses"));
    let response = request
        .header("accept", "text/event-stream")
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    let mut chunks = response.bytes_stream();
    let mut text = String::new();
    while !text.contains("event: part.delta") {
        let chunk = chunks
            .next()
            .await
            .expect("the stream goes on")
            .expect("a chunk");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    dragoman.ask_to_stop();
    while let Some(chunk) = chunks.next().await {
        // A clean end of the body, not a cut connection.
        text.push_str(&String::from_utf8_lossy(
            &chunk.expect("the stream ends cleanly"),
        ));
    }
    let last = crate::sse::events(&text).pop().expect("events");
    assert!(
        ["message.incomplete", "message.failed", "message.completed"].contains(&last.name.as_str()),
        "the last event is {last:?}"
    );
    let status = tokio::task::block_in_place(|| dragoman.wait());
    assert!(status.success(), "{status} {}", dragoman.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_in_flight_is_answered_before_the_process_ends() {
    let mut options = FakeOptions::new(Generation::V2);
    options.model_delay = Duration::from_secs(2);
    let chatter = FakeChatter::start_with(options).await;
    let mut dragoman = Launch::new()
        .variable("DRAGOMAN_CHATTER_URL", &chatter.base_url())
        .variable("DRAGOMAN_CHATTER_TOKEN", FakeChatter::TOKEN)
        .start();
    let client = client(&dragoman);
    let id = client
        .post("/v1/conversations", &json!({"title": "slow"}))
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let body = json!({"input": {"role": "user", "parts": [{"type": "text", "text": "hello"}]}});
    let path = format!("/v1/conversations/{id}/responses");
    let asked = chatter.requests().len();
    let request = tokio::spawn({
        let client = client.clone();
        async move { client.post(&path, &body).await }
    });
    let began = Instant::now();
    while chatter.requests().len() == asked {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the vendor is never asked"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    dragoman.ask_to_stop();
    let answer = request.await.expect("the request ends").expect(200);
    assert!(answer.to_string().contains("Echo: hello"), "{answer}");
    assert!(
        tokio::task::block_in_place(|| dragoman.wait()).success(),
        "{}",
        dragoman.output()
    );
}
