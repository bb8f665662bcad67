//! Conversations that belong to somebody who is named nowhere in them, beside those in which the same person takes part.

use std::sync::Arc;
use std::time::Duration;

use backend::{Context, Location, Principal, Scope};
use conversation::{Kind, NewConversation, NewMessage, Role};
use serde_json::{Value, json};

use crate::world::{TENANT, World, text};

/// A conversation as a program of an end user makes it: theirs, and nobody is named.
async fn owned(world: &World, user: &str) -> Location {
    let principal = Principal {
        tenant: TENANT.into(),
        key: "other".into(),
        user: Some(user.into()),
        scopes: vec![Scope::Read, Scope::Write],
    };
    let cx = Context::new(Arc::new(principal), "test", Duration::from_secs(30));
    let new = NewConversation {
        kind: Some(Kind::Assistant),
        ..NewConversation::default()
    };
    let made = world.backend.create_conversation(&cx, new).await.unwrap();
    let at = Location::unresolved(made.conversation.id);
    let hello = NewMessage::text(Role::User, "hello");
    world.backend.post_message(&cx, &at, hello).await.unwrap();
    at
}

fn ids_of(page: &Value) -> Vec<String> {
    let rows = page["conversations"].as_array().unwrap();
    rows.iter().map(|row| text(&row["id"])).collect()
}

#[tokio::test]
async fn whoever_owns_a_conversation_is_its_user() {
    let world = World::start().await;
    owned(&world, "ada").await;
    let own = world
        .key(TENANT, Some("ada"), &[Scope::Read, Scope::Write])
        .await
        .basic();
    for authorization in [&world.authorization, &own] {
        let get = async |tail: String| {
            let answer = world.ask_as(authorization, "GET", &tail, &Value::Null);
            let answer = answer.await;
            assert_eq!(answer.status, 200, "{tail}");
            answer.json()
        };
        let user = get("/users/ada".to_owned()).await["user"].clone();
        assert_eq!(user["externalId"], "ada");
        let id = text(&user["id"]);
        for filter in [
            "filter[userExternalId]=ada",
            &format!("filter[userId]={id}"),
        ] {
            let page = get(format!("/conversations?{filter}")).await;
            assert_eq!(ids_of(&page).len(), 1);
            assert_eq!(page["conversations"][0]["isDefault"], true);
        }
        let page = get("/conversations?filter[userExternalId]=ada".to_owned()).await;
        let tail = format!("/conversations/{}", ids_of(&page)[0]);
        assert_eq!(
            get(tail.clone()).await["conversation"],
            page["conversations"][0]
        );
        let participants = get(format!("{tail}/participants")).await;
        assert_eq!(participants["participants"][0]["userId"], *id);
        let messages = get(format!("{tail}/messages")).await;
        assert_eq!(
            messages["messages"][0]["author"],
            json!({"type": "user", "userId": id})
        );
        let said = json!({"author": {"type": "user", "userId": id}, "content": {"type": "text", "text": "more"}});
        let tail = format!("{tail}/messages");
        let posted = world.ask_as(authorization, "POST", &tail, &said).await;
        assert_eq!(posted.status, 201);
    }
    // Whoever may not act for users does not learn of them either.
    let reader = world.key(TENANT, None, &[Scope::Read]).await.basic();
    let tail = "/conversations?filter[userExternalId]=nobody";
    let nobody = world.ask_as(&reader, "GET", tail, &Value::Null).await;
    assert_eq!(nobody.code(), (404, "user_not_found".to_owned()));
    let other = world.key("other", None, &Scope::ALL[..3]).await.basic();
    let foreign = world
        .ask_as(&other, "GET", "/users/ada", &Value::Null)
        .await;
    assert_eq!(foreign.code(), (404, "user_not_found".to_owned()));
}

#[tokio::test]
async fn both_lists_are_walked_as_one() {
    let world = World::start().await;
    let user = world.user("ada").await;
    for number in 0..7 {
        match number % 3 {
            0 => drop(owned(&world, "ada").await),
            1 => drop(world.personal(&user).await),
            _ => {
                let body = json!({"type": "sdkGroup", "participants": [
                    {"userId": user, "subscribeSDKClient": true},
                ]});
                assert_eq!(world.ask("POST", "/conversations", &body).await.status, 201);
            }
        }
    }
    let list = format!("/conversations?filter[userId]={user}");
    let all = ids_of(&world.get(&list).await.json());
    assert_eq!(all.len(), 7);
    for size in 1..=7 {
        let mut found: Vec<String> = Vec::new();
        let mut query = String::new();
        loop {
            let page = world.get(&format!("{list}&page[size]={size}{query}")).await;
            let page = page.json();
            found.extend(ids_of(&page));
            if page["meta"]["hasMore"] == json!(false) {
                break;
            }
            query = format!("&page[after]={}", text(&page["meta"]["afterCursor"]));
        }
        assert_eq!(found, all, "{size}");
        let mut found = vec![all[6].clone()];
        loop {
            let query = format!("&page[before]={}", found[0]);
            let page = world.get(&format!("{list}&page[size]={size}{query}")).await;
            let page = page.json();
            drop(found.splice(0..0, ids_of(&page)));
            if page["meta"]["hasMore"] == json!(false) {
                break;
            }
        }
        assert_eq!(found, all, "{size}");
    }
}

#[tokio::test]
async fn a_foreign_cursor_is_like_one_of_nobody() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let own = world.personal(&user).await;
    let scopes = [Scope::Read, Scope::Write, Scope::ActAs];
    let other = world.key("other", None, &scopes).await.basic();
    let body = json!({"externalId": "eve"});
    assert_eq!(
        world.ask_as(&other, "POST", "/users", &body).await.status,
        201
    );
    let unknown = format!("{}{}", &own[..12], "f".repeat(12));
    let mut answers = Vec::new();
    for cursor in [own, unknown] {
        for way in ["after", "before"] {
            let tail = format!("/conversations?filter[userExternalId]=eve&page[{way}]={cursor}");
            let answer = world.ask_as(&other, "GET", &tail, &Value::Null).await;
            answers.push((way, answer.status, ids_of(&answer.json())));
        }
    }
    assert_eq!(answers[..2], answers[2..]);
}

#[tokio::test]
async fn an_external_id_is_no_id() {
    let world = World::start().await;
    owned(&world, "ada").await;
    world.user("ann").await;
    for name in ["ada", "ann"] {
        let answer = world
            .get(&format!("/conversations?filter[userId]={name}"))
            .await;
        assert_eq!(answer.code(), (404, "user_not_found".to_owned()), "{name}");
    }
}
