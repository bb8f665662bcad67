//! Many at once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{World, text};

const MANY: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_external_id_makes_one_user() {
    let world = World::start().await;
    let body = json!({"externalId": "ann", "profile": {"email": "ann@example.org"}});
    let asked = (0..MANY).map(|_| world.ask("POST", "/users", &body));
    let mut made = 0;
    for answer in join_all(asked).await {
        match answer.status {
            201 => made += 1,
            _ => assert_eq!(answer.code(), (409, "conflict".to_owned())),
        }
    }
    assert_eq!(made, 1);
    let found = world.get("/users?filter[identities.email]=ann@example.org");
    assert_eq!(found.await.json()["users"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_clients_write_one_conversation_and_lose_nothing() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let tail = format!("/conversations/{id}/messages");
    let say = async |number: usize| {
        let author = if number.is_multiple_of(2) {
            json!({"type": "business"})
        } else {
            json!({"type": "user", "userId": user})
        };
        let words = format!("{number}");
        let body = json!({"author": author, "content": {"type": "text", "text": words}});
        // Who meets another at the same conversation may be told to come again.
        loop {
            let answer = world.ask("POST", &tail, &body).await;
            if answer.status != 503 {
                assert_eq!(answer.status, 201, "{}", answer.json());
                return text(&answer.json()["messages"][0]["id"]);
            }
            assert_eq!(answer.code().1, "service_unavailable");
        }
    };
    let ids: BTreeSet<String> = join_all((0..MANY).map(say)).await.into_iter().collect();
    assert_eq!(ids.len(), MANY);
    let listed = world.get(&tail).await.json();
    let rows = listed["messages"].as_array().unwrap();
    let shown: Vec<String> = rows.iter().map(|row| text(&row["id"])).collect();
    assert_eq!(shown.iter().cloned().collect::<BTreeSet<_>>(), ids);
    let words: BTreeSet<String> = rows
        .iter()
        .map(|row| text(&row["content"]["text"]))
        .collect();
    assert_eq!(words.len(), MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_user_at_once_all_stay() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let tail = format!("/users/{user}");
    let changes = [
        json!({"profile": {"givenName": "Ann"}}),
        json!({"profile": {"surname": "Other"}}),
        json!({"profile": {"locale": "de"}}),
        json!({"toBeRetained": true}),
        json!({"metadata": {"a": 1}}),
    ];
    let asked = changes.iter().map(|body| world.ask("PATCH", &tail, body));
    for answer in join_all(asked).await {
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
    let found = world.get(&tail).await.json()["user"].clone();
    let profile = json!({"givenName": "Ann", "surname": "Other", "locale": "de"});
    assert_eq!(found["profile"], profile);
    assert_eq!(found["toBeRetained"], true);
    assert_eq!(found["metadata"], json!({"a": 1}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conversation_is_deleted_once() {
    let world = World::start().await;
    let user = world.user("ann").await;
    world.personal(&user).await;
    let tail = format!("/conversations/{}", world.personal(&user).await);
    let asked = (0..MANY).map(|_| world.ask("DELETE", &tail, &Value::Null));
    let statuses: Vec<u16> = join_all(asked).await.iter().map(|one| one.status).collect();
    assert!(statuses.contains(&200), "{statuses:?}");
    let is_fair = |status: &u16| matches!(status, 200 | 404 | 503);
    assert!(statuses.iter().all(is_fair), "{statuses:?}");
    assert_eq!(world.get(&tail).await.status, 404);
}
