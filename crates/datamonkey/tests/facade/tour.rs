//! What a program does with the vendor, from its first conversation to its last.

use backend::{Located, RespondRequest};
use conversation::{NewConversation, NewMessage, Role, Time};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::asking::id_of;
use crate::world::{PUBLIC, World, open};

#[tokio::test]
async fn a_conversation_is_made_answered_listed_and_deleted() {
    let world = World::start(open()).await;
    let made = world
        .ask("POST", "/api/v1/chat", &[], br#"{"title": "First"}"#)
        .await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.header("access-control-expose-headers"),
        Some("X-Session-Token")
    );
    let token = made.header("x-session-token").unwrap().to_owned();
    let first = made.json();
    let members: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 4, "{members:?}");
    assert_eq!(first["title"], "First");
    assert_eq!(first["created"], first["updated"]);
    let id = id_of(&made);
    let created = first["created"].as_i64().unwrap();
    assert!(id.starts_with(&format!("conv-{created}-")), "{id}");

    let untitled = world.with(&token, "POST", "/api/v1/chat", "").await;
    assert_eq!(untitled.status, 201);
    assert!(untitled.header("x-session-token").is_none());
    assert!(untitled.header("access-control-expose-headers").is_none());
    assert!(untitled.json().get("title").is_none());
    let second = id_of(&untitled);

    let path = format!("/api/v1/chat/{id}");
    let whole = world.with(&token, "GET", &path, "").await;
    assert_eq!(
        whole.json(),
        json!({"created": created, "id": id, "messages": null, "title": "First", "updated": created})
    );
    let nothing = world
        .with(&token, "GET", &format!("/api/v1/chat/{second}"), "")
        .await;
    assert_eq!(nothing.json()["title"], "");
    assert_eq!(world.messages(&token, &id).await, Value::Null);

    let said = world
        .with(
            &token,
            "POST",
            &format!("{path}/messages"),
            r#"{"message": "Hello <b>"}"#,
        )
        .await;
    assert_eq!(said.status, 200);
    assert!(said.text().contains("\\u003cb\\u003e"), "{}", said.text());
    let answer = said.json()["message"].clone();
    assert_eq!(
        (&answer["role"], &answer["content"]),
        (&json!("assistant"), &json!("echo: Hello <b>"))
    );
    let messages = world.messages(&token, &id).await;
    assert_eq!(messages[0]["role"], "user");
    assert_eq!(messages[0]["content"], "Hello <b>");
    assert_eq!(messages[1], answer);
    assert!(messages.get(2).is_none());

    let list = world
        .with(&token, "GET", "/api/v1/chat?limit=1&page=9", "")
        .await;
    let listed = list.json()["conversations"].clone();
    assert_eq!(listed[0]["id"], id, "the last changed stands first");
    assert_eq!(listed[1]["id"], second);
    assert!(listed.get(2).is_none());
    assert!(listed[0].get("messages").is_none());

    let gone = world.with(&token, "DELETE", &path, r#"{"x": 1}"#).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert!(gone.header("content-type").is_none());
    assert!(gone.header("content-length").is_none());
    for (method, path) in [
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("GET", format!("{path}/messages")),
        ("POST", format!("{path}/messages")),
    ] {
        let answer = world
            .with(&token, method, &path, r#"{"message": "x"}"#)
            .await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    let list = world.with(&token, "GET", "/api/v1/chat", "").await;
    assert_eq!(list.json()["conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_id_stays_what_it_is_and_opens_what_others_made() {
    let world = World::start(open()).await;
    let cx = world.cx("acme");
    let new = NewConversation {
        title: Some("made elsewhere".into()),
        ..NewConversation::default()
    };
    let Located { location, .. } = world.backend.create_conversation(&cx, new).await.unwrap();
    let scopes = [backend::Scope::Read, backend::Scope::Write];
    let (key, _) = world.key("acme", None, &scopes).await;
    let ids = async || {
        let list = world.with(&key, "GET", "/api/v1/chat", "").await.json();
        list["conversations"][0]["id"].as_str().unwrap().to_owned()
    };
    let id = ids().await;
    assert_eq!(ids().await, id);
    let path = format!("/api/v1/chat/{id}");
    let shown = world.with(&key, "GET", &path, "").await;
    assert_eq!(shown.json()["title"], "made elsewhere");
    // The public id is no id of the vendor's.
    let other = format!("/api/v1/chat/{}", location.id);
    assert_eq!(world.with(&key, "GET", &other, "").await.status, 404);
}

#[tokio::test]
async fn a_long_conversation_is_shown_whole_and_in_order() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("long").await;
    let cx = world.cx(PUBLIC);
    let query = backend::ConversationQuery::all(1);
    let found = world.backend.list_conversations(&cx, &query).await.unwrap();
    let at = &found.page.items[0].location;
    let start = Time::now().as_micros() - 3_600_000_000;
    let history: Vec<NewMessage> = (0..450_i64)
        .map(|place| NewMessage {
            sent_at: Some(Time::from_micros(start + place * 1_000).unwrap()),
            ..NewMessage::text(Role::User, place.to_string())
        })
        .collect();
    for page in history.chunks(100) {
        world
            .backend
            .import_messages(&cx, at, page.to_vec())
            .await
            .unwrap();
    }
    let request = RespondRequest {
        input: Some(NewMessage::text(Role::User, "last")),
        ..RespondRequest::default()
    };
    let events = world.backend.respond(&cx, at, request).await.unwrap();
    assert!(events.count().await > 0);
    let shown = world.messages(&token, &id).await;
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len(), 452);
    for (place, one) in shown.iter().take(450).enumerate() {
        assert_eq!(one["content"], place.to_string());
    }
    assert_eq!(shown[451]["role"], "assistant");
}
