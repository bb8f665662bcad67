//! Bodies: what a create makes of them, and in which order a send judges.

use crate::world::{World, open};

#[tokio::test]
async fn a_create_swallows_what_it_cannot_read() {
    let world = World::start(open()).await;
    let (token, _) = world.begin("bodies").await;
    let table: &[(&[u8], Option<&str>)] = &[
        (br#"{"title":"kept"} trailing"#, Some("kept")),
        (br#"{"TITLE":"any case"}"#, Some("any case")),
        (br#"{"title":"x\ud800y"}"#, Some("x\u{FFFD}y")),
        (br#"{"title":"a\u0000b"}"#, Some("a\0b")),
        (br#"{"title":42}"#, None),
        (b"[]", None),
        (b"{", None),
        (b"title=formtitle", None),
        (b"\x1f\x8b\x08\x00", None),
    ];
    for (body, title) in table {
        let headers = [("user_token", token.as_str()), ("Content-Type", "text/xml")];
        let made = world.ask("POST", "/api/v1/chat", &headers, body).await;
        assert_eq!(made.status, 201);
        let made = made.json();
        let shown = made.get("title").map(|title| title.as_str().unwrap());
        assert_eq!(shown, *title);
    }
    let long = format!(r#"{{"title":"{}"}}"#, "t".repeat(100_000));
    let made = world.with(&token, "POST", "/api/v1/chat", &long).await;
    assert_eq!(made.json()["title"].as_str().unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_send_judges_the_token_then_the_conversation_then_the_body() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("order").await;
    let unknown = "/api/v1/chat/conv-0-xxxxxxxx/messages";
    let known = format!("/api/v1/chat/{id}/messages");
    assert_eq!(world.ask("POST", unknown, &[], b"bad").await.status, 401);
    assert_eq!(world.with(&token, "POST", unknown, "bad").await.status, 404);
    for bad in [
        "",
        "bad",
        "{}",
        "null",
        "[\"x\"]",
        r#"{"message": ""}"#,
        r#"{"message": 7}"#,
        r#"{"message": "f", "fileId": 3}"#,
        r#"{"message": "#,
    ] {
        let answer = world.with(&token, "POST", &known, bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"].is_string());
    }
    assert!(
        world.messages(&token, &id).await.is_null(),
        "nothing was said"
    );
    let blank = r#"{"message": "  \n", "fileId": "f1", "role": "assistant"}"#;
    let answer = world.with(&token, "POST", &known, blank).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.messages(&token, &id).await[0]["content"], "  \n");
}

#[tokio::test]
async fn a_body_beyond_the_servers_limit_is_refused_and_nothing_is_made() {
    let world = World::start(open()).await;
    let (token, _) = world.begin("limit").await;
    let long = format!(r#"{{"title":"{}"}}"#, "t".repeat(1024 * 1024));
    let answer = world.with(&token, "POST", "/api/v1/chat", &long).await;
    assert_eq!(answer.status, 413);
    let list = world.with(&token, "GET", "/api/v1/chat", "").await.json();
    assert_eq!(list["conversations"].as_array().unwrap().len(), 1);
}
