//! What holds for any object: rows make what is held read as what was wanted, growth changes nothing of it, and drift is
//! found exactly where there is some.

use std::collections::BTreeMap;

use backend::Capabilities;
use backend::ports::{Change, KeptField};
use conversation::{
    Assistant, Conversation, ConversationId, Counts, Direction, Extensions, Handle, InReplyTo,
    JsonMap, Kind, Message, MessageId, MessageStatus, NewConversation, NewMessage, Part,
    Participant, Priority, RawJson, Recipient, RecipientKind, ReplyKind, Role, Status, Time, Usage,
    canonical_json,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::members::Members;
use super::{
    Judged, Named, Rules, compare_conversation, lay_conversation, lay_message, message_changes,
};
use crate::DriftPolicy;

fn text() -> impl Strategy<Value = Box<str>> {
    select(vec!["", "a", "b", "a/b", "~1", "ü\0"]).prop_map(Into::into)
}

fn json() -> impl Strategy<Value = RawJson> {
    select(vec![
        "null",
        "true",
        "1",
        "1.50",
        "\"x\"",
        "[1,{}]",
        "{}",
        "{\"a\":null}",
    ])
    .prop_map(|text| RawJson::parse(text).unwrap())
}

fn map() -> impl Strategy<Value = JsonMap> {
    btree_map(text(), json(), 0..3)
}

fn extensions() -> impl Strategy<Value = Extensions> {
    btree_map(
        select(vec!["acme", "a/b"]).prop_map(Box::<str>::from),
        map(),
        0..3,
    )
}

fn participants() -> impl Strategy<Value = Vec<Participant>> {
    let ids = btree_set(select(vec!["p1", "p2", "p/3", "u1", "u2"]), 0..5);
    let details = vec((of(text()), vec(select(vec!["a@x", "b@x"]), 0..2)), 5);
    (ids.prop_map(Vec::from_iter).prop_shuffle(), details).prop_map(|(ids, details)| {
        let one = |(id, (name, handles)): (&str, (Option<Box<str>>, Vec<&str>))| Participant {
            id: Some(id.into()),
            name,
            handles: handles
                .into_iter()
                .map(|value| Handle {
                    kind: "email".into(),
                    value: value.into(),
                })
                .collect(),
            ..Participant::default()
        };
        ids.into_iter().zip(details).map(one).collect()
    })
}

fn assistant() -> impl Strategy<Value = Assistant> {
    let config = json().prop_filter("null is absent there", |json| !json.is_null());
    (of(text()), of(select(vec![0.5, 1.0])), of(config)).prop_map(|(model, temperature, config)| {
        Assistant {
            model,
            temperature,
            workflow_config: config,
            ..Assistant::default()
        }
    })
}

fn new_conversation() -> impl Strategy<Value = NewConversation> {
    let words = (of(text()), of(text()), of(text()), of(text()));
    let lists = (vec(text(), 0..4), participants());
    let objects = (of(assistant()), map(), extensions());
    let states = (
        select(vec![Kind::Direct, Kind::Assistant]),
        select(vec![Status::Open, Status::Closed]),
        of(select(vec![Priority::None, Priority::High])),
        of((2..4_i64).prop_map(time)),
    );
    (words, lists, objects, states).prop_map(|(words, lists, objects, states)| NewConversation {
        title: words.0,
        description: words.1,
        owner: words.2,
        icon_url: words.3,
        labels: lists.0,
        participants: lists.1,
        assistant: objects.0,
        metadata: objects.1,
        extensions: objects.2,
        kind: Some(states.0),
        status: Some(states.1),
        priority: states.2,
        created_at: states.3,
    })
}

fn made(new: NewConversation) -> Conversation {
    let assistant = new.assistant.clone();
    let mut made = new.into_conversation(ConversationId::from_bits(7), "b", time(1));
    // As it may be shown by a backend: there, and empty.
    made.assistant = assistant;
    made
}

fn time(micros: i64) -> Time {
    Time::from_micros(micros).unwrap()
}

fn new_message() -> impl Strategy<Value = NewMessage> {
    let words = (of(text()), of(text()), of(text()), of(text()), of(text()));
    let people = (of(participants()), vec(text(), 0..2));
    let parts = vec(
        prop_oneof![
            text().prop_map(Part::text),
            json().prop_map(|value| Part::Unknown(conversation::Unknown {
                vendor: "acme".into(),
                value
            })),
        ],
        1..3,
    );
    let states = (
        select(vec![Role::User, Role::Assistant, Role::System]),
        of(select(vec![Direction::Inbound, Direction::Internal])),
        of(select(vec![MessageStatus::Read, MessageStatus::Failed])),
        of(0..3_u64),
        of(0..3_i64),
    );
    let objects = (map(), map(), extensions());
    (words, people, parts, states, objects).prop_map(|(words, people, parts, states, objects)| {
        NewMessage {
            subject: words.0,
            model: words.1,
            provider: words.2,
            finish_reason: words.3,
            client_message_id: words.4,
            author: people.0.and_then(|people| people.into_iter().next()),
            recipients: people
                .1
                .into_iter()
                .map(|name| Recipient {
                    kind: RecipientKind::Cc,
                    participant_id: None,
                    name: Some(name),
                    handle: None,
                })
                .collect(),
            direction: states.1,
            status: states.2,
            latency_ms: states.3,
            usage: states.3.map(|tokens| Usage {
                input_tokens: Some(tokens),
                ..Usage::default()
            }),
            in_reply_to: states.3.map(|_| InReplyTo {
                id: "m".parse().unwrap(),
                kind: ReplyKind::Forward,
            }),
            sent_at: states.4.map(time),
            edited_at: states.4.map(time),
            source: objects.0,
            metadata: objects.1,
            extensions: objects.2,
            ..NewMessage::of(states.0, parts)
        }
    })
}

fn said(new: NewMessage) -> Message {
    let id: MessageId = "m1".parse().unwrap();
    new.into_message(id, ConversationId::from_bits(7), time(9))
}

fn rules(policy: DriftPolicy) -> Rules {
    Rules {
        capabilities: Capabilities::holds_everything(),
        policy,
        is_current: true,
    }
}

fn fields(changes: Vec<Change>) -> Vec<KeptField> {
    changes
        .into_iter()
        .filter_map(|change| match change {
            Change::Field(field) => Some(field),
            _ => None,
        })
        .collect()
}

/// `held` with what was sent in place of what it had there.
fn sent_over(new: &NewConversation, held: &Conversation) -> Conversation {
    let wanted = made(new.clone());
    let mut expected = held.clone();
    expected.kind = wanted.kind;
    expected.status = wanted.status;
    expected.title = wanted.title.or(expected.title);
    expected.description = wanted.description.or(expected.description);
    expected.owner = wanted.owner.or(expected.owner);
    expected.icon_url = wanted.icon_url.or(expected.icon_url);
    expected.priority = wanted.priority.or(expected.priority);
    expected.created_at = new.created_at.unwrap_or(expected.created_at);
    if !wanted.labels.is_empty() {
        expected.labels = wanted.labels;
    }
    if !wanted.participants.is_empty() {
        expected.participants = wanted.participants;
    }
    if !wanted.metadata.is_empty() {
        expected.metadata = wanted.metadata;
    }
    if !wanted.extensions.is_empty() {
        expected.extensions = wanted.extensions;
    }
    expected.assistant = wanted.assistant.or(expected.assistant);
    expected
}

/// An object that cannot be there and empty has nothing to say of it.
fn without_emptiness(mut new: NewConversation) -> NewConversation {
    new.assistant = new.assistant.filter(|assistant| !assistant.is_empty());
    new.extensions.retain(|_, members| !members.is_empty());
    new
}

proptest! {
    #[test]
    fn rows_make_a_held_conversation_read_as_the_wanted_one(
        wanted in new_conversation(),
        held in new_conversation(),
    ) {
        let (shown, held) = (made(wanted.clone()), made(held));
        let compared =
            compare_conversation(&shown, Named::Copied, &held, &[], &[]).unwrap();
        for policy in [DriftPolicy::Backend, DriftPolicy::Kept] {
            let laid = lay_conversation(held.clone(), &compared.rows, &rules(policy)).unwrap();
            prop_assert_eq!(canonical_json(&laid.object), canonical_json(&shown));
            prop_assert!(laid.seen.iter().all(|one| !one.is_drifted));
            prop_assert_eq!(laid.seen.len(), compared.rows.len());
        }
        // The same comparison again changes nothing.
        let again =
            compare_conversation(&shown, Named::Copied, &held, &compared.rows, &[]).unwrap();
        prop_assert_eq!(again.changes, Vec::new());
        // And where the backend holds everything by now, no row is left.
        let settled =
            compare_conversation(&shown, Named::Copied, &shown, &compared.rows, &[]).unwrap();
        let is_drop = |change: &Change| matches!(change, Change::DropField { .. });
        prop_assert_eq!(settled.rows, Vec::new());
        prop_assert!(settled.changes.iter().all(is_drop));
        prop_assert_eq!(settled.changes.len(), compared.rows.len());
    }

    #[test]
    fn what_was_not_sent_stays_the_backends(
        sent in new_conversation().prop_map(without_emptiness),
        held in new_conversation(),
    ) {
        let held = made(held);
        let wanted = made(sent.clone());
        let compared = compare_conversation(&wanted, Named::Sent(&sent), &held, &[], &[]).unwrap();
        let laid = lay_conversation(held.clone(), &compared.rows, &rules(DriftPolicy::Backend)).unwrap();
        prop_assert_eq!(canonical_json(&laid.object), canonical_json(&sent_over(&sent, &held)));
    }

    #[test]
    fn growth_changes_no_kept_field(wanted in new_conversation(), held in new_conversation()) {
        let (shown, held) = (made(wanted.clone()), made(held));
        let compared =
            compare_conversation(&shown, Named::Copied, &held, &[], &[]).unwrap();
        let grown = |conversation: &Conversation| Conversation {
            counts: Some(Counts { messages: Some(1_000) }),
            unread: Some(3),
            usage: Some(Usage { cost: Some(1.0), ..Usage::default() }),
            updated_at: time(99),
            last_message_at: Some(time(98)),
            status_native: Some("busy".into()),
            ..conversation.clone()
        };
        let laid = lay_conversation(grown(&held), &compared.rows, &rules(DriftPolicy::Backend)).unwrap();
        prop_assert!(laid.seen.iter().all(|one| !one.is_drifted));
        prop_assert_eq!(canonical_json(&laid.object), canonical_json(&grown(&shown)));
    }

    #[test]
    fn drift_is_where_the_backend_holds_neither_what_it_held_nor_what_is_shown(
        wanted in new_conversation(),
        held in new_conversation(),
        later in new_conversation(),
    ) {
        let (shown, held, later) = (made(wanted.clone()), made(held), made(later));
        let compared =
            compare_conversation(&shown, Named::Copied, &held, &[], &[]).unwrap();
        let there = Members::of_conversation(&later).unwrap();
        let laid = lay_conversation(later.clone(), &compared.rows, &rules(DriftPolicy::Backend)).unwrap();
        for one in &laid.seen {
            let field = super::pointers::field(&one.row.pointer);
            let now = match field {
                "labels" | "participants" => continue,
                // No backend lets it be set, so what it says of it is its own.
                "created_at" => {
                    prop_assert!(!one.is_drifted && one.is_shown);
                    continue;
                }
                _ => there.get(&one.row.pointer),
            };
            prop_assert_eq!(&one.current, &now);
            prop_assert_eq!(one.is_drifted, now != one.row.base && now != one.row.value, "{:?}", one);
        }
        // A label is there or not: it cannot become anything else.
        let labels: BTreeMap<&str, bool> = laid
            .seen
            .iter()
            .filter(|one| one.row.pointer.starts_with("/labels"))
            .map(|one| (&*one.row.pointer, one.is_drifted))
            .collect();
        prop_assert!(labels.values().all(|drifted| !drifted));
    }

    #[test]
    fn rows_make_a_held_message_read_as_the_wanted_one(wanted in new_message(), held in new_message()) {
        let (shown, held) = (said(wanted), said(held));
        let rows = fields(message_changes(&shown, Judged::Whole, &held, &[]).unwrap());
        let laid = lay_message(held, &rows, &rules(DriftPolicy::Backend), "t/user/u").unwrap();
        prop_assert_eq!(canonical_json(&laid.object), canonical_json(&shown));
        prop_assert!(laid.seen.iter().all(|one| !one.is_drifted));
    }

    #[test]
    fn what_was_not_said_stays_the_backends(sent in new_message(), held in new_message()) {
        let mut sent = sent;
        sent.extensions.retain(|_, members| !members.is_empty());
        let (shown, held) = (said(sent.clone()), said(held));
        let rows = fields(message_changes(&shown, Judged::Sent(&sent), &held, &[]).unwrap());
        let laid = lay_message(held.clone(), &rows, &rules(DriftPolicy::Backend), "t/user/u").unwrap().object;
        prop_assert_eq!(&laid.parts, &shown.parts);
        prop_assert_eq!((&laid.role, &laid.direction), (&shown.role, &shown.direction));
        prop_assert_eq!(laid.subject, sent.subject.or(held.subject));
        prop_assert_eq!(laid.sent_at, sent.sent_at.unwrap_or(held.sent_at));
        let metadata = if sent.metadata.is_empty() { held.metadata } else { sent.metadata };
        prop_assert_eq!(laid.metadata, metadata);
    }
}
