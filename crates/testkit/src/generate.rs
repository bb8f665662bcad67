//! Writes of every kind from a few bytes of chance: for property tests over all fields, parts and roles.

use backend::Write;
use conversation::{
    ConversationPatch, MessageId, MessagePatch, NewConversation, NewMessage, Part, Role,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::builders::{every_part, full_conversation, full_message};

/// What strings are replaced by: limits, markup, what no text may hold, what looks like something else.
const WORDS: [&str; 10] = [
    "",
    " ",
    "words",
    "two\nlines & <b>",
    "a\0b",
    "https://files.example/x.png",
    "email:odd@a.example",
    "%((template:x))%",
    "🚢 é",
    "x",
];

/// Bytes of chance, one after the other; zeros where they are used up.
#[derive(Debug)]
pub struct Chance<'b>(std::slice::Iter<'b, u8>);

impl<'b> Chance<'b> {
    /// From these bytes.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes.iter())
    }

    fn byte(&mut self) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte))
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.byte() % many == 1
    }

    fn text(&mut self) -> String {
        let byte = self.byte();
        match WORDS.get(byte % (WORDS.len() + 2)) {
            Some(text) => (*text).to_owned(),
            None if byte.is_multiple_of(2) => "long ".repeat(30),
            None => "longer ".repeat(700),
        }
    }
}

/// A message to be posted or imported: some members, some parts, any role; strings may hold anything.
#[must_use]
pub fn message(chance: &mut Chance<'_>) -> NewMessage {
    let mut members = object(&full_message());
    members.remove("parts");
    members.retain(|_, _| chance.one_in(3));
    let roles = ["user", "assistant", "user", "assistant", "system", "tool"];
    members.insert("role".into(), json!(roles[chance.byte() % roles.len()]));
    let all = every_part();
    let mut parts: Vec<Part> = (0..=chance.byte() % 4)
        .filter_map(|_| all.get(chance.byte() % all.len()).cloned())
        .collect();
    if chance.one_in(2) {
        parts.insert(0, Part::text(chance.text()));
    }
    let mut whole = Value::Object(members);
    whole["parts"] = json!(parts);
    read_changed(whole, chance).unwrap_or_else(|| NewMessage::of(Role::User, parts))
}

/// A conversation to be made.
#[must_use]
pub fn conversation(chance: &mut Chance<'_>) -> NewConversation {
    let mut members = object(&full_conversation());
    members.retain(|_, _| chance.one_in(2));
    read_changed(Value::Object(members), chance).unwrap_or_default()
}

/// A change to a conversation.
#[must_use]
pub fn conversation_patch(chance: &mut Chance<'_>) -> ConversationPatch {
    let mut members = object(&full_conversation());
    members.retain(|_, _| chance.one_in(2));
    for value in members.values_mut() {
        if chance.one_in(5) {
            *value = Value::Null;
        }
    }
    // These two cannot be cleared.
    for name in ["kind", "status"] {
        if members.get(name) == Some(&Value::Null) {
            members.remove(name);
        }
    }
    read_changed(Value::Object(members), chance).unwrap_or_default()
}

/// Any write that is previewed.
#[must_use]
pub fn write(chance: &mut Chance<'_>) -> Write {
    match chance.byte() % 8 {
        0 | 1 => Write::PostMessage(message(chance)),
        2 | 3 => Write::ImportMessage(message(chance)),
        4 => Write::CreateConversation(conversation(chance)),
        5 => Write::UpdateConversation(conversation_patch(chance)),
        6 => Write::AddParticipants(conversation(chance).participants),
        _ => {
            let said = object(&message(chance));
            let names = ["parts", "subject", "metadata", "extensions"];
            let members = said
                .into_iter()
                .filter(|(name, _)| names.contains(&name.as_str()) && chance.one_in(2));
            let patch: MessagePatch =
                serde_json::from_value(Value::Object(members.collect())).unwrap_or_default();
            Write::UpdateMessage {
                id: MessageId::derive(&["generated"]),
                patch,
            }
        }
    }
}

/// The same value with some of its strings replaced; nothing where it is no such value any more.
fn read_changed<T: DeserializeOwned>(mut value: Value, chance: &mut Chance<'_>) -> Option<T> {
    change(&mut value, chance);
    serde_json::from_value(value).ok()
}

/// Words with a fixed meaning stay: replaced ones would be no such value.
const FIXED: [&str; 12] = [
    "type",
    "kind",
    "role",
    "direction",
    "status",
    "priority",
    "side",
    "sent_at",
    "edited_at",
    "activity",
    "format",
    "message_id",
];

fn change(value: &mut Value, chance: &mut Chance<'_>) {
    match value {
        Value::String(text) => {
            if chance.one_in(6) {
                *text = chance.text();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, chance)),
        Value::Object(members) => {
            for (name, member) in members {
                if !FIXED.contains(&name.as_str()) && name != "attachment_id" {
                    change(member, chance);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn object<T: serde::Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// Holds a backend's preview against what it promises: what it says would be held is held without a refusal, and
/// nothing that is not exact goes unnamed.
///
/// # Panics
/// Where it does not.
pub fn assert_preview_is_stable(backend: &dyn backend::Backend, write: &Write) {
    let first = backend.preview(write);
    let rejected = |projection: &backend::Projection| {
        let mut fates = projection.fates.iter();
        fates.any(|fate| fate.fate == backend::Fate::Rejected)
    };
    for fate in &first.fates {
        assert!(fate.pointer.starts_with('/'), "{fate:?}");
        assert!(!fate.detail.is_empty(), "{fate:?}");
        if let Some(exceeds) = fate.exceeds {
            let value = exceeds
                .value
                .unwrap_or_else(|| panic!("a limit without what was sent: {fate:?}"));
            assert!(value > exceeds.limit, "{fate:?}");
        }
    }
    if !first.is_held {
        assert!(
            rejected(&first),
            "nothing says why it is not held: {write:?}"
        );
        return;
    }
    let second = backend.preview(&first.write);
    assert!(second.is_held, "{:?}\n{:?}", first.write, second.fates);
    assert!(!rejected(&second), "{:?}\n{:?}", first.write, second.fates);
    assert_eq!(second.write, first.write, "changed again");
}
