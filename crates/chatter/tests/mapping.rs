//! Wire → canonical → wire gives the object back, for every recorded conversation and message.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/recorded.rs"]
#[expect(dead_code, reason = "only bodies are looked at")]
mod recorded;

use chatter::mapping::{
    APOLOGY, conversation_from_canonical, conversation_to_canonical, message_from_canonical,
    message_to_canonical, shown,
};
use chatter::wire::{ConversationResponse, Member, MessageResponse, MessageRole};
use conversation::{ConversationId, Status};
use proptest::prelude::*;
use serde_json::Value;

/// Every object in the recordings that looks like one of the vendor's.
fn collect(value: &Value, found: &mut Vec<Value>, member: &str) {
    match value {
        Value::Object(members) => {
            if members.contains_key(member) {
                found.push(value.clone());
            }
            members
                .values()
                .for_each(|value| collect(value, found, member));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found, member)),
        _ => {}
    }
}

fn recorded_objects(member: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for (_, exchange) in recorded::all() {
        if exchange.response.status < 300
            && let Ok(body) = serde_json::from_str::<Value>(&exchange.response.body)
        {
            collect(&body, &mut found, member);
        }
    }
    found
}

#[test]
fn every_recorded_conversation_survives_the_canonical_form() {
    let objects = recorded_objects("context_window");
    assert!(
        objects.len() > 100,
        "only {} conversations were found",
        objects.len()
    );
    for mut object in objects {
        let wire: ConversationResponse = serde_json::from_value(object.clone()).unwrap();
        let canonical = conversation_to_canonical(&wire, "chatter").unwrap();
        // Through JSON, as the state keeps it.
        let kept = serde_json::to_string(&canonical).unwrap();
        let canonical = serde_json::from_str(&kept).unwrap();
        let again = conversation_from_canonical(&canonical, &wire.id, "somebody").unwrap();
        object.as_object_mut().unwrap().remove("messages");
        assert_eq!(serde_json::to_value(&again).unwrap(), object);
    }
}

#[test]
fn every_recorded_message_survives_the_canonical_form() {
    let objects = recorded_objects("sequence_number");
    assert!(
        objects.len() > 50,
        "only {} messages were found",
        objects.len()
    );
    for object in objects {
        let wire: MessageResponse = serde_json::from_value(object.clone()).unwrap();
        let canonical = message_to_canonical(
            &wire,
            ConversationId::derive("chatter", &wire.conversation_id),
        )
        .unwrap();
        let kept = serde_json::to_string(&canonical).unwrap();
        let canonical = serde_json::from_str(&kept).unwrap();
        let again = message_from_canonical(&canonical, &wire.conversation_id, 0).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), object);
    }
}

#[test]
fn what_is_changed_since_goes_before_what_was_kept() {
    let mut object = recorded_objects("context_window").remove(0);
    object["title"] = "   ".into();
    object["future"] = serde_json::json!({"a": 1});
    let wire: ConversationResponse = serde_json::from_value(object).unwrap();
    let mut canonical = conversation_to_canonical(&wire, "chatter").unwrap();
    assert_eq!(canonical.title, None);
    canonical.title = Some("new".into());
    canonical.status = Status::Archived;
    let again = conversation_from_canonical(&canonical, &wire.id, "somebody").unwrap();
    assert_eq!(again.title, "new");
    assert_eq!(again.status.as_str(), "archived");
    assert_eq!(
        (again.user_id, again.extra),
        (wire.user_id, wire.extra),
        "what has no canonical home stays"
    );
}

#[test]
fn a_conversation_that_never_was_on_chatter_has_all_members() {
    let canonical = conversation::NewConversation::default().into_conversation(
        ConversationId::generate(),
        "store",
        conversation::Time::now(),
    );
    let wire =
        conversation_from_canonical(&canonical, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "somebody").unwrap();
    assert_eq!(
        (wire.title.as_str(), wire.user_id.as_str()),
        (" ", "somebody")
    );
}

#[test]
fn recorded_conversations_show_each_answer_once_and_in_order() {
    for object in recorded_objects("messages") {
        let Ok(wire) = serde_json::from_value::<ConversationResponse>(object) else {
            continue;
        };
        let shown = shown(wire.messages.into_value().unwrap_or_default());
        let numbers: Vec<i64> = shown
            .iter()
            .map(|shown| shown.message.sequence_number)
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        for pair in shown.windows(2) {
            let same = pair[0].message.content == pair[1].message.content
                && pair[0].message.created_at == pair[1].message.created_at
                && pair[0].message.role == MessageRole::Assistant;
            assert!(!same, "an answer is shown twice");
        }
    }
}

#[test]
fn recorded_apologies_are_recognised() {
    let messages = recorded_objects("sequence_number");
    let apologies = messages
        .iter()
        .filter(|message| message["content"].as_str().unwrap().starts_with(APOLOGY));
    let apologies: Vec<MessageResponse> = apologies
        .map(|message| serde_json::from_value(message.clone()).unwrap())
        .collect();
    assert!(
        apologies.len() >= 4,
        "only {} apologies were found",
        apologies.len()
    );
    for apology in apologies {
        let canonical = message_to_canonical(&apology, ConversationId::generate()).unwrap();
        assert_eq!(canonical.status, conversation::MessageStatus::Failed);
    }
}

prop_compose! {
    fn any_message()(
        content in any::<String>(),
        role in prop_oneof![Just("user"), Just("assistant"), Just("system"), Just("tool"), Just("future")],
        number in any::<i64>(),
        tokens in proptest::option::of(any::<u64>()),
        cost in proptest::option::of(0.0_f64..1e9),
        votes in 0_u64..100,
        mean in 0.0_f64..5.0,
        micros in 0_i64..4_000_000_000_000_000,
        usual in any::<bool>(),
    ) -> MessageResponse {
        let time = conversation::Time::from_micros(micros).unwrap().to_string();
        let mut message: MessageResponse = serde_json::from_value(serde_json::json!({
            "role": role, "content": content, "id": "01M7YWC9WQB88EGB2NRRJDZRJG",
            "conversation_id": "01M7YWC9W20H0Y6NEKKP3A2EFM", "sequence_number": number, "created_at": time,
            "future": {"kept": true},
        })).unwrap();
        message.prompt_tokens = Member::or_null(tokens);
        message.cost = Member::or_null(cost);
        if votes > 0 {
            message.rating = Member::Value(mean);
            message.rating_count = Member::Value(votes);
        }
        if usual {
            // As the servers of V1 and V2 send them.
            message.extra.clear();
            message.completion_tokens = Member::Null;
            message.total_tokens = Member::Null;
            message.model_used = Member::Null;
            message.provider_used = Member::Null;
            message.response_time_ms = Member::Null;
            message.finish_reason = Member::Null;
            if votes == 0 {
                message.rating = Member::Null;
                message.rating_count = Member::Value(0);
            }
        }
        message
    }
}

proptest! {
    #[test]
    fn any_message_survives_the_canonical_form(wire in any_message()) {
        let canonical = message_to_canonical(&wire, ConversationId::from_bits(1)).unwrap();
        let again = message_from_canonical(&canonical, &wire.conversation_id, 0).unwrap();
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&wire).unwrap());
    }
}
