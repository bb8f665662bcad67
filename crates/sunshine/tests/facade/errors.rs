//! Every error that the vendor documents, with its status and code.

use serde_json::{Value, json};

use crate::world::{UNKNOWN, World, text};

#[tokio::test]
async fn every_documented_error_has_its_status_and_code() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let default = world.personal(&user).await;
    let one = json!({"userId": user, "subscribeSDKClient": true});
    let group = json!({"type": "sdkGroup", "participants": [one]});
    let group = world.ask("POST", "/conversations", &group).await.json();
    let group = format!("/conversations/{}", text(&group["conversation"]["id"]));
    for number in 1..10 {
        let user = world.user(&format!("p{number}")).await;
        let body = json!({"userId": user, "subscribeSDKClient": true});
        let joined = world.ask("POST", &format!("{group}/join"), &body).await;
        assert_eq!(joined.status, 201);
    }
    let late = world.user("late").await;
    let late = json!({"userId": late, "subscribeSDKClient": true});
    let list = format!("/conversations?filter[userId]={user}");
    let nowhere = format!("/conversations/{UNKNOWN}");
    let hello = json!({"author": {"type": "business"}, "content": {"type": "text", "text": "hi"}});
    let stranger = json!({"type": "personal", "participants": [{"userId": UNKNOWN}]});
    let none = Value::Null;
    let cases = [
        (
            "GET",
            format!("{list}&page[size]=101"),
            none.clone(),
            400,
            "bad_request",
        ),
        (
            "GET",
            "/conversations".to_owned(),
            none.clone(),
            400,
            "bad_request",
        ),
        (
            "GET",
            format!("{group}/participants?page[size]=0"),
            none.clone(),
            400,
            "bad_request",
        ),
        (
            "GET",
            format!("{group}/messages?page[before]=x"),
            none.clone(),
            400,
            "bad_request",
        ),
        (
            "POST",
            format!("{group}/join"),
            late.clone(),
            400,
            "bad_request",
        ),
        (
            "DELETE",
            format!("/conversations/{default}"),
            none.clone(),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/attachments/remove".to_owned(),
            json!({"mediaUrl": "https://example.org/a"}),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/conversations".to_owned(),
            stranger,
            404,
            "user_not_found",
        ),
        (
            "GET",
            format!("/conversations?filter[userId]={UNKNOWN}"),
            none.clone(),
            404,
            "user_not_found",
        ),
        (
            "GET",
            nowhere.clone(),
            none.clone(),
            404,
            "conversation_not_found",
        ),
        (
            "PATCH",
            nowhere.clone(),
            json!({"displayName": "x"}),
            404,
            "conversation_not_found",
        ),
        (
            "DELETE",
            nowhere.clone(),
            none.clone(),
            404,
            "conversation_not_found",
        ),
        (
            "GET",
            format!("{nowhere}/participants"),
            none.clone(),
            404,
            "conversation_not_found",
        ),
        (
            "POST",
            format!("{nowhere}/join"),
            late,
            404,
            "conversation_not_found",
        ),
        (
            "POST",
            format!("{nowhere}/leave"),
            json!({"userId": user}),
            404,
            "conversation_not_found",
        ),
        (
            "POST",
            format!("{group}/leave"),
            json!({"participantId": UNKNOWN}),
            404,
            "not_found",
        ),
        (
            "POST",
            format!("{nowhere}/messages"),
            hello,
            404,
            "conversation_not_found",
        ),
        (
            "GET",
            format!("{nowhere}/messages"),
            none.clone(),
            404,
            "not_found",
        ),
        (
            "DELETE",
            format!("{nowhere}/messages"),
            none.clone(),
            404,
            "conversation_not_found",
        ),
        (
            "DELETE",
            format!("{group}/messages/{UNKNOWN}"),
            none.clone(),
            404,
            "conversation_not_found",
        ),
        (
            "POST",
            format!("{nowhere}/activity"),
            json!({"author": {"type": "business"}, "type": "typing:start"}),
            404,
            "conversation_not_found",
        ),
        (
            "POST",
            "/users".to_owned(),
            json!({"externalId": "ann"}),
            409,
            "conflict",
        ),
        (
            "GET",
            format!("/users/{UNKNOWN}"),
            none.clone(),
            404,
            "user_not_found",
        ),
        (
            "PATCH",
            format!("/users/{UNKNOWN}"),
            json!({}),
            404,
            "user_not_found",
        ),
        (
            "DELETE",
            format!("/users/{UNKNOWN}"),
            none,
            404,
            "user_not_found",
        ),
    ];
    for (method, tail, body, status, code) in cases {
        let answer = world.ask(method, &tail, &body).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{method} {tail}");
    }
}
