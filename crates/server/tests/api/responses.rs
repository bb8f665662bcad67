//! Answers: at once, as a stream, cut, stalled, failed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::{Error, History, Kind};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio::time::timeout;

use crate::fake::{Fake, Plan};
use crate::support::{PATIENCE, Server, events};

/// More than all buffers between a server and a client that does not read hold.
const PIECES: usize = 256;
const PIECE_BYTES: usize = 64 * 1024;

fn question() -> serde_json::Value {
    json!({"input": {"parts": [{"type": "text", "text": "what now?"}]}})
}

/// Reads the stream until it holds a text.
async fn read_until(body: &mut Incoming, wanted: &str) -> String {
    let mut text = String::new();
    timeout(PATIENCE, async {
        while !text.contains(wanted) {
            let frame = body
                .frame()
                .await
                .expect("more to come")
                .expect("a whole frame");
            if let Some(data) = frame.data_ref() {
                text.push_str(std::str::from_utf8(data).unwrap());
            }
        }
    })
    .await
    .expect("the text comes");
    text
}

#[tokio::test]
async fn answer_comes_with_its_stored_input() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let answer = server
        .post(&format!("{path}/responses"))
        .json(&question())
        .send()
        .await;
    let response = answer.expect(200).json();
    assert_eq!(response["message"]["parts"][0]["text"], "echo: what now?");
    assert_eq!(response["message"]["role"], "assistant");
    assert_eq!(response["input"]["parts"][0]["text"], "what now?");
    let list = server
        .get(&format!("{path}/messages"))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        list["data"],
        json!([response["input"], response["message"]])
    );
}

#[tokio::test]
async fn context_of_an_answer_reaches_the_backend_within_its_bounds() {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let noting = Arc::clone(&plan);
    let server = Server::start_with(move |gateway| {
        gateway.router = Fake::around(Arc::clone(&gateway.router), &noting);
    })
    .await;
    let path = format!("{}/responses", server.conversation().await);
    let send = |context: serde_json::Value| {
        let mut request = question();
        request["context"] = context;
        server.post(&path).json(&request).send()
    };
    for context in [
        json!("none"),
        json!({"transcript": {"max_tokens": 1}}),
        json!({"transcript": {"max_tokens": 1_000_000}}),
    ] {
        send(context).await.expect(200);
    }
    let asked: Vec<Option<History>> = {
        let plan = plan.lock().unwrap();
        plan.requests
            .iter()
            .map(|request| request.context)
            .collect()
    };
    let transcript = |max_tokens| Some(History::Transcript { max_tokens });
    assert_eq!(
        asked,
        [Some(History::None), transcript(1), transcript(1_000_000)]
    );
    for tokens in [0_u64, 1_000_001] {
        let answer = send(json!({"transcript": {"max_tokens": tokens}})).await;
        let error = answer.problem(422, "invalid-request")["errors"][0].clone();
        assert_eq!(error["pointer"], "/context/transcript/max_tokens");
        assert_eq!(
            (&error["limit"], &error["value"]),
            (&json!(1_000_000), &json!(tokens))
        );
    }
    for (context, pointer) in [
        (json!("everything"), "/context"),
        (json!({"transcript": [1]}), "/context/transcript"),
        (json!({"transcript": {}}), "/context/transcript"),
        (
            json!({"transcript": {"max_tokens": -1}}),
            "/context/transcript/max_tokens",
        ),
        (
            json!({"transcript": {"max_tokens": 1, "max": 1}}),
            "/context/transcript/max",
        ),
    ] {
        let answer = send(context).await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.pointers(), [("body".to_owned(), pointer.to_owned())]);
    }
    assert_eq!(plan.lock().unwrap().requests.len(), 3);
}

#[tokio::test]
async fn nothing_to_answer_is_refused_also_as_a_stream() {
    let server = Server::start().await;
    let path = format!("{}/responses", server.conversation().await);
    for accept in ["application/json", "text/event-stream"] {
        let answer = server.post(&path).header("accept", accept).send().await;
        answer.problem(422, "nothing-to-answer");
    }
    let html = server
        .post(&path)
        .header("accept", "text/html")
        .send()
        .await;
    html.problem(406, "not-acceptable");
}

#[tokio::test]
async fn stream_tells_the_answer_in_order() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let answer = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .send()
        .await;
    answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        answer.header("cache-control"),
        Some("no-store, no-transform")
    );
    assert_eq!(answer.header("dragoman-backend"), Some("store"));
    let events = events(&answer.text());
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(names[..2], ["message.started", "part.started"]);
    assert_eq!(
        names[names.len() - 2..],
        ["part.completed", "message.completed"]
    );
    let deltas: String = events
        .iter()
        .filter_map(|event| event["text"].as_str())
        .collect();
    assert_eq!(deltas, "echo: what now?");
    let message = &events.last().unwrap()["message"];
    assert_eq!(message["parts"][0]["text"], deltas);
    let stored = server
        .get(&format!(
            "{path}/messages/{}",
            message["id"].as_str().unwrap()
        ))
        .send()
        .await;
    assert_eq!(&stored.expect(200).json(), message);
}

#[tokio::test]
async fn each_event_is_sent_when_it_happens_and_silence_has_heartbeats() {
    let server = Server::start_with(|gateway| {
        gateway.streams.heartbeat = Duration::from_millis(50);
    })
    .await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    script.send(Ok("one ".to_owned())).await.unwrap();
    let response = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .open()
        .await;
    let mut body = response.into_body();
    read_until(&mut body, "one ").await;
    read_until(&mut body, ": heartbeat\n\n").await;
    script.send(Ok("two".to_owned())).await.unwrap();
    read_until(&mut body, "two").await;
    drop(script);
    let rest = read_until(&mut body, "message.completed").await;
    assert_eq!(
        events(&rest).last().unwrap()["message"]["parts"][0]["text"],
        "one two"
    );
}

#[tokio::test]
async fn failure_before_the_first_word_is_a_real_http_error() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    let error = Error::new(Kind::UpstreamFailed, "the AI is broken");
    script.send(Err(error)).await.unwrap();
    let call = server.post(&format!("{path}/responses")).json(&question());
    call.send().await.problem(502, "upstream-error");
}

#[tokio::test]
async fn failure_after_the_header_wait_is_an_event() {
    let server = Server::start_with(|gateway| {
        gateway.streams.header_wait = Duration::ZERO;
    })
    .await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    let response = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .open()
        .await;
    assert_eq!(response.status(), 200);
    script
        .send(Err(Error::new(Kind::UpstreamFailed, "broken")))
        .await
        .unwrap();
    let text = read_until(&mut response.into_body(), "message.failed").await;
    let last = events(&text).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream-error");
    assert!(last["error"]["request_id"].is_string());
}

#[tokio::test]
async fn client_that_leaves_does_not_stop_the_answer() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    script.send(Ok("first ".to_owned())).await.unwrap();
    let response = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .open()
        .await;
    let mut body = response.into_body();
    read_until(&mut body, "first ").await;
    drop(body);
    script.send(Ok("second".to_owned())).await.unwrap();
    drop(script);
    timeout(PATIENCE, server.shutdown.detached().finished())
        .await
        .expect("the answer ends");
    let list = server
        .get(&format!("{path}/messages"))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"][1]["parts"][0]["text"], "first second");
}

#[tokio::test]
async fn client_that_does_not_read_is_cut_and_the_answer_goes_on() {
    let server = Server::start_with(|gateway| {
        gateway.streams.stall = Duration::from_millis(200);
    })
    .await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    let response = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .open();
    let feeding = async {
        for _ in 0..PIECES {
            script
                .send(Ok("x".repeat(PIECE_BYTES)))
                .await
                .expect("the answer goes on");
        }
        drop(script);
    };
    let (_unread, ()) = timeout(PATIENCE, async { tokio::join!(response, feeding) })
        .await
        .expect("a client that does not read holds nobody up");
    timeout(PATIENCE, server.shutdown.detached().finished())
        .await
        .expect("the answer ends");
    let list = server
        .get(&format!("{path}/messages"))
        .send()
        .await
        .expect(200)
        .json();
    let text = list["data"][1]["parts"][0]["text"].as_str().unwrap();
    assert_eq!(text.len(), PIECES * PIECE_BYTES);
}

#[tokio::test]
async fn shutdown_ends_a_stream_with_an_event() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    script.send(Ok("begun".to_owned())).await.unwrap();
    let response = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .open()
        .await;
    let mut body = response.into_body();
    read_until(&mut body, "begun").await;
    server.shutdown.begin();
    let text = read_until(&mut body, "message.failed").await;
    assert_eq!(
        events(&text).pop().unwrap()["error"]["code"],
        "shutting-down"
    );
}

#[tokio::test]
async fn answer_that_is_stored_after_the_deadline_is_still_told() {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let noting = Arc::clone(&plan);
    let server = Server::start_with(move |gateway| {
        gateway.router = Fake::around(Arc::clone(&gateway.router), &noting);
        gateway.limits.respond_timeout = Duration::from_secs(5);
    })
    .await;
    let path = server.conversation().await;
    // Storing the words may take ten seconds more; the conversation stays held meanwhile.
    plan.lock().unwrap().late_by = Some(Duration::from_millis(1_500));
    let answer = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&question())
        .send()
        .await;
    let last = events(&answer.expect(200).text()).pop().unwrap();
    assert_eq!(last["type"], "message.completed", "{last}");
}
