//! The ledger for work under a lease: nothing is written once the lease is over.
//!
//! Somebody else may do the same work by then. A process that was held up for longer than its lease lasts, and wakes up in
//! the middle of a step, finds its term over before it writes.

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{
    Arriving, Checked, CopiedMessage, CopyAt, Finding, Item, ItemChange, ItemQuery, LeaseTerm,
    Ledger, MigrationId, MigrationRecord, Names, PlaceQuery, RouteOverride, Step, Switching, Tally,
};
use backend::{Location, Result};
use conversation::{AttachmentId, ConversationId, Digest, MessageId};

use crate::end::stopped;

/// A ledger whose writes fail once a lease is over.
#[derive(Debug)]
pub(crate) struct Fenced {
    ledger: Arc<dyn Ledger>,
    term: LeaseTerm,
}

impl Fenced {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, term: LeaseTerm) -> Self {
        Self { ledger, term }
    }

    /// The ledger, to be written to now.
    fn write(&self) -> Result<&dyn Ledger> {
        match self.term.is_over() {
            false => Ok(&*self.ledger),
            true => Err(stopped()),
        }
    }
}

#[async_trait]
impl Names for Fenced {
    async fn message_natives(
        &self,
        at: &PlaceQuery,
        public: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>> {
        self.ledger.message_natives(at, public).await
    }

    async fn message_publics(
        &self,
        at: &PlaceQuery,
        native: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>> {
        self.ledger.message_publics(at, native).await
    }

    async fn attachment_natives(
        &self,
        at: &PlaceQuery,
        public: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>> {
        self.ledger.attachment_natives(at, public).await
    }

    async fn attachment_publics(
        &self,
        at: &PlaceQuery,
        native: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>> {
        self.ledger.attachment_publics(at, native).await
    }

    async fn arriving(&self, at: &PlaceQuery) -> Result<Vec<Arriving>> {
        self.ledger.arriving(at).await
    }
}

#[async_trait]
impl Ledger for Fenced {
    async fn put_migration(&self, record: &MigrationRecord) -> Result<()> {
        self.write()?.put_migration(record).await
    }

    async fn migration(&self, id: MigrationId) -> Result<Option<MigrationRecord>> {
        self.ledger.migration(id).await
    }

    async fn migrations(&self) -> Result<Vec<MigrationRecord>> {
        self.ledger.migrations().await
    }

    async fn put_items(&self, migration: MigrationId, items: &[Item]) -> Result<()> {
        self.write()?.put_items(migration, items).await
    }

    async fn add_items(&self, migration: MigrationId, items: &[Item]) -> Result<u64> {
        self.write()?.add_items(migration, items).await
    }

    async fn item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
    ) -> Result<Option<Item>> {
        self.ledger.item(migration, conversation).await
    }

    async fn items(&self, migration: MigrationId, query: &ItemQuery) -> Result<Vec<Item>> {
        self.ledger.items(migration, query).await
    }

    async fn tally(&self, migration: MigrationId) -> Result<Vec<Tally>> {
        self.ledger.tally(migration).await
    }

    async fn migrations_of(&self, conversation: ConversationId) -> Result<Vec<MigrationId>> {
        self.ledger.migrations_of(conversation).await
    }

    async fn replace_findings(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
        findings: &[Finding],
    ) -> Result<()> {
        let ledger = self.write()?;
        ledger
            .replace_findings(migration, conversation, findings)
            .await
    }

    async fn note_check(&self, migration: MigrationId, checked: &[Checked]) -> Result<()> {
        self.write()?.note_check(migration, checked).await
    }

    async fn change_item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
        change: &ItemChange,
    ) -> Result<()> {
        let ledger = self.write()?;
        ledger.change_item(migration, conversation, change).await
    }

    async fn findings_of(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Finding>> {
        self.ledger.findings_of(migration, conversation).await
    }

    async fn findings(
        &self,
        migration: MigrationId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Finding)>> {
        self.ledger.findings(migration, after, limit).await
    }

    async fn place(&self, at: &PlaceQuery) -> Result<Option<(Location, Option<Digest>)>> {
        self.ledger.place(at).await
    }

    async fn places(&self, conversation: ConversationId) -> Result<Vec<Location>> {
        self.ledger.places(conversation).await
    }

    async fn copied(
        &self,
        at: &CopyAt,
        messages: &[MessageId],
    ) -> Result<Vec<Option<CopiedMessage>>> {
        self.ledger.copied(at, messages).await
    }

    async fn copied_count(&self, at: &CopyAt) -> Result<u64> {
        self.ledger.copied_count(at).await
    }

    async fn copied_after(
        &self,
        at: &CopyAt,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<CopiedMessage>> {
        self.ledger.copied_after(at, after, limit).await
    }

    async fn is_copy(&self, at: &PlaceQuery, native: &MessageId) -> Result<bool> {
        self.ledger.is_copy(at, native).await
    }

    async fn record(&self, migration: MigrationId, at: &CopyAt, step: &Step) -> Result<()> {
        self.write()?.record(migration, at, step).await
    }

    async fn switch(&self, switching: &Switching) -> Result<bool> {
        self.write()?.switch(switching).await
    }

    async fn begin_override(&self, route: &RouteOverride) -> Result<()> {
        self.write()?.begin_override(route).await
    }

    async fn end_override(&self, migration: MigrationId) -> Result<()> {
        self.write()?.end_override(migration).await
    }
}

#[cfg(test)]
mod tests;
