//! What preview leaves over is accepted as it is, and every field that it does not leave as it came is named.

use backend::{Fate, Projection, RespondRequest, Write};
use chatter::Generation;
use chatter::mapping::preview;
use conversation::{ConversationPatch, JsonMap, MessageId, MessagePatch, Patch, RawJson, Role};
use proptest::prelude::*;
use testkit::builders::{every_part, full_conversation, full_message};
use testkit::generate::{self, Chance};

const GENERATIONS: [Option<Generation>; 4] = [
    None,
    Some(Generation::V0),
    Some(Generation::V1),
    Some(Generation::V2),
];

/// A request for an answer with all that may come with one.
fn request(chance: &mut Chance<'_>) -> RespondRequest {
    RespondRequest {
        input: Some(generate::message(chance)),
        assistant: generate::conversation(chance).assistant,
        template: None,
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
fn assert_settled(write: &Write, generation: Option<Generation>) {
    let first = preview(write, generation);
    for fate in &first.fates {
        assert!(fate.pointer.starts_with('/'), "{fate:?}");
        assert!(!fate.detail.is_empty(), "{fate:?}");
        if let Some(exceeds) = fate.exceeds {
            assert!(
                exceeds.value.unwrap_or_default() > exceeds.limit,
                "{fate:?}"
            );
        }
    }
    if !first.is_held {
        assert!(is_rejected(&first), "nothing says why: {first:?}");
        return;
    }
    let second = preview(&first.write, generation);
    assert!(second.is_held, "{write:?}");
    assert!(!is_rejected(&second), "{:?} of {write:?}", second.fates);
    assert_eq!(second.write, first.write, "of {write:?}");
}

proptest! {
    #[test]
    fn what_preview_leaves_over_is_accepted_as_it_is(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        for generation in GENERATIONS {
            assert_settled(&generate::write(&mut Chance::new(&bytes)), generation);
            assert_settled(&Write::Respond(request(&mut Chance::new(&bytes))), generation);
        }
    }
}

#[test]
fn every_part_is_kept_converted_or_named() {
    for part in every_part() {
        let mut said = full_message();
        said.role = Role::User;
        said.direction = None;
        said.parts = vec![part];
        let request = RespondRequest {
            input: Some(said),
            ..RespondRequest::default()
        };
        assert_settled(&Write::Respond(request), None);
    }
}

#[test]
fn each_member_is_named_by_its_own_pointer() {
    let mut new = full_conversation();
    new.created_at = "2020-01-01T00:00:00Z".parse().ok();
    new.metadata
        .insert("workflow_config".into(), RawJson::string("x"));
    let projection = preview(&Write::CreateConversation(new), None);
    assert_eq!(
        pointers(&projection),
        [
            "/kind",
            "/status",
            "/description",
            "/priority",
            "/labels",
            "/participants",
            "/owner",
            "/icon_url",
            "/created_at",
            "/extensions/acme/odd",
            "/extensions/acme/shard",
            "/metadata/workflow_config",
            "/assistant/system_prompt",
            "/assistant/retrieval",
            "/assistant/model",
            "/assistant/top_p",
            "/assistant/provider",
            "/assistant/workflow",
        ]
    );

    let map = |text: &str| -> JsonMap { serde_json::from_str(text).expect("an object") };
    let patch = ConversationPatch {
        assistant: Patch::Set(map(
            r#"{"max_tokens":3000000000,"temperature":null,"model":"m","top_p":1}"#,
        )),
        extensions: Patch::Set(map(r#"{"a/b":{"c":1,"d":null},"e":null,"f":7}"#)),
        description: Patch::Clear,
        labels: Patch::Set(Vec::new()),
        ..ConversationPatch::default()
    };
    let projection = preview(&Write::UpdateConversation(patch), None);
    assert_eq!(
        pointers(&projection),
        [
            "/labels",
            "/extensions/a~1b/c",
            "/extensions/f",
            "/assistant/max_tokens",
            "/assistant/model",
            "/assistant/temperature",
            "/assistant/top_p",
        ]
    );

    let edit = Write::UpdateMessage {
        id: MessageId::derive(&["any"]),
        patch: MessagePatch {
            subject: Patch::Clear,
            metadata: Patch::Set(map(r#"{"k":1,"l":null}"#)),
            ..MessagePatch::default()
        },
    };
    let projection = preview(&edit, None);
    assert!(!projection.is_held);
    assert_eq!(
        pointers(&projection),
        ["/subject", "/metadata/k", "/metadata/l"]
    );
}

#[test]
fn limits_come_with_what_was_sent() {
    let mut new = full_conversation();
    new.title = Some("é".repeat(300).into());
    if let Some(assistant) = &mut new.assistant {
        assistant.max_tokens = Some(3_000_000_000);
    }
    let projection = preview(&Write::CreateConversation(new), None);
    let exceeds = |pointer: &str| {
        let fate = projection.fates.iter().find(|fate| fate.pointer == pointer);
        fate.and_then(|fate| fate.exceeds)
            .map(|exceeds| (exceeds.limit, exceeds.value))
    };
    assert_eq!(exceeds("/title"), Some((255, Some(300))));
    assert_eq!(
        exceeds("/assistant/max_tokens"),
        Some((2_147_483_647, Some(3_000_000_000)))
    );
    assert_eq!(exceeds("/labels"), None);
}

#[test]
fn what_has_no_place_as_a_whole_is_not_held() {
    let id = MessageId::derive(&["any"]);
    let said = |role: Role, text: &str| {
        Write::Respond(RespondRequest {
            input: Some(conversation::NewMessage::text(role, text)),
            ..RespondRequest::default()
        })
    };
    for write in [
        Write::PostMessage(full_message()),
        Write::ImportMessage(full_message()),
        Write::UpdateMessage {
            id,
            patch: MessagePatch::default(),
        },
        Write::AddParticipants(full_conversation().participants),
        Write::RemoveParticipant { id: "a".into() },
        said(Role::Assistant, "words"),
        said(Role::System, "words"),
        said(Role::User, ""),
        said(Role::User, "\0"),
    ] {
        let projection = preview(&write, Some(Generation::V2));
        assert!(!projection.is_held && is_rejected(&projection), "{write:?}");
    }
    for write in [
        Write::DeleteConversation,
        said(Role::User, "words"),
        said(Role::User, " "),
        said(Role::User, "a\0b"),
    ] {
        let projection = preview(&write, Some(Generation::V2));
        assert!(projection.is_held, "{write:?}");
    }
}
