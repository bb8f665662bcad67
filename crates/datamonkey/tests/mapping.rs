//! Wire → canonical → wire gives the object back, for every recorded conversation and message.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/recorded.rs"]
#[expect(dead_code, reason = "only bodies are looked at")]
mod recorded;

use backend::{Fate, RespondRequest, Write};
use conversation::{
    Assistant, Conversation, ConversationId, ConversationPatch, Message, MessageId,
    NewConversation, NewMessage, Part, Patch, RawJson, Role, Status, Time,
};
use datamonkey::mapping::{
    conversation_from_canonical, conversation_to_canonical, created_from_canonical,
    created_to_canonical, message_from_canonical, message_to_canonical, placed, preview,
};
use datamonkey::wire::{ChatConversation, ChatMessage, CreatedConversation, MessageList, to_bytes};
use proptest::prelude::*;
use serde_json::Value;

/// Every object in the recorded answers that has these members, as its text.
fn recorded_objects(wanted: &[&str], unwanted: &[&str]) -> Vec<Value> {
    fn collect(value: &Value, found: &mut Vec<Value>, wanted: &[&str], unwanted: &[&str]) {
        match value {
            Value::Object(members) => {
                if wanted.iter().all(|name| members.contains_key(*name))
                    && !unwanted.iter().any(|name| members.contains_key(*name))
                {
                    found.push(value.clone());
                }
                members
                    .values()
                    .for_each(|value| collect(value, found, wanted, unwanted));
            }
            Value::Array(items) => items
                .iter()
                .for_each(|item| collect(item, found, wanted, unwanted)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for exchange in recorded::all() {
        if exchange.response.status < 300
            && let Ok(body) = serde_json::from_str::<Value>(&exchange.response.body)
        {
            collect(&body, &mut found, wanted, unwanted);
        }
    }
    found
}

/// Through JSON, as the state keeps it.
fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(object: &T) -> T {
    serde_json::from_str(&serde_json::to_string(object).unwrap()).unwrap()
}

fn of(text: &str) -> ChatMessage {
    serde_json::from_str(text).unwrap()
}

fn id() -> MessageId {
    MessageId::derive(&["any"])
}

#[test]
fn every_recorded_conversation_survives_the_canonical_form() {
    let (mut shown, mut created) = (0, 0);
    for mut object in recorded_objects(&["created", "updated"], &[]) {
        let text = object.to_string();
        let is_from_create = object.get("messages").is_none() && object["title"] != "";
        if object.get("title").is_some() {
            let wire: ChatConversation = serde_json::from_str(&text).unwrap();
            let canonical = conversation_to_canonical(&wire, "datamonkey").unwrap();
            let again = conversation_from_canonical(&kept(&canonical), &wire.id).unwrap();
            object.as_object_mut().unwrap().remove("messages");
            assert_eq!(serde_json::to_value(&again).unwrap(), object);
            assert!(canonical.extensions.is_empty(), "nothing is unusual here");
            shown += 1;
        }
        let Ok(wire) = serde_json::from_str::<CreatedConversation>(&text) else {
            continue;
        };
        if is_from_create {
            let canonical = created_to_canonical(&wire, "datamonkey").unwrap();
            let again = created_from_canonical(&kept(&canonical), &wire.id).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), object);
            assert!(canonical.extensions.is_empty());
            created += 1;
        }
    }
    assert!(
        shown > 25 && created > 25,
        "only {shown} and {created} conversations were found"
    );
}

#[test]
fn every_recorded_message_survives_the_canonical_form() {
    let objects = recorded_objects(&["role", "content"], &[]);
    assert!(
        objects.len() > 60,
        "only {} messages were found",
        objects.len()
    );
    for object in objects {
        let wire: ChatMessage = serde_json::from_str(&object.to_string()).unwrap();
        let canonical = message_to_canonical(&wire, id(), ConversationId::generate()).unwrap();
        assert!(canonical.extensions.is_empty());
        let again = message_from_canonical(&kept(&canonical)).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), object);
    }
}

#[test]
fn what_create_and_get_say_of_one_conversation_is_the_same() {
    let created: CreatedConversation =
        serde_json::from_str(r#"{"id":"conv-1-a","created":5,"updated":6}"#).unwrap();
    let shown: ChatConversation = serde_json::from_str(
        r#"{"created":5,"id":"conv-1-a","messages":null,"title":"","updated":6}"#,
    )
    .unwrap();
    let canonical = created_to_canonical(&created, "d").unwrap();
    assert_eq!(canonical, conversation_to_canonical(&shown, "d").unwrap());
    assert_eq!((canonical.title, canonical.last_message_at), (None, None));
}

#[test]
fn unusual_objects_come_back_to_the_byte() {
    let conversations = [
        r#"{"created":5,"id":"conv-1-a","title":null,"updated":6}"#,
        r#"{"created":5,"id":"conv-1-a","updated":6}"#,
        r#"{"created":5,"id":"conv-1-a","title":"t","updated":6,"model":"m","n":1.50}"#,
    ];
    for text in conversations {
        let wire: ChatConversation = serde_json::from_str(text).unwrap();
        let canonical = conversation_to_canonical(&wire, "d").unwrap();
        let again = conversation_from_canonical(&kept(&canonical), &wire.id).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&again).unwrap()).unwrap(), text);
    }
    for text in [
        r#"{"id":"conv-1-a","title":"","created":5,"updated":6}"#,
        r#"{"id":"conv-1-a","title":null,"created":5,"updated":6}"#,
        r#"{"id":"conv-1-a","created":5,"updated":6,"user":"u"}"#,
    ] {
        let wire: CreatedConversation = serde_json::from_str(text).unwrap();
        let canonical = created_to_canonical(&wire, "d").unwrap();
        let again = created_from_canonical(&kept(&canonical), &wire.id).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&again).unwrap()).unwrap(), text);
    }
    for text in [
        r#"{"role":"sage","content":"a","timestamp":5}"#,
        r#"{"role":"system","content":"a","timestamp":5}"#,
        r#"{"role":"user","content":"a"}"#,
        r#"{"role":"user","content":"a","timestamp":null}"#,
        r#"{"role":"user","content":"a","timestamp":0,"model":"m"}"#,
    ] {
        let canonical =
            message_to_canonical(&of(text), id(), ConversationId::from_bits(1)).unwrap();
        let again = message_from_canonical(&kept(&canonical)).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&again).unwrap()).unwrap(), text);
    }
}

#[test]
fn what_is_changed_since_goes_before_what_was_kept() {
    let wire: ChatConversation =
        serde_json::from_str(r#"{"created":5,"id":"c","title":null,"updated":6,"future":{"a":1}}"#)
            .unwrap();
    let mut canonical = conversation_to_canonical(&wire, "d").unwrap();
    canonical.title = Some("new".into());
    let again = conversation_from_canonical(&canonical, "c").unwrap();
    assert_eq!(again.title.value().map(String::as_str), Some("new"));
    assert_eq!(again.extra, wire.extra, "what has no canonical home stays");
    let mut canonical = message_to_canonical(
        &of(r#"{"role":"sage","content":"a","x":1}"#),
        id(),
        ConversationId::from_bits(1),
    )
    .unwrap();
    canonical.parts = vec![Part::text("b")];
    let again = message_from_canonical(&canonical).unwrap();
    assert_eq!((again.content.as_str(), again.role.as_str()), ("b", "sage"));
    assert_eq!(again.extra.len(), 1);
}

#[test]
fn objects_that_never_were_there_have_all_members() {
    let canonical = NewConversation::default().into_conversation(
        ConversationId::generate(),
        "store",
        Time::now(),
    );
    let shown = conversation_from_canonical(&canonical, "conv-1-a").unwrap();
    assert_eq!(shown.title.value().map(String::as_str), Some(""));
    assert!(
        created_from_canonical(&canonical, "conv-1-a")
            .unwrap()
            .title
            .is_absent()
    );
    let said =
        NewMessage::text(Role::Assistant, "hi").into_message(id(), canonical.id, Time::now());
    let wire = message_from_canonical(&said).unwrap();
    assert_eq!(
        (wire.role.as_str(), wire.content.as_str()),
        ("assistant", "hi")
    );
    assert_eq!(wire.timestamp.into_value(), Some(said.sent_at.as_millis()));
}

#[test]
fn recorded_parallel_sends_have_an_order_and_ids_of_their_own() {
    let lists: Vec<MessageList> = recorded_objects(&["messages"], &["id"])
        .iter()
        .map(|list| serde_json::from_str(&list.to_string()).unwrap())
        .collect();
    for list in lists {
        let (index, unreadable) = placed(list.messages.into_value().unwrap_or_default());
        assert!(unreadable.is_empty());
        assert!(index.is_sorted_by(|one, other| one.place < other.place));
        let mut ids: Vec<MessageId> = index
            .iter()
            .map(|placed| placed.id("d", "conv-1"))
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), index.len());
    }
}

#[test]
fn times_that_cannot_be_held_are_named() {
    let wire: ChatConversation =
        serde_json::from_str(r#"{"created":9223372036854775807,"id":"c","title":"","updated":6}"#)
            .unwrap();
    assert_eq!(
        conversation_to_canonical(&wire, "d").unwrap_err().0,
        "created"
    );
    let wire = of(r#"{"role":"user","content":"a","timestamp":-9223372036854775808}"#);
    let error = message_to_canonical(&wire, id(), ConversationId::from_bits(1)).unwrap_err();
    assert_eq!(error.0, "timestamp");
    // One such message does not hide its conversation.
    let wire: ChatConversation = serde_json::from_str(
        r#"{"created":5,"id":"c","messages":[{"role":"user","content":"a","timestamp":7},
            {"role":"user","content":"b","timestamp":9223372036854775807}],"title":"","updated":6}"#,
    )
    .unwrap();
    let conversation = conversation_to_canonical(&wire, "d").unwrap();
    let newest = conversation
        .last_message_at
        .map(|newest| newest.as_millis());
    assert_eq!(newest, Some(7));
}

fn pointers(write: &Write) -> Vec<(String, Fate)> {
    preview(write)
        .fates
        .into_iter()
        .map(|fate| (fate.pointer, fate.fate))
        .collect()
}

#[test]
fn preview_names_every_setting_and_member_that_has_no_place() {
    let metadata = || [("a/b".into(), RawJson::string("x"))].into_iter().collect();
    let assistant = Assistant {
        temperature: Some(0.5),
        model: Some("m".into()),
        ..Assistant::default()
    };
    let new = NewConversation {
        title: Some("kept".into()),
        status: Some(Status::Archived),
        metadata: metadata(),
        assistant: Some(assistant.clone()),
        created_at: "2020-01-01T00:00:00Z".parse().ok(),
        ..NewConversation::default()
    };
    let rejected = |pointers: &[&str]| -> Vec<(String, Fate)> {
        pointers
            .iter()
            .map(|pointer| ((*pointer).to_owned(), Fate::Rejected))
            .collect()
    };
    assert_eq!(
        pointers(&Write::CreateConversation(new)),
        rejected(&[
            "/status",
            "/created_at",
            "/metadata/a~1b",
            "/assistant/model",
            "/assistant/temperature"
        ])
    );
    let request = RespondRequest {
        input: Some(NewMessage::text(Role::Assistant, "")),
        assistant: Some(assistant),
        template: Some("t".into()),
        metadata: metadata(),
        context: None,
    };
    assert_eq!(
        pointers(&Write::Respond(request)),
        rejected(&[
            "/metadata/a~1b",
            "/assistant/model",
            "/assistant/temperature",
            "/template",
            "/input/role",
            "/input/parts"
        ])
    );
    let patch = ConversationPatch {
        title: Patch::Set("new".into()),
        description: Patch::Clear,
        owner: Patch::Set("o".into()),
        ..ConversationPatch::default()
    };
    assert_eq!(
        pointers(&Write::UpdateConversation(patch)),
        rejected(&["/title", "/owner"])
    );
}

prop_compose! {
    fn any_message()(
        content in any::<String>(),
        role in prop_oneof![Just("user"), Just("assistant"), Just("system"), Just("future")],
        timestamp in proptest::option::of(0_i64..4_000_000_000_000),
        extra in any::<bool>(),
    ) -> ChatMessage {
        let mut text = serde_json::json!({"role": role, "content": content});
        if let Some(timestamp) = timestamp {
            text["timestamp"] = timestamp.into();
        }
        if extra {
            text["future"] = serde_json::json!({"kept": true});
        }
        of(&text.to_string())
    }
}

proptest! {
    #[test]
    fn any_message_survives_the_canonical_form(wire in any_message()) {
        let canonical: Message = message_to_canonical(&wire, id(), ConversationId::from_bits(1)).unwrap();
        let again = message_from_canonical(&kept(&canonical)).unwrap();
        prop_assert_eq!(to_bytes(&again).unwrap(), to_bytes(&wire).unwrap());
    }

    #[test]
    fn any_conversation_survives_the_canonical_form(title in any::<String>(), created in 0_i64..4_000_000_000_000, updated in 0_i64..4_000_000_000_000) {
        let text = serde_json::json!({"created": created, "id": "conv-1-a", "title": title, "updated": updated});
        let wire: ChatConversation = serde_json::from_str(&text.to_string()).unwrap();
        let canonical: Conversation = conversation_to_canonical(&wire, "d").unwrap();
        let again = conversation_from_canonical(&kept(&canonical), &wire.id).unwrap();
        prop_assert_eq!(to_bytes(&again).unwrap(), to_bytes(&wire).unwrap());
    }
}
