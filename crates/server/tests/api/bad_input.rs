//! Hostile and mistaken requests: each a 4xx problem with a pointer, never a 5xx, nothing stored.

use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Call, Server};

#[tokio::test]
async fn broken_bodies_are_400_with_a_pointer_and_store_nothing() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let path = format!("{conversation}/messages");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (b"{".to_vec(), ""),
        (b"{\"parts\": [}".to_vec(), "/parts/0"),
        (b"".to_vec(), ""),
        (b"\xef\xbb\xbf{}".to_vec(), ""),
        (b"{\"subject\": \"\xff\"}".to_vec(), ""),
        (br#"{"subject": "\ud800"}"#.to_vec(), "/subject"),
        (br#"{"subject": "a", "subject": "b"}"#.to_vec(), "/subject"),
        (
            br#"{"metadata": {"a": {"b": 1, "b": 2}}}"#.to_vec(),
            "/metadata/a/b",
        ),
        (br#"{"metadata": {"a": 1e999}}"#.to_vec(), "/metadata/a"),
    ];
    for (body, pointer) in bodies {
        let answer = server.post(&path).text(body.clone()).send().await;
        answer.problem(400, "invalid-json");
        let expected = [("body".to_owned(), pointer.to_owned())];
        assert_eq!(
            answer.pointers(),
            expected,
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
    let answer = server.post(&path).text(deep).send().await;
    assert_eq!(
        answer.problem(400, "invalid-json")["errors"][0]["code"],
        "too-deep"
    );
    // Each costs memory many times its size.
    let keys: Vec<String> = (0..100_001).map(|key| format!("\"{key:x}\":1")).collect();
    let many = format!("{{\"metadata\":{{{}}}}}", keys.join(","));
    assert!(many.len() < 1 << 20, "it is no larger than is taken");
    let answer = server.post(&path).text(many).send().await;
    let error = &answer.problem(400, "invalid-json")["errors"][0];
    assert_eq!(error["code"], "too-many-values");
    assert_eq!(error["pointer"], "/metadata");
    let list = server.get(&path).send().await.expect(200).json();
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn wrong_values_are_422_with_a_pointer() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let messages = format!("{conversation}/messages");
    let text = json!([{"type": "text", "text": "a"}]);
    for (method, path, body, pointer) in [
        (
            Method::POST,
            "/v1/conversations",
            json!({"title": 7}),
            "/title",
        ),
        (
            Method::POST,
            "/v1/conversations",
            json!({"titel": "a"}),
            "/titel",
        ),
        (Method::POST, "/v1/conversations", json!([]), ""),
        (
            Method::POST,
            "/v1/conversations",
            json!({"status": "later"}),
            "/status",
        ),
        (
            Method::POST,
            "/v1/conversations",
            json!({"labels": ["a", 1]}),
            "/labels/1",
        ),
        (
            Method::PATCH,
            &conversation,
            json!({"status": null}),
            "/status",
        ),
        (Method::PATCH, &conversation, json!({"id": "x"}), "/id"),
        (Method::POST, &messages, json!({}), ""),
        (Method::POST, &messages, json!({"parts": []}), "/parts"),
        (
            Method::POST,
            &messages,
            json!({"parts": text, "role": "king"}),
            "/role",
        ),
        (
            Method::POST,
            &messages,
            json!({"parts": text, "metadata": {"n": 9_007_199_254_740_993_u64}}),
            "/metadata/n",
        ),
    ] {
        let answer = Call::new(&server, method, path).json(&body).send().await;
        answer.problem(422, "invalid-request");
        assert_eq!(
            answer.pointers(),
            [("body".to_owned(), pointer.to_owned())],
            "{body}"
        );
    }
}

#[tokio::test]
async fn ten_megabytes_are_413() {
    let server = Server::start().await;
    let body = format!(r#"{{"title": "{}"}}"#, "x".repeat(10 * 1024 * 1024));
    let answer = server.post("/v1/conversations").text(body).send().await;
    answer.problem(413, "body-too-large");
}

#[tokio::test]
async fn impossible_ids_are_400_and_unknown_ones_404() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    for id in [
        "x",
        "..%2f..%2fetc",
        "%2e%2e",
        "a%00b",
        "conv_%0d%0a",
        "%ff",
        "conv_!",
        "CONV_0",
    ] {
        let answer = server.get(&format!("/v1/conversations/{id}")).send().await;
        answer.problem(400, "invalid-id");
        assert_eq!(
            answer.pointers(),
            [("path".to_owned(), "/id".to_owned())],
            "{id}"
        );
    }
    for id in ["a%2fb", "%00", "..%2f", "a%20b", &"a".repeat(129)] {
        let answer = server
            .get(&format!("{conversation}/messages/{id}"))
            .send()
            .await;
        answer.problem(400, "invalid-id");
        assert_eq!(
            answer.pointers(),
            [("path".to_owned(), "/message_id".to_owned())],
            "{id}"
        );
    }
    let unknown = server
        .get("/v1/conversations/conv_00000000000000000000000000")
        .send()
        .await;
    unknown.problem(404, "not-found");
    let slash = server.get("/v1/conversations/a/b/c").send().await;
    slash.problem(404, "route-not-found");
}

#[tokio::test]
async fn wrong_queries_are_400_with_the_parameter() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let messages = format!("{conversation}/messages");
    for (path, query, parameter) in [
        ("/v1/conversations", "limit=0", "/limit"),
        ("/v1/conversations", "limit=-1", "/limit"),
        ("/v1/conversations", "limit=201", "/limit"),
        ("/v1/conversations", "limit=ten", "/limit"),
        ("/v1/conversations", "limit=99999999999999999999", "/limit"),
        ("/v1/conversations", "limit=1&limit=2", "/limit"),
        ("/v1/conversations", "order=up", "/order"),
        ("/v1/conversations", "sort=mood", "/sort"),
        ("/v1/conversations", "status=later", "/status"),
        ("/v1/conversations", "staus=open", "/staus"),
        (
            "/v1/conversations",
            "updated_after=yesterday",
            "/updated_after",
        ),
        (&messages, "after=a/b", "/after"),
        (&messages, "status=sent", "/status"),
        (&conversation, "include=everything", "/include"),
        ("/v1/backends", "limit=1", "/limit"),
    ] {
        let answer = server.get(&format!("{path}?{query}")).send().await;
        answer.problem(400, "invalid-query");
        assert_eq!(
            answer.pointers(),
            [("query".to_owned(), parameter.to_owned())],
            "{query}"
        );
    }
}

/// JSON that comes near to what the routes take: right names with wrong values, and the other way round.
fn near_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "text",
            "image",
            "open",
            "user",
            "assistant",
            "a",
            "\u{0}",
            "2026-01-01T00:00:00Z",
        ])
        .prop_map(Value::from),
    ];
    let name = prop_oneof![
        4 => prop::sample::select(vec![
            "title", "status", "kind", "labels", "participants", "metadata", "extensions", "assistant", "parts",
            "type", "text", "role", "messages", "input", "value", "rating", "sent_at", "items", "fields", "actions",
            "id", "handles", "url", "latitude", "longitude", "priority", "subject", "in_reply_to", "recipients",
        ]).prop_map(str::to_owned),
        1 => ".{0,4}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[derive(Debug, Clone)]
struct Generated {
    route: usize,
    id: String,
    message_id: String,
    query: String,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

fn generated(
    routes: usize,
    conversation: String,
    message: String,
) -> impl Strategy<Value = Generated> {
    let segment = |good: String| prop_oneof![4 => Just(good), 1 => "[a-zA-Z0-9_%-]{1,12}", 1 => Just("%2e%2e%2f".to_owned())];
    let query = prop_oneof![
        3 => Just(String::new()),
        1 => "(limit|order|cursor|sort|status|label|after|before|include|metadata\\.a)=[a-zA-Z0-9%_-]{0,12}",
        1 => "[a-z]{1,6}=[a-z0-9%&=]{0,12}",
    ];
    let body = prop_oneof![
        4 => near_json().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ];
    let headers = prop::collection::vec(
        (
            prop::sample::select(vec![
                "if-match",
                "if-none-match",
                "idempotency-key",
                "prefer",
                "dragoman-user",
                "dragoman-backend",
                "accept",
                "x-request-id",
                "traceparent",
            ]),
            "[ -~]{0,24}",
        ),
        0..3,
    );
    (
        0..routes,
        segment(conversation),
        segment(message),
        query,
        body,
        headers,
    )
        .prop_map(|(route, id, message_id, query, body, headers)| Generated {
            route,
            id,
            message_id,
            query,
            body,
            headers,
        })
}

#[test]
fn no_request_at_any_route_is_answered_with_a_5xx() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, conversation, message, routes) = runtime.block_on(async {
        let server = Server::start().await;
        let conversation = server.conversation().await;
        let message = server.message(&conversation, "a").await;
        let description = server.get("/openapi.json").send().await.json();
        let mut routes = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
                routes.push((method, path.clone()));
            }
        }
        (server, conversation, message, routes)
    });
    let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let strategy = generated(routes.len(), last(&conversation), last(&message));
    let mut runner = TestRunner::new(Config {
        cases: 1_500,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&strategy, |case| {
        let (method, path) = &routes[case.route];
        let mut path = path
            .replace("{id}", &case.id)
            .replace("{message_id}", &case.message_id)
            .replace("{name}", "store")
            .replace("{key_id}", "k")
            .replace("{intent_id}", &case.message_id)
            .replace("{participant_id}", &case.message_id);
        if !case.query.is_empty() {
            path = format!("{path}?{}", case.query);
        }
        let mut call = Call::new(&server, method.clone(), &path);
        if *method != Method::GET {
            call = call.text(case.body.clone());
        }
        for (name, value) in &case.headers {
            call = call.header(name, value.trim());
        }
        let answer = runtime.block_on(call.send());
        prop_assert!(
            !answer.status.is_server_error(),
            "{method} {path}: {}",
            answer.text()
        );
        if answer.status.is_client_error() {
            let problem = answer.json();
            prop_assert!(problem["code"].is_string(), "{problem}");
        }
        Ok(())
    });
    result.unwrap();
}
