//! What other APIs and other vendors make of conversations, as this vendor's clients see it.

use std::sync::Arc;

use backend::{Backend, PageRequest};
use chatter::FacadeConfig;
use conversation::{
    Assistant, ConversationPatch, JsonMap, NewConversation, NewMessage, Part, Patch, RawJson, Role,
    Status, ToolCall, ToolResult,
};
use http::Method;
use responders::{Answering, Echo};
use serde_json::{Value, json};
use testkit::builders::{every_part, full_conversation, full_message};

use crate::support::World;
use crate::wrapped::Wrapped;

/// Makes a conversation past the facade; its id in the vendor's spelling.
async fn made(world: &World, new: NewConversation) -> String {
    let made = world.router.create_conversation(&world.cx(), new).await;
    let public = made.unwrap().conversation.id.to_string();
    public.trim_start_matches("conv_").to_ascii_uppercase()
}

async fn shown(world: &World, id: &str) -> Value {
    let read = world.get(&format!("conversations/{id}")).send().await;
    read.expect(200)
}

fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

#[tokio::test]
async fn a_conversation_with_everything_is_one_of_the_vendor() {
    let world = World::start().await;
    let id = made(&world, full_conversation()).await;
    let at = world.location(&id);
    let mut messages = vec![full_message()];
    messages.extend(
        every_part()
            .into_iter()
            .map(|part| NewMessage::of(Role::Assistant, vec![part])),
    );
    let count = messages.len();
    let imported = world
        .router
        .import_messages(&world.cx(), &at, messages)
        .await;
    assert!(imported.unwrap().iter().all(Result::is_ok));
    let read = shown(&world, &id).await;
    assert_eq!(read["status"], "active");
    assert_eq!(read["tags"], json!(["billing", "vip", "ünïcode"]));
    assert_eq!(read["llm_provider"], "acme");
    assert_eq!(read["message_count"], json!(count));
    let messages = read["messages"].as_array().unwrap();
    assert_eq!(messages.len(), count);
    for message in messages {
        assert_ne!(message["content"], "", "{message}");
    }
    let list = world.get("conversations/").send().await.expect(200);
    let mut row = read.clone();
    row.as_object_mut().unwrap().remove("messages");
    assert_eq!(list["conversations"], json!([row]));
}

#[tokio::test]
async fn every_state_is_one_of_three() {
    let world = World::start().await;
    for (status, wire) in [
        (Status::Open, "active"),
        (Status::Closed, "active"),
        (Status::Spam, "active"),
        (Status::Archived, "archived"),
        (Status::Trashed, "deleted"),
    ] {
        let new = NewConversation {
            status: Some(status.clone()),
            ..titled(wire)
        };
        let id = made(&world, new).await;
        assert_eq!(shown(&world, &id).await["status"], wire, "{status:?}");
    }
    for (query, count) in [
        ("", 4),
        ("?status=active", 3),
        ("?status=archived", 1),
        ("?status=deleted", 1),
    ] {
        let list = world.get(&format!("conversations/{query}")).send().await;
        assert_eq!(list.expect(200)["total_count"], count, "{query}");
    }
}

#[tokio::test]
async fn titles_are_one_blank_at_least_and_255_characters_at_most() {
    let world = World::start().await;
    let untitled = made(&world, NewConversation::default()).await;
    assert_eq!(shown(&world, &untitled).await["title"], " ");
    // Blanks are a title; one blank is none.
    let blanks = world.conversation("   ").await;
    assert_eq!(shown(&world, &blanks).await["title"], "   ");
    let blank = world.conversation(" ").await;
    let at = world.location(&blank);
    let kept = world.router.get_conversation(&world.cx(), &at).await;
    assert_eq!(kept.unwrap().title, None);
    let long = "ä".repeat(300);
    let id = made(&world, titled(&long)).await;
    assert_eq!(shown(&world, &id).await["title"], "ä".repeat(255));
    // Only the view is cut.
    let put = world.call(Method::PUT, &format!("conversations/{id}"));
    put.json(json!({"status": "archived"}))
        .send()
        .await
        .expect(200);
    let kept = world
        .router
        .get_conversation(&world.cx(), &world.location(&id))
        .await;
    assert_eq!(kept.unwrap().title.as_deref(), Some(long.as_str()));
}

#[tokio::test]
async fn messages_without_words_have_words_that_stand_for_them() {
    let world = World::start().await;
    let id = world.conversation("Odd").await;
    let call = ToolCall {
        id: "1".into(),
        name: "clock".into(),
        arguments: RawJson::default(),
    };
    let result = ToolResult {
        tool_call_id: "1".into(),
        name: None,
        result: RawJson::string("noon"),
        is_error: false,
    };
    for (role, part) in [
        (Role::Assistant, Part::Reasoning("hm".into())),
        (Role::Assistant, Part::ToolCall(call)),
        (Role::Tool, Part::ToolResult(result)),
    ] {
        world.say(&id, NewMessage::of(role, vec![part])).await;
    }
    let two = vec![
        Part::Reasoning("hm".into()),
        NewMessage::text(Role::User, "so").parts.remove(0),
    ];
    world.say(&id, NewMessage::of(Role::Assistant, two)).await;
    let read = shown(&world, &id).await;
    let told: Vec<(&str, &str)> = read["messages"]
        .as_array()
        .unwrap()
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
            ("assistant", "[reasoning]"),
            ("assistant", "[tool call: clock]"),
            ("tool", "noon"),
            ("assistant", "so"),
        ]
    );
}

#[tokio::test]
async fn imported_messages_stand_where_and_when_they_were_said() {
    let world = World::start().await;
    let id = world.conversation("Old").await;
    world.say(&id, NewMessage::text(Role::User, "today")).await;
    let old = NewMessage {
        sent_at: Some("2020-02-02T02:02:02.020202Z".parse().unwrap()),
        ..NewMessage::text(Role::User, "long ago")
    };
    let at = world.location(&id);
    let imported = world
        .router
        .import_messages(&world.cx(), &at, vec![old])
        .await;
    assert!(imported.unwrap()[0].is_ok());
    let read = shown(&world, &id).await;
    let first = &read["messages"][0];
    assert_eq!(first["content"], "long ago");
    assert_eq!(first["sequence_number"], 0);
    assert_eq!(first["created_at"], "2020-02-02T02:02:02.020202Z");
    assert_eq!(read["messages"][1]["sequence_number"], 1);
    // And no gap is left where one is deleted.
    let message = first["id"].as_str().unwrap();
    let path = format!("conversations/{id}/messages/{message}");
    world.call(Method::DELETE, &path).send().await.expect(200);
    let left = shown(&world, &id).await;
    assert_eq!(left["messages"][0]["sequence_number"], 0);
}

#[tokio::test]
async fn foreign_ids_of_messages_are_spelled_alike_every_time_and_found_again() {
    let config = || FacadeConfig {
        requests_per_minute: 0,
        ..FacadeConfig::default()
    };
    let world = World::over(config(), |store, _| {
        Arc::new(Answering::new(
            Arc::new(Wrapped::foreign(store)),
            Arc::new(Echo),
        ))
    })
    .await;
    let chat = world.post("chat/chat", json!({"message": "hello"}));
    let chat = chat.send().await.expect(200);
    let id = chat["conversation_id"].as_str().unwrap();
    let list = shown(&world, id).await["messages"].clone();
    assert_eq!(shown(&world, id).await["messages"], list);
    assert_eq!(list[1]["id"], chat["message"]["id"]);
    let at = world.location(id);
    let page = PageRequest::first(10);
    let native = world.router.list_messages(&world.cx(), &at, &page).await;
    let native = native.unwrap().items;
    assert!(native[1].id.as_str().starts_with("Antwort-"));
    let path = format!(
        "conversations/{id}/messages/{}",
        list[1]["id"].as_str().unwrap()
    );
    // A facade that has shown nothing yet finds it as well.
    let fresh = world.again(config()).await;
    let rated = fresh.call(Method::PATCH, &format!("{path}/rating"));
    let rated = rated.json(json!({"rating": 3})).send().await;
    assert_eq!(rated.expect(200)["rating"], 3.0);
    fresh.call(Method::DELETE, &path).send().await.expect(200);
    let gone = world.call(Method::DELETE, &path).send().await;
    gone.problem(404, "resource-not-found");
    assert_eq!(shown(&world, id).await["messages"], json!([list[0]]));
}

#[tokio::test]
async fn labels_filter_and_columns_sort() {
    let world = World::start().await;
    for (title, labels) in [("b", vec!["x", "y"]), ("a", vec!["x"]), ("c", vec![])] {
        let new = NewConversation {
            labels: labels.into_iter().map(Into::into).collect(),
            assistant: Some(Assistant {
                provider: Some(format!("p-{title}").into()),
                model: Some("m".into()),
                ..Assistant::default()
            }),
            ..titled(title)
        };
        made(&world, new).await;
    }
    for (query, expected) in [
        ("sort_by=title&sort_order=asc", vec!["a", "b", "c"]),
        ("sort_by=title", vec!["c", "b", "a"]),
        ("sort_by=created_at&sort_order=asc", vec!["b", "a", "c"]),
        ("sort_by=id&sort_order=asc", vec!["b", "a", "c"]),
        ("sort_by=message_count", vec!["c", "a", "b"]),
        ("sort_by=last_message_at", vec!["c", "a", "b"]),
        ("tags=x&sort_by=title", vec!["b", "a"]),
        ("tags=x&tags=y", vec!["b"]),
        ("llm_provider=p-a", vec!["a"]),
        (
            "llm_model=m&limit=1&offset=1&sort_by=title&sort_order=asc",
            vec!["b"],
        ),
        ("llm_model=other", vec![]),
    ] {
        let list = world.get(&format!("conversations/?{query}")).send().await;
        let list = list.expect(200);
        let titles: Vec<&str> = list["conversations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["title"].as_str().unwrap())
            .collect();
        assert_eq!(titles, expected, "{query}");
    }
}

#[tokio::test]
async fn updates_replace_metadata_to_any_depth() {
    let world = World::start().await;
    let body = json!({
        "title": "M", "extra_metadata": {"a": {"x": 1, "y": {"z": 1}}, "b": 2}, "workflow_config": {"k": 1, "l": 2},
    });
    let made = world.post("conversations/", body).send().await.expect(201);
    let path = format!("conversations/{}", made["id"].as_str().unwrap());
    for (body, expected) in [
        (
            json!({"workflow_config": {"l": 3}}),
            json!({"a": {"x": 1, "y": {"z": 1}}, "b": 2, "workflow_config": {"l": 3}}),
        ),
        (
            json!({"extra_metadata": {"a": {"y": {"w": [1, {"n": null}]}}}}),
            json!({"a": {"y": {"w": [1, {"n": null}]}}}),
        ),
        (
            json!({"extra_metadata": {"workflow_config": {"m": 1}}}),
            json!({"workflow_config": {"m": 1}}),
        ),
        (
            json!({"extra_metadata": null, "workflow_config": null}),
            json!({"workflow_config": {"m": 1}}),
        ),
        (json!({"extra_metadata": {}}), json!({})),
    ] {
        let put = world
            .call(Method::PUT, &path)
            .json(body.clone())
            .send()
            .await;
        assert_eq!(put.expect(200)["extra_metadata"], expected, "{body}");
        let read = world.get(&path).send().await.expect(200);
        assert_eq!(read["extra_metadata"], expected, "{body}");
    }
}

#[tokio::test]
async fn what_was_changed_past_the_facade_is_shown() {
    let world = World::start().await;
    let id = world.conversation("One").await;
    let mut metadata = JsonMap::new();
    metadata.insert("k".into(), RawJson::string("v"));
    let patch = ConversationPatch {
        title: Patch::Clear,
        description: Patch::Set("about".into()),
        metadata: Patch::Set(metadata),
        ..ConversationPatch::default()
    };
    let at = world.location(&id);
    let changed = world
        .router
        .update_conversation(&world.cx(), &at, patch, None)
        .await;
    changed.unwrap();
    let read = shown(&world, &id).await;
    assert_eq!(
        (
            &read["title"],
            &read["description"],
            &read["extra_metadata"]
        ),
        (&json!(" "), &json!("about"), &json!({"k": "v"}))
    );
}
