//! The facade over a vendor's own backend, the adapter over its imitation: what lived there first keeps its ids, and what
//! the vendor refuses is refused alike.

use std::sync::Arc;

use backend::Backend;
use overlay::{Overlay, OverlaySettings};
use routing::Discovery;
use serde_json::{Value, json};
use sunshine::{JwtScope, Sunshine, SunshineConfig, SunshineCredentials};

use crate::fake::{APP_ID, FakeOptions, FakeSunshine, Fault, KEY_ID, SECRET};
use crate::files::upload;
use crate::world::{TENANT, World, text};

/// A facade over router, overlay and adapter.
async fn over(fake: &FakeSunshine) -> World {
    let credentials = SunshineCredentials::Jwt {
        key_id: KEY_ID.into(),
        secret: SECRET.into(),
        scope: JwtScope::App,
    };
    let config = SunshineConfig::new(fake.base_url(), APP_ID, credentials);
    World::start_over("", &["far"], move |_, state| {
        let adapter: Arc<dyn Backend> = Arc::new(Sunshine::new("far", &config).unwrap());
        let overlaid = Overlay::new(
            adapter,
            OverlaySettings::default(),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        (Arc::new(overlaid), Discovery::OnList)
    })
    .await
}

#[tokio::test]
async fn what_lives_at_the_vendor_has_its_ids_and_its_content() {
    let fake = FakeSunshine::start().await;
    let world = over(&fake).await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    assert_eq!(fake.conversation_ids(), [id.as_str()]);
    let content = json!({"type": "text", "text": "Choose", "actions": [
        {"type": "reply", "text": "Yes", "payload": "Y"},
    ]});
    let posted = world.post(&id, &content).await;
    assert_eq!(posted["content"], content);
    let far = fake.messages(&id);
    assert_eq!(far.len(), 1);
    assert_eq!(far[0].id.value(), Some(&text(&posted["id"])));
    let body = json!({"author": {"type": "user", "userExternalId": "ann"}, "content": {"type": "text", "text": "Y"}});
    let tail = format!("/conversations/{id}/messages");
    let said = world.ask("POST", &tail, &body).await.json();
    assert_eq!(said["messages"][0]["author"]["userId"], user);
    let listed = world.get(&tail).await.json();
    assert_eq!(listed["messages"], json!([posted, said["messages"][0]]));
    let found = world
        .get(&format!("/conversations?filter[userId]={user}"))
        .await
        .json();
    assert_eq!(found["conversations"][0]["id"], *id);
    let participants = world
        .get(&format!("/conversations/{id}/participants"))
        .await
        .json();
    assert_eq!(participants["participants"][0]["userId"], user);
    let gone = world
        .ask(
            "DELETE",
            &format!("{tail}/{}", text(&posted["id"])),
            &Value::Null,
        )
        .await;
    assert_eq!(gone.status, 200);
    assert_eq!(fake.messages(&id).len(), 1);
}

#[tokio::test]
async fn what_was_at_the_vendor_before_is_listed_by_its_ids() {
    let fake = FakeSunshine::start().await;
    let world = over(&fake).await;
    let user = fake.add_user(Some(&format!("{TENANT}:bob")));
    let id = fake.add_conversation(&user);
    let hello = json!({"author": {"type": "user", "userId": user}, "content": {"type": "text", "text": "hi"},
        "source": {"type": "web"}});
    fake.add_message(&id, &hello);
    let found = world.get("/conversations?filter[userExternalId]=bob").await;
    assert_eq!(found.status, 200, "{}", found.json());
    let found = found.json();
    assert_eq!(found["conversations"][0]["id"], *id);
    let messages = world
        .get(&format!("/conversations/{id}/messages"))
        .await
        .json();
    let bob = world.get("/users/bob").await.json()["user"]["id"].clone();
    assert_eq!(messages["messages"][0]["author"]["userId"], bob);
    assert_eq!(messages["messages"][0]["source"], json!({"type": "web"}));
}

#[tokio::test]
async fn a_file_that_the_vendor_serves_has_its_type_and_size() {
    let fake = FakeSunshine::start().await;
    let world = over(&fake).await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let query = format!("access=public&for=message&conversationId={id}");
    let url = upload(&world, &query, "hello bytes").await;
    assert!(url.starts_with(&fake.base_url()), "{url}");
    let posted = world
        .post(&id, &json!({"type": "file", "mediaUrl": url}))
        .await;
    assert_eq!(posted["content"]["mediaSize"], 11);
    assert_eq!(posted["content"]["mediaType"], "text/plain");
    let listed = world.get(&format!("/conversations/{id}/messages")).await;
    assert_eq!(listed.json()["messages"], json!([posted]));
}

#[tokio::test]
async fn a_conversation_that_is_full_is_locked() {
    let fake = FakeSunshine::start_with(FakeOptions {
        messages_max: 2,
        ..FakeOptions::default()
    })
    .await;
    let world = over(&fake).await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    for words in ["one", "two"] {
        world.say(&id, words).await;
    }
    let body =
        json!({"author": {"type": "business"}, "content": {"type": "text", "text": "three"}});
    let tail = format!("/conversations/{id}/messages");
    let refused = world.ask("POST", &tail, &body).await;
    assert_eq!(refused.code(), (423, "locked".to_owned()));
    assert_eq!(world.ask("DELETE", &tail, &Value::Null).await.status, 200);
    assert_eq!(world.ask("POST", &tail, &body).await.status, 201);
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_alike() {
    let fake = FakeSunshine::start().await;
    let world = over(&fake).await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let body = json!({"author": {"type": "business"}, "content": {"type": "text", "text": "hi"}});
    let tail = format!("/conversations/{id}/messages");
    for (status, expected, code) in [
        (429, 429, "too_many_requests"),
        (401, 502, "bad_gateway"),
        (500, 502, "bad_gateway"),
    ] {
        let fault = Fault::Answer {
            status,
            headers: vec![("retry-after", "7")],
            body: r#"{"errors":[{"code":"x","title":"A secret of the vendor"}]}"#.to_owned(),
        };
        // A read is tried again; a write is not.
        fake.inject_times("PostMessage", fault, 1);
        let answer = world.ask("POST", &tail, &body).await;
        assert_eq!(answer.code(), (expected, code.to_owned()), "{status}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
        if status == 429 {
            assert_eq!(answer.headers["retry-after"], "7");
        }
    }
    assert_eq!(world.ask("POST", &tail, &body).await.status, 201);
}
