//! Clients that leave: what they asked for is done all the same.

use std::sync::Arc;

use chatter::FacadeConfig;
use serde_json::json;

use crate::answerers::Held;
use crate::support::World;

async fn left_during(path: &str) {
    let config = FacadeConfig {
        requests_per_minute: 0,
        ..FacadeConfig::default()
    };
    let held = Held::default();
    let world = World::answered_by(config, Some(Arc::new(held.clone()))).await;
    let id = world.conversation("Left").await;
    let body = json!({"message": "are you there?", "conversation_id": id});
    let asking = tokio::spawn(world.post(path, body).send());
    held.is_asked.notified().await;
    asking.abort();
    assert!(asking.await.is_err());
    held.may_answer.notify_one();
    world.detached.finished().await;
    let read = world.get(&format!("conversations/{id}")).send().await;
    let messages = read.expect(200)["messages"].clone();
    let said: Vec<&str> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["are you there?", "echo: are you there?"], "{path}");
}

#[tokio::test]
async fn a_chat_goes_on_without_its_client() {
    left_during("chat/chat").await;
}

#[tokio::test]
async fn a_stream_goes_on_without_its_client() {
    left_during("chat/streaming").await;
}
