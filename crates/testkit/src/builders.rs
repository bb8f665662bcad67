//! Conversations and messages with every field, and what is left of them for a backend that holds less.

use backend::Capabilities;
use conversation::{JsonMap, NewConversation, NewMessage, Part, RawJson};

use crate::case::{is_held, level};
use crate::json::{from_members, members, read};

/// A conversation with every field that a caller can set, none at its default.
#[must_use]
pub fn full_conversation() -> NewConversation {
    read(include_str!("builders/full_conversation.json"))
}

/// A message with every field that a caller can set; those that only an import may carry included.
#[must_use]
pub fn full_message() -> NewMessage {
    read(include_str!("builders/full_message.json"))
}

/// At least one part of every type, with every member that its type has. Media stand at URLs.
#[must_use]
pub fn every_part() -> Vec<Part> {
    let mut parts: Vec<Part> = read(include_str!("../../conversation/tests/every_part.json"));
    for part in &mut parts {
        if let Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) =
            part
            && media.attachment_id.take().is_some()
        {
            media.url = Some("https://files.example/stored".into());
        }
    }
    parts
}

/// The members of a message that only an import may carry.
pub(crate) const IMPORT_ONLY: &[&str] = &["edited_at", "rating", "sent_at", "status", "usage"];

/// What is left of `new` for a backend: the members that it reads back exactly as they were sent.
pub(crate) fn held_conversation(
    new: &NewConversation,
    capabilities: &Capabilities,
) -> NewConversation {
    let mut kept = members(new);
    kept.retain(|name, _| is_held(level(capabilities, &format!("conversation_{name}"))));
    from_members(&kept)
}

/// What is left of `new` for a post to a backend: the members that it reads back exactly, without those of an import.
pub(crate) fn held_post(new: &NewMessage, capabilities: &Capabilities) -> NewMessage {
    let mut kept = held_members(new, capabilities);
    kept.retain(|name, _| !IMPORT_ONLY.contains(&&**name));
    from_members(&kept)
}

/// What is left of `new` for an import into a backend.
pub(crate) fn held_import(new: &NewMessage, capabilities: &Capabilities) -> NewMessage {
    from_members(&held_members(new, capabilities))
}

fn held_members(new: &NewMessage, capabilities: &Capabilities) -> JsonMap {
    let mut kept = members(new);
    kept.retain(|name, _| {
        // A message without parts or role is none; parts are chosen one by one.
        matches!(&**name, "parts" | "role")
            || is_held(level(capabilities, &format!("message_{name}")))
    });
    let mut parts: Vec<&Part> = new
        .parts
        .iter()
        .filter(|part| is_held_part(part, capabilities))
        .collect();
    // A message needs words: plain ones are held wherever texts are held in part.
    let words = Part::text("words");
    if parts.is_empty() && capabilities.part_text.works() {
        parts.push(&words);
    }
    if let Ok(parts) = RawJson::from_serialize(&parts) {
        kept.insert("parts".into(), parts);
    }
    kept
}

/// True where a backend reads parts of this type back exactly as they were sent.
pub(crate) fn is_held_part(part: &Part, capabilities: &Capabilities) -> bool {
    is_held(level(capabilities, &format!("part_{}", part.type_name())))
}
