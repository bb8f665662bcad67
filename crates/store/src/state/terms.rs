//! Terms: what a conversation is found by beside its columns.

use std::collections::BTreeSet;

use backend::{ConversationFilter, Error, Kind, Result};
use conversation::{Conversation, Digest};

/// The longest value that is kept as it is, in bytes; of a longer one its digest is kept and asked for.
const VALUE_MAX_BYTES: usize = 256;
/// The most labels, participants and metadata members that one list asks for.
const TERMS_MAX: usize = 32;

/// A field and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term {
    pub(super) field: String,
    pub(super) value: String,
}

impl Term {
    fn new(field: impl Into<String>, value: &str) -> Self {
        let value = if value.len() > VALUE_MAX_BYTES {
            format!("sha256:{}", Digest::of(value.as_bytes()))
        } else {
            value.to_owned()
        };
        Self {
            field: field.into(),
            value,
        }
    }
}

/// All terms of a document.
pub(super) fn of_document(document: &Conversation) -> BTreeSet<Term> {
    let labels = document
        .labels
        .iter()
        .map(|label| Term::new("label", label));
    let participants = document.participants.iter().flat_map(|participant| {
        let handles = participant.handles.iter().map(|handle| &handle.value);
        participant
            .id
            .iter()
            .chain(handles)
            .map(|name| Term::new("participant", name))
    });
    let metadata = document.metadata.iter().filter_map(|(key, value)| {
        value
            .as_scalar_text()
            .map(|value| Term::new(format!("metadata:{key}"), &value))
    });
    labels.chain(participants).chain(metadata).collect()
}

/// The term of a label.
pub(super) fn of_label(label: &str) -> Term {
    Term::new("label", label)
}

/// The term of a participant, by id or handle.
pub(super) fn of_participant(name: &str) -> Term {
    Term::new("participant", name)
}

/// The terms that a filter asks for; each must be there.
pub(super) fn of_filter(filter: &ConversationFilter) -> Result<Vec<Term>> {
    let labels = filter.label.iter().map(|label| Term::new("label", label));
    let participant = filter
        .participant
        .iter()
        .map(|name| Term::new("participant", name));
    let metadata = filter
        .metadata
        .iter()
        .map(|(key, value)| Term::new(format!("metadata:{key}"), value));
    let terms: Vec<Term> = labels.chain(participant).chain(metadata).collect();
    if terms.len() > TERMS_MAX {
        let message = format!(
            "a list can ask for at most {TERMS_MAX} labels, participants and metadata members"
        );
        return Err(Error::new(Kind::InvalidRequest, message));
    }
    Ok(terms)
}
