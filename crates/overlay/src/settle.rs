//! What became of a write whose answer was lost.
//!
//! The backend is asked for its part; what is kept here is then written as if the answer had come. What is kept here
//! only is known for certain. Settling twice ends the same.

mod answered;
mod changes;
mod stored;

use backend::{
    Applied, Context, Error, Intent, Kind, Located, Location, Result, SettleSupport, Settled, Write,
};

use crate::Overlay;
use crate::conversations::as_copy;
use crate::index::under;

impl Overlay {
    /// Finds out what became of a write, and does here what was still to be done.
    pub(crate) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        // Ids of what is kept here derive from the write's own id.
        let cx = &Context {
            intent: intent.id,
            ..cx.clone()
        };
        let Some(at) = &intent.location else {
            return self.settle_create(cx, intent).await;
        };
        match &intent.write {
            Write::CreateConversation(_) => self.settle_create(cx, intent).await,
            Write::UpdateConversation(patch) => self.settle_update(cx, at, intent, patch).await,
            Write::DeleteConversation => self.settle_delete(cx, at, intent).await,
            Write::PostMessage(new) => self.settle_post(cx, at, intent, new).await,
            Write::ImportMessage(new) => {
                let one = std::slice::from_ref(new);
                let settled = self.settle_import(cx, at, intent, one).await?;
                Ok(match settled {
                    Settled::Applied(Applied::Messages(mut messages)) => match messages.pop() {
                        Some(message) => Settled::Applied(Applied::Message(Box::new(message))),
                        None => Settled::NotApplied,
                    },
                    other => other,
                })
            }
            Write::ImportMessages(messages) => self.settle_import(cx, at, intent, messages).await,
            Write::UpdateMessage { id, patch } => self.settle_edit(cx, at, intent, id, patch).await,
            Write::DeleteMessage { id } => self.settle_message_delete(cx, at, intent, id).await,
            Write::RateMessage { id, value } => self.settle_vote(cx, at, intent, id, *value).await,
            Write::Respond(request) => self.settle_answer(cx, at, intent, request).await,
            Write::AddParticipants(new) => self.settle_join(cx, at, intent, new).await,
            Write::RemoveParticipant { id } => self.settle_leave(cx, at, intent, id).await,
            Write::PutAttachment { .. } => self.settle_bytes(cx, at, intent).await,
        }
    }

    /// What the backend says became of `write`, which is what of the intent was sent to it.
    async fn settled_below(&self, cx: &Context, intent: &Intent, write: Write) -> Result<Settled> {
        let sent = Intent {
            write,
            ..intent.clone()
        };
        self.below().settle(&under(cx), &sent).await
    }

    async fn settle_create(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let settled = self.below().settle(&under(cx), intent).await?;
        match (&intent.write, settled) {
            (Write::CreateConversation(new), Settled::Applied(Applied::Conversation(located)))
                if !cx.looks_only =>
            {
                if self.is_anothers(cx, &located.location).await? {
                    return Ok(Settled::Unknown);
                }
                let located = self.created(cx, new, *located).await?;
                Ok(Settled::Applied(Applied::Conversation(Box::new(located))))
            }
            (_, Settled::Applied(Applied::Conversation(located))) => {
                Ok(conversation_of(as_copy(cx, *located)))
            }
            (_, settled) => Ok(settled),
        }
    }

    /// Whether what was found for a lost create by its looks alone is known already: somebody has it, and nothing of
    /// this create may be written beside it.
    async fn is_anothers(&self, cx: &Context, found: &Location) -> Result<bool> {
        if self.below().capabilities().settle != SettleSupport::Likely {
            return Ok(false);
        }
        let known = self
            .directory()
            .find_native(self.name(), &found.native)
            .await?;
        // A copy that is noted already is the one that is asked about.
        Ok(known.is_some_and(|entry| Some(entry.location.id) != cx.public_id))
    }
}

/// What a read of something tells that may have been deleted meanwhile: nothing where it is not there.
fn if_there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn conversation_of(located: Located) -> Settled {
    Settled::Applied(Applied::Conversation(Box::new(located)))
}

fn message_of(message: conversation::Message) -> Settled {
    Settled::Applied(Applied::Message(Box::new(message)))
}

fn unfit(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, "a change could not be applied").source(error)
}
