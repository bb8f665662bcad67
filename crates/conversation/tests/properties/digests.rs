//! Digests: what they depend on, and what they ignore.

use conversation::{
    Assistant, Conversation, Counts, Digest, Direction, Handle, InReplyTo, Kind, Message,
    MessageStatus, Part, Participant, Priority, Rating, RawJson, Recipient, RecipientKind,
    ReplyKind, Role, Status, Time, Usage, canonical_json, conversation_digest, etag,
    portable_digest, strict_digest, strict_message_digest,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assert_ne, proptest};

use crate::shuffle::shuffled;
use crate::values;

/// A text that differs from any other.
fn other(text: &Option<Box<str>>) -> Option<Box<str>> {
    Some(format!("{}+", text.as_deref().unwrap_or_default()).into())
}

fn other_time(time: Time) -> Time {
    time.saturating_add_micros(if time.as_micros() > 0 { -1_000 } else { 1_000 })
}

fn somebody() -> Participant {
    Participant {
        id: Some("somebody else".into()),
        ..Participant::default()
    }
}

type Change<T> = (&'static str, fn(&mut T));

/// One change for every field of a conversation that a client can set.
const CONVERSATION_CHANGES: &[Change<Conversation>] = &[
    ("kind", |it| {
        it.kind = if it.kind == Kind::Mail {
            Kind::Group
        } else {
            Kind::Mail
        }
    }),
    ("title", |it| it.title = other(&it.title)),
    ("description", |it| it.description = other(&it.description)),
    ("status", |it| {
        it.status = if it.status == Status::Spam {
            Status::Open
        } else {
            Status::Spam
        }
    }),
    ("priority", |it| {
        it.priority = if it.priority.is_none() {
            Some(Priority::None)
        } else {
            None
        }
    }),
    ("labels", |it| it.labels.push("one more".into())),
    ("participants", |it| it.participants.push(somebody())),
    ("owner", |it| it.owner = other(&it.owner)),
    ("icon_url", |it| it.icon_url = other(&it.icon_url)),
    ("assistant", |it| {
        let model = it
            .assistant
            .as_ref()
            .and_then(|assistant| assistant.model.clone());
        it.assistant = Some(Assistant {
            model: other(&model),
            ..Assistant::default()
        });
    }),
    ("metadata", |it| {
        drop(
            it.metadata
                .insert("one more \0".into(), RawJson::string("x")),
        );
    }),
    ("extensions", |it| {
        drop(
            it.extensions
                .insert("one more \0".into(), Default::default()),
        );
    }),
];

/// One change for every field of a message that a client can set.
const MESSAGE_CHANGES: &[Change<Message>] = &[
    ("role", |it| {
        it.role = if it.role == Role::Tool {
            Role::System
        } else {
            Role::Tool
        }
    }),
    ("author", |it| {
        it.author = if it.author.is_none() {
            Some(somebody())
        } else {
            None
        }
    }),
    ("direction", |it| {
        it.direction = if it.direction == Direction::Internal {
            Direction::Inbound
        } else {
            Direction::Internal
        };
    }),
    ("recipients", |it| {
        let handle = Some(Handle {
            kind: "email".into(),
            value: "new@a.example".into(),
        });
        it.recipients.push(Recipient {
            kind: RecipientKind::Bcc,
            participant_id: None,
            name: None,
            handle,
        });
    }),
    ("subject", |it| it.subject = other(&it.subject)),
    ("parts", |it| it.parts.push(Part::text("one more"))),
    ("in_reply_to", |it| {
        it.in_reply_to = match &it.in_reply_to {
            None => Some(InReplyTo {
                id: "m1".parse().expect("valid by construction"),
                kind: ReplyKind::Forward,
            }),
            Some(_) => None,
        };
    }),
    ("status", |it| {
        it.status = if it.status == MessageStatus::Read {
            MessageStatus::Failed
        } else {
            MessageStatus::Read
        };
    }),
    ("rating", |it| {
        let count = it.rating.as_ref().map_or(0, |rating| rating.count);
        it.rating = Some(Rating {
            mean: Some(2.5),
            count: count.wrapping_add(1),
            mine: None,
        });
    }),
    ("model", |it| it.model = other(&it.model)),
    ("provider", |it| it.provider = other(&it.provider)),
    ("finish_reason", |it| {
        it.finish_reason = other(&it.finish_reason);
    }),
    ("latency_ms", |it| {
        it.latency_ms = Some(it.latency_ms.unwrap_or(0).wrapping_add(1));
    }),
    ("source", |it| {
        drop(it.source.insert("one more \0".into(), RawJson::string("x")));
    }),
    ("metadata", |it| {
        drop(
            it.metadata
                .insert("one more \0".into(), RawJson::string("x")),
        );
    }),
    ("client_message_id", |it| {
        it.client_message_id = other(&it.client_message_id);
    }),
    ("sent_at", |it| it.sent_at = other_time(it.sent_at)),
    ("edited_at", |it| {
        it.edited_at = Some(it.edited_at.map_or_else(|| it.sent_at, other_time));
    }),
    ("extensions", |it| {
        drop(
            it.extensions
                .insert("one more \0".into(), Default::default()),
        );
    }),
];

#[test]
fn the_changes_cover_every_field_that_a_client_can_set() {
    // The requests' own members are the list. A digest leaves out `usage`, and of a conversation `created_at`, which only
    // copies have.
    let names = |json: &str| -> Vec<String> {
        let members: conversation::JsonMap =
            serde_json::from_str(json).expect("valid by construction");
        members
            .keys()
            .filter(|name| !["usage", "created_at"].contains(&&***name))
            .map(|name| name.to_string())
            .collect()
    };
    let error = |type_error: serde_json::Error| -> String {
        // serde lists what it expected: `unknown field `x`, expected one of `a`, `b``.
        let text = type_error.to_string();
        let (_, expected) = text
            .split_once("expected one of ")
            .expect("valid by construction");
        let fields: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let members: Vec<String> = fields
            .iter()
            .map(|field| format!("\"{field}\":0"))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let unknown = r#"{"no such field":0}"#;
    let wanted = names(&error(
        serde_json::from_str::<conversation::NewConversation>(unknown).unwrap_err(),
    ));
    let mut changed: Vec<&str> = CONVERSATION_CHANGES.iter().map(|(name, _)| *name).collect();
    changed.sort_unstable();
    assert_eq!(changed, wanted);
    let wanted = names(&error(
        serde_json::from_str::<conversation::NewMessage>(unknown).unwrap_err(),
    ));
    let mut changed: Vec<&str> = MESSAGE_CHANGES.iter().map(|(name, _)| *name).collect();
    changed.sort_unstable();
    assert_eq!(changed, wanted);
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn digests_do_not_depend_on_key_order(
        conversation in values::conversation(),
        message in values::message(),
        seed in any::<u64>(),
    ) {
        let turned: Conversation =
            serde_json::from_str(&shuffled(&serde_json::to_string(&conversation).unwrap(), seed)).unwrap();
        prop_assert_eq!(strict_digest(&turned), strict_digest(&conversation));
        let turned: Message = serde_json::from_str(&shuffled(&serde_json::to_string(&message).unwrap(), seed)).unwrap();
        prop_assert_eq!(strict_message_digest(&turned), strict_message_digest(&message));
        prop_assert_eq!(canonical_json(&turned), canonical_json(&message));
    }

    #[test]
    fn kept_json_is_equal_in_any_order_and_has_one_canonical_text(text in values::json_text(), seed in any::<u64>()) {
        let value = RawJson::parse(&text).unwrap();
        let turned = RawJson::parse(&shuffled(value.get(), seed)).unwrap();
        prop_assert_eq!(&turned, &value);
        let canonical = canonical_json(&value);
        prop_assert_eq!(canonical_json(&RawJson::parse(&canonical).unwrap()), canonical);
    }

    #[test]
    fn a_strict_digest_changes_with_every_field_that_a_client_can_set(
        conversation in values::conversation(),
        message in values::message(),
    ) {
        for (field, change) in CONVERSATION_CHANGES {
            let mut changed = conversation.clone();
            change(&mut changed);
            prop_assert_ne!(strict_digest(&changed), strict_digest(&conversation), "{}", field);
        }
        for (field, change) in MESSAGE_CHANGES {
            let mut changed = message.clone();
            change(&mut changed);
            prop_assert_ne!(strict_message_digest(&changed), strict_message_digest(&message), "{}", field);
        }
    }

    #[test]
    fn a_strict_digest_ignores_what_servers_make(
        conversation in values::conversation(),
        message in values::message(),
        id in values::conversation_id(),
        message_id in values::message_id(),
        time in values::time(),
    ) {
        let elsewhere = Conversation {
            id,
            backend: "elsewhere".into(),
            status_native: Some("RESOLVED".into()),
            unread: Some(7),
            counts: Some(Counts { messages: Some(9) }),
            usage: Some(Usage { cost: Some(0.5), ..Usage::default() }),
            created_at: time,
            updated_at: time,
            last_message_at: Some(time),
            ..conversation.clone()
        };
        prop_assert_eq!(strict_digest(&elsewhere), strict_digest(&conversation));
        let elsewhere = Message {
            id: message_id,
            conversation_id: id,
            usage: Some(Usage { input_tokens: Some(1), ..Usage::default() }),
            created_at: time,
            // Within the millisecond: vendors keep no more.
            sent_at: message.sent_at.to_millis(),
            rating: message.rating.clone().map(|rating| Rating { mine: None, ..rating }),
            ..message.clone()
        };
        prop_assert_eq!(strict_message_digest(&elsewhere), strict_message_digest(&message));
        prop_assert_eq!(portable_digest(&elsewhere), portable_digest(&message));
    }

    #[test]
    fn a_portable_digest_is_role_and_words(message in values::message()) {
        let bare = Message { parts: vec![Part::text(conversation::text_of(&message.parts))], ..message.clone() };
        prop_assert_eq!(portable_digest(&bare), portable_digest(&message));
        let mut longer = bare.clone();
        longer.parts.push(Part::text("!"));
        prop_assert_ne!(portable_digest(&longer), portable_digest(&message));
    }

    #[test]
    fn a_conversations_digest_covers_its_messages_in_their_order(texts in proptest::collection::vec(values::text(), 2..6)) {
        let digests: Vec<Digest> = texts.iter().map(|text| Digest::of(text.as_bytes())).collect();
        let whole = conversation_digest(None, digests.iter().copied());
        prop_assert_ne!(whole, conversation_digest(None, digests[1..].iter().copied()));
        prop_assert_ne!(whole, conversation_digest(Some(Digest::of(b"own")), digests.iter().copied()));
        if digests[0] != digests[1] {
            let mut swapped = digests.clone();
            swapped.swap(0, 1);
            prop_assert_ne!(whole, conversation_digest(None, swapped));
        }
    }

    #[test]
    fn an_etag_is_32_hex_characters_of_the_representation(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let tag = etag(&bytes);
        prop_assert_eq!(tag.len(), 32);
        prop_assert!(tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        let mut more = bytes;
        more.push(0);
        prop_assert_ne!(etag(&more), tag);
    }
}

#[test]
fn canonical_json_agrees_with_rfc_8785() {
    let canonical = |text: &str| canonical_json(&RawJson::parse(text).unwrap());
    // Section 3.2.3, the sorting example.
    assert_eq!(
        canonical(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
                "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#
        ),
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\
         \"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
    );
    // Appendix B: doubles by their bits.
    for (bits, text) in [
        (0x0000_0000_0000_0000_u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        assert_eq!(canonical_json(&f64::from_bits(bits)), text, "{bits:x}");
    }
}
