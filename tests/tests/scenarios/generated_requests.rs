//! Generated requests at every route: whatever is sent, the answer is never a 500, and errors are problem documents.

use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::dragoman::Launch;

use crate::callers::{client, required_query, routes};

/// Requests per route.
const REQUESTS_PER_ROUTE: usize = 60;
/// Requests that must have come through, over all routes.
const ACCEPTED_AT_LEAST: usize = 300;

/// Any JSON, with a liking for the names and shapes that the API knows.
fn json_value() -> impl Strategy<Value = Value> + Clone {
    let name = prop_oneof![
        4 => prop_oneof![
            Just("title"), Just("parts"), Just("type"), Just("text"), Just("role"), Just("metadata"), Just("labels"),
            Just("messages"), Just("input"), Just("value"), Just("participants"), Just("handles"), Just("id"),
            Just("sent_at"), Just("status"), Just("activity"), Just("rating"), Just("in_reply_to"), Just("assistant"), Just("temperature"),
            Just("url"), Just("items"), Just("actions"), Just("recipients"), Just("extensions"), Just("kind"), Just("mean"),
        ].prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop_oneof![
            Just("user"),
            Just("assistant"),
            Just("text"),
            Just("image"),
            Just("open"),
            Just("person"),
            Just("\u{0}"),
            Just("2026-11-21T11:03:04.318619Z"),
            Just("0000-01-01T00:00:00Z"),
            Just("9999-12-31T23:59:59Z"),
            Just(""),
            Just("conv_01jdqz0000000000000000000a"),
            Just("http://127.0.0.1/"),
            Just("data:,"),
            Just("reply"),
            Just("read"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A body that often has the right shape at its top, so that the checks further in are reached as well.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let said = any::<String>().prop_map(|text| json!({"parts": [{"type": "text", "text": text}]}));
    let message = json_value().prop_map(|value| json!({"role": "user", "parts": [value]}));
    let message = prop_oneof![said, message];
    prop_oneof![
        4 => json_value().prop_map(|value| value.to_string().into_bytes()),
        2 => message.clone().prop_map(|value| value.to_string().into_bytes()),
        1 => message.clone().prop_map(|value| json!({"messages": [value]}).to_string().into_bytes()),
        1 => message.prop_map(|value| json!({"input": value}).to_string().into_bytes()),
        1 => json_value().prop_map(|value| json!({"metadata": value}).to_string().into_bytes()),
        1 => json_value().prop_map(|value| json!({"participants": [value]}).to_string().into_bytes()),
        1 => json_value().prop_map(|value| json!({"value": value}).to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

fn query() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        Just("limit"),
        Just("order"),
        Just("cursor"),
        Just("status"),
        Just("label"),
        Just("sort"),
        Just("include"),
        Just("updated_after"),
        Just("metadata.k"),
        Just("participant"),
        Just("backend"),
        Just("kind"),
        Just("conversation_id"),
        Just("message_id"),
        Just("name"),
    ]
    .prop_map(str::to_owned);
    let value = prop_oneof![
        2 => prop_oneof![Just("1"), Just("asc"), Just("-1"), Just(""), Just("open"), Just("messages"), Just("created_at")].prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let pairs = vec((prop_oneof![6 => name, 1 => any::<String>()], value), 1..3);
    prop_oneof![3 => Just(Vec::new()), 1 => pairs]
}

/// Header fields that the API reads, with values that may be anything visible.
fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop_oneof![
        Just("idempotency-key"),
        Just("if-match"),
        Just("dragoman-user"),
        Just("dragoman-backend"),
        Just("prefer"),
        Just("accept"),
        Just("content-type"),
        Just("x-request-id"),
        Just("traceparent"),
        Just("if-none-match"),
        Just("if-range"),
        Just("range"),
    ];
    let fields = vec((name, "[ -~]{0,40}"), 1..3);
    prop_oneof![3 => Just(Vec::new()), 1 => fields]
}

/// A segment of a path, percent-encoded.
fn segment(real: String) -> impl Strategy<Value = String> {
    prop_oneof![
        8 => Just(real),
        1 => Just("conv_01jdqz0000000000000000000a".to_owned()),
        1 => vec(any::<u8>(), 1..12).prop_map(|bytes| bytes.iter().map(|byte| format!("%{byte:02X}")).collect()),
        1 => "[a-zA-Z0-9_-]{1,40}",
    ]
}

async fn an_id(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

/// One generated value.
fn one<S: Strategy>(strategy: S, runner: &mut TestRunner) -> S::Value {
    strategy
        .new_tree(runner)
        .expect("a value can be generated")
        .current()
}

/// The template with its names filled in: real ids as a rule, nonsense now and then.
fn fill(template: &str, conversation: &str, message: &str, runner: &mut TestRunner) -> String {
    let mut path = String::new();
    for (position, piece) in template.split('{').enumerate() {
        let Some((name, rest)) = piece.split_once('}') else {
            path.push_str(piece);
            continue;
        };
        let real = match (name, position) {
            ("name" | "backend", _) => "store",
            (_, 1) => conversation,
            _ => message,
        };
        path.push_str(&one(segment(real.to_owned()), runner));
        path.push_str(rest);
    }
    path
}

/// Sends one generated request; true where it was accepted.
async fn check_one(client: &Client, method: &Method, path: &str, runner: &mut TestRunner) -> bool {
    let (query, headers, body) = (
        one(query(), runner),
        one(headers(), runner),
        one(body(), runner),
    );
    let mut request = client.request(method.clone(), path).query(&query);
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        let kind = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        request = request.header("content-type", kind);
    }
    for (name, value) in &headers {
        request = request.header(*name, value);
    }
    if method != Method::GET {
        request = request.body(body.clone());
    }
    let answer = client.send(request).await;
    let asked = || {
        format!(
            "{method} {path} {query:?} {headers:?} {}",
            String::from_utf8_lossy(&body)
        )
    };
    assert!(
        !answer.status.is_server_error(),
        "{}\n{} {}",
        asked(),
        answer.status,
        answer.text
    );
    if answer.status.is_client_error() {
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{}\n{}",
            asked(),
            answer.text
        );
        assert!(
            answer.json()["code"].is_string(),
            "{}\n{}",
            asked(),
            answer.text
        );
    }
    answer.status.is_success()
}

#[tokio::test]
async fn no_generated_request_is_answered_with_500() {
    let dragoman = Launch::new().start();
    let client = client(&dragoman);
    // The seed is fixed, so that a failure is the same tomorrow; the failing request is in the message.
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mut accepted = 0;
    for (method, template, operation) in routes(&client).await {
        let conversation = an_id(&client, "/v1/conversations", &json!({})).await;
        let message = json!({"parts": [{"type": "text", "text": "hello"}]});
        let message = an_id(
            &client,
            &format!("/v1/conversations/{conversation}/messages"),
            &message,
        )
        .await;
        for _ in 0..REQUESTS_PER_ROUTE {
            let mut path = fill(&template, &conversation, &message, &mut runner);
            // Not always there, as other parameters are not.
            if one(proptest::bool::weighted(0.9), &mut runner) {
                path.push_str(&required_query(&operation, &conversation));
            }
            accepted += usize::from(check_one(&client, &method, &path, &mut runner).await);
        }
    }
    // The generator would be useless if everything were refused at the door.
    assert!(
        accepted > ACCEPTED_AT_LEAST,
        "only {accepted} requests were accepted"
    );
}
