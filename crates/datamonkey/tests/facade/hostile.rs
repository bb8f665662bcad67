//! Requests that nobody honest sends: never a 500, never a word about what others have, and the server goes on.

use std::time::Duration;

use backend::Scope;
use backend::ports::Keys as _;
use conversation::Time;
use keys::{KeyRequest, NewKey};
use secrecy::ExposeSecret as _;

use crate::client::{send, send_raw};
use crate::world::{BODY_MAX, Setup, World, open};

/// The facade still works.
async fn goes_on(world: &World) {
    let (token, id) = world.begin("afterwards").await;
    let path = format!("/api/v1/chat/{id}");
    assert_eq!(world.with(&token, "GET", &path, "").await.status, 200);
}

#[tokio::test]
async fn any_path_and_query_is_answered() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("paths").await;
    let long = "x".repeat(20_000);
    let strange = [
        "%00",
        "%FF%FE",
        "..",
        "%2e%2e",
        ".",
        "%2F",
        "\\",
        "%0d%0aX:1",
        "conv-",
        "conv-1-",
        "conv--1-aaaaaaaa",
        "~",
        "*",
        "$(id)",
        "{id}",
        &long,
    ];
    for id in strange {
        for (method, tail) in [
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/messages"),
            ("POST", "/messages"),
        ] {
            let target = format!("/api/v1/chat/{id}{tail}");
            let body = r#"{"message": "x"}"#;
            let answer = world.with(&token, method, &target, body).await;
            assert_eq!(answer.status, 404, "{method} {target}");
        }
    }
    // No escapes at all: no description has such a path, so it is asked without one.
    for id in ["%", "%2", "%zz", "a%"] {
        let target = format!("/api/v1/chat/{id}");
        let headers = [("user_token", token.as_str())];
        let answer = send(world.address, "GET", &target, &headers, b"").await;
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.json()["error"].is_string());
    }
    for query in [
        "limit=-1&offset=-1",
        "limit=99999999999999999999999",
        "limit=1&limit=2",
        "%FF=%FF&%00",
        "&&&==",
        "user_token=",
        &long,
    ] {
        let one = format!("/api/v1/chat/{id}?{query}");
        for target in [format!("/api/v1/chat?{query}"), one] {
            let answer = world.with(&token, "GET", &target, "").await;
            assert_eq!(answer.status, 200, "{target}");
        }
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn bytes_that_are_no_text_open_nothing() {
    let world = World::start(open()).await;
    let (token, _) = world.begin("bytes").await;
    let request = |target: &[u8], header: &[u8]| {
        let parts: [&[u8]; 5] = [
            b"GET ",
            target,
            b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
            header,
            b"\r\n\r\n",
        ];
        parts.concat()
    };
    let good = format!("user_token: {token}");
    let table: [(&[u8], &[u8]); 6] = [
        (b"/api/v1/chat", b"user_token: \xff\xfe"),
        (b"/api/v1/chat", b"Authorization: Bearer \xff\xfe"),
        (b"/api/v1/chat?user_token=%FF%00", b"X: 1"),
        (b"/api/v1/chat?user_token=\xff", b"X: 1"),
        (b"/api/v1/chat/\xff\xfe", good.as_bytes()),
        (b"/api/v1/chat/%C3%28", good.as_bytes()),
    ];
    for (target, header) in table {
        let raw = request(target, header);
        let Some(answer) = send_raw(world.address, &raw).await else {
            continue;
        };
        let shown = String::from_utf8_lossy(target);
        assert!((400..=404).contains(&answer.status), "{shown}: {answer:?}");
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn any_token_is_refused_without_a_word_about_it() {
    let world = World::start(open()).await;
    let (_, id) = world.begin("tokens").await;
    let long = "a".repeat(20_000);
    let dots = format!("eyJhbGciOiJIUzI1NiJ9.{long}.{long}");
    // {"alg":"none"}, {"alg":"RS256"}, and one whose claims are no JSON.
    for token in [
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.AAAA.AAAA",
        "drg_",
        "drg_a_b",
        "drg_a_b_c",
        "drg_%_b",
        "' OR 1=1",
        "..",
        &long,
        &dots,
    ] {
        let path = format!("/api/v1/chat/{id}");
        for (method, target) in [
            ("GET", "/api/v1/chat"),
            ("GET", path.as_str()),
            ("DELETE", path.as_str()),
        ] {
            let answer = world.with(token, method, target, "").await;
            assert_eq!(answer.status, 401, "{token}");
            assert!(!answer.text().contains(token), "{}", answer.text());
        }
        let made = world.with(token, "POST", "/api/v1/chat", "{}").await;
        // Whoever has a key of ours, however mangled, must not become another user.
        let expected = if token.starts_with("drg_") { 401 } else { 201 };
        assert_eq!(made.status, expected, "{token}");
    }
}

#[tokio::test]
async fn a_key_that_has_ended_opens_nothing() {
    let world = World::start(open()).await;
    let ended = NewKey::generate(KeyRequest {
        tenant: "acme".into(),
        name: "ended".into(),
        scopes: vec![Scope::Read, Scope::Write],
        user: None,
        expires_at: Some(Time::from_micros(Time::now().as_micros() - 1_000_000).unwrap()),
    })
    .unwrap();
    world.state.insert(&ended.record).await.unwrap();
    let key = ended.key.expose_secret();
    for (method, target) in [
        ("GET", "/api/v1/chat"),
        ("POST", "/api/v1/chat"),
        ("GET", "/api/v1/chat/conv-0-xxxxxxxx"),
    ] {
        let answer = world.with(key, method, target, "{}").await;
        assert_eq!(answer.status, 401, "{method} {target}");
    }
}

#[tokio::test]
async fn somebody_elses_id_is_answered_like_one_that_nobody_has() {
    let world = World::start(open()).await;
    let (_, theirs) = world.begin("theirs").await;
    let (token, _) = world.begin("mine").await;
    for (method, tail) in [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/messages"),
        ("POST", "/messages"),
    ] {
        let ask = async |id: &str| {
            let target = format!("/api/v1/chat/{id}{tail}");
            // The body of a send is not looked at before.
            world.with(&token, method, &target, "bad").await
        };
        let (known, unknown) = (ask(&theirs).await, ask("conv-0-xxxxxxxx").await);
        assert_eq!(known.status, 404, "{method} {tail}");
        assert_eq!(known.status, unknown.status);
        assert_eq!(known.text(), unknown.text());
    }
}

#[tokio::test]
async fn bodies_are_taken_to_their_limit_and_no_further() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("bodies").await;
    let send = format!("/api/v1/chat/{id}/messages");
    let nested = format!(r#"{{"message": {}"#, "[".repeat(900_000));
    let far_too_long = "x".repeat(BODY_MAX * 3);
    for (target, body, expected) in [
        (send.as_str(), nested.as_str(), 400),
        ("/api/v1/chat", nested.as_str(), 201),
        (send.as_str(), far_too_long.as_str(), 413),
        ("/api/v1/chat", far_too_long.as_str(), 413),
    ] {
        let answer = world.with(&token, "POST", target, body).await;
        assert_eq!(answer.status, expected, "{target}");
    }
    let text = format!(r#"{{"message":"{}"}}"#, "\\u0000".repeat(1_000));
    let answer = world.with(&token, "POST", &send, &text).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let stored = world.messages(&token, &id).await;
    assert_eq!(stored[0]["content"], "\0".repeat(1_000));
    goes_on(&world).await;
}

#[tokio::test]
async fn a_body_in_chunks_or_cut_off_or_late_is_no_fault_of_ours() {
    let world = World::start_with(Setup {
        body_timeout: Duration::from_millis(500),
        ..Setup::default()
    })
    .await;
    let (token, id) = world.begin("bodies").await;
    let request = |rest: &str| {
        format!(
            "POST /api/v1/chat/{id}/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             user_token: {token}\r\n{rest}"
        )
    };
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for (rest, expected) in [
        (
            format!("{chunked}8\r\n{{\"messag\r\n8\r\ne\":\"hi\"}}\r\n0\r\n\r\n"),
            200,
        ),
        (format!("{chunked}nonsense\r\n"), 400),
        // Only the beginning comes.
        ("Content-Length: 100\r\n\r\n{\"mess".to_owned(), 408),
    ] {
        let answer = send_raw(world.address, request(&rest).as_bytes()).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, expected, "{rest}");
        assert!(answer.json().is_object());
    }
    assert_eq!(
        world.messages(&token, &id).await.as_array().unwrap().len(),
        2
    );
}
