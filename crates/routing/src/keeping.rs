//! Keeping the directory true: what was made, changed or said is written there after the backend has done it.

use std::sync::Arc;

use backend::ports::{Directory, NewDirectoryEntry, Touched};
use backend::{Context, Located, Location, Outcome, Result};
use conversation::{Conversation, ConversationId, Time};

use crate::Router;
use crate::writing::Found;

impl Router {
    /// Writes a made conversation into the directory: from now on it is the caller's.
    ///
    /// # Errors
    /// With the outcome `applied`: it was made, and whoever settles this write must know.
    pub(crate) async fn own(&self, cx: &Context, located: &Located) -> Result<()> {
        let entry = NewDirectoryEntry {
            location: located.location.clone(),
            tenant: Some(cx.principal.tenant.clone()),
            owner: cx.principal.user.clone(),
            document: located.conversation.clone(),
        };
        self.directory
            .insert_under(cx.fence, entry)
            .await
            .map_err(|error| error.outcome(Outcome::Applied))?;
        self.teller.tell(&located.location, Touched::Made).await;
        Ok(())
    }

    /// Tells that a conversation was read, where it was.
    pub(crate) fn tell_read<T>(&self, found: &Found, read: Result<T>) -> Result<T> {
        if read.is_ok() {
            self.teller.tell_here(&found.location, Touched::Read);
        }
        read
    }

    /// Whether the directory has or had this conversation of a vendor.
    pub(crate) async fn is_known(&self, location: &Location) -> Result<bool> {
        let found = self
            .directory
            .find_native(&location.backend, &location.native)
            .await?;
        Ok(found.is_some())
    }

    /// Marks a conversation as deleted.
    ///
    /// # Errors
    /// With the outcome `applied`: the backend has deleted it.
    pub(crate) async fn bury(&self, id: ConversationId) -> Result<()> {
        self.directory
            .tombstone(id)
            .await
            .map_err(|error| error.outcome(Outcome::Applied))
    }

    /// Notes a changed conversation. The write itself is done, so a failure here is only late news: the next read of
    /// the conversation brings it again.
    pub(crate) async fn note(&self, cx: &Context, document: &Conversation) {
        let (fence, id) = (cx.fence, document.id);
        if let Err(error) = self.directory.refresh_under(fence, id, document).await {
            tracing::warn!(conversation.id = %document.id, %error, "the directory could not be refreshed");
        }
    }

    /// Reads and notes a conversation whose parts were changed.
    pub(crate) async fn note_changed(&self, cx: &Context, found: &Found) {
        match found
            .backend()
            .get_conversation(&cx.fresh(), &found.location)
            .await
        {
            Ok(document) => self.note(cx, &document).await,
            Err(error) => {
                tracing::warn!(conversation.id = %found.location.id, error.kind = error.kind.as_str(), "a changed conversation could not be read");
            }
        }
    }
}

/// Notes that a message was said at `at`; the write is done, so a failure here is only late news.
pub(crate) async fn touch(directory: &Arc<dyn Directory>, id: ConversationId, at: Time) {
    if let Err(error) = directory.touch(id, at).await {
        tracing::warn!(conversation.id = %id, %error, "the directory could not be refreshed");
    }
}
