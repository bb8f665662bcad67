//! Fates of a conversation's fields.

use conversation::{
    ConversationPatch, JsonMap, Kind, NewConversation, Patch, Priority, RawJson, Status,
};

use super::{Fates, NO_NUL, held_subject, people};

const KIND: &str = "every conversation of convore is a mail thread";
const ARCHIVED: &str = "convore knows open, closed and spam only";
const TRASHED: &str = "what lies in convore's trash counts as deleted: delete the conversation";
const UNJUDGED: &str = "convore's `no_priority` reads as no priority at all";

pub(super) fn create(new: &NewConversation, fates: &mut Fates) -> NewConversation {
    let mut new = new.clone();
    if new.kind.as_ref().is_some_and(|kind| *kind != Kind::Mail) {
        new.kind = Some(Kind::Mail);
        fates.convert("/kind", KIND);
    }
    new.title = held_subject("/title", new.title, fates);
    new.status = new.status.filter(|value| status(value, fates));
    new.priority = match new.priority {
        Some(Priority::None) => {
            fates.convert("/priority", UNJUDGED);
            None
        }
        other => other.filter(|value| priority(value, fates)),
    };
    labels(&mut new.labels, fates);
    new.participants = people::participants(new.participants, fates);
    fates.take("/description", &mut new.description);
    fates.take("/owner", &mut new.owner);
    fates.take("/icon_url", &mut new.icon_url);
    fates.take_because(
        "/created_at",
        &mut new.created_at,
        "convore says itself when a conversation was made",
    );
    let assistant = new.assistant.take();
    let mut assistant: JsonMap = assistant
        .and_then(|assistant| RawJson::from_serialize(&assistant).ok())
        .and_then(|members| members.to().ok())
        .unwrap_or_default();
    fates.take_members("/assistant", &mut assistant);
    fates.take_members("/metadata", &mut new.metadata);
    fates.take_extensions("/extensions", &mut new.extensions);
    new
}

pub(super) fn update(patch: &ConversationPatch, fates: &mut Fates) -> ConversationPatch {
    let mut patch = patch.clone();
    if patch.kind.set().is_some_and(|kind| *kind != Kind::Mail) {
        fates.reject("/kind", KIND);
    }
    patch.kind = Patch::Keep;
    match &patch.title {
        Patch::Clear => {
            patch.title = Patch::Keep;
            fates.reject("/title", "convore cannot clear a subject");
        }
        Patch::Set(title) if title.is_empty() => {
            patch.title = Patch::Keep;
            fates.reject("/title", "convore cannot clear a subject");
        }
        Patch::Set(title) if title.contains('\0') => {
            patch.title = Patch::Keep;
            fates.reject("/title", NO_NUL);
        }
        Patch::Set(_) | Patch::Keep => {}
    }
    if patch
        .status
        .set()
        .is_some_and(|value| !status(value, fates))
    {
        patch.status = Patch::Keep;
    }
    match &patch.priority {
        Patch::Set(Priority::None) => {
            patch.priority = Patch::Clear;
            fates.convert("/priority", UNJUDGED);
        }
        Patch::Set(value) if !priority(value, fates) => patch.priority = Patch::Keep,
        _ => {}
    }
    if let Patch::Set(names) = &mut patch.labels {
        labels(names, fates);
    }
    if let Patch::Set(participants) = patch.participants {
        patch.participants = Patch::Set(people::participants(participants, fates));
    }
    fates.patch("/description", &mut patch.description);
    fates.patch("/owner", &mut patch.owner);
    fates.patch("/icon_url", &mut patch.icon_url);
    fates.patch_members("/assistant", &mut patch.assistant);
    fates.patch_members("/metadata", &mut patch.metadata);
    fates.patch_extensions("/extensions", &mut patch.extensions);
    patch
}

fn status(status: &Status, fates: &mut Fates) -> bool {
    let detail = match status {
        Status::Open | Status::Closed | Status::Spam => return true,
        Status::Trashed => TRASHED,
        Status::Archived | Status::Other(_) => ARCHIVED,
    };
    fates.reject("/status", detail);
    false
}

fn priority(priority: &Priority, fates: &mut Fates) -> bool {
    let is_known = priority.is_known();
    if !is_known {
        fates.reject("/priority", "convore does not know this priority");
    }
    is_known
}

/// Labels go by their names.
fn labels(names: &mut Vec<Box<str>>, fates: &mut Fates) {
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            fates.reject(format!("/labels/{index}"), "convore's labels have names");
        } else if name.contains('\0') {
            fates.reject(format!("/labels/{index}"), NO_NUL);
        }
    }
    names.retain(|name| !name.is_empty() && !name.contains('\0'));
}
