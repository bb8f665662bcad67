//! Lists of conversations: both shapes, filters, order, pages.

use backend::Backend;
use conversation::{NewMessage, Role, Time};
use http::Method;
use serde_json::{Value, json};

use crate::support::World;

async fn titles(world: &World, path: &str) -> Vec<String> {
    let list = world.get(path).send().await.expect(200);
    list["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["title"].as_str().unwrap().to_owned())
        .collect()
}

async fn archive(world: &World, id: &str, status: &str) {
    let put = world.call(Method::PUT, &format!("conversations/{id}"));
    put.json(json!({"status": status})).send().await.expect(200);
}

#[tokio::test]
async fn each_path_has_its_own_shape() {
    let world = World::start().await;
    world.conversation("One").await;
    let list = world.get("conversations/").send().await.expect(200);
    let shape = |value: &Value| -> Vec<String> {
        let members = value.as_object().unwrap();
        members.keys().cloned().collect()
    };
    assert_eq!(
        shape(&list),
        ["conversations", "limit", "offset", "total_count"]
    );
    assert_eq!(
        (&list["total_count"], &list["limit"], &list["offset"]),
        (&json!(1), &json!(50), &json!(0))
    );
    let list = world.get("chat/conversations").send().await.expect(200);
    assert_eq!(shape(&list), ["conversations", "limit", "offset", "total"]);
    assert_eq!((&list["total"], &list["limit"]), (&json!(1), &json!(20)));
    let refused = world.get("chat/conversations?limit=101").send().await;
    let problem = refused.problem(422, "validation-failed");
    assert_eq!(problem["errors"][0]["type"], "less_than_equal");
}

#[tokio::test]
async fn pages_by_number_meet_each_conversation_once() {
    let world = World::start().await;
    for number in 0..7 {
        world.conversation(&format!("c{number}")).await;
    }
    let mut walked = Vec::new();
    for offset in [0, 3, 6, 9] {
        let path = format!("conversations/?limit=3&offset={offset}&sort_by=id&sort_order=asc");
        let list = world.get(&path).send().await.expect(200);
        assert_eq!(list["total_count"], 7);
        walked.extend(titles(&world, &path).await);
    }
    let expected: Vec<String> = (0..7).map(|number| format!("c{number}")).collect();
    assert_eq!(walked, expected);
    let newest = titles(&world, "conversations/?limit=2").await;
    assert_eq!(newest, ["c6", "c5"]);
}

#[tokio::test]
async fn filters_choose() {
    let world = World::start().await;
    let (archived, hidden) = (
        world.conversation("archived").await,
        world.conversation("hidden").await,
    );
    archive(&world, &archived, "archived").await;
    archive(&world, &hidden, "deleted").await;
    let body = json!({"title": "searching", "enable_retrieval": true});
    world.post("conversations/", body).send().await.expect(201);
    let listed = |query: &'static str| {
        let world = &world;
        async move {
            titles(
                world,
                &format!("conversations/?sort_by=title&sort_order=asc&{query}"),
            )
            .await
        }
    };
    assert_eq!(listed("").await, ["archived", "searching"]);
    assert_eq!(listed("status=active").await, ["searching"]);
    assert_eq!(listed("status=archived").await, ["archived"]);
    assert_eq!(listed("status=deleted").await, ["hidden"]);
    assert_eq!(listed("enable_retrieval=on").await, ["searching"]);
    assert_eq!(listed("enable_retrieval=0").await, ["archived"]);
    assert_eq!(listed("llm_model=none").await, Vec::<String>::new());
    assert_eq!(listed("tags=a&tags=b").await, Vec::<String>::new());
}

#[tokio::test]
async fn every_error_of_a_query_is_told_at_once() {
    let world = World::start().await;
    let answer = world
        .get("conversations/?status=bogus&enable_retrieval=maybe&limit=abc&offset=-1&sort_by=user&sort_order=DESC")
        .send()
        .await;
    let problem = answer.problem(422, "validation-failed");
    let errors = problem["errors"].as_array().unwrap();
    let found: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| {
            (
                error["loc"][1].as_str().unwrap(),
                error["type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("status", "enum"),
            ("enable_retrieval", "bool_parsing"),
            ("limit", "int_parsing"),
            ("offset", "greater_than_equal"),
            ("sort_by", "value_error"),
            ("sort_order", "string_pattern_mismatch"),
        ]
    );
    assert_eq!(
        errors[0],
        json!({
            "type": "enum", "loc": ["query", "status"], "input": "bogus",
            "msg": "Input should be 'active', 'archived' or 'deleted'",
            "ctx": {"expected": "'active', 'archived' or 'deleted'"},
        })
    );
}

#[tokio::test]
async fn large_numbers_are_no_failure() {
    let world = World::start().await;
    world.conversation("One").await;
    let found = titles(&world, "conversations/?limit=100000").await;
    assert_eq!(found, ["One"]);
    let list = world
        .get("conversations/?offset=9223372036854775807")
        .send()
        .await
        .expect(200);
    assert_eq!(
        (&list["conversations"], &list["total_count"]),
        (&json!([]), &json!(1))
    );
    let answer = world
        .get("conversations/?limit=99999999999999999999")
        .send()
        .await;
    answer.problem(422, "validation-failed");
}

#[tokio::test]
async fn an_answer_has_at_most_twenty_thousand_rows() {
    let world = World::start().await;
    let id = world.conversation("Long").await;
    let at = world.location(&id);
    let said_at: Time = "2020-01-01T00:00:00Z".parse().unwrap();
    let said = |number: i64| NewMessage {
        sent_at: Time::from_micros(said_at.as_micros() + number).ok(),
        ..NewMessage::text(Role::User, "m")
    };
    for thousand in 0..20 {
        let numbers = thousand * 1_000..(thousand + 1) * 1_000;
        let (cx, messages) = (world.cx(), numbers.map(said).collect());
        let imported = world.router.import_messages(&cx, &at, messages);
        assert!(imported.await.unwrap().iter().all(Result::is_ok));
    }
    world.say(&id, NewMessage::text(Role::User, "last")).await;
    for (path, asked_by) in [
        (format!("conversations/{id}"), "include_messages"),
        (format!("conversations/{id}/messages?limit=100000"), "limit"),
    ] {
        let refused = world.get(&path).send().await;
        let problem = refused.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["loc"], json!(["query", asked_by]));
    }
    let path = format!("conversations/{id}/messages?limit=100000&offset=19990");
    let page = world.get(&path).send().await.expect(200);
    assert_eq!(page.as_array().unwrap().len(), 11);
    assert_eq!(page[10]["content"], "last");
    assert_eq!(page[10]["sequence_number"], 20_000);
}
