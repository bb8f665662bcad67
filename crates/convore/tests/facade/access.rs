//! Who gets in, and what is answered to what the vendor does not have.

use backend::Scope;
use convore::facade::ROUTES;
use convore::{OPERATIONS, facade_routes};
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn only_a_key_opens() {
    let world = World::start().await;
    let none = world.send("GET", "/v1/messages", None, "", b"").await;
    none.refused(401);
    assert!(none.head.contains("www-authenticate: bearer"));
    for bad in ["x", "drg_1_2", &world.key[..world.key.len() - 1]] {
        let answer = world.send("GET", "/v1/labels", Some(bad), "", b"").await;
        answer.refused(401);
    }
    world.get("/v1/messages").await.ok();
}

#[tokio::test]
async fn a_base_url_may_end_with_a_slash() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    for path in [
        "//v1/conversations?limit=1".to_owned(),
        format!("//v1/conversations/{conversation}"),
    ] {
        let answer = world.send("GET", &path, Some(&world.key), "", b"").await;
        answer.ok();
        let answer = world.send("GET", &path, None, "", b"").await;
        answer.is_problem(401);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let world = World::start().await;
    let reads = world.key_of("acme", None, &[Scope::Read]).await;
    let answer = world.send("GET", "/v1/labels", Some(&reads), "", b"").await;
    answer.ok();
    let body = br#"{"name":"x"}"#;
    let answer = world
        .send("POST", "/v1/labels", Some(&reads), "application/json", body)
        .await;
    answer.refused(403);
    let writes = world.key_of("acme", None, &[Scope::Write]).await;
    let answer = world
        .send("GET", "/v1/labels", Some(&writes), "", b"")
        .await;
    answer.refused(403);
}

#[tokio::test]
async fn tenants_see_nothing_of_each_other() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "hello", "2024-03-06T19:29:57.659Z")
        .await;
    let label = world.post("/v1/labels", json!({"name": "Support"})).await;
    let label = label.ok()["id"].as_str().unwrap().to_owned();
    world
        .patch(
            &format!("/v1/conversations/{conversation}"),
            json!({"status": "done", "label_ids": [label]}),
        )
        .await
        .ok();
    let other = world.key_of("other", None, Scope::ALL).await;
    for path in [
        format!("/v1/conversations/{conversation}"),
        format!("/v1/messages/{message}"),
        format!("/v1/messages?conversation_id={conversation}"),
        format!("/v1/labels/{label}"),
        format!("/v1/events/{}", message.replacen("msg_", "event_", 1)),
        "/v1/channels/chnnl_1".to_owned(),
    ] {
        let answer = world.send("GET", &path, Some(&other), "", b"").await;
        answer.refused(404);
    }
    for list in ["conversations", "messages", "labels", "contacts", "events"] {
        let answer = world
            .send("GET", &format!("/v1/{list}"), Some(&other), "", b"")
            .await;
        assert_eq!(answer.ids(), Vec::<String>::new(), "{list}");
        assert_ne!(
            world.get(&format!("/v1/{list}")).await.ids(),
            Vec::<String>::new(),
            "{list}"
        );
    }
}

#[tokio::test]
async fn a_user_sees_no_other_users_conversations_people_and_events() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    world
        .patch(
            &format!("/v1/conversations/{conversation}"),
            json!({"status": "done"}),
        )
        .await
        .ok();
    let user = world.key_of("acme", Some("bo"), Scope::ALL).await;
    for list in ["conversations", "messages", "contacts", "events"] {
        let answer = world
            .send("GET", &format!("/v1/{list}"), Some(&user), "", b"")
            .await;
        assert_eq!(answer.ids(), Vec::<String>::new(), "{list}");
    }
}

#[tokio::test]
async fn paths_and_methods_that_the_vendor_has_not_are_refused() {
    let world = World::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v1/messages/a/b",
        "/v1/drafts",
        "/v1/messages/",
    ] {
        let answer = world.send("GET", path, Some(&world.key), "", b"").await;
        answer.refused(404);
    }
    for (method, path) in [
        ("PUT", "/v1/messages"),
        ("DELETE", "/v1/messages/x"),
        ("DELETE", "/v1/conversations/x"),
        ("OPTIONS", "/v1/messages"),
    ] {
        let answer = world.send(method, path, Some(&world.key), "", b"").await;
        answer.is_problem(405);
        assert!(answer.header("allow").is_some(), "{answer:?}");
    }
    let head = world
        .send("HEAD", "/v1/messages", Some(&world.key), "", b"")
        .await;
    assert_eq!(head.status, 405);
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let world = World::start().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = format!(r#"{{"channel_id":"c","body":"b","x":{deep}}}"#);
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"channel_id":"c"}"#,
        r#"{"body":"b"}"#,
        r#"{"channel_id":1,"body":"b"}"#,
        r#"{"channel_id":"c","body":null}"#,
        r#"{"conversation_id":"c","body":"b"}"#,
        &deep,
        "\u{feff}{}",
    ] {
        let answer = world
            .send(
                "POST",
                "/v1/messages",
                Some(&world.key),
                "application/json",
                body.as_bytes(),
            )
            .await;
        answer.refused(400);
    }
    let large = format!(r#"{{"channel_id":"c","body":"{}"}}"#, "x".repeat(1_000_000));
    let answer = world
        .send(
            "POST",
            "/v1/messages",
            Some(&world.key),
            "application/json",
            large.as_bytes(),
        )
        .await;
    answer.refused(413);
}

#[tokio::test]
async fn every_operation_of_the_adapter_has_its_route_and_every_route_is_there() {
    let world = World::start().await;
    let routes = facade_routes();
    assert_eq!(routes.len(), ROUTES.len());
    for operation in OPERATIONS {
        let (method, path) = operation.vendor.split_once(' ').unwrap();
        let route = (operation.vendor, format!("{method} /facade/convore{path}"));
        assert!(routes.contains(&route), "{route:?}");
    }
    for route in ROUTES {
        let (method, path) = route.split_once(' ').unwrap();
        let path: String = path
            .split('/')
            .map(|segment| {
                if segment.starts_with('{') {
                    "x"
                } else {
                    segment
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        let answer = world.send(method, &path, None, "", b"").await;
        answer.refused(401);
        let answer = world.send(method, &path, Some(&world.key), "", b"").await;
        answer.check(method, &path);
        assert_ne!(answer.status, 405, "{route}");
        let words = String::from_utf8_lossy(&answer.body);
        assert!(!words.contains("nothing at this path"), "{route}");
    }
}

#[tokio::test]
async fn a_write_to_what_is_anothers_looks_like_one_to_nothing() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "hello", "2024-03-06T19:29:57.659Z")
        .await;
    let other = world.key_of("other", None, Scope::ALL).await;
    let sender = json!({"handle": {"type": "email", "value": "a@b"}, "role": "from"});
    for (method, path, body) in [
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"channel_id": "c", "conversation_id": conversation, "body": "x"}),
        ),
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"reply_to_message_id": message, "body": "x"}),
        ),
        (
            "POST",
            "/v1/messages/import".to_owned(),
            json!({"channel_id": "c", "conversation_id": conversation, "date": "2024-03-06T19:29:57Z",
                "sender": sender, "recipients": []}),
        ),
        (
            "PATCH",
            format!("/v1/messages/{message}"),
            json!({"subject": "x"}),
        ),
        (
            "PATCH",
            format!("/v1/conversations/{conversation}"),
            json!({"status": "done"}),
        ),
    ] {
        let body = body.to_string();
        let answer = world
            .send(
                method,
                &path,
                Some(&other),
                "application/json",
                body.as_bytes(),
            )
            .await;
        answer.refused(404);
    }
}
