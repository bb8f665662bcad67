//! Explanations: what is noted of a request that asks for it, what is not, and who may ask.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Passthrough, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Scope};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use transport::{Method, Transport, TransportConfig};

use crate::support::{Answer, PATIENCE, Server};

async fn explanation(server: &Server, answer: &Answer) -> Value {
    let address = answer
        .header("dragoman-explanation")
        .expect("an explanation");
    assert_eq!(
        address,
        format!(
            "/admin/v1/explain/{}",
            answer.header("x-request-id").unwrap()
        )
    );
    server.get(address).send().await.expect(200).json()
}

fn hello() -> Value {
    json!({"title": "planted title", "metadata": {"plan": "planted"}})
}

#[tokio::test]
async fn a_write_is_explained_from_its_body_to_its_answer_without_anybodys_words() {
    let server = Server::start().await;
    let made = server
        .post("/v1/conversations?include=fidelity")
        .header("dragoman-explain", "true")
        .json(&hello())
        .send()
        .await;
    let id = made.expect(201).json()["id"].clone();
    let shown = explanation(&server, &made).await;
    assert_eq!(shown["texts"], "redacted");
    assert_eq!(
        (&shown["tenant"], &shown["backend"]),
        (&json!("acme"), &json!("store"))
    );
    assert_eq!(shown["route"].as_str(), made.header("dragoman-route"));
    assert_eq!(shown["attempts"], 1);
    let request = &shown["request"];
    assert_eq!(
        (&request["method"], &request["path"]),
        (&json!("POST"), &json!("/v1/conversations"))
    );
    assert_eq!(request["via"], "normalized");
    assert_eq!(
        request["body"]["json"],
        json!({"title": "[13 characters]", "metadata": {"plan": "[7 characters]"}})
    );
    let [call] = &shown["canonical"].as_array().unwrap()[..] else {
        panic!("{shown}");
    };
    assert_eq!(
        (&call["operation"], &call["result"]),
        (&json!("create_conversation"), &json!("done"))
    );
    assert_eq!(call["canonical"]["title"], "[13 characters]");
    assert_eq!(shown["answer"]["status"], 201);
    assert_eq!(shown["answer"]["body"]["json"]["id"], id);
    assert_eq!(shown["calls"], json!([]));
    assert!(!shown.to_string().contains("planted"), "{shown}");
}

#[tokio::test]
async fn words_are_shown_where_they_were_asked_for() {
    let server = Server::start().await;
    let made = server
        .post("/v1/conversations")
        .header("dragoman-explain", "text")
        .json(&hello())
        .send()
        .await;
    made.expect(201);
    let shown = explanation(&server, &made).await;
    assert_eq!(shown["texts"], "shown");
    assert_eq!(shown["request"]["body"]["json"], hello());
    assert_eq!(shown["canonical"][0]["canonical"]["title"], "planted title");
}

#[tokio::test]
async fn a_refusal_is_explained_with_its_reason() {
    let server = Server::start().await;
    let path = "/v1/conversations/conv_00000000000000000000000000";
    let missing = server
        .get(path)
        .header("dragoman-explain", "true")
        .send()
        .await;
    missing.problem(404, "not-found");
    let shown = explanation(&server, &missing).await;
    assert_eq!(shown["answer"]["body"]["json"]["code"], "not-found");
    let failed = &shown["canonical"][0]["result"]["failed"];
    assert_eq!(
        (&failed["kind"], &failed["outcome"]),
        (&json!("not-found"), &json!("not_applied"))
    );

    // One that never came to the router.
    let broken = server
        .post("/v1/conversations")
        .header("dragoman-explain", "true")
        .text("{\"titel\":\"planted\"}")
        .send()
        .await;
    let status = broken.status.as_u16();
    let shown = explanation(&server, &broken).await;
    assert_eq!(
        (&shown["answer"]["status"], &shown["canonical"]),
        (&json!(status), &json!([]))
    );
    assert_eq!(shown["request"]["body"]["json"]["titel"], "[7 characters]");
}

#[tokio::test]
async fn only_administrators_ask_and_read() {
    let server = Server::start().await;
    let key = server
        .new_key("acme", None, &[Scope::Read, Scope::Write])
        .await;
    let refused = server.get("/v1/conversations").key(&key);
    let refused = refused.header("dragoman-explain", "true").send().await;
    refused.problem(403, "forbidden");
    assert_eq!(refused.header("dragoman-explanation"), None);
    let wrong = server
        .get("/v1/conversations")
        .header("dragoman-explain", "yes");
    wrong.send().await.problem(400, "invalid-header");
    let nobody = server
        .get("/v1/conversations")
        .no_key()
        .header("dragoman-explain", "true");
    assert_eq!(
        nobody
            .send()
            .await
            .expect(401)
            .header("dragoman-explanation"),
        None
    );

    let asked = server
        .get("/v1/conversations")
        .header("dragoman-explain", "true")
        .send()
        .await;
    let address = asked.expect(200).header("dragoman-explanation").unwrap();
    server
        .get(address)
        .key(&key)
        .send()
        .await
        .problem(403, "forbidden");
    let plain = server
        .get("/v1/conversations")
        .header("x-request-id", "plain-1")
        .send()
        .await;
    assert_eq!(plain.expect(200).header("dragoman-explanation"), None);
    server
        .get("/admin/v1/explain/plain-1")
        .send()
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_request_with_the_same_id_is_never_taken_for_the_one_that_is_explained() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let script = server.responder.script().await;
    let asked = server
        .post(&format!("{path}/responses"))
        .header("dragoman-explain", "true")
        .header("x-request-id", "shared")
        .json(&json!({"input": {"parts": [{"type": "text", "text": "what now?"}]}}));
    let asked = tokio::spawn(asked.send());
    // More than fit in between: when all are sent, somebody takes them, so the answer runs.
    for _ in 0..40 {
        script.send(Ok("well ".to_owned())).await.unwrap();
    }
    let stranger = server.new_key("other", None, Scope::ALL).await;
    let other = server
        .post("/v1/conversations")
        .key(&stranger)
        .header("x-request-id", "shared")
        .json(&hello())
        .send()
        .await;
    other.expect(201);
    drop(script);
    let answer = asked.await.unwrap();
    answer.expect(200);
    let shown = explanation(&server, &answer).await;
    let calls = shown["canonical"].as_array().unwrap();
    let operations: Vec<&Value> = calls.iter().map(|call| &call["operation"]).collect();
    assert_eq!(operations, [&json!("respond")], "{shown}");
    assert_eq!(shown["tenant"], "acme");
}

#[tokio::test]
async fn a_stream_is_explained_when_it_has_ended() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let asked = server
        .post(&format!("{path}/responses"))
        .header("dragoman-explain", "true")
        .header("accept", "text/event-stream")
        .json(&json!({"input": {"parts": [{"type": "text", "text": "planted"}]}}))
        .open()
        .await;
    let address = asked.headers()["dragoman-explanation"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = tokio::time::timeout(PATIENCE, asked.into_body().collect());
    body.await.expect("the stream ends").unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let shown = loop {
        let found = server.get(&address).send().await;
        if found.status == 200 {
            break found.json();
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", found.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let events = shown["answer"]["body"]["events"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["event"], "message.completed");
    assert!(!shown.to_string().contains("planted"), "{shown}");
}

/// Speaks of problems as we do, in somebody's words.
#[derive(Debug)]
struct Complaining;

#[async_trait]
impl Passthrough for Complaining {
    async fn pass_through(
        &self,
        _: &Context,
        _: PassthroughRequest,
    ) -> backend::Result<PassthroughAnswer> {
        Ok(PassthroughAnswer {
            status: 400,
            headers: vec![("content-type".into(), "application/problem+json".into())],
            body: r#"{"status":400,"detail":"planted"}"#.into(),
        })
    }
}

#[tokio::test]
async fn a_problem_of_a_vendor_is_shown_without_its_words() {
    let server = Server::start_with(|gateway| {
        gateway.backends[0].passthrough = Some(Arc::new(Complaining));
    })
    .await;
    let path = "/v1/backends/store/passthrough/v1/messages";
    let answer = server
        .get(path)
        .header("dragoman-explain", "true")
        .send()
        .await;
    answer.expect(400);
    let shown = explanation(&server, &answer).await;
    assert_eq!(shown["answer"]["body"]["json"]["detail"], "[7 characters]");
}

/// Lends its transport to whoever calls, with a secret.
#[derive(Debug)]
struct Lent(Transport);

#[async_trait]
impl Passthrough for Lent {
    async fn pass_through(
        &self,
        _: &Context,
        request: PassthroughRequest,
    ) -> backend::Result<PassthroughAnswer> {
        let path: Vec<&str> = request.path.iter().map(|segment| &**segment).collect();
        let sent = self
            .0
            .request(Method::POST, &path)
            .operation("pass_through")
            .bearer(&"planted-key".to_owned().into())
            .bytes(Some("application/json"), request.body)
            .send()
            .await
            .unwrap();
        Ok(PassthroughAnswer {
            status: sent.status(),
            headers: Vec::new(),
            body: sent.into_body(),
        })
    }
}

#[tokio::test]
async fn what_goes_to_a_vendor_and_comes_back_is_shown_without_secrets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            seen.push(stream.read_u8().await.unwrap());
        }
        let body = r#"{"id":"m-1","access_token":"planted","content":"planted"}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}",
            body.len()
        );
        stream
            .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
            .await
            .unwrap();
    });
    let transport =
        Transport::new(&format!("http://{address}"), &TransportConfig::default()).unwrap();
    let server = Server::start_with(|gateway| {
        gateway.backends[0].passthrough = Some(Arc::new(Lent(transport)));
    })
    .await;
    let answer = server
        .post("/v1/backends/store/passthrough/v1/messages")
        .header("dragoman-explain", "true")
        .text(r#"{"conversation_id":"c-1","password":"planted","text":"planted"}"#)
        .send()
        .await;
    answer.expect(200);
    let shown = explanation(&server, &answer).await;
    let call = &shown["calls"][0];
    assert_eq!(
        (&call["method"], &call["path"]),
        (&json!("POST"), &json!("/v1/messages"))
    );
    assert_eq!(
        call["body"]["json"],
        json!({"conversation_id": "c-1", "password": "[masked]", "text": "[7 characters]"})
    );
    assert_eq!(call["status"], 200);
    assert_eq!(
        call["answer"]["json"],
        json!({"id": "m-1", "access_token": "[masked]", "content": "[7 characters]"})
    );
    assert!(!shown.to_string().contains("planted"), "{shown}");
}
