//! Single conversations: create, read, change, delete.

use backend::Scope;
use http::Method;
use serde_json::{Value, json};

use crate::support::World;

/// The members of a conversation, in the vendor's order.
const MEMBERS: [&str; 26] = [
    "title",
    "description",
    "id",
    "user_id",
    "profile_id",
    "status",
    "llm_provider",
    "llm_model",
    "temperature",
    "max_tokens",
    "enable_retrieval",
    "message_count",
    "total_tokens",
    "total_cost",
    "system_prompt",
    "context_window",
    "memory_enabled",
    "memory_strategy",
    "retrieval_limit",
    "retrieval_score_threshold",
    "tags",
    "extra_metadata",
    "workflow_config",
    "created_at",
    "updated_at",
    "last_message_at",
];

#[tokio::test]
async fn a_new_conversation_has_every_member_in_the_vendors_order() {
    let world = World::start().await;
    let answer = world
        .post("conversations/", json!({"title": "Hello"}))
        .send()
        .await;
    let made = answer.expect(201);
    let places: Vec<usize> = MEMBERS
        .iter()
        .map(|name| answer.text.find(&format!("\"{name}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{}", answer.text);
    assert_eq!(made.as_object().unwrap().len(), MEMBERS.len());
    assert_eq!(made["status"], "active");
    assert_eq!(made["extra_metadata"], json!({}));
    assert_eq!(made["context_window"], 4096);
    assert_eq!(made["total_cost"], 0.0);
    assert_eq!(made["tags"], Value::Null);
    assert_eq!(made["created_at"], made["updated_at"]);
    let read = world
        .get(&format!("conversations/{}", made["id"].as_str().unwrap()))
        .send()
        .await
        .expect(200);
    assert_eq!(read["messages"], json!([]));
    assert_eq!(read["user_id"], made["user_id"]);
}

#[tokio::test]
async fn what_the_documentation_promises_is_kept() {
    let world = World::start().await;
    let body = json!({
        "title": "Full", "description": "about", "system_prompt": "be brief", "enable_retrieval": "yes",
        "temperature": "0.5", "max_tokens": 7.0, "workflow_config": {"k": [1, 2]},
        "extra_metadata": {"src": "crm", "deep": {"é": "✓"}}, "unknown": 1,
    });
    let made = world.post("chat/conversations", body).send().await;
    let made = made.expect(201);
    assert_eq!(made["description"], "about");
    assert_eq!(made["system_prompt"], "be brief");
    assert_eq!(made["enable_retrieval"], true);
    assert_eq!(
        (&made["temperature"], &made["max_tokens"]),
        (&json!(0.5), &json!(7))
    );
    assert_eq!(
        made["extra_metadata"],
        json!({"src": "crm", "deep": {"é": "✓"}, "workflow_config": {"k": [1, 2]}})
    );
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_null_keeps() {
    let world = World::start().await;
    let body = json!({"title": "One", "temperature": 1, "extra_metadata": {"a": 1, "b": 2}});
    let made = world.post("conversations/", body).send().await.expect(201);
    let path = format!("conversations/{}", made["id"].as_str().unwrap());
    let put = |body: Value| world.call(Method::PUT, &path).json(body).send();
    let same = put(json!({})).await.expect(200);
    assert_eq!(same, made);
    let kept = put(json!({"title": null, "temperature": null}))
        .await
        .expect(200);
    assert_eq!(kept, made);
    let changed = put(json!({"title": "Two", "status": "archived", "extra_metadata": {"b": 3}}))
        .await
        .expect(200);
    assert_eq!(changed["title"], "Two");
    assert_eq!(changed["status"], "archived");
    assert_eq!(changed["temperature"], 1.0);
    assert_eq!(changed["extra_metadata"], json!({"b": 3}));
    let hidden = put(json!({"status": "deleted"})).await.expect(200);
    assert_eq!(hidden["status"], "deleted");
    let back = put(json!({"status": "active"})).await.expect(200);
    assert_eq!(back["status"], "active");
}

#[tokio::test]
async fn a_deleted_conversation_is_gone() {
    let world = World::start().await;
    let id = world.conversation("Short").await;
    for prefix in ["conversations", "chat/conversations"] {
        let path = format!("{prefix}/{id}");
        world.get(&path).send().await.expect(200);
    }
    let path = format!("conversations/{id}");
    let deleted = world.call(Method::DELETE, &path).send().await;
    assert_eq!(
        deleted.expect(200),
        json!({"message": "Conversation deleted successfully"})
    );
    for method in [Method::GET, Method::DELETE] {
        let answer = world.call(method, &path).send().await;
        let problem = answer.problem(404, "resource-not-found");
        assert_eq!(problem["detail"], "Conversation not found");
        assert_eq!(problem["resourceType"], "conversation");
    }
}

#[tokio::test]
async fn nobody_sees_another_users_or_tenants_conversation() {
    let world = World::start().await;
    let own = world.new_key("acme", Some("ada"), Scope::ALL).await;
    let made = world
        .post("conversations/", json!({"title": "Mine"}))
        .key(&own)
        .send()
        .await
        .expect(201);
    let path = format!("conversations/{}", made["id"].as_str().unwrap());
    let other_user = world.new_key("acme", Some("bob"), Scope::ALL).await;
    let other_tenant = world.new_key("other", None, Scope::ALL).await;
    for key in [&other_user, &other_tenant] {
        for method in [Method::GET, Method::DELETE] {
            let answer = world.call(method, &path).key(key).send().await;
            answer.problem(404, "resource-not-found");
        }
        let put = world.call(Method::PUT, &path).json(json!({"title": "x"}));
        put.key(key).send().await.problem(404, "resource-not-found");
        let list = world
            .get("conversations/")
            .key(key)
            .send()
            .await
            .expect(200);
        assert_eq!(list["total_count"], 0);
    }
    let seen = world.get(&path).key(&own).send().await.expect(200);
    assert_eq!(seen["user_id"], made["user_id"]);
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_allow() {
    let world = World::start().await;
    let reader = world.new_key("acme", None, &[Scope::Read]).await;
    world
        .get("conversations/")
        .key(&reader)
        .send()
        .await
        .expect(200);
    let refused = world
        .post("conversations/", json!({"title": "x"}))
        .key(&reader)
        .send()
        .await;
    refused.problem(403, "forbidden");
}
