//! How an answer is set up, and who says what of it.

use std::sync::Arc;

use backend::Scope;
use chatter::FacadeConfig;
use http::Method;
use serde_json::json;

use crate::answerers::Noting;
use crate::support::World;

async fn noted() -> (World, Noting) {
    let config = FacadeConfig {
        requests_per_minute: 0,
        ..FacadeConfig::default()
    };
    let noting = Noting::default();
    let world = World::answered_by(config, Some(Arc::new(noting.clone()))).await;
    (world, noting)
}

#[tokio::test]
async fn what_a_chat_asks_for_reaches_the_ai() {
    let (world, noting) = noted().await;
    let body = json!({
        "message": "m", "system_prompt_override": "be brief", "provider": "p", "temperature": 0.25,
        "max_tokens": 77, "workflow": "rag", "enable_retrieval": true, "workflow_config": {"k": 1},
        "context_limit": 5, "document_ids": ["d"], "workflow_type": "x", "prompt_id": "y", "stream": "maybe",
    });
    let chat = world.post("chat/template/Hello%20World", body);
    let chat = chat.send().await.expect(200);
    let conversation = &chat["conversation"];
    assert_eq!(
        (&conversation["temperature"], &conversation["max_tokens"]),
        (&json!(0.25), &json!(77))
    );
    assert_eq!(
        conversation["extra_metadata"],
        json!({"workflow_config": {"k": 1}})
    );
    // The override is one answer's, and no setting of the conversation.
    assert_eq!(conversation["system_prompt"], json!(null));
    let body = json!({"message": "again", "conversation_id": chat["conversation_id"], "workflow": "plain"});
    world.post("chat/chat", body).send().await.expect(200);
    let [(first, template), (second, none)] = &noting.noted()[..] else {
        panic!("two answers")
    };
    assert_eq!(
        (template.as_deref(), none.as_deref()),
        (Some("Hello World"), None)
    );
    assert_eq!(first.system_prompt.as_deref(), Some("be brief"));
    assert_eq!(first.provider.as_deref(), Some("p"));
    assert_eq!(
        (first.temperature, first.max_tokens),
        (Some(0.25), Some(77))
    );
    assert_eq!(first.workflow.as_deref(), Some("rag"));
    assert_eq!(first.retrieval, Some(true));
    assert_eq!((&second.workflow, &second.system_prompt), (&None, &None));
    // What was kept of the first.
    assert_eq!(second.max_tokens, Some(77));
}

#[tokio::test]
async fn each_user_has_one_vote_and_an_id() {
    let (world, _) = noted().await;
    let chat = world
        .post("chat/chat", json!({"message": "m"}))
        .send()
        .await;
    let chat = chat.expect(200);
    let path = format!(
        "conversations/{}/messages/{}/rating",
        chat["conversation_id"].as_str().unwrap(),
        chat["message"]["id"].as_str().unwrap()
    );
    let other = world.new_key("acme", None, Scope::ALL).await;
    let vote = |key: &str, value: f64| {
        let call = world.call(Method::PATCH, &path).key(key);
        call.json(json!({"rating": value})).send()
    };
    for (key, value, mean, count) in [
        (&world.key, 5.0, 5.0, 1),
        (&world.key, 4.0, 4.0, 1),
        (&other, 1.0, 2.5, 2),
    ] {
        let rated = vote(key, value).await.expect(200);
        assert_eq!(
            (&rated["rating"], &rated["rating_count"]),
            (&json!(mean), &json!(count))
        );
    }
    let user_of = |key: String| {
        let made = world
            .post("conversations/", json!({"title": "t"}))
            .key(&key);
        async { made.send().await.expect(201)["user_id"].clone() }
    };
    let ada = world.new_key("acme", Some("ada"), Scope::ALL).await;
    let also_ada = world.new_key("acme", Some("ada"), Scope::ALL).await;
    let other_ada = world.new_key("other", Some("ada"), Scope::ALL).await;
    let id = user_of(ada).await;
    assert_eq!(user_of(also_ada).await, id);
    assert_ne!(user_of(other_ada).await, id);
    assert_ne!(user_of(world.key.clone()).await, user_of(other).await);
}
