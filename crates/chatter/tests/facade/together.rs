//! Two clients at once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::support::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_chats_in_one_conversation_are_all_answered_in_turns() {
    let world = World::start().await;
    let id = world.conversation("Busy").await;
    let path = format!("conversations/{id}");
    let chats = (0..8).map(|number| {
        let body = json!({"message": format!("m{number}"), "conversation_id": id});
        let path = match number % 2 {
            0 => "chat/chat",
            _ => "chat/template/general_chat",
        };
        world.post(path, body).send()
    });
    for answer in join_all(chats).await {
        answer.expect(200);
    }
    let read = world.get(&path).send().await.expect(200);
    let messages = read["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 16);
    assert_eq!(read["message_count"], 16);
    let numbers: Vec<u64> = messages
        .iter()
        .map(|message| message["sequence_number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..16).collect::<Vec<u64>>());
    let questions: BTreeSet<&str> = messages
        .iter()
        .filter(|message| message["role"] == "user")
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(questions.len(), 8);
    for turn in messages.chunks(2) {
        let question = turn[0]["content"].as_str().unwrap();
        assert_eq!(turn[1]["content"], format!("echo: {question}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_deletes_one_deletes() {
    let world = World::start().await;
    let chat = world
        .post("chat/chat", json!({"message": "m"}))
        .send()
        .await;
    let chat = chat.expect(200);
    let id = chat["conversation_id"].as_str().unwrap();
    let message = chat["message"]["id"].as_str().unwrap();
    for path in [
        format!("conversations/{id}/messages/{message}"),
        format!("conversations/{id}"),
    ] {
        let deletes = (0..6).map(|_| world.call(Method::DELETE, &path).send());
        let mut statuses: Vec<u16> = join_all(deletes)
            .await
            .iter()
            .map(|one| one.status)
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404, 404, 404, 404, 404], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_writers_lose_nothing() {
    let world = World::start().await;
    let made = join_all((0..20).map(|number| {
        let body = json!({"title": format!("t{number}"), "extra_metadata": {"n": number}});
        world.post("conversations/", body).send()
    }));
    let ids: BTreeSet<String> = made
        .await
        .iter()
        .map(|one| one.expect(201)["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 20);
    let id = ids.first().unwrap();
    let path = format!("conversations/{id}");
    let bodies = [
        json!({"title": "changed"}),
        json!({"status": "archived"}),
        json!({"temperature": 1.5}),
        json!({"max_tokens": 9}),
        json!({"description": "about"}),
    ];
    let put = |body: &Value| world.call(Method::PUT, &path).json(body.clone()).send();
    for answer in join_all(bodies.iter().map(put)).await {
        answer.expect(200);
    }
    let read = world.get(&path).send().await.expect(200);
    for body in &bodies {
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&read[name], value, "{name}");
        }
    }
    let list = world.get("conversations/?limit=7&offset=14").send().await;
    let list = list.expect(200);
    assert_eq!(list["total_count"], 20);
    assert_eq!(list["conversations"].as_array().unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_of_parallel_updates_is_that_of_one_of_them() {
    let world = World::start().await;
    let id = world.conversation("M").await;
    let path = format!("conversations/{id}");
    let all: Vec<Value> = (0..4)
        .map(|number| json!({format!("only-{number}"): {"deep": number}, "n": number}))
        .collect();
    let put = |metadata: &Value| {
        let body = json!({"extra_metadata": metadata});
        world.call(Method::PUT, &path).json(body).send()
    };
    for (answer, metadata) in join_all(all.iter().map(put)).await.iter().zip(&all) {
        assert_eq!(answer.expect(200)["extra_metadata"], *metadata);
    }
    let read = world.get(&path).send().await.expect(200);
    assert!(all.contains(&read["extra_metadata"]), "{read}");
}
