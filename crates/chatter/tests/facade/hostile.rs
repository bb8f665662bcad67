//! What no honest client sends: it is refused, and nothing breaks or leaks.

use backend::Scope;
use backend::ports::Keys;
use conversation::Time;
use http::Method;
use keys::{KeyRequest, NewKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, World};

/// Values of every kind, most of them wrong anywhere.
fn odd_values() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!({"a": [deep]});
    }
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1e308),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.1),
        json!(""),
        json!(" "),
        json!("\0"),
        json!("\u{202e}\u{feff}\u{10ffff}"),
        json!("nan"),
        json!("-inf"),
        json!("9".repeat(400)),
        json!("x".repeat(3_000)),
        json!("../../etc/passwd"),
        json!("' OR 1=1 --"),
        json!([]),
        json!({}),
        json!([[["a"]]]),
        json!({"a\0b": {"": null}}),
        json!({"workflow_config": []}),
        deep,
    ]
}

fn is_fine(answer: &Answer, what: &str) {
    let is_known = matches!(answer.status, 200 | 201 | 307 | 400 | 404 | 405 | 422);
    assert!(is_known, "{what}: {} {}", answer.status, answer.text);
}

#[tokio::test]
async fn every_member_takes_every_value_or_refuses_it() {
    let world = World::start().await;
    let id = world.conversation("Odd").await;
    let update = format!("conversations/{id}");
    let settings = [
        "title",
        "description",
        "temperature",
        "max_tokens",
        "workflow_config",
        "extra_metadata",
    ];
    for (method, path, base, members) in [
        (
            Method::POST,
            "conversations/",
            json!({"title": "t"}),
            [
                &settings[..],
                &["profile_id", "system_prompt", "enable_retrieval"],
            ]
            .concat(),
        ),
        (
            Method::PUT,
            &update,
            json!({}),
            [&settings[..], &["status"]].concat(),
        ),
        (
            Method::POST,
            "chat/chat",
            json!({"message": "m"}),
            vec![
                "message",
                "conversation_id",
                "profile_id",
                "stream",
                "workflow",
                "provider",
                "temperature",
                "max_tokens",
                "context_limit",
                "enable_retrieval",
                "document_ids",
                "system_prompt_override",
                "workflow_config",
                "workflow_type",
            ],
        ),
    ] {
        for member in members {
            for value in odd_values() {
                let mut body = base.clone();
                body[member] = value;
                let sent = body.to_string();
                let answer = world.call(method.clone(), path).json(body).send().await;
                is_fine(&answer, &format!("{method} {path} {sent}"));
            }
        }
    }
    world.get(&update).send().await.expect(200);
}

#[tokio::test]
async fn every_parameter_takes_every_value_or_refuses_it() {
    let world = World::start().await;
    let id = world.conversation("Odd").await;
    let paths = [
        (
            "conversations/".to_owned(),
            vec![
                "status",
                "llm_provider",
                "llm_model",
                "tags",
                "enable_retrieval",
                "limit",
                "offset",
                "sort_by",
                "sort_order",
            ],
        ),
        ("chat/conversations".to_owned(), vec!["limit", "offset"]),
        (format!("conversations/{id}"), vec!["include_messages"]),
        (
            format!("conversations/{id}/messages"),
            vec!["limit", "offset"],
        ),
    ];
    let values = [
        "",
        "-1",
        "0",
        "1",
        "99999999999999999999",
        "9223372036854775807",
        "1e3",
        "0x10",
        "%00",
        "%ff%fe",
        "%",
        "%zz",
        "a%26b",
        "+",
        "true",
        "%F0%9F%98%80",
        "';drop",
        "null",
    ];
    for (path, parameters) in paths {
        for parameter in parameters {
            for value in values {
                let path = format!("{path}?{parameter}={value}");
                let answer = world.get(&path).send().await;
                is_fine(&answer, &path);
                if value == "-1" && ["limit", "offset"].contains(&parameter) {
                    answer.problem(422, "validation-failed");
                }
            }
        }
    }
}

#[tokio::test]
async fn paths_of_all_sorts_are_no_failure() {
    let world = World::start().await;
    for id in [
        "%00",
        "%ff",
        "%c3%28",
        "a%2fb",
        "%F0%9F%98%80",
        "01ARZ3NDEKTSV4RRFFQ69G5FA%00",
        "%",
        "%zz",
        "-",
        "''",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV%20",
    ] {
        for path in [
            format!("conversations/{id}"),
            format!("conversations/{id}/messages"),
            format!("conversations/{id}/messages/{id}"),
            format!("chat/conversations/{id}/messages/{id}/rating"),
        ] {
            for method in [
                Method::GET,
                Method::PUT,
                Method::DELETE,
                Method::PATCH,
                Method::OPTIONS,
                Method::TRACE,
            ] {
                let answer = world.call(method, &path).send().await;
                is_fine(&answer, &path);
            }
        }
        let chat = world.post(&format!("chat/template/{id}"), json!({"message": "m"}));
        is_fine(&chat.send().await, id);
    }
}

#[tokio::test]
async fn bodies_beyond_all_measure_are_refused() {
    let world = World::start().await;
    let deep = format!("{}1{}", r#"{"a":["#.repeat(50_000), "]}".repeat(50_000));
    let large = format!(r#"{{"title":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let call = |body: String| {
        world
            .call(Method::POST, "conversations/")
            .raw("application/json", body)
    };
    let deep = call(deep).send().await;
    assert_eq!(
        deep.problem(422, "validation-failed")["errors"][0]["type"],
        "json_invalid"
    );
    let large = call(large).send().await;
    large.problem(413, "payload-too-large");
    for body in [
        "{",
        "\"",
        "{\"title\":",
        "[1,",
        "nul",
        "{\"title\":\"\\u12\"}",
        "\u{feff}{}",
        "{}{}",
        "{'a':1}",
    ] {
        let answer = call(body.to_owned()).send().await;
        answer.problem(422, "validation-failed");
    }
    for body in [&b"\xff\xfe"[..], b"{\"title\":\"\xc3\x28\"}", b"\x00"] {
        let call = world.call(Method::POST, "conversations/");
        let answer = call.raw("application/json", body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
    }
}

/// What the server says to these bytes, on a connection of its own.
async fn said_to(world: &World, request: String) -> String {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_nothing() {
    let world = World::start().await;
    let key = &world.key;
    let head = format!(
        "POST /facade/chatter/api/v1/conversations/ HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n"
    );
    said_to(&world, format!("{head}{{\"title\":\"half")).await;
    world.detached.finished().await;
    let list = world.get("conversations/").send().await.expect(200);
    assert_eq!(list["total_count"], 0);
    // A host that is no name, and headers that are no text.
    for headers in [
        "host: ^\r\n",
        "host: a\r\nx-correlation-id: \u{e9}\r\n",
        "host: a\r\nauthorization: Bearer \u{e9}\r\n",
    ] {
        let request = format!(
            "GET /facade/chatter/api/v1/conversations HTTP/1.1\r\n{headers}connection: close\r\n\r\n"
        );
        let answer = said_to(&world, request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        assert!(!answer.starts_with("HTTP/1.1 5"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let world = World::start().await;
    let chat = world.post("chat/chat", json!({"message": "a secret of acme"}));
    let chat = chat.send().await.expect(200);
    let id = chat["conversation_id"].as_str().unwrap();
    let message = chat["message"]["id"].as_str().unwrap();
    let tenant = world.new_key("other", None, Scope::ALL).await;
    let user = world.new_key("acme", Some("bob"), Scope::ALL).await;
    for key in [&tenant, &user] {
        for (operation, _) in chatter::facade_routes() {
            let (method, path) = operation.split_once(' ').unwrap();
            let path = path.strip_prefix("/api/v1/").unwrap();
            let is_chat = ["chat/chat", "chat/streaming", "chat/template/{name}"].contains(&path);
            let path = path
                .replace("{id}", id)
                .replace("{mid}", message)
                .replace("{name}", "t");
            let call = world.call(method.parse().unwrap(), &path).key(key);
            let body = json!({"title": "t", "rating": 1, "message": "m", "conversation_id": id});
            let answer = match method {
                "GET" | "DELETE" => call.send().await,
                _ => call.json(body).send().await,
            };
            assert!(
                !answer.text.contains("secret"),
                "{operation}: {}",
                answer.text
            );
            if path.contains(id) || (is_chat && !path.ends_with("streaming")) {
                answer.problem(404, "resource-not-found");
            } else if path.ends_with("streaming") {
                assert_eq!(answer.frames()[0]["content"], "Conversation not found");
            }
        }
    }
    let read = world.get(&format!("conversations/{id}")).send().await;
    assert_eq!(read.expect(200)["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn keys_that_ended_open_nothing() {
    let world = World::start().await;
    let request = |expires_at: Option<Time>| KeyRequest {
        tenant: "acme".into(),
        name: "ended".into(),
        scopes: Scope::ALL.to_vec(),
        user: None,
        expires_at,
    };
    let past = "2020-01-01T00:00:00Z".parse().unwrap();
    let expired = NewKey::generate(request(Some(past))).unwrap();
    world.state.insert(&expired.record).await.unwrap();
    let revoked = NewKey::generate(request(None)).unwrap();
    world.state.insert(&revoked.record).await.unwrap();
    assert!(
        world
            .state
            .revoke(&revoked.record.id, Time::now())
            .await
            .unwrap()
    );
    let unknown = NewKey::generate(request(None)).unwrap();
    for key in [&expired, &revoked, &unknown] {
        let key = key.key.expose_secret();
        let answer = world.get("conversations/").key(key).send().await;
        let problem = answer.problem(401, "authentication-required");
        assert_eq!(problem["detail"], "Invalid token");
        assert!(!answer.text.contains(key));
    }
    let wrong = format!("{}x", world.key);
    for key in [
        wrong.as_str(),
        &world.key[..world.key.len() - 1],
        &"k".repeat(8_000),
    ] {
        let answer = world.get("conversations/").key(key).send().await;
        answer.problem(401, "authentication-required");
    }
}
