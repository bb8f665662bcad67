//! Rows laid over an object as the backend holds it.

use backend::Result;
use backend::ports::{Kept, KeptField};
use conversation::{Conversation, Counts, Message};

use super::drift::{Rules, Seen};
use super::members::{Members, is_about_emptiness};
use super::pointers;
use super::sets::{lay_labels, lay_participants};
use crate::ratings;

/// An object as it is shown, and what was seen of each row.
#[derive(Debug)]
pub(crate) struct Laid<T> {
    pub(crate) object: T,
    pub(crate) seen: Vec<Seen>,
}

/// Lays a conversation's rows.
pub(crate) fn conversation(
    held: Conversation,
    rows: &[KeptField],
    rules: &Rules,
) -> Result<Laid<Conversation>> {
    if rows.is_empty() {
        return Ok(Laid {
            object: held,
            seen: Vec::new(),
        });
    }
    let of = |field: &str| -> Vec<&KeptField> {
        rows.iter()
            .filter(|row| pointers::field(&row.pointer) == field)
            .collect()
    };
    let (labels, participants) = (of("labels"), of("participants"));
    let mut seen = Vec::new();
    let mut object = if labels.len() + participants.len() == rows.len() {
        held
    } else {
        let mut members = Members::of_conversation(&held)?;
        lay_members(&mut members, rows, rules, &mut seen);
        members.into_object()?
    };
    let shown_labels = labels.iter().copied().filter(|row| {
        let one = rules.judge(row, held_label(&object, row));
        let is_shown = one.is_shown;
        seen.push(one);
        is_shown
    });
    let shown_labels: Vec<&KeptField> = shown_labels.collect();
    if !shown_labels.is_empty() {
        object.labels = lay_labels(std::mem::take(&mut object.labels), &shown_labels);
    }
    if !participants.is_empty() {
        object.participants =
            lay_participants(&object.participants, &participants, |row, current| {
                let one = rules.judge(row, current);
                let is_shown = one.is_shown;
                seen.push(one);
                Ok(is_shown)
            })?;
        // The order of a set is no field that a backend holds.
        let order = participants
            .iter()
            .filter(|row| &*row.pointer == super::sets::PARTICIPANTS);
        seen.extend(order.map(|row| rules.judge(row, row.base.clone())));
    }
    Ok(Laid { object, seen })
}

/// What the backend holds in the place of a label's row.
fn held_label(held: &Conversation, row: &KeptField) -> Option<conversation::RawJson> {
    let label = pointers::name_below("/labels", &row.pointer)?;
    let is_held = held.labels.iter().any(|one| **one == *label);
    // A row of a label says that it is there, or nothing.
    if is_held {
        row.value.clone().or_else(|| row.base.clone())
    } else {
        None
    }
}

/// Lays a message's rows, for the reader `voter`.
pub(crate) fn message(
    held: Message,
    rows: &[KeptField],
    rules: &Rules,
    voter: &str,
) -> Result<Laid<Message>> {
    if rows.is_empty() {
        return Ok(Laid {
            object: held,
            seen: Vec::new(),
        });
    }
    let (votes, fields): (Vec<&KeptField>, Vec<&KeptField>) =
        rows.iter().partition(|row| ratings::is_vote(&row.pointer));
    let mut seen = Vec::new();
    let mut object = if fields.is_empty() {
        held
    } else {
        let mut members = Members::of_message(&held)?;
        lay_members(&mut members, fields, rules, &mut seen);
        members.into_object()?
    };
    if !votes.is_empty() {
        object.rating = ratings::with_votes(object.rating.take(), &votes, voter);
        // A vote is its voter's own: nobody changes it past the gateway.
        seen.extend(votes.iter().map(|row| rules.judge(row, row.base.clone())));
    }
    Ok(Laid { object, seen })
}

fn lay_members<'a>(
    members: &mut Members,
    rows: impl IntoIterator<Item = &'a KeptField>,
    rules: &Rules,
    seen: &mut Vec<Seen>,
) {
    let rows = rows
        .into_iter()
        .filter(|row| !matches!(pointers::field(&row.pointer), "labels" | "participants"));
    let mut judged: Vec<Seen> = rows
        .map(|row| rules.judge(row, members.get(&row.pointer)))
        .collect();
    // Whether an object is there though it is empty is known after its members.
    judged.sort_by_key(|one| is_about_emptiness(&one.row.pointer));
    for one in &judged {
        if one.is_shown {
            members.set(&one.row.pointer, one.row.value.clone());
        }
    }
    seen.extend(judged);
}

/// Adds what grows here: messages that only the gateway has, and when something was changed or said. Growth is no
/// field: nothing of it is compared, and none of it drifts.
pub(crate) fn growth(mut conversation: Conversation, kept: &Kept) -> Conversation {
    if kept.index.is_some() {
        let held = conversation
            .counts
            .as_ref()
            .and_then(|counts| counts.messages);
        let messages = held.map_or(kept.messages, |held| {
            held.saturating_add_signed(kept.beside)
        });
        conversation.counts = Some(Counts {
            messages: Some(messages),
        });
        conversation.last_message_at = conversation.last_message_at.max(kept.last_message_at);
    }
    if let Some(updated_at) = kept.updated_at {
        conversation.updated_at = conversation.updated_at.max(updated_at);
    }
    conversation
}
