//! A facade before a backend of its own vendor: here another facade.

use std::sync::Arc;

use datamonkey::{Datamonkey, DatamonkeyConfig};
use serde_json::Value;

use crate::asking::id_of;
use crate::world::{Behind, Setup, World, open};

/// A facade before this server.
async fn before(config: DatamonkeyConfig) -> World {
    World::start_with(Setup {
        behind: Behind::Own(Box::new(move |state| {
            Arc::new(Datamonkey::new("science", &config, state).unwrap())
        })),
        ..Setup::default()
    })
    .await
}

/// A facade, and another one before it.
async fn chained() -> (World, World) {
    let far = World::start(open()).await;
    let config = DatamonkeyConfig::new(format!("http://{}", far.address));
    let near = before(config).await;
    (far, near)
}

/// The ids of all conversations of the far facade's one tenant.
async fn ids(world: &World) -> Vec<String> {
    let scopes = [backend::Scope::Read, backend::Scope::Write];
    let (key, _) = world.key(crate::world::PUBLIC, None, &scopes).await;
    let list = world.with(&key, "GET", "/api/v1/chat", "").await.json();
    let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
    list["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(id)
        .collect()
}

#[tokio::test]
async fn what_first_lived_at_the_vendor_keeps_the_id_that_it_got_there() {
    let (far, near) = chained().await;
    let (token, id) = near.begin("near").await;
    assert_eq!(ids(&far).await, std::slice::from_ref(&id));
    let path = format!("/api/v1/chat/{id}");
    assert_eq!(near.with(&token, "GET", &path, "").await.json()["id"], id);
    let list = near.with(&token, "GET", "/api/v1/chat", "").await.json();
    assert_eq!(list["conversations"][0]["id"], id);
    let body = r#"{"message": "through both"}"#;
    let send = format!("{path}/messages");
    let answer = near.with(&token, "POST", &send, body).await;
    assert_eq!(answer.json()["message"]["content"], "echo: through both");
    assert_eq!(
        near.messages(&token, &id).await.as_array().unwrap().len(),
        2
    );
    let more = near.with(&token, "POST", "/api/v1/chat", "{}").await;
    let mut all = ids(&far).await;
    all.sort();
    let mut expected = [id.clone(), id_of(&more)];
    expected.sort();
    assert_eq!(all, expected);
    assert_eq!(near.with(&token, "DELETE", &path, "").await.status, 204);
    assert_eq!(near.with(&token, "GET", &path, "").await.status, 404);
    assert_eq!(ids(&far).await, [id_of(&more)]);
}

#[tokio::test]
async fn strange_ids_are_not_there_either() {
    let (_far, near) = chained().await;
    let (token, _) = near.begin("ids").await;
    let (stranger, theirs) = near.begin("theirs").await;
    for strange in ["%00", "%FF", "conv-0-xxxxxxxx", &"x".repeat(5_000), &theirs] {
        let target = format!("/api/v1/chat/{strange}");
        let answer = near.with(&token, "GET", &target, "").await;
        assert_eq!(answer.status, 404, "{strange}");
    }
    let target = format!("/api/v1/chat/{theirs}");
    assert_eq!(near.with(&stranger, "GET", &target, "").await.status, 200);
}

#[tokio::test]
async fn a_vendor_that_is_not_there_is_an_error_in_the_vendors_shape() {
    let nobody = DatamonkeyConfig::new("http://127.0.0.1:1");
    let near = before(nobody).await;
    let made = near.ask("POST", "/api/v1/chat", &[], b"{}").await;
    assert_eq!(made.status, 503, "nothing was done: {}", made.text());
    assert!(!made.text().contains("127.0.0.1"), "{}", made.text());
}
