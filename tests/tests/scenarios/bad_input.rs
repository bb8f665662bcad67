//! Bad input: each row is a 4xx problem that says what and where, nothing is stored half, nothing is a 500.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::dragoman::Launch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::callers::client;

/// More than the largest body that is taken.
const LARGE_BODY_BYTES: usize = 10 * 1024 * 1024;
/// Nesting far beyond what is taken, and beyond what a recursive parser survives.
const DEEP_LEVELS: usize = 10_000;

#[track_caller]
fn assert_problem(answer: &Answer, what: &str) -> Value {
    assert!(
        answer.status.is_client_error(),
        "{what}: {} {}",
        answer.status,
        answer.text
    );
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{what}: {}",
        answer.text
    );
    let problem = answer.json();
    for member in ["title", "status", "detail", "code", "request_id"] {
        assert!(
            !problem[member].is_null(),
            "{what}: no {member} in {problem}"
        );
    }
    assert_eq!(problem["status"], answer.status.as_u16(), "{what}");
    problem
}

/// The one place that the problem names.
#[track_caller]
fn assert_place(problem: &Value, place: &str, pointer: &str, what: &str) {
    let errors = problem["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{what}: no errors in {problem}"));
    let found = errors
        .iter()
        .any(|error| error["in"] == place && error["pointer"] == pointer);
    assert!(found, "{what}: nothing at {place} {pointer} in {problem}");
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let kind = if method == Method::PATCH {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    client
        .send(
            client
                .request(method, path)
                .header("content-type", kind)
                .body(body),
        )
        .await
}

#[tokio::test]
async fn broken_and_hostile_bodies_are_refused_and_nothing_is_stored() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let deep = format!(
        "{{\"metadata\":{}1{}}}",
        "{\"a\":".repeat(DEEP_LEVELS),
        "}".repeat(DEEP_LEVELS)
    );
    let deep_array = format!("{}{}", "[".repeat(DEEP_LEVELS), "]".repeat(DEEP_LEVELS));
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("half an object", b"{\"title\":".to_vec(), &[400]),
        ("two values", b"{} {}".to_vec(), &[400]),
        ("not UTF-8", b"{\"title\":\"\xff\xfe\"}".to_vec(), &[400]),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), &[400]),
        (
            "lone surrogate",
            br#"{"title":"\ud800"}"#.to_vec(),
            &[400, 422],
        ),
        (
            "lone low surrogate in a key",
            br#"{"metadata":{"\udc00":1}}"#.to_vec(),
            &[400, 422],
        ),
        (
            "duplicate keys",
            br#"{"title":"a","title":"b"}"#.to_vec(),
            &[400, 422],
        ),
        (
            "duplicate keys inside",
            br#"{"metadata":{"a":1,"a":2}}"#.to_vec(),
            &[400, 422],
        ),
        (
            "not a number",
            br#"{"metadata":{"a":NaN}}"#.to_vec(),
            &[400],
        ),
        ("10,000 levels", deep.into_bytes(), &[400]),
        ("10,000 levels of arrays", deep_array.into_bytes(), &[400]),
        ("an array", b"[]".to_vec(), &[422]),
        ("a string", b"\"title\"".to_vec(), &[422]),
        ("null", b"null".to_vec(), &[422]),
        ("number for a title", br#"{"title":7}"#.to_vec(), &[422]),
        ("object for labels", br#"{"labels":{}}"#.to_vec(), &[422]),
        ("unknown field", br#"{"titel":"a"}"#.to_vec(), &[422]),
        (
            "integer beyond exactness in metadata",
            br#"{"metadata":{"n":9007199254740993}}"#.to_vec(),
            &[422],
        ),
    ];
    for (what, body, statuses) in rows {
        let answer = send(&client, Method::POST, "/v1/conversations", body).await;
        assert!(
            statuses.contains(&answer.status.as_u16()),
            "{what}: {} {}",
            answer.status,
            answer.text
        );
        assert_problem(&answer, what);
    }
    let listed = client.get("/v1/conversations").await.expect(200);
    assert_eq!(
        listed["data"],
        json!([]),
        "a refused create left something behind"
    );
}

#[tokio::test]
async fn wrong_values_are_named_by_pointer() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let id = client
        .post("/v1/conversations", &json!({}))
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let messages = format!("/v1/conversations/{id}/messages");
    let text = json!([{"type": "text", "text": "x"}]);
    let rows = [
        (
            "title of the wrong type",
            "/v1/conversations".to_owned(),
            json!({"title": []}),
            "/title",
        ),
        (
            "metadata of the wrong type",
            "/v1/conversations".to_owned(),
            json!({"metadata": 1}),
            "/metadata",
        ),
        (
            "participant of the wrong type",
            "/v1/conversations".to_owned(),
            json!({"participants": [1]}),
            "/participants/0",
        ),
        (
            "parts missing in the whole",
            messages.clone(),
            json!({"role": "user"}),
            "",
        ),
        ("no parts", messages.clone(), json!({"parts": []}), "/parts"),
        (
            "text of the wrong type",
            messages.clone(),
            json!({"parts": [{"type": "text", "text": 1}]}),
            "/parts/0",
        ),
        (
            "role of the wrong type",
            messages.clone(),
            json!({"role": 1, "parts": text}),
            "/role",
        ),
        (
            "time that is none",
            format!("{messages}:import"),
            json!({"messages": [{"parts": text, "sent_at": "yesterday"}]}),
            "/messages/0/sent_at",
        ),
    ];
    for (what, path, body, pointer) in rows {
        let answer = client.post(&path, &body).await;
        assert_eq!(answer.status, 422, "{what}: {}", answer.text);
        assert_place(&assert_problem(&answer, what), "body", pointer, what);
    }
    assert_eq!(
        client.get(&messages).await.expect(200)["data"],
        json!([]),
        "a refused message was stored"
    );
}

#[tokio::test]
async fn ten_megabytes_are_refused_with_413() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let body = json!({"title": "x".repeat(LARGE_BODY_BYTES)}).to_string();
    // The announcement alone is enough: who sends on while the connection is closed may never see the answer.
    let head = format!(
        "POST /v1/conversations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        dragoman.key().expect("a first key"),
        body.len()
    );
    let answer = raw(dragoman.address(), head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body-too-large"), "{answer}");
    // Without a Content-Length the size is known only while reading.
    let chunks: Vec<Result<Vec<u8>, std::io::Error>> = body
        .into_bytes()
        .chunks(64 * 1024)
        .map(|chunk| Ok(chunk.to_vec()))
        .collect();
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = client
        .request(Method::POST, "/v1/conversations")
        .header("content-type", "application/json");
    // The server may close before everything is sent; then there is no answer to look at.
    if let Ok(answer) = client.try_send(request.body(stream)).await {
        assert_eq!(answer.status, 413, "{}", answer.text);
    }
    assert_eq!(
        client.get("/v1/conversations").await.expect(200)["data"],
        json!([])
    );
}

#[tokio::test]
async fn impossible_ids_are_4xx_on_every_route_that_takes_one() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let ids = [
        "%2F",
        "a%2Fb",
        "..",
        "%2E%2E",
        "%00",
        "conv_%00",
        "%0d%0a",
        "conv_",
        "conv_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "CONV_01JDQZ0000000000000000000A",
        "conv_01jdqz0000000000000000000a%2F..",
        "%ff",
        "%ed%a0%80",
        "%",
        "*",
        "💬",
        "conv_01jdqz0000000000000000000a ",
        &"a".repeat(5000),
    ];
    for id in ids {
        for suffix in ["", "/messages", "/messages/m", "/participants"] {
            let path = format!("/v1/conversations/{id}{suffix}");
            let Ok(request) = client.request(Method::GET, &path).build() else {
                continue;
            };
            let answer = client
                .try_send(client.request(Method::GET, &path))
                .await
                .expect("an answer");
            // A client resolves `..` itself; what is left is another route.
            if request.url().path().starts_with("/v1/conversations/") {
                assert_problem(&answer, &path);
            }
        }
    }
}

#[tokio::test]
async fn impossible_queries_and_headers_are_4xx_and_named() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    let id = client
        .post("/v1/conversations", &json!({}))
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let queries = [
        "limit=-1",
        "limit=0",
        "limit=99999999999999999999",
        "limit=ten",
        "limit=",
        "order=sideways",
        "sort=nothing",
        "cursor=foreign",
        "cursor=%00",
        "cursor=",
        "status=%ff",
        "updated_after=yesterday",
        "limit=1&limit=2",
        "unknown=1",
    ];
    for query in queries {
        let answer = client.get(&format!("/v1/conversations?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        let problem = assert_problem(&answer, query);
        assert_eq!(problem["errors"][0]["in"], "query", "{query}: {problem}");
    }
    let messages = format!("/v1/conversations/{id}/messages");
    for query in ["limit=-1", "cursor=foreign", "order=sideways"] {
        assert_problem(&client.get(&format!("{messages}?{query}")).await, query);
    }
    let path = format!("/v1/conversations/{id}");
    let rows = [
        (
            Method::POST,
            "/v1/conversations",
            "idempotency-key",
            "k".repeat(5000),
        ),
        (
            Method::POST,
            "/v1/conversations",
            "dragoman-backend",
            "no such backend".to_owned(),
        ),
        (
            Method::GET,
            "/v1/conversations",
            "dragoman-user",
            "u".repeat(5000),
        ),
        (
            Method::PATCH,
            path.as_str(),
            "if-match",
            "not quoted".to_owned(),
        ),
        (
            Method::POST,
            "/v1/conversations",
            "content-type",
            "text/plain".to_owned(),
        ),
    ];
    for (method, path, name, value) in rows {
        let request = client.request(method, path).header(name, value).body("{}");
        let answer = client.send(request).await;
        assert_problem(&answer, name);
    }
}

#[tokio::test]
async fn cursor_of_another_list_or_filter_is_refused() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    for number in 0..3 {
        client
            .post(
                "/v1/conversations",
                &json!({"title": format!("{number}"), "labels": ["a"]}),
            )
            .await
            .expect(201);
    }
    let page = client
        .get("/v1/conversations?limit=1&label=a")
        .await
        .expect(200);
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    client
        .get(&format!(
            "/v1/conversations?limit=1&label=a&cursor={cursor}"
        ))
        .await
        .expect(200);
    let foreign = client
        .get(&format!(
            "/v1/conversations?limit=1&label=b&cursor={cursor}"
        ))
        .await;
    assert_eq!(foreign.status, 400, "{}", foreign.text);
    assert_eq!(
        assert_problem(&foreign, "another filter")["code"],
        "invalid-cursor"
    );
    let listed = client.get("/v1/conversations").await.expect(200);
    let id = listed["data"][0]["id"].as_str().expect("an id");
    let messages = client
        .get(&format!("/v1/conversations/{id}/messages?cursor={cursor}"))
        .await;
    assert_eq!(
        assert_problem(&messages, "another list")["code"],
        "invalid-cursor"
    );
}

#[tokio::test]
async fn unknown_enum_values_are_kept_or_refused_and_never_changed() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    for body in [
        json!({"status": "sleeping"}),
        json!({"kind": "séance"}),
        json!({"priority": "somewhat"}),
    ] {
        let answer = client.post("/v1/conversations", &body).await;
        if answer.status == 201 {
            let created = answer.json();
            for (member, value) in body.as_object().expect("an object") {
                assert_eq!(&created[member], value, "an unknown value was changed");
            }
        } else {
            assert_eq!(answer.status, 422, "{body}: {}", answer.text);
            assert_problem(&answer, &body.to_string());
        }
    }
}

/// Sends raw bytes and returns the beginning of what comes back, empty where the connection is just closed.
async fn raw(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request).await.expect("sent");
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap_or_default();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn malformed_http_is_refused_or_closed() {
    let dragoman = Launch::new().start();
    let address = dragoman.address();
    let many_headers = (0..5000)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect::<String>();
    let rows: Vec<(&str, String)> = vec![
        ("no host", "GET /healthz HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned()),
        ("two lengths", "POST /v1/conversations HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned()),
        ("space in the target", "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        ("5,000 header fields", format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many_headers}\r\n")),
        ("64 KB target", format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(64 * 1024))),
        ("not HTTP", "\u{16}\u{3}\u{1}hello\r\n\r\n".to_owned()),
    ];
    for (what, request) in rows {
        let answer = raw(address, request.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{what}: {answer}"
        );
    }
    let alive = client(&dragoman).get("/v1/conversations").await;
    assert_eq!(alive.status, 200, "the server still works");
}
