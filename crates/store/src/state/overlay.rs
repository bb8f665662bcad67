//! What is kept beside backends: read in a fixed number of statements, however much is asked for, and changed in one
//! transaction.

use async_trait::async_trait;
use backend::ports::{
    Change, DriftQuery, DriftedField, Indexed, Kept, KeptAt, KeptField, KeptMessage, KeptPage,
    OverlayState, Sending,
};
use backend::{Page, Result};
use conversation::{MessageId, Time};

use super::State;
use crate::failure::Attempt;
use crate::sql::{Connection, params};

mod changes;
mod conversations;
mod counts;
mod drift;
mod erasing;
mod fields;
mod index;
mod messages;
mod sendings;

pub(super) use conversations::{enter, is_deleted};
pub(super) use erasing::erase_message;

#[cfg(test)]
mod tests;

#[async_trait]
impl OverlayState for State {
    async fn kept(&self, at: &[KeptAt]) -> Result<Vec<Kept>> {
        if at.is_empty() {
            return Ok(Vec::new());
        }
        self.store
            .read(|connection| conversations::read(connection, at))
            .await
    }

    async fn message_fields(&self, at: &KeptAt, ids: &[MessageId]) -> Result<Vec<KeptField>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.store
            .read(|connection| fields::of_messages(connection, at, ids))
            .await
    }

    async fn messages(&self, at: &KeptAt, page: &KeptPage) -> Result<Vec<KeptMessage>> {
        self.store
            .read(|connection| messages::page(connection, at, page))
            .await
    }

    async fn message(&self, at: &KeptAt, id: &MessageId) -> Result<Option<KeptMessage>> {
        self.store
            .read(|connection| messages::find(connection, at, id))
            .await
    }

    async fn hidden(&self, at: &KeptAt, from: Time, limit: usize) -> Result<Vec<KeptMessage>> {
        self.store
            .read(|connection| messages::hidden(connection, at, from, limit))
            .await
    }

    async fn index(&self, at: &KeptAt) -> Result<Vec<Indexed>> {
        self.store
            .read(|connection| messages::index(connection, at))
            .await
    }

    async fn sendings(&self, at: &KeptAt) -> Result<Vec<Sending>> {
        self.store
            .read(|connection| sendings::read(connection, at))
            .await
    }

    async fn apply(&self, at: &KeptAt, fence: Option<u64>, changes: Vec<Change>) -> Result<()> {
        let changes = changes::prepare(changes)?;
        let at = at.clone();
        self.store
            .write_beside(move |connection, _now| changes::apply(connection, &at, fence, &changes))
            .await
    }

    async fn drifted(&self, query: &DriftQuery) -> Result<Page<DriftedField>> {
        self.page_of_drifted(query).await
    }
}

/// Forgets what is kept of a conversation at one backend: everything that hangs on its row goes with it.
fn forget_at(connection: &Connection, at: &KeptAt) -> Attempt<()> {
    connection
        .prepare_cached("DELETE FROM overlay_conversations WHERE id = ?1 AND backend = ?2")?
        .execute(params![at.conversation.to_string(), at.backend])?;
    Ok(())
}

/// Forgets what is kept of a conversation, at every backend.
pub(super) fn forget(connection: &Connection, id: &str) -> Attempt<()> {
    connection
        .prepare_cached("DELETE FROM overlay_conversations WHERE id = ?1")?
        .execute(params![id])?;
    Ok(())
}
