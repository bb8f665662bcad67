//! Keys that have ended, and keys of others: they open nothing, and learn nothing.

use backend::Scope;
use conversation::Time;
use serde_json::{Value, json};

use crate::support::World;

const JSON: &str = "application/json";

#[tokio::test]
async fn keys_that_have_ended_or_are_anothers_open_nothing() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let yesterday = Time::now().saturating_add_micros(-86_400_000_000);
    let ended = world
        .key_until("acme", None, Scope::ALL, Some(yesterday))
        .await;
    let keys = [
        ended.as_str(),
        "",
        " ",
        "drg_",
        "\u{ff}",
        &"x".repeat(10_000),
        &world.key.to_uppercase(),
        &format!("{}x", world.key),
        &world.key.replacen("drg_", "drg__", 1),
    ];
    for key in keys {
        for (method, path) in [
            ("GET", format!("/v1/conversations/{conversation}")),
            ("PATCH", format!("/v1/conversations/{conversation}")),
            ("POST", "/v1/messages".to_owned()),
            ("GET", "/v1/events".to_owned()),
        ] {
            let answer = world.send(method, &path, Some(key), JSON, b"{}").await;
            answer.check(method, &path);
            answer.is_problem(401);
            assert_eq!(answer.header("www-authenticate"), Some("bearer"));
        }
    }
}

#[tokio::test]
async fn a_key_of_one_user_changes_nothing_of_the_tenants_and_sees_no_others_words() {
    let world = World::start().await;
    let label = world.post("/v1/labels", json!({"name": "All"})).await.ok();
    let new = conversation::NewConversation {
        labels: vec!["somebody's own word".into()],
        ..conversation::NewConversation::default()
    };
    let made = world.backend.create_conversation(&world.cx(), new).await;
    let path = format!("/v1/conversations/{}", made.unwrap().location.id);
    let own = world.get(&path).await.ok()["labels"][0].clone();
    let bo = world.key_of("acme", Some("bo"), Scope::ALL).await;
    let listed = world.send("GET", "/v1/labels", Some(&bo), "", b"").await;
    assert_eq!(listed.ids(), [label["id"].as_str().unwrap()]);
    let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/labels/{}", id(&own));
    let one = world.send("GET", &path, Some(&bo), "", b"").await;
    one.is_problem(404);
    let channel = world.get("/v1/channels").await.ok()["data"][0].clone();
    for (method, path, body) in [
        ("POST", "/v1/labels".to_owned(), json!({"name": "x"})),
        (
            "PATCH",
            format!("/v1/labels/{}", id(&label)),
            json!({"description": "x"}),
        ),
        ("DELETE", format!("/v1/labels/{}", id(&label)), json!({})),
        (
            "POST",
            "/v1/channels".to_owned(),
            json!({"connector_id": "c"}),
        ),
        (
            "PATCH",
            format!("/v1/channels/{}", id(&channel)),
            json!({"name": "x"}),
        ),
    ] {
        let body = body.to_string();
        let answer = world
            .send(method, &path, Some(&bo), JSON, body.as_bytes())
            .await;
        answer.check(method, &path);
        answer.is_problem(403);
    }
}

#[tokio::test]
async fn what_is_kept_of_people_and_conversations_goes_with_them() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let path = format!("/v1/conversations/{conversation}");
    world.patch(&path, json!({"status": "done"})).await.ok();
    let user = world.key_of("acme", Some("cy"), Scope::ALL).await;
    let body = json!({"name": "Di", "handles": [{"type": "email", "value": "di@example.test"}]})
        .to_string();
    world
        .send("POST", "/v1/contacts", Some(&user), JSON, body.as_bytes())
        .await
        .ok();
    for (kind, person) in [
        ("contact", "email:bo@example.test"),
        ("handle", "email:bo@example.test"),
        ("contact:cy", "cy"),
        ("handle:cy", "cy"),
    ] {
        let found = world.kept(kind).await;
        let persons: Vec<&str> = found
            .iter()
            .filter_map(|one| one.person.as_deref())
            .collect();
        assert_eq!(persons.len(), found.len(), "{kind}");
        assert!(persons.contains(&person), "{kind}: {persons:?}");
    }
    let events = world.kept("event").await;
    let of = events[0].conversation.unwrap().to_string();
    assert_eq!((events.len(), of), (1, conversation));
}

#[tokio::test]
async fn a_key_of_one_user_reaches_nothing_of_anothers() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "x", "2024-03-06T19:29:57.659Z")
        .await;
    let bo = world.key_of("acme", Some("bo"), Scope::ALL).await;
    let sender = json!({"handle": {"type": "email", "value": "a@b"}, "role": "from"});
    for (method, path, body) in [
        (
            "GET",
            format!("/v1/conversations/{conversation}"),
            Value::Null,
        ),
        ("GET", format!("/v1/messages/{message}"), Value::Null),
        (
            "GET",
            format!("/v1/messages?conversation_id={conversation}"),
            Value::Null,
        ),
        (
            "GET",
            format!("/v1/events/{}", message.replacen("msg_", "event_", 1)),
            Value::Null,
        ),
        (
            "PATCH",
            format!("/v1/conversations/{conversation}"),
            json!({"status": "done"}),
        ),
        (
            "PATCH",
            format!("/v1/messages/{message}"),
            json!({"subject": "x"}),
        ),
        (
            "POST",
            "/v1/messages".to_owned(),
            json!({"reply_to_message_id": message, "body": "x"}),
        ),
        (
            "POST",
            "/v1/messages/import".to_owned(),
            json!({"conversation_id": conversation, "date": "2024-03-06T19:29:57Z", "sender": sender, "recipients": []}),
        ),
    ] {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = world
            .send(method, &path, Some(&bo), JSON, body.as_bytes())
            .await;
        answer.check(method, &path);
        answer.is_problem(404);
    }
    // An answer that names one's own message and another's conversation tells nothing of that.
    let own = json!({"channel_id": "chnnl_1", "label_ids": [], "participants": []}).to_string();
    let own = world
        .send("POST", "/v1/conversations", Some(&bo), JSON, own.as_bytes())
        .await
        .ok();
    let said = json!({"conversation_id": own["id"], "date": "2024-03-06T19:29:57Z", "sender": sender, "recipients": []});
    let said = said.to_string();
    let said = world
        .send(
            "POST",
            "/v1/messages/import",
            Some(&bo),
            JSON,
            said.as_bytes(),
        )
        .await
        .ok();
    let body =
        json!({"reply_to_message_id": said["id"], "conversation_id": conversation, "body": "x"});
    let body = body.to_string();
    let answer = world
        .send("POST", "/v1/messages", Some(&bo), JSON, body.as_bytes())
        .await;
    answer.is_problem(404);
}
