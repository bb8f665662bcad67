//! A ledger that fails where it is told to.

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{
    Arriving, Checked, CopiedMessage, CopyAt, Finding, Item, ItemChange, ItemQuery, Ledger,
    MigrationId, MigrationRecord, Names, PlaceQuery, RouteOverride, Step, Switching, Tally,
};
use backend::{Location, Result};
use conversation::{AttachmentId, ConversationId, Digest, MessageId};

use super::plan::Plan;

/// A ledger of which noting steps fails by a plan.
#[derive(Debug)]
pub(super) struct Forgetful {
    pub(super) below: Arc<dyn Ledger>,
    pub(super) plan: Arc<Plan>,
}

#[async_trait]
impl Names for Forgetful {
    async fn message_natives(
        &self,
        at: &PlaceQuery,
        public: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>> {
        self.below.message_natives(at, public).await
    }

    async fn message_publics(
        &self,
        at: &PlaceQuery,
        native: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>> {
        self.below.message_publics(at, native).await
    }

    async fn attachment_natives(
        &self,
        at: &PlaceQuery,
        public: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>> {
        self.below.attachment_natives(at, public).await
    }

    async fn attachment_publics(
        &self,
        at: &PlaceQuery,
        native: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>> {
        self.below.attachment_publics(at, native).await
    }

    async fn arriving(&self, at: &PlaceQuery) -> Result<Vec<Arriving>> {
        self.below.arriving(at).await
    }
}

#[async_trait]
impl Ledger for Forgetful {
    async fn put_migration(&self, record: &MigrationRecord) -> Result<()> {
        self.below.put_migration(record).await
    }

    async fn migration(&self, id: MigrationId) -> Result<Option<MigrationRecord>> {
        self.below.migration(id).await
    }

    async fn migrations(&self) -> Result<Vec<MigrationRecord>> {
        self.below.migrations().await
    }

    async fn put_items(&self, migration: MigrationId, items: &[Item]) -> Result<()> {
        self.below.put_items(migration, items).await
    }

    async fn add_items(&self, migration: MigrationId, items: &[Item]) -> Result<u64> {
        self.below.add_items(migration, items).await
    }

    async fn item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
    ) -> Result<Option<Item>> {
        self.below.item(migration, conversation).await
    }

    async fn items(&self, migration: MigrationId, query: &ItemQuery) -> Result<Vec<Item>> {
        self.below.items(migration, query).await
    }

    async fn tally(&self, migration: MigrationId) -> Result<Vec<Tally>> {
        self.below.tally(migration).await
    }

    async fn migrations_of(&self, conversation: ConversationId) -> Result<Vec<MigrationId>> {
        self.below.migrations_of(conversation).await
    }

    async fn replace_findings(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
        findings: &[Finding],
    ) -> Result<()> {
        self.below
            .replace_findings(migration, conversation, findings)
            .await
    }

    async fn note_check(&self, migration: MigrationId, checked: &[Checked]) -> Result<()> {
        self.below.note_check(migration, checked).await
    }

    async fn change_item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
        change: &ItemChange,
    ) -> Result<()> {
        self.below
            .change_item(migration, conversation, change)
            .await
    }

    async fn findings_of(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Finding>> {
        self.below.findings_of(migration, conversation).await
    }

    async fn findings(
        &self,
        migration: MigrationId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Finding)>> {
        self.below.findings(migration, after, limit).await
    }

    async fn place(&self, at: &PlaceQuery) -> Result<Option<(Location, Option<Digest>)>> {
        self.below.place(at).await
    }

    async fn places(&self, conversation: ConversationId) -> Result<Vec<Location>> {
        self.below.places(conversation).await
    }

    async fn copied(
        &self,
        at: &CopyAt,
        messages: &[MessageId],
    ) -> Result<Vec<Option<CopiedMessage>>> {
        self.below.copied(at, messages).await
    }

    async fn copied_count(&self, at: &CopyAt) -> Result<u64> {
        self.below.copied_count(at).await
    }

    async fn copied_after(
        &self,
        at: &CopyAt,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<CopiedMessage>> {
        self.below.copied_after(at, after, limit).await
    }

    async fn is_copy(&self, at: &PlaceQuery, native: &MessageId) -> Result<bool> {
        self.below.is_copy(at, native).await
    }

    async fn record(&self, migration: MigrationId, at: &CopyAt, step: &Step) -> Result<()> {
        let (below, migration, at, step) =
            (self.below.clone(), migration, at.clone(), step.clone());
        let record = async move { below.record(migration, &at, &step).await };
        self.plan.call(None, Box::pin(record)).await
    }

    async fn switch(&self, switching: &Switching) -> Result<bool> {
        self.below.switch(switching).await
    }

    async fn begin_override(&self, route: &RouteOverride) -> Result<()> {
        self.below.begin_override(route).await
    }

    async fn end_override(&self, migration: MigrationId) -> Result<()> {
        self.below.end_override(migration).await
    }
}
