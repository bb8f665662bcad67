//! Several clients at once, and several facades over the same: nothing is lost, doubled or mixed up.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{World, ana, bo};

const CLIENTS: usize = 8;

#[tokio::test]
async fn what_many_import_at_once_is_there_once() {
    let world = Arc::new(World::start().await);
    let conversation = world.conversation().await;
    let all = (0..CLIENTS).map(|client| {
        let (world, conversation) = (Arc::clone(&world), conversation.clone());
        async move {
            let mut said = Vec::new();
            for number in 0..5 {
                let body = json!({
                    "conversation_id": conversation, "direction": "inbound", "date": "2024-03-06T19:29:57Z",
                    "body": format!("{client}/{number}"), "sender": bo("from"), "recipients": [ana("to")],
                });
                // Who meets another's write is told so, and may try again.
                loop {
                    let answer = world.post("/v1/messages/import", body.clone()).await;
                    if answer.status != 409 {
                        said.push(answer.ok()["id"].as_str().unwrap().to_owned());
                        break;
                    }
                }
            }
            said
        }
    });
    let said: Vec<String> = join_all(all).await.into_iter().flatten().collect();
    let distinct: BTreeSet<String> = said.iter().cloned().collect();
    assert_eq!(distinct.len(), CLIENTS * 5);
    let mut found = Vec::new();
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let path = format!("/v1/messages?conversation_id={conversation}&limit=7{cursor}");
        let page = world.get(&path).await;
        found.extend(page.ids());
        next = page.ok()["next_cursor"]
            .as_str()
            .map(|cursor| format!("&cursor={cursor}"));
    }
    assert_eq!(found.len(), distinct.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), distinct);
}

#[tokio::test]
async fn of_many_who_make_the_same_label_or_contact_one_does() {
    let world = Arc::new(World::start().await);
    let handle = json!({"type": "email", "value": "cy@example.test"});
    for (path, body) in [
        ("/v1/labels", json!({"name": "Same"})),
        ("/v1/contacts", json!({"name": "Cy", "handles": [handle]})),
    ] {
        let all = (0..CLIENTS).map(|_| {
            let (world, body) = (Arc::clone(&world), body.clone());
            async move { world.post(path, body).await.status }
        });
        let mut statuses = join_all(all).await;
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{path}");
        assert!(
            statuses[1..].iter().all(|status| *status == 409),
            "{statuses:?}"
        );
        assert_eq!(world.get(path).await.ids().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn many_who_see_a_name_first_see_one_label() {
    let world = Arc::new(World::start().await);
    let new = conversation::NewConversation {
        labels: vec!["fresh".into()],
        ..conversation::NewConversation::default()
    };
    let made = world.backend.create_conversation(&world.cx(), new).await;
    let path = format!("/v1/conversations/{}", made.unwrap().location.id);
    let all = (0..CLIENTS).map(|_| {
        let (world, path) = (Arc::clone(&world), path.clone());
        async move { world.get(&path).await.ok()["labels"].clone() }
    });
    let seen: BTreeSet<String> = join_all(all).await.iter().map(Value::to_string).collect();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(world.get("/v1/labels").await.ids().len(), 1);
}

#[tokio::test]
async fn clients_of_two_tenants_at_once_have_their_own() {
    let world = Arc::new(World::start().await);
    let other = world.key_of("other", None, backend::Scope::ALL).await;
    let keys = [world.key.clone(), other];
    let all = (0..CLIENTS).map(|client| {
        let (world, key) = (Arc::clone(&world), keys[client % 2].clone());
        async move {
            let body = json!({"channel_id": "chnnl_1", "body": "x", "to": [format!("{client}@example.test")]});
            let body = body.to_string();
            let sent = world
                .send("POST", "/v1/messages", Some(&key), "application/json", body.as_bytes())
                .await;
            sent.check("POST", "/v1/messages");
            (client % 2, sent.ok()["conversation_id"].as_str().unwrap().to_owned())
        }
    });
    let made = join_all(all).await;
    for (at, key) in keys.iter().enumerate() {
        let answer = world
            .send("GET", "/v1/conversations", Some(key), "", b"")
            .await;
        let own: BTreeSet<String> = made
            .iter()
            .filter(|(of, _)| *of == at)
            .map(|(_, id)| id.clone())
            .collect();
        assert_eq!(answer.ids().into_iter().collect::<BTreeSet<_>>(), own);
    }
}

#[tokio::test]
async fn a_facade_that_starts_again_knows_the_same() {
    let mut world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "x", "2024-03-06T19:29:57.659Z")
        .await;
    let label = world.post("/v1/labels", json!({"name": "L"})).await.ok();
    let path = format!("/v1/conversations/{conversation}");
    let body = json!({"label_ids": [label["id"]], "status": "done"});
    world.patch(&path, body).await.ok();
    let paths = [
        path,
        format!("/v1/messages/{message}"),
        "/v1/conversations".to_owned(),
        "/v1/messages".to_owned(),
        "/v1/labels".to_owned(),
        "/v1/contacts".to_owned(),
        "/v1/channels".to_owned(),
        "/v1/events".to_owned(),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(world.get(path).await.ok());
    }
    world.start_again().await;
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(world.get(path).await.ok(), before, "{path}");
    }
}
