//! Wire → canonical → wire gives the object back, for every example and for made-up ones.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/captured.rs"]
#[expect(dead_code, reason = "only objects are looked at")]
mod captured;

use conversation::{
    Conversation, ConversationId, Direction, Kind, Message, MessageStatus, NewConversation,
    NewMessage, Part, Participant, Priority, Role, Side, Status, TextFormat, Time,
};
use convore::mapping::{
    conversation_from_canonical, conversation_to_canonical, message_from_canonical,
    message_to_canonical, participant_from_canonical, participant_id, participant_to_canonical,
};
use convore::wire::{self, MessageParticipantRole};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every object of this kind in the examples, in pages too.
fn objects(kind: &str, prefix: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for answer in captured::answers() {
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        if answer.kind == kind {
            found.push(body);
        } else if let Some(data) = body["data"].as_array() {
            let has_prefix = |record: &&Value| {
                record["id"]
                    .as_str()
                    .is_some_and(|id| id.starts_with(prefix))
            };
            found.extend(data.iter().filter(has_prefix).cloned());
        }
    }
    found
}

/// Through JSON, as the state keeps it.
fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn message_again(object: &Value) -> Value {
    let wire: wire::Message = serde_json::from_value(object.clone()).unwrap();
    let id = ConversationId::derive("convore", &wire.conversation_id);
    let canonical = message_to_canonical(&wire, id).unwrap();
    let again = message_from_canonical(&kept(&canonical), &wire.conversation_id, "other").unwrap();
    serde_json::to_value(&again).unwrap()
}

fn conversation_again(object: &Value) -> Value {
    let wire: wire::Conversation = serde_json::from_value(object.clone()).unwrap();
    let canonical = conversation_to_canonical(&wire, "convore").unwrap();
    let again = conversation_from_canonical(&kept(&canonical), &wire.id, "other").unwrap();
    serde_json::to_value(&again).unwrap()
}

#[test]
fn every_example_survives_the_canonical_form() {
    let (messages, conversations) = (objects("message", "msg_"), objects("conversation", "conv_"));
    assert!(messages.len() >= 3 && conversations.len() >= 2);
    for object in messages {
        assert_eq!(message_again(&object), object);
    }
    for object in conversations {
        assert_eq!(conversation_again(&object), object);
    }
}

#[test]
fn odd_spellings_survive_the_canonical_form() {
    let odd: [fn(&mut Value); 14] = [
        |message| message["date"] = "2019-05-04T05:02:01+02:00".into(),
        |message| message["created_at"] = "2019-05-04T03:02:01".into(),
        |message| message["body"] = Value::Null,
        |message| message["body"] = "a<br/>b &quot;c&quot;".into(),
        |message| message["text_body"] = "other words".into(),
        |message| message["attachments"] = Value::Null,
        |message| message["subject"] = "".into(),
        |message| message["reply_type"] = "echo".into(),
        |message| message["reply_to_message_id"] = "<mail@provider.example>".into(),
        |message| message["sender"]["handle"] = json!({"type": "phone", "value": "1", "x": 2}),
        |message| message["sender"]["name"] = Value::Null,
        |message| {
            let handle = json!({"type": "convore_chat", "value": "email:odd"});
            message["recipients"] = json!([{"handle": handle, "role": "watcher"}]);
        },
        |message| message["direction"] = "sideways".into(),
        |message| {
            for name in ["body", "text_body", "raw_body", "attachments", "snippet"] {
                message.as_object_mut().unwrap().remove(name);
            }
        },
    ];
    let message = objects("message", "msg_").remove(0);
    for (index, edit) in odd.iter().enumerate() {
        let mut object = message.clone();
        edit(&mut object);
        assert_eq!(message_again(&object), object, "message {index}");
    }
    let odd: [fn(&mut Value); 9] = [
        |row| row["status"] = "snoozed".into(),
        |row| row["priority"] = "cosmic".into(),
        |row| row["created_at"] = "2019-05-04T03:02:01.123456Z".into(),
        |row| row["last_message_date"] = Value::Null,
        |row| row["is_unread"] = Value::Null,
        |row| row["subject"] = "".into(),
        |row| row["labels"] = json!([]),
        |row| {
            let first = row["participants"][0].clone();
            row["participants"].as_array_mut().unwrap().push(first);
            row["participants"][1]["role"] = "bcc".into();
        },
        |row| row["future"] = json!({"a": [1]}),
    ];
    let row = objects("conversation", "conv_").remove(0);
    for (index, edit) in odd.iter().enumerate() {
        let mut object = row.clone();
        edit(&mut object);
        assert_eq!(conversation_again(&object), object, "conversation {index}");
    }
}

#[test]
fn an_example_reads_as_one_would_expect() {
    let wire: wire::Message = serde_json::from_value(objects("message", "msg_").remove(0)).unwrap();
    let message = message_to_canonical(&wire, ConversationId::from_bits(1)).unwrap();
    assert_eq!(
        (&message.role, &message.direction),
        (&Role::User, &Direction::Inbound)
    );
    assert_eq!(message.status, MessageStatus::Sent);
    let author = message.author.as_ref().unwrap();
    assert_eq!(author.id.as_deref(), Some("email:bo@example.test"));
    assert_eq!(author.side, Some(Side::Customer));
    assert_eq!(
        message.recipients[0].participant_id.as_deref(),
        Some("email:ana@example.test")
    );
    let Part::Text(text) = &message.parts[0] else {
        panic!("{:?}", message.parts)
    };
    assert_eq!(text.format, TextFormat::Html);
    let row = objects("conversation", "conv_").remove(0);
    let wire: wire::Conversation = serde_json::from_value(row).unwrap();
    let row = conversation_to_canonical(&wire, "convore").unwrap();
    assert_eq!(
        (row.status, row.kind, row.priority),
        (Status::Open, Kind::Mail, None)
    );
    assert_eq!(
        (row.unread, row.counts.unwrap().messages),
        (Some(1), Some(1))
    );
    assert_eq!(row.labels, ["Support".into()]);
    assert_eq!(
        row.updated_at,
        row.created_at.max(row.last_message_at.unwrap())
    );
}

#[test]
fn what_is_changed_since_goes_before_what_was_kept() {
    let mut object = objects("message", "msg_").remove(0);
    object["body"] = "a<br/>b".into();
    object["future"] = json!(1);
    let wire: wire::Message = serde_json::from_value(object).unwrap();
    let mut message = message_to_canonical(&wire, ConversationId::from_bits(1)).unwrap();
    message.parts[0] = Part::text("new <words>");
    let again = message_from_canonical(&message, &wire.conversation_id, "other").unwrap();
    assert_eq!(again.body.value().unwrap(), "new &lt;words&gt;");
    assert_eq!(again.text_body.value().unwrap(), "new <words>");
    assert_eq!(
        (again.channel_id, again.extra),
        (wire.channel_id, wire.extra)
    );

    let mut object = objects("conversation", "conv_").remove(0);
    object["status"] = "snoozed".into();
    let wire: wire::Conversation = serde_json::from_value(object).unwrap();
    let mut row = conversation_to_canonical(&wire, "convore").unwrap();
    row.status_native = None;
    row.status = Status::Closed;
    row.priority = Some(Priority::Low);
    let again = conversation_from_canonical(&row, &wire.id, "other").unwrap();
    assert_eq!(
        (again.status.as_str(), again.priority.as_str()),
        ("done", "low")
    );
    assert_eq!(
        again.snippet, wire.snippet,
        "what has no canonical home stays"
    );
}

/// A conversation and a message that never were at Convore.
fn foreign() -> (Conversation, Message) {
    let now: Time = "2026-11-21T11:03:04.318619Z".parse().unwrap();
    let new = NewConversation {
        kind: Some(Kind::Assistant),
        status: Some(Status::Archived),
        labels: vec!["vip".into()],
        ..NewConversation::default()
    };
    let id = ConversationId::from_bits(7);
    let row = new.into_conversation(id, "store", now);
    let parts = vec![Part::Reasoning("hidden".into()), Part::text("hello")];
    let message = NewMessage::of(Role::Assistant, parts);
    let message = message.into_message("msg_1".parse().unwrap(), id, now);
    (row, message)
}

#[test]
fn what_never_was_at_convore_has_all_members_that_its_client_needs() {
    let (row, message) = foreign();
    let row = conversation_from_canonical(&row, "conv_1", "chnnl_1").unwrap();
    assert_eq!(
        (row.status.as_str(), row.priority.as_str()),
        ("open", "no_priority")
    );
    assert_eq!(
        (row.channel_id.as_str(), row.labels[0].name.as_str()),
        ("chnnl_1", "vip")
    );
    assert!(row.labels[0].id.starts_with("lbl_"));
    let message = message_from_canonical(&message, "conv_1", "chnnl_1").unwrap();
    assert_eq!(message.text_body.value().unwrap(), "hello");
    assert_eq!(message.attachments.value().unwrap().len(), 0);
    assert_eq!(message.date, "2026-11-21T11:03:04.318Z");
    assert_eq!(message.sender.handle.value, "assistant");
    assert_eq!(message.direction.as_str(), "outbound");
}

proptest! {
    #[test]
    fn any_address_makes_one_id_and_comes_back(value in ".*", email in any::<bool>()) {
        let kind = if email { "email" } else { "convore_chat" };
        let wire: wire::MessageParticipant = serde_json::from_value(json!({
            "handle": {"type": kind, "value": value}, "role": "from",
        })).unwrap();
        let canonical = participant_to_canonical(&wire, None);
        let again = participant_from_canonical(&canonical, MessageParticipantRole::From).unwrap();
        prop_assert_eq!(&again, &wire);
        let by_id = Participant { id: canonical.id.clone(), ..Participant::default() };
        let by_id = participant_from_canonical(&by_id, MessageParticipantRole::From).unwrap();
        prop_assert_eq!(participant_id(&by_id.handle), participant_id(&wire.handle));
        prop_assert_eq!(by_id.handle, wire.handle);
    }

    #[test]
    fn any_body_survives_the_canonical_form(
        body in prop_oneof![any::<String>(), "[a<>&;\n /brqnsp\"]{0,30}"],
        same in any::<bool>(),
        text in proptest::option::of(any::<String>()),
    ) {
        let mut object = objects("message", "msg_").remove(0);
        object["raw_body"] = if same { body.clone().into() } else { "<p>raw</p>".into() };
        object["body"] = body.into();
        match text {
            Some(text) => object["text_body"] = text.into(),
            None => { object.as_object_mut().unwrap().remove("text_body"); }
        }
        prop_assert_eq!(message_again(&object), object);
    }
}
