//! The route table's own answers: plain text, redirects, and never a 405.

use crate::asking::MOUNT;
use crate::world::{Setup, World, open};

async fn mounted(path: &'static str) -> World {
    let setup = Setup {
        path,
        ..Setup::default()
    };
    World::start_with(setup).await
}

#[tokio::test]
async fn what_is_no_route_is_plain_text() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("routes").await;
    let one = format!("/api/v1/chat/{id}");
    let table = [
        ("GET", "/api/v1/nope".to_owned()),
        // Not among the six operations.
        ("GET", "/api/v1/health".to_owned()),
        ("GET", "/api/v1//chat".to_owned()),
        ("GET", "/chat".to_owned()),
        ("GET", "/".to_owned()),
        ("GET", "/api/v1/chat/a%2Fb".to_owned()),
        ("GET", format!("{one}/messages/1")),
        ("PUT", one.clone()),
        ("PATCH", one.clone()),
        ("POST", one.clone()),
        ("HEAD", one.clone()),
        ("HEAD", "/api/v1/chat".to_owned()),
        ("OPTIONS", "/api/v1/chat".to_owned()),
        ("DELETE", format!("{one}/messages")),
    ];
    for (method, target) in table {
        let answer = world.with(&token, method, &target, "").await;
        assert_eq!(answer.status, 404, "{method} {target}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("content-length"), Some("18"));
        assert!(answer.header("allow").is_none());
        let expected = if method == "HEAD" {
            ""
        } else {
            "404 page not found"
        };
        assert_eq!(answer.text(), expected, "{method} {target}");
    }
}

#[tokio::test]
async fn a_slash_too_many_is_a_redirect() {
    for path in ["", MOUNT] {
        let world = mounted(path).await;
        let chat = format!("{path}/api/v1/chat");
        let page = world.ask("GET", &format!("{chat}/?a=1"), &[], b"").await;
        assert_eq!(page.status, 301);
        let target = format!("{chat}?a=1");
        assert_eq!(page.header("location"), Some(target.as_str()));
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let bare = world.ask("POST", &format!("{chat}/"), &[], b"{}").await;
        assert_eq!((bare.status, bare.body.len()), (307, 0));
        assert_eq!(bare.header("location"), Some(chat.as_str()));
        assert!(bare.header("content-type").is_none());
    }
}

#[tokio::test]
async fn below_a_path_it_is_the_same_facade() {
    let world = mounted(MOUNT).await;
    let made = world
        .ask("POST", "/facade/datamonkey/api/v1/chat", &[], b"")
        .await;
    assert_eq!(made.status, 201);
    assert!(made.header("x-session-token").is_some());
    for target in ["/facade/datamonkey", "/facade/datamonkey/api/v1/nope"] {
        let missing = world.ask("GET", target, &[], b"").await;
        assert_eq!(missing.status, 404);
        assert_eq!(missing.text(), "404 page not found");
    }
}

#[tokio::test]
async fn strange_ids_are_conversations_that_are_not_there() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("ids").await;
    for strange in [
        "conv-0-xxxxxxxx",
        "%E2%9C%93",
        "%00",
        "%FF",
        "'%20OR%20'1'='1",
        &id.to_uppercase(),
        &"x".repeat(5_000),
    ] {
        let target = format!("/api/v1/chat/{strange}");
        let answer = world.with(&token, "GET", &target, "").await;
        assert_eq!(answer.status, 404, "{strange}");
        assert!(answer.json()["error"].is_string());
    }
}
