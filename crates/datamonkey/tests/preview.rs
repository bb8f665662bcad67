//! What preview leaves over is accepted as it is, and every field that it does not leave as it came is named.

use backend::{Fate, Projection, RespondRequest, Write};
use conversation::{
    ConversationPatch, JsonMap, MessageId, MessagePatch, NewMessage, Patch, Role, Status,
};
use datamonkey::mapping::preview;
use proptest::prelude::*;
use testkit::builders::{every_part, full_conversation, full_message};
use testkit::generate::{self, Chance};

/// A request for an answer with all that may come with one.
fn request(chance: &mut Chance<'_>) -> RespondRequest {
    RespondRequest {
        input: Some(generate::message(chance)),
        assistant: generate::conversation(chance).assistant,
        template: Some("general".into()),
        metadata: generate::conversation(chance).metadata,
        context: None,
    }
}

fn is_rejected(projection: &Projection) -> bool {
    projection
        .fates
        .iter()
        .any(|fate| fate.fate == Fate::Rejected)
}

fn pointers(projection: &Projection) -> Vec<&str> {
    projection
        .fates
        .iter()
        .map(|fate| fate.pointer.as_str())
        .collect()
}

/// Expects preview to be honest about its own result.
fn assert_settled(write: &Write) {
    let first = preview(write);
    for fate in &first.fates {
        assert!(fate.pointer.starts_with('/'), "{fate:?}");
        assert!(!fate.detail.is_empty(), "{fate:?}");
    }
    if !first.is_held {
        assert!(is_rejected(&first), "nothing says why: {first:?}");
        return;
    }
    let second = preview(&first.write);
    assert!(second.is_held, "{write:?}");
    assert!(!is_rejected(&second), "{:?} of {write:?}", second.fates);
    assert_eq!(second.write, first.write, "of {write:?}");
}

proptest! {
    #[test]
    fn what_preview_leaves_over_is_accepted_as_it_is(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        assert_settled(&generate::write(&mut Chance::new(&bytes)));
        assert_settled(&Write::Respond(request(&mut Chance::new(&bytes))));
    }
}

#[test]
fn every_part_is_kept_converted_or_named() {
    for part in every_part() {
        let request = RespondRequest {
            input: Some(NewMessage::of(Role::User, vec![part])),
            ..RespondRequest::default()
        };
        assert_settled(&Write::Respond(request));
    }
}

#[test]
fn each_member_is_named_by_its_own_pointer() {
    let projection = preview(&Write::CreateConversation(full_conversation()));
    let named = pointers(&projection);
    for pointer in [
        "/metadata/ticket",
        "/metadata/nested",
        "/assistant/model",
        "/assistant/workflow_config",
        "/extensions/acme/odd",
        "/extensions/acme/shard",
        "/labels",
        "/participants",
    ] {
        assert!(named.contains(&pointer), "{pointer} in {named:?}");
    }

    let map = |text: &str| -> JsonMap { serde_json::from_str(text).expect("an object") };
    let patch = ConversationPatch {
        title: Patch::Clear,
        metadata: Patch::Set(map(r#"{"a~b":1,"c":null}"#)),
        assistant: Patch::Set(map(r#"{"model":"m","top_p":null}"#)),
        extensions: Patch::Set(map(r#"{"a/b":{"c":1,"d":null}}"#)),
        ..ConversationPatch::default()
    };
    let projection = preview(&Write::UpdateConversation(patch));
    assert!(!projection.is_held);
    assert_eq!(
        pointers(&projection),
        [
            "/title",
            "/assistant/model",
            "/metadata/a~0b",
            "/extensions/a~1b/c",
        ]
    );
}

#[test]
fn what_has_no_place_as_a_whole_is_not_held() {
    let id = || MessageId::derive(&["any"]);
    let said = |role: Role, text: &str| {
        Write::Respond(RespondRequest {
            input: Some(NewMessage::text(role, text)),
            ..RespondRequest::default()
        })
    };
    let titled = ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    };
    for write in [
        Write::PostMessage(full_message()),
        Write::ImportMessage(full_message()),
        Write::UpdateConversation(titled),
        Write::UpdateMessage {
            id: id(),
            patch: MessagePatch::default(),
        },
        Write::DeleteMessage { id: id() },
        Write::RateMessage {
            id: id(),
            value: 3.0,
        },
        Write::AddParticipants(full_conversation().participants),
        Write::RemoveParticipant { id: "a".into() },
        said(Role::Assistant, "words"),
        said(Role::User, ""),
    ] {
        let projection = preview(&write);
        assert!(!projection.is_held && is_rejected(&projection), "{write:?}");
    }
    let nothing = ConversationPatch {
        status: Patch::Set(Status::Open),
        description: Patch::Clear,
        ..ConversationPatch::default()
    };
    for write in [
        Write::DeleteConversation,
        Write::UpdateConversation(nothing),
        said(Role::User, "a\0b"),
    ] {
        let projection = preview(&write);
        assert!(projection.is_held && !is_rejected(&projection), "{write:?}");
    }
}
