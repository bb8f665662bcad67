//! A write to a copy: what is to be done, where, and what it has done.

use backend::ports::{CopyAt, IntentRecord, MigrationId};
use backend::{Attachment, Error, Kind, Located, Location, NewAttachment, Outcome, Result, Write};
use conversation::{ConversationId, Digest, Message, MessageId};
use uuid::Uuid;

use crate::end::End;
use crate::parts::Parts;

/// A write that is to be done.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: Uuid,
    pub(super) write: Write,
    /// The copy; absent for the create that makes it.
    pub(super) location: Option<Location>,
    /// The public ids of imported messages, in their order.
    pub(super) messages: Vec<MessageId>,
    /// True where the gateway keeps all of it beside the backend.
    pub(super) beside: bool,
    /// The bytes of an attachment, which a write only names.
    pub(super) bytes: Option<NewAttachment>,
    /// The digests of imported messages, where they are at hand.
    pub(super) digests: Vec<Digest>,
    /// So many requests to the vendor it takes, as a rule.
    pub(super) requests: u32,
}

impl Order {
    pub(super) fn new(location: Option<Location>, write: Write, requests: u32) -> Self {
        Self {
            id: Uuid::now_v7(),
            write,
            location,
            messages: Vec::new(),
            beside: false,
            bytes: None,
            digests: Vec::new(),
            requests,
        }
    }

    /// One that was noted before.
    pub(super) fn of(record: &IntentRecord, requests: u32) -> Self {
        Self {
            id: record.intent.id,
            write: record.intent.write.clone(),
            location: record.intent.location.clone(),
            messages: record.messages.clone(),
            beside: record.beside,
            bytes: None,
            digests: Vec::new(),
            requests,
        }
    }
}

/// What a write has done.
#[derive(Debug)]
pub(super) enum Done {
    Made(Box<Located>),
    /// Each message by itself: stored, or refused for good.
    Imported(Vec<Result<Message>>),
    Put(Box<Attachment>),
    /// There is nothing to show.
    Nothing,
}

/// The copy that is written.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) migration: MigrationId,
    pub(super) at: CopyAt,
    pub(super) end: End,
    pub(super) only_if: OnlyIf,
}

/// Where a conversation must live for anything to be written to its copy. It is asked before each write: somebody may
/// bind it elsewhere, or delete it, in the middle.
#[derive(Debug)]
pub(super) enum OnlyIf {
    /// Wherever, and also where nobody knows it yet.
    Always,
    /// Wherever.
    ItLives,
    /// At this backend. What lives elsewhere is not copied from there any more: the copy may be its home.
    ItLivesAt(Box<str>),
}

impl OnlyIf {
    /// # Errors
    /// [`Kind::Conflict`] where it lives elsewhere, [`Kind::NotFound`] where it was deleted. Nothing was done.
    pub(super) async fn check(&self, parts: &Parts, id: ConversationId) -> Result<()> {
        if matches!(self, Self::Always) {
            return Ok(());
        }
        let binding = parts.directory.locate(id).await?;
        let binding = binding.filter(|binding| !binding.deleted);
        let home = binding.ok_or_else(Error::conversation_not_found)?.location;
        match self {
            Self::ItLivesAt(backend) if home.backend != *backend => {
                let words = format!(
                    "the conversation lives on backend `{}` by now",
                    home.backend
                );
                Err(Error::new(Kind::Conflict, words).outcome(Outcome::NotApplied))
            }
            _ => Ok(()),
        }
    }
}
