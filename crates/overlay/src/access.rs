//! Access that has ended: reads from copies, and a new native conversation behind the same public id.

use std::sync::Arc;

use backend::ports::{Binding, Change, IndexState, Kept};
use backend::{Context, Error, Kind, Location, Outcome, Principal, Result, Write};
use conversation::{NewConversation, Time};

use crate::Overlay;
use crate::index::{beginning, not_applied, under};

impl Overlay {
    /// True where an error means that access to a conversation has ended, of which enough is kept to go on without.
    pub(crate) fn has_ended(&self, kept: &Kept, error: &Error) -> bool {
        error.kind == Kind::AccessEnded
            && self.below().capabilities().access_expires
            && (kept.index.is_some() || kept.copy.is_some())
    }

    /// Notes that access has ended: from now on what is kept is all there is.
    pub(crate) async fn note_ended(&self, cx: &Context, at: &Location) -> Result<Arc<Kept>> {
        tracing::info!(
            backend.name = self.name(),
            conversation.id = %at.id,
            "access to a conversation has ended: it is shown from its copy"
        );
        let mut changes = vec![Change::Ended {
            native: at.native.clone(),
            has_ended: true,
        }];
        if self.kept(at).await?.index.is_none() {
            // Its messages were never read: no other will ever be known.
            changes.push(Change::Index(begun(at, None)));
        }
        self.apply(cx, at, changes).await?;
        self.kept(at).await
    }

    /// What is kept of a conversation, filled where access to it ends by itself and nothing was kept yet. Where that
    /// fails, what there is: the next read tries again.
    pub(crate) async fn kept_filled(&self, cx: &Context, at: &Location) -> Result<Arc<Kept>> {
        let kept = self.kept(at).await?;
        if kept.index.is_some() {
            return Ok(kept);
        }
        match self.refreshed(cx, at).await {
            Ok(filled) => Ok(filled),
            Err(error) => {
                tracing::warn!(
                    backend.name = self.name(),
                    conversation.id = %at.id,
                    error.kind = error.kind.as_str(),
                    "the messages of a conversation to which access will end could not be kept"
                );
                Ok(kept)
            }
        }
    }

    /// Gives a conversation whose access has ended a new home: a new native conversation behind its public id, empty.
    /// What was said before stays where it is in the index.
    pub(crate) async fn move_in(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
    ) -> Result<Location> {
        let binding = self.directory().locate(at.id).await.map_err(not_applied)?;
        let binding = binding
            .filter(|binding| binding.location.backend == at.backend)
            .ok_or_else(Error::conversation_not_found)
            .map_err(not_applied)?;
        let index = kept.index.as_ref();
        let lives_at = &binding.location.native;
        // A crash after the new home was noted left only the rest to do; and who comes late finds it.
        let is_moved =
            *lives_at != at.native || index.is_some_and(|index| index.native != *lives_at);
        let home = if is_moved {
            binding.location
        } else {
            self.new_home(&as_owner(cx, &binding), at, kept).await?
        };
        let held = self.below().get_conversation(&under(cx), &home).await?;
        let mut changes = vec![Change::Home(begun(&home, index))];
        // The fields that the old home held are kept now, where the new one was not given them.
        changes.extend(self.rehomed(kept, &held)?);
        self.apply(cx, &home, changes).await?;
        Ok(home)
    }

    async fn new_home(&self, cx: &Context, at: &Location, kept: &Kept) -> Result<Location> {
        let title = self.shown_title(kept)?;
        let new = NewConversation {
            title,
            ..NewConversation::default()
        };
        let projection = self.below().preview(&Write::CreateConversation(new));
        let Write::CreateConversation(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "a create became another write")
                .outcome(Outcome::NotApplied));
        };
        let made = self.below().create_conversation(&under(cx), new).await?;
        let home = Location {
            id: at.id,
            renamed: at.renamed,
            ..made.location
        };
        self.directory().rebind_under(cx.fence, &home).await?;
        tracing::info!(
            backend.name = self.name(),
            conversation.id = %at.id,
            "a conversation whose access had ended goes on in a new one"
        );
        Ok(home)
    }

    /// The title as it is shown, where nothing but the copy is there.
    fn shown_title(&self, kept: &Kept) -> Result<Option<Box<str>>> {
        match &kept.copy {
            Some(copy) => Ok(self.show_conversation((**copy).clone(), kept)?.title),
            None => Ok(None),
        }
    }
}

/// The index of a home in which nothing was said yet.
fn begun(home: &Location, before: Option<&IndexState>) -> IndexState {
    let now = Time::now();
    IndexState {
        native: home.native.clone(),
        mark: None,
        read_at: now,
        whole_at: now,
        floor: before.map_or_else(beginning, |index| index.floor),
    }
}

/// The context of whom a conversation belongs to: its new home is theirs, whoever asks in it. One of nobody becomes that
/// of who asks.
fn as_owner(cx: &Context, binding: &Binding) -> Context {
    let Some(tenant) = &binding.tenant else {
        return cx.clone();
    };
    Context {
        principal: Arc::new(Principal {
            tenant: tenant.clone(),
            user: binding.owner.clone(),
            ..(*cx.principal).clone()
        }),
        ..cx.clone()
    }
}
