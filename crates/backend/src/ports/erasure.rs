//! Erasing what the gateway itself keeps of a person.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{ConversationId, MessageId};
use serde::{Deserialize, Serialize};

use super::{KeptAt, RosterEntry};
use crate::Result;

/// Rows that were removed, by what they held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Fields and messages kept beside backends.
    pub kept: u64,
    /// Attachments kept beside backends.
    pub attachments: u64,
    /// Stored answers to requests with an idempotency key.
    pub answers: u64,
    /// Writes that were begun and not known to have ended.
    pub intents: u64,
    /// Rows of migrations.
    pub ledger: u64,
    /// The person's own credentials at vendors.
    pub credentials: u64,
    /// API keys that act for the person only.
    pub keys: u64,
}

impl Erased {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        let Self {
            kept,
            attachments,
            answers,
            intents,
            ledger,
            credentials,
            keys,
        } = other;
        self.kept += kept;
        self.attachments += attachments;
        self.answers += answers;
        self.intents += intents;
        self.ledger += ledger;
        self.credentials += credentials;
        self.keys += keys;
    }
}

/// Erases from the gateway's state. What is erased is overwritten, not only unlinked.
#[async_trait]
pub trait Erasure: Debug + Send + Sync + 'static {
    /// The conversations that a person owns, deleted ones included, and those of the tenant in which they take part by an
    /// id or handle that is theirs.
    async fn conversations_of(&self, person: &RosterEntry) -> Result<Vec<(ConversationId, bool)>>;

    /// Erases everything that is kept of a conversation, at every backend, but for the tombstone that keeps its id from
    /// coming back.
    async fn erase_conversation(&self, id: ConversationId) -> Result<Erased>;

    /// Erases what is kept of one message.
    async fn erase_message(&self, at: &KeptAt, id: &MessageId) -> Result<Erased>;

    /// Erases what is kept of the person apart from conversations: credentials, keys, stored answers.
    async fn erase_person(&self, person: &RosterEntry) -> Result<Erased>;

    /// Notes how far the erasure of a person has come: a crash does not begin it anew. The person is not named. Nothing
    /// here erases such notes.
    async fn note(&self, person: &RosterEntry, what: &str, note: &serde_json::Value) -> Result<()>;

    /// What was noted of a person's erasure, in the order of `what`.
    async fn notes(&self, person: &RosterEntry) -> Result<Vec<(Box<str>, serde_json::Value)>>;

    /// Makes sure that nothing of what was erased is left in the database's files.
    async fn scrub(&self) -> Result<()>;
}
