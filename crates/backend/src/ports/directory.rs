//! The directory: every conversation that we know, who owns it and where it lives.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{Conversation, ConversationId, Time};

use super::{MigrationFilter, RosterEntry};
use crate::{ConversationQuery, Cursor, Location, Page, Principal, Result};

/// A conversation that the directory knows.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryEntry {
    /// Where it lives now.
    pub location: Location,
    /// The tenant; absent for one that was found through a shared credential and belongs to nobody yet.
    pub tenant: Option<Box<str>>,
    /// The end user that it belongs to.
    pub owner: Option<Box<str>>,
    /// True where it was deleted, or is gone at the backend.
    pub deleted: bool,
    /// The last document that was seen.
    pub document: Conversation,
}

/// Where a conversation lives and whose it is, without its document: what every request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where it lives now.
    pub location: Location,
    /// The tenant; absent for one that belongs to nobody yet.
    pub tenant: Option<Box<str>>,
    /// The end user that it belongs to.
    pub owner: Option<Box<str>>,
    /// True where it was deleted, or is gone at the backend.
    pub deleted: bool,
}

/// A conversation that becomes known.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDirectoryEntry {
    /// Where it lives; also its first home, which never changes.
    pub location: Location,
    /// The tenant, where known.
    pub tenant: Option<Box<str>>,
    /// The end user, where known.
    pub owner: Option<Box<str>>,
    /// What was seen.
    pub document: Conversation,
}

/// What a backend's name is bound to, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendBinding {
    /// The backend's name.
    pub name: Box<str>,
    /// Its kind.
    pub kind: Box<str>,
    /// Its base URL; empty for the store.
    pub base_url: Box<str>,
    /// The account at the vendor, where the configuration names one; else empty.
    pub account: Box<str>,
}

/// Which entries an operator's walk meets, of all tenants, deleted ones left out; every member given must fit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DirectoryWalk {
    /// Those that live on this backend.
    pub backend: Option<Box<str>>,
    /// Which of those.
    pub filter: MigrationFilter,
    /// Of these end users only; empty: of everybody.
    pub owners: Vec<RosterEntry>,
    /// Behind this conversation.
    pub after: Option<ConversationId>,
    /// At most so many.
    pub limit: usize,
}

/// The directory.
#[async_trait]
pub trait Directory: Debug + Send + Sync + 'static {
    /// Makes a conversation known. One that is known already, deleted ones included, stays as it is; false then.
    async fn insert(&self, entry: NewDirectoryEntry) -> Result<bool> {
        self.insert_under(None, entry).await
    }

    /// [`Directory::insert`] by the holder of the lease with this number.
    ///
    /// # Errors
    /// [`crate::Kind::Busy`] where somebody else holds that lease by now.
    async fn insert_under(&self, fence: Option<u64>, entry: NewDirectoryEntry) -> Result<bool>;

    /// Where one lives, by its public id, deleted ones included. Cheaper than [`Directory::find`].
    async fn locate(&self, id: ConversationId) -> Result<Option<Binding>>;

    /// Finds one by its public id, deleted ones included.
    async fn find(&self, id: ConversationId) -> Result<Option<DirectoryEntry>>;

    /// Finds one by where it lives now, lived before or is copied to, deleted ones included.
    async fn find_native(&self, backend: &str, native: &str) -> Result<Option<DirectoryEntry>>;

    /// Where these conversations lived first: the backend and the id there. `None` for one that is not known, or was
    /// deleted.
    async fn first_homes(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<(Box<str>, Box<str>)>>>;

    /// The conversation that first lived at a backend by this id, deleted ones included.
    async fn find_first(&self, backend: &str, native: &str) -> Result<Option<ConversationId>>;

    /// Replaces the last document and the values that lists filter and sort by, and ends `mark_gone`. A document older than the one that
    /// is held (by `updated_at`) still replaces it: the backend's word counts.
    async fn refresh(&self, id: ConversationId, document: &Conversation) -> Result<()> {
        self.refresh_under(None, id, document).await
    }

    /// [`Directory::refresh`] by the holder of the lease with this number.
    ///
    /// # Errors
    /// [`crate::Kind::Busy`] where somebody else holds that lease by now.
    async fn refresh_under(
        &self,
        fence: Option<u64>,
        id: ConversationId,
        document: &Conversation,
    ) -> Result<()>;

    /// Like [`Directory::refresh`], with what a list tells, which may be less than a read does: where it does not say when
    /// something was last said, what is held of that stays.
    async fn refresh_listed(&self, id: ConversationId, listed: &Conversation) -> Result<()>;

    /// Notes that a message was said, without a new document: moves `updated_at` and `last_message_at` forward.
    async fn touch(&self, id: ConversationId, at: Time) -> Result<()>;

    /// Notes that the backend no longer knows it: lists leave it out until `refresh` shows it again. Not a
    /// tombstone, because a wrong credential looks the same.
    async fn mark_gone(&self, id: ConversationId) -> Result<()>;

    /// Binds a conversation to another place: its public id, owner and first home stay. An entry that was made for that
    /// place meanwhile is deleted for ever, because it is this conversation.
    ///
    /// # Errors
    /// [`crate::Kind::NotFound`] where the conversation is not known.
    async fn rebind(&self, location: &Location) -> Result<()> {
        self.rebind_under(None, location).await
    }

    /// [`Directory::rebind`] by the holder of the lease with this number.
    ///
    /// # Errors
    /// As [`Directory::rebind`], and [`crate::Kind::Busy`] where somebody else holds that lease by now.
    async fn rebind_under(&self, fence: Option<u64>, location: &Location) -> Result<()>;

    /// Marks as deleted, for ever.
    async fn tombstone(&self, id: ConversationId) -> Result<()>;

    /// The entries that the principal may see, filtered and sorted, a page at a time.
    ///
    /// Filters, order and cursors work on the values held here. Deleted entries are left out.
    ///
    /// # Errors
    /// [`crate::Kind::InvalidCursor`] for a cursor of another list.
    async fn list(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
    ) -> Result<Page<DirectoryEntry>>;

    /// How many entries a list has. Its page is not looked at.
    async fn count(&self, principal: &Principal, query: &ConversationQuery) -> Result<u64>;

    /// The cursor right after the first `skip` entries of a list, so that a page may begin at a number. Its position is
    /// not looked at. `None` where the list has fewer entries, or none are skipped.
    async fn cursor_at(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
        skip: u64,
    ) -> Result<Option<Cursor>>;

    /// The entries of an operator's walk, by id: complete whatever is written meanwhile.
    async fn walk(&self, walk: &DirectoryWalk) -> Result<Vec<DirectoryEntry>>;

    /// When the last complete look through a backend with a credential began.
    async fn discovered_at(&self, backend: &str, credential: Option<&str>) -> Result<Option<Time>>;

    /// Notes that a look which began at `started` is complete.
    async fn set_discovered_at(
        &self,
        backend: &str,
        credential: Option<&str>,
        started: Time,
    ) -> Result<()>;

    /// Binds a backend's name for ever, or checks that it is bound to just this.
    ///
    /// # Errors
    /// [`crate::Kind::Conflict`] where the name is bound to something else; the message says what to do.
    async fn bind_backend(&self, binding: &BackendBinding) -> Result<()>;
}
