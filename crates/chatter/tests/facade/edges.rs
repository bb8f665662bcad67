//! Around the operations: access, routes, slashes, bodies that are none, headers, limits.

use chatter::{FacadeConfig, facade_routes};
use http::Method;
use serde_json::json;

use crate::support::World;

const UNKNOWN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// A path with ids in the place of the braces.
fn filled(path: &str) -> String {
    path.replace("{id}", UNKNOWN)
        .replace("{mid}", UNKNOWN)
        .replace("{name}", "general_chat")
}

#[tokio::test]
async fn every_route_asks_for_a_token_before_anything_else() {
    let world = World::start().await;
    for (operation, _) in facade_routes() {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = filled(path);
        let path = path.strip_prefix("/api/v1/").unwrap();
        let method: Method = method.parse().unwrap();
        let call = || world.call(method.clone(), path);
        for (call, detail) in [
            (
                call().without("authorization"),
                "Authentication credentials required",
            ),
            (
                call().header("authorization", "Basic abc"),
                "Authentication credentials required",
            ),
            (
                call().header("authorization", "Bearer "),
                "Authentication credentials required",
            ),
            (call().key("garbage"), "Invalid token"),
            (call().key("drg_0123456789abcdef_00"), "Invalid token"),
        ] {
            let answer = call.send().await;
            let problem = answer.problem(401, "authentication-required");
            assert_eq!(problem["detail"], detail);
            assert_eq!(problem["title"], "Authentication Required");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let lower = format!("bearer {}", world.key);
    let answer = world.get("conversations/").header("authorization", &lower);
    answer.send().await.expect(200);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_the_frameworks() {
    let world = World::start().await;
    let answer = world.get("nope").without("authorization").send().await;
    assert_eq!(answer.expect(404), json!({"detail": "Not Found"}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for (method, path, allow) in [
        (
            Method::GET,
            format!("conversations/{UNKNOWN}/messages/{UNKNOWN}"),
            "DELETE",
        ),
        (
            Method::POST,
            format!("conversations/{UNKNOWN}/messages"),
            "GET",
        ),
        (Method::PATCH, format!("conversations/{UNKNOWN}"), "GET"),
        (Method::GET, "chat/chat".to_owned(), "POST"),
    ] {
        let answer = world.call(method, &path).send().await;
        assert_eq!(answer.expect(405), json!({"detail": "Method Not Allowed"}));
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
    let head = world.call(Method::HEAD, &format!("conversations/{UNKNOWN}"));
    assert_eq!(head.send().await.status, 405);
}

#[tokio::test]
async fn the_wrong_slash_is_sent_on_to_the_right_one() {
    let world = World::start().await;
    for (path, to) in [
        ("conversations?limit=1", "conversations/?limit=1"),
        ("chat/conversations/", "chat/conversations"),
        ("chat/templates/", "chat/templates"),
    ] {
        let answer = world.get(path).without("authorization").send().await;
        assert_eq!((answer.status, answer.text.as_str()), (307, ""));
        let expected = format!("{}/api/v1/{to}", world.base_url());
        assert_eq!(answer.header("location"), Some(expected.as_str()));
    }
    let secure = world
        .get("conversations")
        .header("x-forwarded-proto", "https");
    let answer = secure.send().await;
    assert!(answer.header("location").unwrap().starts_with("https://"));
    let proxied = world
        .get("conversations")
        .header("x-forwarded-proto", "https, http");
    let answer = proxied.send().await;
    assert!(answer.header("location").unwrap().starts_with("https://"));
}

#[tokio::test]
async fn ids_are_checked_before_bodies() {
    let world = World::start().await;
    for id in [
        "abc",
        "01m7ywc9w20h0y6nekkp3a2efm",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAI",
    ] {
        let call = world.call(Method::PUT, &format!("conversations/{id}"));
        let answer = call.json(json!({"status": "bogus"})).send().await;
        let problem = answer.problem(400, "bad-request");
        assert_eq!(
            problem["detail"],
            "Invalid ULID format: must be a valid ULID"
        );
    }
}

#[tokio::test]
async fn broken_bodies_have_the_frameworks_words() {
    let world = World::start().await;
    let errors = async |content_type: &str, body: &str| {
        let call = world.call(Method::POST, "conversations/");
        let answer = call.raw(content_type, body.to_owned()).send().await;
        let problem = answer.problem(422, "validation-failed");
        assert_eq!(problem["detail"], "The request contains invalid data");
        problem["errors"].clone()
    };
    let json_type = "application/json";
    assert_eq!(
        errors(json_type, "{}").await,
        json!([{"type": "missing", "loc": ["body", "title"], "msg": "Field required", "input": {}}])
    );
    assert_eq!(
        errors(json_type, "").await,
        json!([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": null}])
    );
    assert_eq!(
        errors(json_type, "[1]").await,
        json!([{
            "type": "model_attributes_type", "loc": ["body"], "input": [1],
            "msg": "Input should be a valid dictionary or object to extract fields from",
        }])
    );
    assert_eq!(
        errors("text/plain", r#"{"title":"nct"}"#).await[0]["input"],
        "<bytes: 15 bytes>"
    );
    let broken = errors(json_type, r#"{"title": tru}"#).await;
    assert_eq!(broken[0]["type"], "json_invalid");
    assert_eq!(broken[0]["loc"][0], "body");
    assert_eq!(broken[0]["msg"], "JSON decode error");
    let deep = format!(
        r#"{{"title":"x","extra_metadata":{}1{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    assert_eq!(errors(json_type, &deep).await[0]["type"], "json_invalid");
    assert_eq!(
        errors(json_type, r#"{"title": 5, "max_tokens": 0}"#).await,
        json!([
            {"type": "string_type", "loc": ["body", "title"], "msg": "Input should be a valid string", "input": 5},
            {
                "type": "greater_than_equal", "loc": ["body", "max_tokens"], "input": 0,
                "msg": "Input should be greater than or equal to 1", "ctx": {"ge": 1},
            },
        ])
    );
}

#[tokio::test]
async fn what_crashed_the_vendor_is_an_error_of_the_caller() {
    let world = World::start().await;
    let long = "a".repeat(256);
    for (body, kind) in [
        (json!({"title": ""}), "string_too_short"),
        (json!({"title": long}), "string_too_long"),
        (json!({"title": "a\0b"}), "value_error"),
        (
            json!({"title": "t", "max_tokens": 2_147_483_648_u64}),
            "less_than_equal",
        ),
        (
            json!({"title": "t", "extra_metadata": {"n": 9_007_199_254_740_993_u64}}),
            "value_error",
        ),
    ] {
        let answer = world.post("conversations/", body).send().await;
        let problem = answer.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["type"], kind);
    }
    let broken = r#"{"title":"t","extra_metadata":{"a":"\ud800"}}"#;
    let call = world.call(Method::POST, "conversations/");
    let answer = call.raw("application/json", broken).send().await;
    answer.problem(422, "validation-failed");
    let call = world.call(Method::POST, "conversations/");
    let answer = call
        .raw("application/json", vec![b'"', 0xff, b'"'])
        .send()
        .await;
    answer.problem(400, "bad-request");
    let large = json!({"title": "t", "description": "x".repeat(1024 * 1024)});
    let answer = world.post("conversations/", large).send().await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn the_headers_are_those_that_the_vendor_really_sends() {
    let world = World::start_with(FacadeConfig::default(), true).await;
    let answer = world.get("conversations/").send().await;
    assert_eq!(answer.header("x-correlation-id").unwrap().len(), 26);
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("99"));
    assert_eq!(answer.header("x-ratelimit-window"), Some("60"));
    let reset: i64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now + 50..=now + 61).contains(&reset), "{reset}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for documented in ["x-ratelimit-limit-minute", "strict-transport-security"] {
        assert_eq!(answer.header(documented), None);
    }
    let echoed = world.get("nope").header("x-correlation-id", "any text");
    let echoed = echoed.send().await;
    assert_eq!(echoed.header("x-correlation-id"), Some("any text"));
    assert_eq!(echoed.header("x-ratelimit-remaining"), Some("99"));
}

#[tokio::test]
async fn each_path_and_caller_has_a_limit() {
    let config = FacadeConfig {
        requests_per_minute: 2,
        ..FacadeConfig::default()
    };
    let world = World::start_with(config, true).await;
    for left in ["1", "0"] {
        let answer = world.get("chat/templates").send().await;
        answer.expect(200);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
    }
    let answer = world.get("chat/templates").send().await;
    let problem = answer.problem(429, "rate-limit-exceeded");
    assert_eq!(
        problem["detail"],
        "Rate limit exceeded: 2 requests per 60 seconds"
    );
    assert_eq!(
        (
            &problem["limit"],
            &problem["window"],
            &problem["retryAfter"]
        ),
        (&json!(2), &json!(60), &json!(60))
    );
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(answer.header("x-correlation-id"), None);
    world.get("chat/tools/available").send().await.expect(200);
    let other = world.new_key("acme", None, &[backend::Scope::Read]).await;
    let answer = world.get("chat/templates").key(&other).send().await;
    answer.expect(200);
}

#[tokio::test]
async fn chats_have_a_limit_of_their_own() {
    let config = FacadeConfig {
        requests_per_minute: 4,
        ..FacadeConfig::default()
    };
    let world = World::start_with(config, true).await;
    let chat = || world.post("chat/chat", json!({"message": "m"})).send();
    chat().await.expect(200);
    chat().await.expect(200);
    let answer = chat().await;
    let problem = answer.problem(429, "rate-limit-exceeded");
    assert_eq!(problem["limit"], 2);
    // The headers go on telling of the path.
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("1"));
    assert!(answer.header("x-correlation-id").is_some());
}

#[tokio::test]
async fn strangers_and_what_is_not_there_share_a_budget() {
    let config = FacadeConfig {
        requests_per_minute: 2,
        ..FacadeConfig::default()
    };
    let world = World::start_with(config, true).await;
    let made_up = |number: usize| format!("conversations/{}{number}", &UNKNOWN[..25]);
    for (number, status) in [(1, 401), (2, 401), (3, 429)] {
        let call = world.get(&made_up(number)).without("authorization");
        assert_eq!(call.send().await.status, status, "{number}");
    }
    for (path, status) in [("nope/1", 404), ("nope/2", 404), ("nope/3", 429)] {
        assert_eq!(world.get(path).send().await.status, status, "{path}");
    }
    // Each path of somebody known has its own.
    for number in 1..=3 {
        assert_eq!(world.get(&made_up(number)).send().await.status, 404);
    }
}
