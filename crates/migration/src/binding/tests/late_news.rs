//! A directory that cannot be refreshed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use backend::ports::{
    BackendBinding, Binding, Directory, DirectoryEntry, DirectoryWalk, NewDirectoryEntry,
};
use backend::{ConversationQuery, Cursor, Error, Kind, Location, Page, Principal, Result};
use conversation::{Conversation, ConversationId, Time};

/// A directory that cannot be refreshed, and counts how often that was refused.
#[derive(Debug)]
pub(super) struct Stale {
    pub(super) below: Arc<dyn Directory>,
    pub(super) refused: Arc<AtomicU64>,
}

#[async_trait]
impl Directory for Stale {
    async fn refresh_under(
        &self,
        _: Option<u64>,
        _: ConversationId,
        _: &Conversation,
    ) -> Result<()> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Error::new(Kind::Unavailable, "the disk is full"))
    }

    async fn refresh_listed(&self, id: ConversationId, listed: &Conversation) -> Result<()> {
        self.below.refresh_listed(id, listed).await
    }

    async fn insert_under(&self, fence: Option<u64>, entry: NewDirectoryEntry) -> Result<bool> {
        self.below.insert_under(fence, entry).await
    }

    async fn locate(&self, id: ConversationId) -> Result<Option<Binding>> {
        self.below.locate(id).await
    }

    async fn find(&self, id: ConversationId) -> Result<Option<DirectoryEntry>> {
        self.below.find(id).await
    }

    async fn find_native(&self, backend: &str, native: &str) -> Result<Option<DirectoryEntry>> {
        self.below.find_native(backend, native).await
    }

    async fn touch(&self, id: ConversationId, at: Time) -> Result<()> {
        self.below.touch(id, at).await
    }

    async fn mark_gone(&self, id: ConversationId) -> Result<()> {
        self.below.mark_gone(id).await
    }

    async fn rebind_under(&self, fence: Option<u64>, location: &Location) -> Result<()> {
        self.below.rebind_under(fence, location).await
    }

    async fn tombstone(&self, id: ConversationId) -> Result<()> {
        self.below.tombstone(id).await
    }

    async fn list(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
    ) -> Result<Page<DirectoryEntry>> {
        self.below.list(principal, query).await
    }

    async fn count(&self, principal: &Principal, query: &ConversationQuery) -> Result<u64> {
        self.below.count(principal, query).await
    }

    async fn cursor_at(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
        offset: u64,
    ) -> Result<Option<Cursor>> {
        self.below.cursor_at(principal, query, offset).await
    }

    async fn first_homes(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<(Box<str>, Box<str>)>>> {
        self.below.first_homes(ids).await
    }

    async fn find_first(&self, backend: &str, native: &str) -> Result<Option<ConversationId>> {
        self.below.find_first(backend, native).await
    }

    async fn walk(&self, walk: &DirectoryWalk) -> Result<Vec<DirectoryEntry>> {
        self.below.walk(walk).await
    }

    async fn discovered_at(&self, backend: &str, credential: Option<&str>) -> Result<Option<Time>> {
        self.below.discovered_at(backend, credential).await
    }

    async fn set_discovered_at(
        &self,
        backend: &str,
        credential: Option<&str>,
        started: Time,
    ) -> Result<()> {
        self.below
            .set_discovered_at(backend, credential, started)
            .await
    }

    async fn bind_backend(&self, binding: &BackendBinding) -> Result<()> {
        self.below.bind_backend(binding).await
    }
}
