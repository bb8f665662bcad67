//! Conversations: made, listed, changed, deleted.

use serde_json::{Value, json};

use crate::world::{UNKNOWN, World, text};

#[tokio::test]
async fn a_conversation_is_made_found_changed_and_deleted() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let body = json!({
        "type": "personal",
        "participants": [{"userExternalId": "ann"}],
        "displayName": "Héllo",
        "description": "About",
        "iconUrl": "https://example.org/i.png",
        "metadata": {"k": "v", "n": 1.5, "b": false},
    });
    let made = world.ask("POST", "/conversations", &body).await;
    assert_eq!(made.status, 201);
    let made = made.json()["conversation"].clone();
    let id = text(&made["id"]);
    assert_eq!(id.len(), 24);
    assert_eq!(made["isDefault"], true);
    assert_eq!(made["lastUpdatedAt"], made["createdAt"]);
    for name in ["type", "displayName", "description", "iconUrl", "metadata"] {
        assert_eq!(made[name], body[name], "{name}");
    }
    let tail = format!("/conversations/{id}");
    assert_eq!(world.get(&tail).await.json()["conversation"], made);
    let change = json!({"displayName": "New", "description": null, "metadata": {"x": "y"}});
    let changed = world.ask("PATCH", &tail, &change).await.json()["conversation"].clone();
    assert_eq!(changed["displayName"], "New");
    assert_eq!(changed.get("description"), None);
    assert_eq!(changed["iconUrl"], made["iconUrl"]);
    assert_eq!(changed["metadata"], json!({"x": "y"}));
    let cleared = world.ask("PATCH", &tail, &json!({"metadata": null})).await;
    assert_eq!(cleared.json()["conversation"].get("metadata"), None);
    let default = world.ask("DELETE", &tail, &Value::Null).await;
    assert_eq!(default.code(), (400, "bad_request".to_owned()));
    let second = world.personal(&user).await;
    let tail = format!("/conversations/{second}");
    assert_eq!(
        world.get(&tail).await.json()["conversation"]["isDefault"],
        false
    );
    let deleted = world.ask("DELETE", &tail, &Value::Null).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({})));
    for method in ["GET", "DELETE"] {
        let gone = world.ask(method, &tail, &Value::Null).await;
        assert_eq!(gone.code(), (404, "conversation_not_found".to_owned()));
    }
}

#[tokio::test]
async fn a_conversation_that_cannot_be_is_refused() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let one = json!([{"userId": user}]);
    let many = vec![json!({"userId": user, "subscribeSDKClient": true}); 11];
    for body in [
        json!({"type": "email", "participants": one}),
        json!({"type": "personal"}),
        json!({"type": "personal", "participants": []}),
        json!({"type": "personal", "participants": [{}]}),
        json!({"type": "personal", "participants": [null]}),
        json!({"type": "personal", "participants": [{"userId": user, "userExternalId": "ann"}]}),
        json!({"type": "sdkGroup", "participants": one}),
        json!({"type": "sdkGroup", "participants": many}),
        json!({"type": "personal", "participants": one, "displayName": ""}),
        json!({"type": "personal", "participants": one, "displayName": "x".repeat(101)}),
        json!({"type": "personal", "participants": one, "iconUrl": "nowhere"}),
        json!({"type": "personal", "participants": one, "metadata": {"a": []}}),
    ] {
        let answer = world.ask("POST", "/conversations", &body).await;
        assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{body}");
    }
    let nobody = json!({"type": "personal", "participants": [{"userId": UNKNOWN}]});
    let answer = world.ask("POST", "/conversations", &nobody).await;
    assert_eq!(answer.code(), (404, "user_not_found".to_owned()));
}

#[tokio::test]
async fn a_group_may_have_nobody() {
    let world = World::start().await;
    let answer = world
        .ask("POST", "/conversations", &json!({"type": "sdkGroup"}))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["conversation"]["isDefault"], false);
}

#[tokio::test]
async fn the_conversations_of_a_user_are_walked_in_both_spellings_and_directions() {
    let world = World::start().await;
    let user = world.user("a b&c/é").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.personal(&user).await);
    }
    let all = world
        .get(&format!("/conversations?filter[userId]={user}"))
        .await;
    assert_eq!(ids_of(&all.json()), ids);
    let by_external = "filter=%7B%22userExternalId%22%3A%20%22a%20b%26c/%5Cu00e9%22%7D";
    let mut found: Vec<String> = Vec::new();
    let mut tail = format!("/conversations?page=%7B%22size%22%3A%202%7D&{by_external}");
    let mut last = Value::Null;
    for _ in 0..3 {
        let page = world.get(&tail).await.json();
        found.extend(ids_of(&page));
        if let Some(next) = page["links"]["next"].as_str() {
            assert!(
                next.starts_with(&format!("http://{}/v2/apps/", world.address)),
                "{next}"
            );
            let cursor = text(&page["meta"]["afterCursor"]);
            assert!(next.contains(&cursor));
            tail = format!(
                "/conversations?page%5Bafter%5D={cursor}&page%5Bsize%5D=2&filter%5BuserId%5D={user}"
            );
        }
        last = page;
    }
    assert_eq!(found, ids);
    assert_eq!(last["meta"]["hasMore"], false);
    let before = text(&last["meta"]["beforeCursor"]);
    assert_eq!(before, ids[4]);
    let tail = format!("/conversations?page[before]={before}&page[size]=3&filter[userId]={user}");
    let page = world.get(&tail).await.json();
    assert_eq!(ids_of(&page), ids[1..4]);
    assert_eq!(page["meta"]["hasMore"], true);
    let first = text(&page["meta"]["beforeCursor"]);
    let tail = format!("/conversations?page[before]={first}&page[size]=3&filter[userId]={user}");
    let page = world.get(&tail).await.json();
    assert_eq!(ids_of(&page), ids[..1]);
    assert_eq!(page["meta"]["hasMore"], false);
}

#[tokio::test]
async fn a_walk_goes_on_behind_what_was_deleted_meanwhile() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(world.personal(&user).await);
        // Ids tell milliseconds, and whoever is gone is placed by its id.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let tail = format!("/conversations/{}", ids[1]);
    let gone = world.ask("DELETE", &tail, &Value::Null).await;
    assert_eq!(gone.status, 200);
    let tail = format!(
        "/conversations?page[after]={}&filter[userId]={user}",
        ids[1]
    );
    assert_eq!(ids_of(&world.get(&tail).await.json()), ids[2..]);
}

#[tokio::test]
async fn a_list_that_cannot_be_meant_is_refused() {
    let world = World::start().await;
    let user = world.user("ann").await;
    for tail in [
        "/conversations".to_owned(),
        format!("/conversations?filter[userId]={user}&filter[userExternalId]=ann"),
        format!("/conversations?filter[userId]={user}&page[size]=0"),
        format!("/conversations?filter[userId]={user}&page[after]=short"),
        format!("/conversations?filter[userId]={user}&page[after]={UNKNOWN}"),
        "/conversations?filter=nothing".to_owned(),
    ] {
        let answer = world.get(&tail).await;
        assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{tail}");
    }
    let nobody = world
        .get(&format!("/conversations?filter[userId]={UNKNOWN}"))
        .await;
    assert_eq!(nobody.code(), (404, "user_not_found".to_owned()));
}

fn ids_of(page: &Value) -> Vec<String> {
    let rows = page["conversations"].as_array().unwrap();
    rows.iter().map(|row| text(&row["id"])).collect()
}
