//! What nobody should send. It is refused in the vendor's shape, and nothing breaks.

use serde_json::{Value, json};

use crate::client::{Answer, send};
use crate::credentials::basic;
use crate::world::{APP, UNKNOWN, World};

const JSON: &str = "application/json";

/// It was refused by status and code, and the answer quotes nothing of the request.
fn assert_refused(answer: &Answer, what: &str) {
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {}",
        answer.status
    );
    let (_, code) = answer.code();
    assert!(!code.is_empty(), "{what}");
    let body = String::from_utf8_lossy(&answer.body);
    assert!(!body.contains("h0st1le"), "{what}: {body}");
}

#[tokio::test]
async fn paths_that_nobody_means_are_refused() {
    let world = World::start().await;
    let headers = [("authorization", &*world.authorization)];
    let long = "a".repeat(3_000);
    for tail in [
        "/users/%00",
        "/users/%ff%fe",
        "/users/%",
        "/users/%zz",
        "/users/h0st1le%0d%0ax:y",
        "/users/..%2f..%2fetc",
        "/users/'%20OR%201=1--",
        "/conversations/%00",
        "/conversations/%F0%9F%92%A9",
        "/conversations/-1",
        "/conversations//messages",
        "/conversations/%2e%2e/messages",
        "/conversations/ffffffffffffffffffffffff/messages",
        "/conversations/FFFFFFFFFFFFFFFFFFFFFFFF",
        &format!("/users/{long}"),
        &format!("/conversations/{long}"),
        &format!("/conversations/{UNKNOWN}/messages/{long}"),
    ] {
        for method in ["GET", "DELETE"] {
            let target = format!("/v2/apps/{APP}{tail}");
            let answer = world.exchange(method, &target, &headers, b"").await;
            assert_refused(&answer, tail);
            assert!(
                matches!(answer.status, 400 | 404),
                "{tail}: {}",
                answer.status
            );
        }
    }
    for target in [
        "/",
        "/v2",
        "/v2/apps",
        "/v2/apps//users",
        "/media/x",
        "/media/a/b/c",
        "//",
    ] {
        let answer = send(world.address, "GET", target, &headers, b"").await;
        assert_eq!(answer.code(), (404, "not_found".to_owned()), "{target}");
    }
}

#[tokio::test]
async fn queries_that_nobody_means_are_refused() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let mine = format!("/conversations?filter[userId]={user}");
    let messages = format!("/conversations/{id}/messages");
    let many: String = (0..40).map(|number| format!("&a{number}=1")).collect();
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for tail in [
        format!("{mine}&page[size]=-1"),
        format!("{mine}&page[size]=99999999999999999999"),
        format!("{mine}&page[size]=1e3"),
        format!("{mine}&page[size]="),
        format!("{mine}&page[after]=%00"),
        format!("{mine}&page[after]={}", "%00".repeat(24)),
        format!("{mine}&page[after]={}", "%ff".repeat(24)),
        format!("{mine}&page[after]={}", "g".repeat(24)),
        format!("{mine}&page[before]={UNKNOWN}"),
        format!("{mine}&page={{"),
        format!("{mine}&page=%5B%5D"),
        format!(
            "{mine}&page={}",
            urlencoded(&format!("{{\"after\":{deep}}}"))
        ),
        format!("{mine}&page=%7B%22size%22%3A%7B%7D%7D"),
        format!("{mine}{many}"),
        format!(
            "/conversations?filter={}",
            urlencoded("{\"userId\":{\"$ne\":null}}")
        ),
        "/conversations?filter[userId]=".to_owned(),
        "/conversations?filter[userId][$ne]=x".to_owned(),
        "/conversations?filter[userId]=%00".to_owned(),
        "/users?filter[identities.email]=".to_owned(),
        format!("{messages}?page[size]=0"),
        format!("{messages}?page[before]={}", "f".repeat(25)),
        format!("{messages}?page[before]=x&page[after]=y"),
        format!("{messages}?page[before]={}", "ÿ".repeat(24)),
    ] {
        let answer = world.get(&tail).await;
        assert_refused(&answer, &tail);
        assert!(matches!(answer.status, 400 | 404), "{tail}");
    }
    // What can be answered is.
    for tail in [
        "/users?filter[identities.email]=%00".to_owned(),
        format!("{messages}?page[before]={}", "f".repeat(24)),
        format!("{messages}?page[after]={}", "f".repeat(24)),
        format!("{messages}?page[before]={}", "0".repeat(24)),
    ] {
        assert_eq!(world.get(&tail).await.status, 200, "{tail}");
    }
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn bodies_that_nobody_means_are_refused() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let messages = format!("/conversations/{id}/messages");
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let template = |inner: &str| {
        format!(
            r#"{{"author":{{"type":"business"}},"content":{{"type":"template","template":{inner}}}}}"#
        )
    };
    let text = |words: &str| {
        format!(r#"{{"author":{{"type":"business"}},"content":{{"type":"text","text":{words}}}}}"#)
    };
    let bodies: Vec<Vec<u8>> = vec![
        nested(10_000).into(),
        template(&nested(500)).into(),
        template("[]").into(),
        text("1").into(),
        text(r#""\ud800""#).into(),
        text("\"\u{1}\"").into(),
        b"{\"author\":{\"type\":\"business\"},\"content\":{\"type\":\"text\",\"text\":\"\xff\"}}"
            .to_vec(),
        b"\x00".to_vec(),
        b"{\"author\":".to_vec(),
        b"\"h0st1le\"".to_vec(),
        b"NaN".to_vec(),
    ];
    for body in &bodies {
        let what = String::from_utf8_lossy(&body[..body.len().min(90)]).into_owned();
        let answer = world
            .raw(&world.authorization, "POST", &messages, JSON, body)
            .await;
        assert_eq!(answer.status, 400, "{what}");
        assert_refused(&answer, &what);
    }
    let huge = text(&format!("\"{}\"", "x".repeat(200_000)));
    let answer = world
        .raw(
            &world.authorization,
            "POST",
            &messages,
            JSON,
            huge.as_bytes(),
        )
        .await;
    assert_eq!(answer.code(), (413, "payload_too_large".to_owned()));
    for kind in [
        "text/plain",
        "multipart/form-data",
        "application/xml",
        "\u{7f}",
    ] {
        if kind.is_ascii() && !kind.contains('\u{7f}') {
            let answer = world
                .raw(&world.authorization, "POST", &messages, kind, b"{}")
                .await;
            assert_eq!(answer.status, 415, "{kind}");
        }
    }
    assert_eq!(world.get(&messages).await.json()["messages"], json!([]));
}

#[tokio::test]
async fn values_that_nobody_means_are_refused_or_kept_as_they_are() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let tail = format!("/conversations/{id}/messages");
    let nul =
        json!({"author": {"type": "business"}, "content": {"type": "text", "text": "a\u{0}b"}});
    let answer = world.ask("POST", &tail, &nul).await;
    // The store holds it; a backend that does not says so.
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["messages"][0]["content"]["text"], "a\u{0}b");
    for (body, status) in [
        (json!({"externalId": "a\u{0}b"}), 400),
        (json!({"externalId": "x".repeat(1_025)}), 400),
        (json!({"externalId": ["x"]}), 400),
        (json!({"externalId": "ü".repeat(1_024)}), 201),
        (json!({"profile": {"givenName": "x".repeat(129)}}), 400),
        (json!({"profile": {"email": "a\nb@c"}}), 400),
        (
            json!({"signedUpAt": "+292277026596-12-04T15:30:07.999Z"}),
            400,
        ),
        (json!({"signedUpAt": "2020-13-40T25:61:61Z"}), 400),
        (json!({"signedUpAt": -1}), 400),
        (json!({"metadata": {"a": 1e308}}), 201),
        (json!({"metadata": {"\u{0}": "\u{0}"}}), 201),
    ] {
        let answer = world.ask("POST", "/users", &body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    for (lat, long) in [(90.5, 0.0), (-91.0, 0.0), (0.0, 180.5)] {
        let body = json!({"author": {"type": "business"},
            "content": {"type": "location", "coordinates": {"lat": lat, "long": long}}});
        assert_eq!(world.ask("POST", &tail, &body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn credentials_that_nobody_has_open_nothing() {
    let world = World::start().await;
    let scheme = world.authorization.clone();
    let tail = format!("/users/{UNKNOWN}");
    let long = "A".repeat(9_000);
    for authorization in [
        "Basic",
        "Basic ",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer ..",
        // No algorithm.
        "Bearer eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.eyJzY29wZSI6ImFwcCJ9.",
        &basic("", ""),
        &basic(":", ":"),
        &basic("drg_", "drg_"),
        &basic("\u{0}", "\u{0}"),
        &format!("Basic {long}"),
        &format!("{scheme}x"),
        &scheme.replacen("Basic ", "Basic\t", 1),
    ] {
        let answer = world
            .ask_as(authorization, "GET", &tail, &Value::Null)
            .await;
        assert_eq!(
            answer.code(),
            (401, "unauthorized".to_owned()),
            "{authorization}"
        );
    }
}
