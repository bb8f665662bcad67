//! Fates of a conversation's fields.

use conversation::{Assistant, ConversationPatch, Kind, NewConversation, Patch, Priority, Status};

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
    let assistant = new.assistant.take();
    if assistant.is_some_and(|assistant| assistant != Assistant::default()) {
        fates.no_place("/assistant");
    }
    fates.take_members("/metadata", &mut new.metadata);
    fates.take("/extensions", &mut new.extensions);
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
    no_place(&mut patch.description, "/description", fates);
    no_place(&mut patch.owner, "/owner", fates);
    no_place(&mut patch.icon_url, "/icon_url", fates);
    no_place(&mut patch.assistant, "/assistant", fates);
    no_place(&mut patch.metadata, "/metadata", fates);
    no_place(&mut patch.extensions, "/extensions", fates);
    patch
}

/// A field that the vendor has no place for: setting it is refused, clearing it changes nothing.
fn no_place<T>(field: &mut Patch<T>, pointer: &str, fates: &mut Fates) {
    if field.set().is_some() {
        fates.no_place(pointer);
    }
    *field = Patch::Keep;
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
        if name.contains('\0') {
            fates.reject(format!("/labels/{index}"), NO_NUL);
        }
    }
    names.retain(|name| !name.contains('\0'));
}
