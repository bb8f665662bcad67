//! A server of the vendor behind the facade: its ids, its templates, its tools.

use std::sync::Arc;

use backend::Backend;
use chatter::{Chatter, ChatterConfig, ChatterCredentials, FacadeConfig};
use http::Method;
use serde_json::{Value, json};

use crate::fake::{FakeChatter, Generation};
use crate::support::World;

async fn over_the_vendor(fake: &FakeChatter) -> World {
    let token = ChatterCredentials::Token(FakeChatter::TOKEN.into());
    let chatter = Chatter::new("own", &ChatterConfig::new(fake.base_url(), token), None).unwrap();
    chatter.find_generation().await.unwrap();
    let config = FacadeConfig {
        requests_per_minute: 0,
        ..FacadeConfig::default()
    };
    World::over(config, |_, _| Arc::new(chatter) as Arc<dyn Backend>).await
}

#[tokio::test]
async fn what_lives_at_the_vendor_keeps_its_ids_from_there() {
    let fake = FakeChatter::start(Generation::V2).await;
    let world = over_the_vendor(&fake).await;
    let first = world.post("chat/chat", json!({"message": "hello"}));
    let first = first.send().await.expect(200);
    let id = first["conversation_id"].as_str().unwrap();
    let there = fake.conversation(id).unwrap();
    assert_eq!(first["conversation"]["user_id"], there.user_id);
    assert_eq!(first["conversation"]["title"], "hello");
    let native: Vec<String> = fake.messages(id).into_iter().map(|one| one.id).collect();
    let list = world.get(&format!("conversations/{id}/messages"));
    let list = list.send().await.expect(200);
    let shown: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    assert_eq!(shown, native);
    assert_eq!(first["message"]["id"], native[1]);
    // The vendor counts nothing: places are counted here.
    for place in [3, 5] {
        let body = json!({"message": "again", "conversation_id": id});
        let next = world.post("chat/chat", body).send().await.expect(200);
        assert_eq!(next["message"]["sequence_number"], place);
    }

    let path = format!("conversations/{id}/messages/{}/rating", native[1]);
    let rated = world.call(Method::PATCH, &path).json(json!({"rating": 4}));
    assert_eq!(rated.send().await.expect(200)["rating"], 4.0);
    let path = format!("conversations/{id}/messages/{}", native[1]);
    let deleted = world.call(Method::DELETE, &path).send().await;
    deleted.expect(200);
    assert_eq!(fake.messages(id).len(), 5);
    let body = json!({"message": "again", "conversation_id": id});
    let next = world.post("chat/chat", body).send().await.expect(200);
    assert_eq!(next["message"]["sequence_number"], 6);
}

/// Makes a conversation at the vendor itself.
async fn made_there(fake: &FakeChatter, title: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let made = client
        .post(format!("{}/api/v1/conversations/", fake.base_url()))
        .bearer_auth(FakeChatter::TOKEN)
        .header("content-type", "application/json")
        .body(json!({"title": title}).to_string())
        .send()
        .await;
    let text = made.unwrap().text().await.unwrap();
    let made: Value = serde_json::from_str(&text).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_the_vendor_had_before_the_gateway_came_is_listed_at_once() {
    let fake = FakeChatter::start(Generation::V2).await;
    let (first, second) = (
        made_there(&fake, "one").await,
        made_there(&fake, "two").await,
    );
    for path in ["conversations/?limit=1", "conversations/?offset=1"] {
        let world = over_the_vendor(&fake).await;
        let list = world.get(path).send().await.expect(200);
        assert_eq!(list["total_count"], 2, "{path}");
        assert_eq!(list["conversations"].as_array().unwrap().len(), 1, "{path}");
    }
    let world = over_the_vendor(&fake).await;
    let path = "chat/conversations";
    let list = world.get(path).send().await.expect(200);
    let ids: Vec<&Value> = list["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert!(
        ids.contains(&&json!(first)) && ids.contains(&&json!(second)),
        "{list}"
    );
}

#[tokio::test]
async fn what_the_vendor_had_before_is_found_by_its_id_there() {
    let fake = FakeChatter::start(Generation::V2).await;
    let id = made_there(&fake, "one").await;
    let world = over_the_vendor(&fake).await;
    let read = world.get(&format!("conversations/{id}")).send().await;
    assert_eq!(read.expect(200)["title"], "one");
    let nobodys = "conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let answer = world.get(nobodys).send().await;
    answer.problem(404, "resource-not-found");
}

#[tokio::test]
async fn streams_of_the_vendor_come_through_frame_by_frame() {
    let fake = FakeChatter::start(Generation::V2).await;
    let world = over_the_vendor(&fake).await;
    let answer = world.post("chat/streaming", json!({"message": "one two"}));
    let frames = answer.send().await.frames();
    // Here the answer's id is known before its words.
    let complete = &frames[frames.len() - 2];
    assert_eq!(complete["type"], "complete");
    for frame in &frames[1..frames.len() - 1] {
        assert_eq!(frame["message_id"], complete["message_id"], "{frame}");
    }
    let id = frames[0]["metadata"]["conversation_id"].as_str().unwrap();
    assert_eq!(fake.messages(id)[1].id, complete["message_id"]);
}

#[tokio::test]
async fn templates_tools_and_states_are_those_of_the_backend() {
    let fake = FakeChatter::start(Generation::V1NewFastApi).await;
    let world = over_the_vendor(&fake).await;
    let direct = |path: &str| {
        let url = format!("{}/api/v1/{path}", fake.base_url());
        async move {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = client.get(url).bearer_auth(FakeChatter::TOKEN).send().await;
            let text = answer.unwrap().text().await.unwrap();
            serde_json::from_str::<Value>(&text).unwrap()
        }
    };
    for path in ["chat/templates", "chat/tools/available"] {
        let shown = world.get(path).send().await.expect(200);
        let there = direct(path).await;
        let count = |value: &Value| {
            let value = value.get("templates").or(value.get("tools")).unwrap();
            match value {
                Value::Object(members) => members.len(),
                value => value.as_array().unwrap().len(),
            }
        };
        assert!(count(&there) > 0, "{path}");
        assert_eq!(shown, there, "{path}");
    }
    // The vendor's own answer is always a failure, told in the documented shape.
    let status = world.get("chat/mcp/status").send().await.expect(200);
    assert_eq!(
        (&status["status"], &status["servers"]),
        (&json!("error"), &json!([]))
    );
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_in_its_words_without_its_exceptions() {
    let fake = FakeChatter::start(Generation::V2).await;
    let world = over_the_vendor(&fake).await;
    let body = json!({"title": "t", "profile_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    let refused = world.post("conversations/", body).send().await;
    let problem = refused.problem(422, "validation-failed");
    assert_eq!(problem["errors"][0]["loc"], json!(["body", "profile_id"]));
    for leaked in ["INSERT", "sqlalchemy", "asyncpg"] {
        assert!(!refused.text.contains(leaked), "{}", refused.text);
    }
    let body = json!({"title": "t", "description": "not held there"});
    let refused = world.post("conversations/", body).send().await;
    let problem = refused.problem(422, "validation-failed");
    assert_eq!(problem["errors"][0]["loc"], json!(["body", "description"]));
}
