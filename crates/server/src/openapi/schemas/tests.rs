//! The schemas say what is really read and written.

use std::collections::BTreeSet;

use backend::ports::{
    DifferenceKind, Drift, DriftedField, IntentRecord, IntentState, ItemState, KeptAt, KeptField,
    Oversize, Phase, Resolution, Sign, Subject,
};
use backend::{Fate, FieldFate, Intent, Location, Principal, Write};
use conversation::{ConversationId, MessageId, RawJson, Time};
use migration::PlaceOutcome;
use migration::archive::Outcome;
use serde::Deserialize;
use serde::de::value::Error as ReadError;
use serde::de::{Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use super::{OBJECTS, PARTS, PATCHES, Value, all};
use crate::fidelity::FIELDS;

/// Asks a type for its members instead of giving it any.
struct Members<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Members<'_> {
    type Error = ReadError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, ReadError> {
        *self.0 = Some(fields);
        Err(ReadError::custom("asked"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, ReadError> {
        Err(ReadError::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn members_of<'de, T: Deserialize<'de>>() -> BTreeSet<&'static str> {
    let mut members = None;
    assert!(T::deserialize(Members(&mut members)).is_err());
    members.expect("a struct").iter().copied().collect()
}

fn described(name: &str) -> BTreeSet<String> {
    let schemas = all();
    let properties = schemas[name]["properties"].as_object().unwrap();
    properties.keys().cloned().collect()
}

#[track_caller]
fn compare<'de, T: Deserialize<'de>>(name: &str) {
    compare_but::<T>(name, "");
}

/// The same but for a member that no caller may send.
#[track_caller]
fn compare_but<'de, T: Deserialize<'de>>(name: &str, left_out: &str) {
    let mut real = members_of::<T>();
    assert!(real.remove(left_out) || left_out.is_empty(), "{name}");
    let real: BTreeSet<String> = real.into_iter().map(str::to_owned).collect();
    assert_eq!(described(name), real, "{name}");
}

#[test]
fn every_described_object_has_exactly_the_members_that_are_read() {
    compare::<conversation::Conversation>("Conversation");
    // When it was made is told of copies only.
    compare_but::<conversation::NewConversation>("NewConversation", "created_at");
    compare::<conversation::ConversationPatch>("ConversationPatch");
    compare::<conversation::Message>("Message");
    compare::<conversation::NewMessage>("NewMessage");
    compare::<conversation::MessagePatch>("MessagePatch");
    compare::<backend::RespondRequest>("RespondRequest");
    compare::<conversation::Participant>("Participant");
    compare::<conversation::Handle>("Handle");
    compare::<conversation::Recipient>("Recipient");
    compare::<conversation::InReplyTo>("InReplyTo");
    compare::<conversation::Rating>("Rating");
    compare::<conversation::Assistant>("Assistant");
    compare::<conversation::Counts>("Counts");
    compare::<conversation::Usage>("Usage");
    compare::<conversation::Text>("Text");
    compare::<conversation::Media>("Media");
    compare::<conversation::Location>("Location");
    compare::<conversation::Item>("Item");
    compare::<conversation::Action>("Action");
    compare::<conversation::Field>("Field");
    compare::<conversation::FieldOption>("FieldOption");
    compare::<conversation::Template>("TemplatePart");
    compare::<conversation::ToolCall>("ToolCall");
    compare::<conversation::ToolResult>("ToolResult");
    compare::<conversation::Quote>("Quote");
    compare::<conversation::Activity>("Activity");
    compare::<conversation::Unknown>("Unknown");
    compare::<backend::Attachment>("Attachment");
    compare::<backend::Template>("Template");
    compare::<backend::Tool>("Tool");
    compare::<crate::api::messages::ImportRequest>("ImportRequest");
    compare::<crate::api::messages::RatingRequest>("RatingRequest");
    compare::<crate::api::participants::AddRequest>("AddParticipants");
    compare::<crate::api::credentials::PutRequest>("NewCredential");
    compare::<crate::api::keys::CreateRequest>("NewKey");
    compare::<crate::api::overlay::RepairRequest>("RepairRequest");
    compare::<crate::api::translate::TranslateRequest>("TranslateRequest");
    compare::<backend::ports::MigrationSpec>("MigrationSpec");
    compare::<backend::ports::MigrationFilter>("MigrationFilter");
    compare::<backend::ports::RosterEntry>("RosterEntry");
    compare::<backend::ports::Item>("MigrationItem");
    compare::<backend::ports::Tally>("MigrationTally");
    compare::<backend::ports::Finding>("Finding");
    compare::<backend::ports::RouteOverride>("RouteOverride");
    compare::<crate::api::routes::ExplainRouteRequest>("ExplainRouteRequest");
    compare::<backend::ports::RuleExplanation>("RuleExplanation");
    compare::<backend::ports::Share>("RouteShare");
    compare::<backend::ports::ShadowDifference>("ShadowDifference");
    compare::<backend::ports::FieldDifference>("FieldDifference");
    compare::<backend::ports::Erased>("Erased");
    compare::<migration::CopyOptions>("CopyOptions");
    compare::<migration::SwitchOptions>("SwitchOptions");
    compare::<migration::Job>("MigrationJob");
    compare::<migration::Progress>("MigrationProgress");
    compare::<migration::Receipt>("ErasureReceipt");
    compare::<migration::ConversationReceipt>("ErasedConversation");
    compare::<migration::PlaceReceipt>("ErasedPlace");
    compare::<migration::Holding>("StillHeld");
    compare::<migration::archive::ConversationLine>("ArchivedConversation");
    compare::<migration::archive::MessageLine>("ArchivedMessage");
    compare::<migration::archive::EndLine>("ArchivedEnd");
    compare::<migration::archive::Begun>("RestoreBegun");
    compare::<migration::archive::Put>("RestorePut");
    compare::<migration::archive::Ended>("RestoreEnded");
    compare::<crate::api::migrations::NoOptions>("NoOptions");
    compare::<crate::api::archive::RestoreRequest>("RestoreRequest");
    compare::<crate::api::erasures::EraseRequest>("EraseRequest");
}

#[test]
fn fate_has_exactly_the_members_that_are_described() {
    let mut fate = FieldFate::overlay("/title", "too long").exceeds(1, Some(2));
    (fate.unexpected, fate.drifted) = (true, true);
    let json = serde_json::to_value(&fate).unwrap();
    let real: BTreeSet<String> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(described("FieldFate"), real);
}

/// Every member of a document, all of which it is given.
fn members_of_document<T: serde::Serialize>(document: T) -> BTreeSet<String> {
    let json = serde_json::to_value(document).unwrap();
    json.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn what_an_operator_sees_has_exactly_the_members_that_are_described() {
    let value = Some(RawJson::string("a"));
    let drifted = DriftedField {
        at: KeptAt {
            conversation: ConversationId::generate(),
            backend: "b".into(),
        },
        field: KeptField {
            message: Some(MessageId::derive(&["m"])),
            pointer: "/title".into(),
            value: value.clone(),
            base: value.clone(),
            unexpected: true,
            drift: Some(Drift {
                since: Time::now(),
                value,
            }),
        },
    };
    let drifted = crate::api::overlay::DriftDocument::from(drifted);
    assert_eq!(described("DriftedField"), members_of_document(drifted));
    let record = IntentRecord {
        intent: Intent {
            id: uuid::Uuid::now_v7(),
            location: Some(Location::unresolved(ConversationId::generate())),
            write: Write::DeleteConversation,
            started_at: Time::now(),
            deadline_at: Time::now(),
        },
        backend: "b".into(),
        principal: Principal {
            tenant: "t".into(),
            key: "k".into(),
            user: None,
            scopes: Vec::new(),
        },
        request_id: "r".into(),
        copying: false,
        strict: false,
        public_id: None,
        beside: false,
        migration: Some(backend::ports::MigrationId::generate()),
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Unknown,
        detail: Some("d".into()),
    };
    let intent = crate::api::intents::IntentDocument::from(record);
    assert_eq!(described("Intent"), members_of_document(intent));
}

#[test]
fn closed_words_are_those_that_are_written() {
    let written = |value: Value| value.as_str().unwrap().to_owned();
    let of = |name: &str| all()[name]["enum"].clone();
    let fates = [Fate::Exact, Fate::Overlay, Fate::Converted, Fate::Rejected]
        .map(|fate| written(serde_json::to_value(fate).unwrap()));
    assert_eq!(of("Fate"), serde_json::json!(fates));
    let subjects = [Subject::Conversation, Subject::Message]
        .map(|subject| written(serde_json::to_value(subject).unwrap()));
    assert_eq!(of("Subject"), serde_json::json!(subjects));
    let resolutions = [Resolution::KeepBackend, Resolution::SendOurs]
        .map(|resolution| written(serde_json::to_value(resolution).unwrap()));
    assert_eq!(of("Resolution"), serde_json::json!(resolutions));
    let states = [IntentState::Open, IntentState::Unknown]
        .map(|state| written(serde_json::to_value(state).unwrap()));
    assert_eq!(of("IntentState"), serde_json::json!(states));
    assert_eq!(of("MigrationPhase"), serde_json::json!(Phase::ALL));
    assert_eq!(of("MigrationItemState"), serde_json::json!(ItemState::ALL));
    assert_eq!(of("MigrationSign"), serde_json::json!(Sign::ALL));
    let kinds = [
        DifferenceKind::Changed,
        DifferenceKind::Missing,
        DifferenceKind::Added,
        DifferenceKind::Unreadable,
    ];
    assert_eq!(of("DifferenceKind"), serde_json::json!(kinds));
    let oversize = [Oversize::Refuse, Oversize::Split, Oversize::Recent];
    assert_eq!(of("Oversize"), serde_json::json!(oversize));
    let outcomes = [Outcome::Begun, Outcome::Present];
    assert_eq!(of("RestoreOutcome"), serde_json::json!(outcomes));
    let outcomes = [
        PlaceOutcome::Deleted,
        PlaceOutcome::Absent,
        PlaceOutcome::StillHeld,
        PlaceOutcome::Failed,
    ];
    assert_eq!(of("ErasureOutcome"), serde_json::json!(outcomes));
}

#[test]
fn translation_leaves_out_exactly_what_nobody_can_send() {
    for (subject, left_out) in crate::api::translate::MADE_BY_SERVER {
        let (whole, sent) = match subject {
            Subject::Conversation => ("Conversation", "NewConversation"),
            Subject::Message => ("Message", "NewMessage"),
        };
        let mut expected: BTreeSet<String> = &described(whole) - &described(sent);
        // What an answer shows beside an object.
        expected.insert("fidelity".to_owned());
        if subject == Subject::Conversation {
            expected.insert("messages".to_owned());
        }
        let left_out: BTreeSet<String> = left_out.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(left_out, expected, "{whole}");
    }
}

#[test]
fn fidelity_header_can_name_every_member() {
    for object in ["Conversation", "Message", "Activity"] {
        for member in described(object) {
            assert!(FIELDS.contains(&&*member), "{object}: {member}");
        }
    }
}

#[test]
fn every_part_type_is_described() {
    let described: Vec<&str> = PARTS.iter().map(|(part_type, _)| *part_type).collect();
    assert_eq!(described, conversation::Part::TYPES);
    for (_, object) in PARTS {
        assert!(
            OBJECTS.iter().any(|known| known.name == *object),
            "{object}"
        );
    }
    for (_, of, _) in PATCHES {
        assert!(OBJECTS.iter().any(|known| known.name == *of), "{of}");
    }
}
