//! Messages: lists by number, deletes, votes, and what a client of the vendor would choke on.

use conversation::{NewMessage, Part, Role, ToolCall};
use http::Method;
use serde_json::{Value, json};

use crate::support::World;

/// A conversation with this many turns; its id.
async fn chatted(world: &World, turns: usize) -> String {
    let mut id = String::new();
    for turn in 0..turns {
        let body = json!({"message": format!("m{turn}"), "conversation_id": id});
        let answer = world.post("chat/chat", body).send().await.expect(200);
        id = answer["conversation_id"].as_str().unwrap().to_owned();
    }
    id
}

async fn messages(world: &World, path: &str) -> Vec<Value> {
    let list = world.get(path).send().await.expect(200);
    list.as_array().unwrap().clone()
}

#[tokio::test]
async fn messages_are_numbered_from_zero() {
    let world = World::start().await;
    let id = chatted(&world, 3).await;
    let all = messages(&world, &format!("conversations/{id}/messages")).await;
    let told: Vec<(i64, &str, &str)> = all
        .iter()
        .map(|message| {
            (
                message["sequence_number"].as_i64().unwrap(),
                message["role"].as_str().unwrap(),
                message["content"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, "user", "m0"),
            (1, "assistant", "echo: m0"),
            (2, "user", "m1"),
            (3, "assistant", "echo: m1"),
            (4, "user", "m2"),
            (5, "assistant", "echo: m2"),
        ]
    );
    let path = format!("chat/conversations/{id}/messages?limit=2&offset=3");
    assert_eq!(messages(&world, &path).await, all[3..5]);
    let path = format!("conversations/{id}/messages?offset=6");
    assert_eq!(messages(&world, &path).await, Vec::<Value>::new());
    let whole = world.get(&format!("conversations/{id}")).send().await;
    assert_eq!(whole.expect(200)["messages"], json!(all));
    let path = format!("conversations/{id}?include_messages=0");
    let without = world.get(&path).send().await.expect(200);
    assert_eq!(without["messages"], json!([]));
}

#[tokio::test]
async fn a_message_is_deleted_once() {
    let world = World::start().await;
    let id = chatted(&world, 1).await;
    let other = world.conversation("Other").await;
    let all = messages(&world, &format!("conversations/{id}/messages")).await;
    let message = all[1]["id"].as_str().unwrap();
    let foreign = format!("conversations/{other}/messages/{message}");
    let answer = world.call(Method::DELETE, &foreign).send().await;
    let problem = answer.problem(404, "resource-not-found");
    assert_eq!(problem["resourceType"], "message");
    let path = format!("conversations/{id}/messages/{message}");
    let deleted = world.call(Method::DELETE, &path).send().await;
    assert_eq!(
        deleted.expect(200),
        json!({"message": "Message deleted successfully"})
    );
    let again = world.call(Method::DELETE, &path).send().await;
    assert_eq!(
        again.problem(404, "resource-not-found")["detail"],
        "Message not found"
    );
    let left = messages(&world, &format!("conversations/{id}/messages")).await;
    assert_eq!(left, all[..1]);
}

#[tokio::test]
async fn votes_are_cast_under_both_prefixes() {
    let world = World::start().await;
    let id = chatted(&world, 1).await;
    let all = messages(&world, &format!("conversations/{id}/messages")).await;
    let message = all[1]["id"].as_str().unwrap();
    for (prefix, vote, mean) in [
        ("conversations", json!("4.5"), 4.5),
        ("chat/conversations", json!(true), 1.0),
    ] {
        let path = format!("{prefix}/{id}/messages/{message}/rating");
        let rated = world
            .call(Method::PATCH, &path)
            .json(json!({"rating": vote}));
        let rated = rated.send().await.expect(200);
        assert_eq!(rated["message"], "Message rating updated successfully");
        assert_eq!(
            (&rated["rating"], &rated["rating_count"]),
            (&json!(mean), &json!(1))
        );
    }
    let path = format!("conversations/{id}/messages/{message}/rating");
    for (body, kind) in [
        (json!({}), "missing"),
        (json!({"rating": 5.1}), "less_than_equal"),
        (json!({"rating": -1}), "greater_than_equal"),
        (json!({"rating": "good"}), "float_parsing"),
        (json!({"rating": null}), "float_type"),
        (json!({"rating": "nan"}), "finite_number"),
    ] {
        let refused = world.call(Method::PATCH, &path).json(body).send().await;
        let problem = refused.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["type"], kind);
    }
}

#[tokio::test]
async fn no_message_is_empty_and_no_role_unknown() {
    let world = World::start().await;
    let id = world.conversation("Odd").await;
    world.say(&id, NewMessage::text(Role::User, "")).await;
    world
        .say(&id, NewMessage::text(Role::System, "be brief"))
        .await;
    let call = Part::ToolCall(ToolCall {
        id: "1".into(),
        name: "clock".into(),
        arguments: conversation::RawJson::default(),
    });
    world
        .say(&id, NewMessage::of(Role::Assistant, vec![call]))
        .await;
    let all = messages(&world, &format!("conversations/{id}/messages")).await;
    let told: Vec<(&str, &str)> = all
        .iter()
        .map(|message| {
            (
                message["role"].as_str().unwrap(),
                message["content"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("user", "[no text]"),
            ("system", "be brief"),
            ("assistant", "[tool call: clock]"),
        ]
    );
}

#[tokio::test]
async fn messages_of_an_unknown_conversation_are_not_found() {
    let world = World::start().await;
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let answer = world
        .get(&format!("conversations/{unknown}/messages"))
        .send()
        .await;
    assert_eq!(
        answer.problem(404, "resource-not-found")["resourceType"],
        "conversation"
    );
    let path = format!("conversations/{unknown}/messages/{unknown}");
    let answer = world.call(Method::DELETE, &path).send().await;
    assert_eq!(
        answer.problem(404, "resource-not-found")["resourceType"],
        "message"
    );
}

#[tokio::test]
async fn pages_by_number_close_the_gap_that_a_delete_leaves() {
    let world = World::start().await;
    let id = chatted(&world, 4).await;
    let page = |offset: usize| {
        let path = format!("conversations/{id}/messages?limit=2&offset={offset}");
        let world = &world;
        async move { messages(world, &path).await }
    };
    let mut walked = Vec::new();
    for offset in [0, 2, 4, 6] {
        walked.extend(page(offset).await);
    }
    let gone = walked.remove(1);
    let path = format!(
        "conversations/{id}/messages/{}",
        gone["id"].as_str().unwrap()
    );
    world.call(Method::DELETE, &path).send().await.expect(200);
    let mut left = Vec::new();
    for offset in [0, 2, 4, 6] {
        left.extend(page(offset).await);
    }
    let ids = |messages: &[Value]| -> Vec<String> {
        messages.iter().map(|one| one["id"].to_string()).collect()
    };
    assert_eq!(ids(&left), ids(&walked));
    let numbers: Vec<&Value> = left.iter().map(|one| &one["sequence_number"]).collect();
    assert_eq!(json!(numbers), json!([0, 1, 2, 3, 4, 5, 6]));
}
