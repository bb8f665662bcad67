//! Intents: writes that were begun at a backend and are not known to have ended.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{ConversationId, MessageId, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::MigrationId;
use crate::{Cursor, Intent, Page, Principal, Result};

/// What is known of a write that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// It runs, or whoever ran it has died: it will be settled.
    Open,
    /// It was looked for and cannot be known. What it may have made at the vendor is a possible orphan.
    Unknown,
}

/// A write that was begun, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentRecord {
    /// The write.
    pub intent: Intent,
    /// The backend that was asked.
    pub backend: Box<str>,
    /// Who asked.
    pub principal: Principal,
    /// The request, for logs.
    pub request_id: Box<str>,
    /// True where the write was a copy of something whole.
    pub copying: bool,
    /// True where nothing may be kept beside the backend: a write that needs it was refused before it was sent.
    pub strict: bool,
    /// The public id that the conversation of a create gets, where it is a copy of one that has it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_id: Option<ConversationId>,
    /// True where all of it is kept beside the backend.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// The migration whose write it is. It settles its own writes: nobody else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationId>,
    /// The migrations whose route overrides led a create to its backend. Its conversation is born of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub led_by: Vec<MigrationId>,
    /// The public ids of the messages that a migration's import stores, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageId>,
    /// What is known.
    pub state: IntentState,
    /// Why it is unknown, or why the last attempt to settle it failed.
    pub detail: Option<Box<str>>,
}

/// Which intents are wanted, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntentQuery {
    /// In this state only.
    pub state: Option<IntentState>,
    /// At this backend only.
    pub backend: Option<Box<str>>,
    /// Of this operation only, as [`crate::Write::operation`] names it.
    pub operation: Option<Box<str>>,
    /// Of this conversation only; also creates of copies of it.
    pub conversation: Option<ConversationId>,
    /// After this cursor.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

/// Intents.
#[async_trait]
pub trait Intents: Debug + Send + Sync + 'static {
    /// Notes a write that is about to be sent. Durable on return. One that is noted already is taken over.
    async fn begin(&self, record: &IntentRecord) -> Result<()> {
        self.begin_under(None, record).await
    }

    /// [`Intents::begin`] by the holder of the lease with this number: whoever has lost it takes nothing over.
    ///
    /// # Errors
    /// [`crate::Kind::Busy`] where somebody else holds that lease by now.
    async fn begin_under(&self, fence: Option<u64>, record: &IntentRecord) -> Result<()>;

    /// Forgets a write whose end is known. Soon durable: one that comes back after a crash is settled once more, to the
    /// same end.
    async fn end(&self, id: Uuid) -> Result<()> {
        self.end_under(None, id).await
    }

    /// [`Intents::end`] by the holder of the lease with this number: whoever has lost it leaves the note to the next one.
    ///
    /// # Errors
    /// [`crate::Kind::Busy`] where somebody else holds that lease by now.
    async fn end_under(&self, fence: Option<u64>, id: Uuid) -> Result<()>;

    /// Notes why a write could not be settled, and in which state it stays.
    async fn note(&self, id: Uuid, state: IntentState, detail: &str) -> Result<()>;

    /// Notes that it was tried to settle it: [`Intents::abandoned`] gives those first that were not tried for longest. Soon
    /// durable.
    async fn tried(&self, id: Uuid) -> Result<()>;

    /// Open intents that nobody works on any more: those of dead processes, and our own whose deadline was before
    /// `overdue`. At most `limit` of each backend: those whose last try, or begin where they never were tried, is
    /// longest ago come first. Never those of a migration.
    async fn abandoned(&self, overdue: Time, limit: usize) -> Result<Vec<IntentRecord>>;

    /// A write that is noted; `None` where its end is known, or it never began.
    async fn find(&self, id: Uuid) -> Result<Option<IntentRecord>>;

    /// Intents that are noted. Every end that came before is seen.
    ///
    /// # Errors
    /// [`crate::Kind::InvalidCursor`] for a cursor of another list.
    async fn list(&self, query: &IntentQuery) -> Result<Page<IntentRecord>>;
}
