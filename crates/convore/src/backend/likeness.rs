//! Whether what is found there is what a write was to make.

use conversation::{Conversation, ConversationPatch, Participant, Patch, Time};

use crate::mapping::{body_of, participant_id, said_at, same_words, text_of_message};
use crate::wire::{self, MessageDirection};

/// How an intent's message would look there.
pub(super) struct Wanted {
    pub(super) direction: MessageDirection,
    pub(super) body: String,
    /// When it was said; nothing where that is when it was stored.
    pub(super) said_at: Option<Time>,
    /// The address of its author, where the write names one.
    pub(super) sender: Option<String>,
}

impl Wanted {
    pub(super) fn fits(&self, message: &wire::Message) -> bool {
        let said_at = said_at(message).map(Time::to_millis);
        let sender = participant_id(&message.sender.handle);
        message.direction == self.direction
            && self
                .said_at
                .is_none_or(|wanted| said_at == Ok(wanted.to_millis()))
            && self
                .sender
                .as_ref()
                .is_none_or(|wanted| sender.eq_ignore_ascii_case(wanted))
            && same_words(&words(message), &self.body)
    }
}

/// The body of a message, or what stands for it.
fn words(message: &wire::Message) -> String {
    text_of_message(message)
        .map(|part| body_of(&[part]))
        .unwrap_or_default()
}

/// At which addresses people take part, in an order of its own. Names are those of the account's contacts, and mail
/// addresses may be spelled anew.
pub(super) fn addresses(participants: &[Participant]) -> Vec<String> {
    let ids = participants.iter().filter_map(|one| one.id.as_deref());
    let mut ids: Vec<String> = ids.map(str::to_lowercase).collect();
    ids.sort_unstable();
    ids
}

/// Who takes part, in an order of its own. Sides are left out: roles stand for them.
fn people(participants: &[Participant]) -> Vec<[&str; 2]> {
    let mut people: Vec<[&str; 2]> = participants
        .iter()
        .map(|one| [&one.id, &one.name].map(|word| word.as_deref().unwrap_or_default()))
        .collect();
    people.sort_unstable();
    people
}

/// Whether a conversation is what an update was to make of it. Labels may be more: twins come along.
pub(super) fn is_changed(found: &Conversation, wanted: &ConversationPatch) -> bool {
    let title = match &wanted.title {
        Patch::Set(title) => found.title.as_ref() == Some(title),
        Patch::Keep | Patch::Clear => true,
    };
    let status = wanted
        .status
        .set()
        .is_none_or(|status| *status == found.status);
    let priority = match &wanted.priority {
        Patch::Keep => true,
        other => other.set() == found.priority.as_ref(),
    };
    let labels = match &wanted.labels {
        Patch::Keep => true,
        Patch::Clear => found.labels.is_empty(),
        Patch::Set(labels) if labels.is_empty() => found.labels.is_empty(),
        Patch::Set(labels) => labels.iter().all(|label| found.labels.contains(label)),
    };
    let participants = match &wanted.participants {
        Patch::Keep => true,
        Patch::Clear => found.participants.is_empty(),
        Patch::Set(participants) => people(participants) == people(&found.participants),
    };
    title && status && priority && labels && participants
}
