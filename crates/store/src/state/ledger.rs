//! The ledger: what migrations have done, item by item, and where the copies are.

use async_trait::async_trait;
use backend::ports::{
    Checked, CopiedMessage, CopyAt, Finding, Item, ItemChange, ItemQuery, Ledger, MigrationId,
    MigrationRecord, PlaceQuery, RouteOverride, Step, Switching, Tally,
};
use backend::{Location, Result};
use conversation::{ConversationId, Digest, MessageId};

use super::State;
use crate::failure::Attempt;
use crate::json;
use crate::keyset::bounded;
use crate::sql::Connection;

pub(super) mod copied;
mod findings;
mod items;
pub(super) mod migrations;
mod overrides;
pub(super) mod places;
mod steps;
mod switching;

#[cfg(test)]
mod tests;

/// Forgets what migrations know of a conversation, but for its places and that it was deleted; how many rows changed.
pub(super) fn erase(connection: &Connection, conversation: &str) -> Attempt<u64> {
    let changed = items::delete_everywhere(connection, conversation)?
        + findings::forget(connection, conversation)?
        + copied::forget_all(connection, conversation)?;
    places::forget_persons(connection, conversation)?;
    Ok(changed as u64)
}

#[async_trait]
impl Ledger for State {
    async fn put_migration(&self, record: &MigrationRecord) -> Result<()> {
        let (id, text) = (record.id, json::to_text("migration", record)?);
        self.store
            .write(move |connection, _now| migrations::store(connection, id, &text))
            .await
    }

    async fn migration(&self, id: MigrationId) -> Result<Option<MigrationRecord>> {
        self.store
            .read(|connection| migrations::find(connection, id))
            .await
    }

    async fn migrations(&self) -> Result<Vec<MigrationRecord>> {
        self.store.read(migrations::all).await
    }

    async fn put_items(&self, migration: MigrationId, items: &[Item]) -> Result<()> {
        let items = items.to_vec();
        self.store
            .write(move |connection, _now| items::put(connection, migration, &items))
            .await
    }

    async fn add_items(&self, migration: MigrationId, items: &[Item]) -> Result<u64> {
        let items = items.to_vec();
        self.store
            .write(move |connection, _now| items::add(connection, migration, &items))
            .await
    }

    async fn item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
    ) -> Result<Option<Item>> {
        self.store
            .read(|connection| items::find(connection, migration, conversation))
            .await
    }

    async fn items(&self, migration: MigrationId, query: &ItemQuery) -> Result<Vec<Item>> {
        let limit = bounded(query.limit)?;
        self.store
            .read_together(|connection| items::page(connection, migration, query, limit))
            .await
    }

    async fn tally(&self, migration: MigrationId) -> Result<Vec<Tally>> {
        self.store
            .read(|connection| items::tally(connection, migration))
            .await
    }

    async fn migrations_of(&self, conversation: ConversationId) -> Result<Vec<MigrationId>> {
        self.store
            .read(|connection| items::migrations_of(connection, conversation))
            .await
    }

    async fn replace_findings(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
        findings: &[Finding],
    ) -> Result<()> {
        let of = findings::Of::new(migration, conversation);
        let texts = findings
            .iter()
            .map(|finding| json::to_text("finding", finding))
            .collect::<Result<Vec<_>>>()?;
        // Most conversations have none, before and after.
        if texts.is_empty()
            && !self
                .store
                .read(|connection| of.has_some(connection))
                .await?
        {
            return Ok(());
        }
        self.store
            .write(move |connection, _now| of.replace(connection, &texts))
            .await
    }

    async fn note_check(&self, migration: MigrationId, checked: &[Checked]) -> Result<()> {
        let checked = checked.to_vec();
        self.store
            .write(move |connection, _now| items::note_check(connection, migration, &checked))
            .await
    }

    async fn change_item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
        change: &ItemChange,
    ) -> Result<()> {
        if *change == ItemChange::default() {
            return Ok(());
        }
        let change = change.clone();
        self.store
            .write(move |connection, _now| {
                items::change(connection, migration, conversation, &change)
            })
            .await
    }

    async fn findings_of(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Finding>> {
        let of = findings::Of::new(migration, conversation);
        self.store.read(|connection| of.read(connection)).await
    }

    async fn findings(
        &self,
        migration: MigrationId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Finding)>> {
        let limit = bounded(limit)?;
        self.store
            .read_together(|connection| findings::page(connection, migration, after, limit))
            .await
    }

    async fn place(&self, at: &PlaceQuery) -> Result<Option<(Location, Option<Digest>)>> {
        self.store
            .read_together(|connection| places::find(connection, at))
            .await
    }

    async fn places(&self, conversation: ConversationId) -> Result<Vec<Location>> {
        self.store
            .read_together(|connection| places::all(connection, conversation))
            .await
    }

    async fn copied(
        &self,
        at: &CopyAt,
        messages: &[MessageId],
    ) -> Result<Vec<Option<CopiedMessage>>> {
        self.store
            .read(|connection| copied::of_messages(connection, at, messages))
            .await
    }

    async fn copied_count(&self, at: &CopyAt) -> Result<u64> {
        self.store
            .read(|connection| copied::count(connection, at))
            .await
    }

    async fn copied_after(
        &self,
        at: &CopyAt,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<CopiedMessage>> {
        let limit = bounded(limit)?;
        self.store
            .read(|connection| copied::after(connection, at, after, limit))
            .await
    }

    async fn is_copy(&self, at: &PlaceQuery, native: &MessageId) -> Result<bool> {
        self.store
            .read(|connection| copied::is_known(connection, at, native))
            .await
    }

    async fn record(&self, migration: MigrationId, at: &CopyAt, step: &Step) -> Result<()> {
        let ready = steps::Ready::new(migration, at, step, self.store.instance())?;
        let is_alive = self
            .store
            .write(move |connection, _now| ready.store(connection))
            .await?;
        if is_alive {
            return Ok(());
        }
        Err(backend::Error::conversation_not_found())
    }

    async fn switch(&self, switching: &Switching) -> Result<bool> {
        let switching = switching.clone();
        self.store
            .write(move |connection, _now| switching::switch(connection, &switching))
            .await
    }

    async fn begin_override(&self, route: &RouteOverride) -> Result<()> {
        let route = route.clone();
        self.store
            .write(move |connection, _now| {
                let number = migrations::number(connection, route.migration)?;
                overrides::store(connection, number, &route)
            })
            .await
    }

    async fn end_override(&self, migration: MigrationId) -> Result<()> {
        self.store
            .write(move |connection, _now| overrides::end(connection, migration))
            .await
    }
}
