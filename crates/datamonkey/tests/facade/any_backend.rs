//! What backends hold that the vendor never could: a test for each rule of the README.

use backend::{Located, Location, Scope};
use conversation::{MessageStatus, NewConversation, NewMessage, Role, Time};
use serde_json::{Value, json};
use testkit::builders::{every_part, full_conversation};

use crate::world::{World, open};

/// A conversation that was made beside the facade, and a caller who sees it.
struct Beside {
    world: World,
    key: String,
    at: Location,
    id: String,
}

impl Beside {
    async fn start(new: NewConversation) -> Self {
        let world = World::start(open()).await;
        let scopes = [Scope::Read, Scope::Write];
        let (key, _) = world.key("acme", None, &scopes).await;
        let Located { location, .. } = world
            .backend
            .create_conversation(&world.cx("acme"), new)
            .await
            .unwrap();
        let list = world.with(&key, "GET", "/api/v1/chat", "").await.json();
        let id = list["conversations"][0]["id"].as_str().unwrap().to_owned();
        Self {
            world,
            key,
            at: location,
            id,
        }
    }

    /// Stores these messages, a second apart.
    async fn import(&self, history: Vec<NewMessage>) {
        let start = Time::now().as_micros() - 3_600_000_000;
        let timed = history.into_iter().zip(0_i64..);
        let timed = timed.map(|(message, place)| NewMessage {
            sent_at: message
                .sent_at
                .or(Time::from_micros(start + place * 1_000_000).ok()),
            ..message
        });
        let cx = self.world.cx("acme");
        let stored = self
            .world
            .backend
            .import_messages(&cx, &self.at, timed.collect());
        for stored in stored.await.unwrap() {
            stored.unwrap();
        }
    }

    /// Who says what, as a caller is shown it.
    async fn shown(&self) -> Vec<(String, String)> {
        let shown = self.world.messages(&self.key, &self.id).await;
        let items = shown.as_array().cloned().unwrap_or_default();
        let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        items
            .iter()
            .map(|one| (word(one, "role"), word(one, "content")))
            .collect()
    }
}

fn said(role: &str, content: &str) -> (String, String) {
    (role.to_owned(), content.to_owned())
}

fn message(document: Value) -> NewMessage {
    serde_json::from_value(document).unwrap()
}

#[tokio::test]
async fn messages_of_systems_tools_and_unknown_roles_are_hidden() {
    let beside = Beside::start(NewConversation::default()).await;
    beside
        .import(vec![
            NewMessage::text(Role::System, "a rule"),
            NewMessage::text(Role::User, "a question"),
            NewMessage::text(Role::Tool, "a result"),
            NewMessage::text(Role::from("narrator"), "meanwhile"),
            NewMessage::text(Role::Assistant, "an answer"),
        ])
        .await;
    let expected = [said("user", "a question"), said("assistant", "an answer")];
    assert_eq!(beside.shown().await, expected);
}

#[tokio::test]
async fn a_conversation_of_nothing_but_hidden_messages_has_none() {
    let beside = Beside::start(NewConversation::default()).await;
    beside
        .import(vec![NewMessage::text(Role::System, "a rule")])
        .await;
    let messages = beside.world.messages(&beside.key, &beside.id).await;
    assert_eq!(messages, Value::Null);
    let path = format!("/api/v1/chat/{}", beside.id);
    let whole = beside.world.with(&beside.key, "GET", &path, "").await;
    assert_eq!(whole.json()["messages"], Value::Null);
}

#[tokio::test]
async fn answers_that_failed_are_hidden_and_those_that_broke_off_are_shown() {
    let beside = Beside::start(NewConversation::default()).await;
    let with = |role, words: &str, status| NewMessage {
        status: Some(status),
        ..NewMessage::text(role, words)
    };
    beside
        .import(vec![
            with(Role::User, "not delivered", MessageStatus::Failed),
            with(Role::Assistant, "sorry", MessageStatus::Failed),
            with(Role::Assistant, "half of", MessageStatus::Incomplete),
            NewMessage::text(Role::User, "to be deleted"),
        ])
        .await;
    let expected = [
        said("user", "not delivered"),
        said("assistant", "half of"),
        said("user", "to be deleted"),
    ];
    assert_eq!(beside.shown().await, expected);
    let cx = beside.world.cx("acme");
    let newest = backend::PageRequest {
        limit: 1,
        order: backend::Order::Desc,
        position: None,
    };
    let backend = &beside.world.backend;
    let last = backend.list_messages(&cx, &beside.at, &newest).await;
    let last = last.unwrap().items.remove(0);
    let deleted = backend.delete_message(&cx, &beside.at, &last.id, None);
    deleted.await.unwrap();
    assert_eq!(beside.shown().await, expected[..2]);
}

#[tokio::test]
async fn words_that_are_missing_are_told_only_where_the_vendor_has_always_some() {
    let beside = Beside::start(NewConversation::default()).await;
    beside
        .import(vec![
            NewMessage::text(Role::User, ""),
            NewMessage::text(Role::Assistant, ""),
            NewMessage::text(Role::User, " "),
        ])
        .await;
    let expected = [
        said("user", "[no text]"),
        said("assistant", ""),
        said("user", " "),
    ];
    assert_eq!(beside.shown().await, expected);
}

#[tokio::test]
async fn parts_are_shown_by_their_words_and_silent_ones_not_at_all() {
    let beside = Beside::start(NewConversation::default()).await;
    let text = |text: &str| json!({"type": "text", "text": text});
    let silent = json!([{"type": "reasoning", "text": "hm"}, {"type": "activity", "activity": "typing_start"}]);
    let call = json!({"type": "tool_call", "id": "1", "name": "clock", "arguments": {}});
    beside
        .import(vec![
            message(json!({"role": "user", "parts": [text("one"), text("two")]})),
            message(json!({"role": "user", "parts": [
                {"type": "text", "text": "<p>a <b>bold</b> word</p>", "format": "html"},
            ]})),
            message(json!({"role": "user", "parts": [
                {"type": "location", "latitude": 1.5, "longitude": 2.5, "name": "here"},
            ]})),
            message(json!({"role": "assistant", "parts": silent})),
            message(json!({"role": "assistant", "parts": [call]})),
            message(json!({"role": "assistant", "parts": [silent[0], text("words")]})),
        ])
        .await;
    let shown = beside.shown().await;
    let contents: Vec<&str> = shown.iter().map(|(_, content)| content.as_str()).collect();
    assert_eq!(contents.len(), 4, "{contents:?}");
    assert_eq!(contents[0], "one\n\ntwo");
    assert!(contents[1].contains("bold") && !contents[1].contains('<'));
    assert!(contents[2].starts_with("here"), "{contents:?}");
    assert_eq!(contents[3], "words");
}

#[tokio::test]
async fn every_part_that_there_is_can_be_shown() {
    let beside = Beside::start(NewConversation::default()).await;
    let each = every_part().into_iter();
    let history: Vec<NewMessage> = each
        .map(|part| NewMessage::of(Role::User, vec![part]))
        .collect();
    assert!(history.len() > 10);
    beside.import(history).await;
    for (role, content) in beside.shown().await {
        assert_eq!(role, "user");
        assert!(!content.is_empty());
    }
}

#[tokio::test]
async fn a_full_conversation_of_any_kind_is_one_with_the_ai() {
    for kind in ["direct", "group", "mail", "something else"] {
        let new = NewConversation {
            kind: Some(kind.into()),
            // With participants of unknown kinds, reached by handles of unknown types.
            participants: serde_json::from_value(json!([{
                "id": "p1", "kind": "oracle", "name": "Pythia",
                "handles": [{"type": "tripod", "value": "delphi"}],
            }]))
            .unwrap(),
            ..full_conversation()
        };
        let title = new.title.clone();
        let beside = Beside::start(new).await;
        let path = format!("/api/v1/chat/{}", beside.id);
        let whole = beside.world.with(&beside.key, "GET", &path, "").await;
        assert_eq!(whole.status, 200, "{kind}");
        assert_eq!(whole.json()["title"].as_str(), title.as_deref());
        let said = format!("{path}/messages");
        let body = r#"{"message": "hello"}"#;
        let answer = beside.world.with(&beside.key, "POST", &said, body).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_made_here_is_a_conversation_with_an_assistant() {
    let world = World::start(open()).await;
    world.begin("made here").await;
    let cx = world.cx(crate::world::PUBLIC);
    let query = backend::ConversationQuery::all(1);
    let found = world.backend.list_conversations(&cx, &query).await.unwrap();
    let made = &found.page.items[0].conversation;
    assert_eq!(made.kind, conversation::Kind::Assistant);
    assert_eq!(made.title.as_deref(), Some("made here"));
}

#[tokio::test]
async fn titles_are_shown_whole_and_extensions_shape_nothing() {
    let title = "long ".repeat(20_000);
    let extension = json!({"datamonkey": {
        "id": "conv-1-mallory0", "title": 7, "created": "never", "extra": [1],
        "absent_members": ["updated"],
    }});
    let beside = Beside::start(NewConversation {
        title: Some(title.as_str().into()),
        extensions: serde_json::from_value(extension.clone()).unwrap(),
        ..NewConversation::default()
    })
    .await;
    beside
        .import(vec![NewMessage {
            extensions: serde_json::from_value(extension).unwrap(),
            ..NewMessage::text(Role::User, "words")
        }])
        .await;
    let path = format!("/api/v1/chat/{}", beside.id);
    let whole = beside.world.with(&beside.key, "GET", &path, "").await;
    let whole = whole.json();
    assert_eq!(whole["title"].as_str(), Some(title.as_str()));
    assert_eq!(whole["id"].as_str(), Some(beside.id.as_str()));
    assert_eq!(whole["messages"][0]["content"], "words");
}

#[tokio::test]
async fn nothing_was_said_before_1970() {
    let beside = Beside::start(NewConversation::default()).await;
    beside
        .import(vec![NewMessage {
            sent_at: Some(Time::from_micros(-5_000_000).unwrap()),
            ..NewMessage::text(Role::User, "long ago")
        }])
        .await;
    let path = format!("/api/v1/chat/{}", beside.id);
    let whole = beside.world.with(&beside.key, "GET", &path, "").await;
    let whole = whole.json();
    assert_eq!(whole["messages"][0]["timestamp"], 1);
}
