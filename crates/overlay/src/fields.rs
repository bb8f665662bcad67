//! Fields: what differs between what was wanted and what a backend holds, and how rows are laid over an object.

use std::collections::BTreeSet;

use backend::FieldFate;
use backend::Result;
use backend::ports::{Change, KeptField};
use conversation::{
    Conversation, ConversationPatch, JsonMap, Message, MessagePatch, NewConversation, NewMessage,
    Patch, RawJson,
};

mod compare;
mod drift;
mod lay;
mod laying;
pub(crate) mod members;
pub(crate) mod pointers;
mod sets;
#[cfg(test)]
mod tests;

pub(crate) use drift::{Rules, Seen};
pub(crate) use lay::{Laid, conversation as lay_conversation, growth, message as lay_message};
pub(crate) use sets::pair;

use compare::{compared, differences};
use members::Members;
use sets::{label_differences, participant_differences};

const EDITED_AT: &str = "/edited_at";

/// Which fields of a written message are judged against what the backend answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Judged<'a> {
    /// Those that the caller sent, and role, direction and parts: the rest is the backend's own to say.
    Sent(&'a NewMessage),
    /// All that a client can set: what was not sent is absent. Imports and copies.
    Whole,
    /// Those that a change names; `rows` are the message's rows before it, of which some may be needed no more.
    Changed {
        /// The change.
        patch: &'a MessagePatch,
        /// The rows of the message until now.
        rows: &'a [KeptField],
    },
}

/// The rows that make `held`, as the backend has it, read as `wanted`; rows that are needed no more are dropped.
/// Differences that `foretold` does not name are marked unexpected.
pub(crate) fn message_changes(
    wanted: &Message,
    judged: Judged<'_>,
    held: &Message,
    foretold: &[FieldFate],
) -> Result<Vec<Change>> {
    let (mut shown, there) = (Members::of_message(wanted)?, Members::of_message(held)?);
    let all =
        || -> BTreeSet<Box<str>> { shown.pointers().union(&there.pointers()).cloned().collect() };
    let is_change = matches!(judged, Judged::Changed { .. });
    let (judged, rows): (BTreeSet<Box<str>>, &[KeptField]) = match judged {
        Judged::Sent(new) => {
            let mut sent = sent(&Members::of_message(new)?, [&shown, &there]);
            sent.extend(["/role", "/direction", "/parts"].map(Into::into));
            (sent, &[])
        }
        Judged::Whole => (all(), &[]),
        Judged::Changed { patch, rows } => (changed_in_message(patch, &all(), rows)?, rows),
    };
    // When it edited a message that it holds just so is the backend's to say.
    let is_held = wanted.parts == held.parts && wanted.subject == held.subject;
    if is_change && is_held && held.edited_at.is_some() {
        shown.set(EDITED_AT, there.get(EDITED_AT));
    }
    let found = differences(&shown, &there, &judged);
    let is_judged = |pointer: &str| judged.contains(pointer);
    Ok(compared(Some(&held.id), found, rows, is_judged, foretold).changes)
}

/// Which fields of a written conversation are judged against what the backend answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named<'a> {
    /// Those that the caller sent.
    Sent(&'a NewConversation),
    /// All that a client can set: what was not sent is absent. Copies.
    Copied,
    /// Those that a change names.
    Changed(&'a ConversationPatch),
    /// Who takes part, and nothing else.
    Participants,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// The rows of the fields that were judged and that the backend does not hold as they are to be shown.
    pub(crate) rows: Vec<KeptField>,
    /// What changes for that of what is kept already.
    pub(crate) changes: Vec<Change>,
}

/// The rows that make `held`, as the backend has it, read as `wanted`, whose participants all have ids; of `rows`, the
/// ones until now, those that are needed no more are dropped. Differences that `foretold` does not name are marked
/// unexpected.
pub(crate) fn compare_conversation(
    wanted: &Conversation,
    named: Named<'_>,
    held: &Conversation,
    rows: &[KeptField],
    foretold: &[FieldFate],
) -> Result<Compared> {
    let (shown, there) = (
        Members::of_conversation(wanted)?,
        Members::of_conversation(held)?,
    );
    let mut all: BTreeSet<Box<str>> = shown.pointers().union(&there.pointers()).cloned().collect();
    let (judged, labels, participants) = match named {
        Named::Sent(new) => (
            sent(&Members::of_conversation(new)?, [&shown, &there]),
            !new.labels.is_empty(),
            !new.participants.is_empty(),
        ),
        Named::Copied => {
            all.extend(rows.iter().map(|row| row.pointer.clone()));
            (all, true, true)
        }
        Named::Changed(patch) => (
            changed_in_conversation(patch, &all, rows)?,
            !patch.labels.is_keep(),
            !patch.participants.is_keep(),
        ),
        Named::Participants => (BTreeSet::new(), false, true),
    };
    let mut found = differences(&shown, &there, &judged);
    if labels {
        found.extend(label_differences(&wanted.labels, &held.labels));
    }
    if participants {
        found.extend(participant_differences(
            &wanted.participants,
            &held.participants,
        )?);
    }
    let is_judged = |pointer: &str| match pointers::field(pointer) {
        "labels" => labels,
        "participants" => participants,
        _ => judged.contains(pointer),
    };
    Ok(compared(None, found, rows, is_judged, foretold))
}

/// The fields that were sent to make an object. An object inside it, such as `metadata`, is sent whole: a member of it
/// that was not sent is absent, whatever `shown` and the backend have there.
fn sent(new: &Members, objects: [&Members; 2]) -> BTreeSet<Box<str>> {
    let mut sent = new.pointers();
    for field in ["metadata", "assistant", "extensions"] {
        if !new.members_of(field).is_empty() {
            sent.extend(objects.iter().flat_map(|object| object.members_of(field)));
        }
    }
    sent
}

/// The pointers that a change of a conversation names.
fn changed_in_conversation(
    patch: &ConversationPatch,
    all: &BTreeSet<Box<str>>,
    rows: &[KeptField],
) -> Result<BTreeSet<Box<str>>> {
    let mut judged = named([
        ("/kind", !patch.kind.is_keep()),
        ("/title", !patch.title.is_keep()),
        ("/description", !patch.description.is_keep()),
        ("/status", !patch.status.is_keep()),
        ("/priority", !patch.priority.is_keep()),
        ("/owner", !patch.owner.is_keep()),
        ("/icon_url", !patch.icon_url.is_keep()),
    ]);
    let known = Known { all, rows };
    judged.extend(known.members("/metadata", &patch.metadata));
    judged.extend(known.members("/assistant", &patch.assistant));
    judged.extend(known.vendors(&patch.extensions)?);
    Ok(judged)
}

/// The pointers that a change of a message names.
fn changed_in_message(
    patch: &MessagePatch,
    all: &BTreeSet<Box<str>>,
    rows: &[KeptField],
) -> Result<BTreeSet<Box<str>>> {
    let is_edit = !patch.parts.is_keep() || !patch.subject.is_keep();
    let mut judged = named([
        ("/parts", !patch.parts.is_keep()),
        ("/subject", !patch.subject.is_keep()),
        ("/status", !patch.status.is_keep()),
    ]);
    if is_edit {
        judged.insert(EDITED_AT.into());
    }
    let known = Known { all, rows };
    judged.extend(known.members("/metadata", &patch.metadata));
    judged.extend(known.vendors(&patch.extensions)?);
    Ok(judged)
}

fn named<const N: usize>(fields: [(&str, bool); N]) -> BTreeSet<Box<str>> {
    let named = fields.into_iter().filter(|(_, is_named)| *is_named);
    named.map(|(pointer, _)| pointer.into()).collect()
}

/// Fields that are there, or that rows are kept of.
struct Known<'a> {
    all: &'a BTreeSet<Box<str>>,
    rows: &'a [KeptField],
}

impl Known<'_> {
    fn below(&self, at: &str) -> Vec<Box<str>> {
        let inside = format!("{at}/");
        let rows = self.rows.iter().map(|row| &row.pointer);
        self.all
            .iter()
            .chain(rows)
            .filter(|pointer| ***pointer == *at || pointer.starts_with(&inside))
            .cloned()
            .collect()
    }

    /// The members of the object at `at` that a change names, and whether the object is there at all.
    fn members(&self, at: &str, patch: &Patch<JsonMap>) -> Vec<Box<str>> {
        match patch {
            Patch::Keep => Vec::new(),
            Patch::Clear => self.below(at),
            Patch::Set(changes) => changes
                .keys()
                .map(|name| pointers::member(at, name))
                .chain([at.into()])
                .collect(),
        }
    }

    /// Like [`Known::members`], one level deeper.
    fn vendors(&self, patch: &Patch<JsonMap>) -> Result<Vec<Box<str>>> {
        const EXTENSIONS: &str = "/extensions";
        let Patch::Set(vendors) = patch else {
            return Ok(self.members(EXTENSIONS, patch));
        };
        let mut named = Vec::new();
        for (vendor, change) in vendors {
            let at = pointers::member(EXTENSIONS, vendor);
            if is_object(change) {
                named.extend(self.members(&at, &Patch::Set(members::read(change)?)));
            } else {
                named.extend(self.below(&at));
            }
        }
        Ok(named)
    }
}

fn is_object(json: &RawJson) -> bool {
    json.get().starts_with('{')
}
