//! A conversation of somebody else in which the person takes part: what they said goes, and they themselves.

use backend::ports::{Held, KeptAt};
use backend::{Error, Kind, Location, PageRequest, Result};
use conversation::MessageId;

use super::receipt::{ConversationReceipt, Holding, PlaceOutcome};
use super::{Deleted, Erasing, delete};
use crate::end::End;
use crate::reasons::words;

/// Messages that are read at once.
const MESSAGES: usize = 200;

impl Erasing {
    pub(super) async fn shared(&self, receipt: &mut ConversationReceipt) -> Result<()> {
        let id = receipt.id;
        let binding = self.parts.directory.locate(id).await?;
        let Some(binding) = binding.filter(|binding| !binding.deleted) else {
            // Deleted since, with all that they said.
            receipt.is_done = true;
            return Ok(());
        };
        receipt.still_held.clear();
        receipt.places.clear();
        let places = self.places(id).await?;
        let leases = match self.alone(id).await {
            Ok(leases) => leases,
            Err(error) if error.kind == Kind::Busy => {
                for at in &places {
                    self.failed(receipt, at, &error);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for at in &places {
            let taken = match self.end_at(at, binding.owner.as_deref()) {
                Ok(end) => self.take_out(receipt, &end, at, &places, &leases).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) => receipt.place(&at.backend, Some(&at.native), PlaceOutcome::Deleted),
                // A copy that was deleted there.
                Err(error) if error.kind == Kind::NotFound => {
                    receipt.place(&at.backend, Some(&at.native), PlaceOutcome::Absent);
                }
                Err(error) => self.failed(receipt, at, &error),
            }
        }
        let home = &binding.location;
        if let Ok(end) = self.end_at(home, binding.owner.as_deref())
            && let Ok(document) = end.conversation(home).await
        {
            self.parts.directory.refresh(id, &document).await?;
        } else {
            let error = Error::new(Kind::Unavailable, "it could not be read again afterwards");
            self.failed(receipt, home, &error);
        }
        receipt.is_done = !receipt.has_failed();
        for lease in leases.into_iter().rev() {
            lease.release().await;
        }
        Ok(())
    }

    /// Takes the person out of one place.
    async fn take_out(
        &self,
        receipt: &mut ConversationReceipt,
        end: &End,
        at: &Location,
        places: &[Location],
        leases: &[Held],
    ) -> Result<()> {
        for message in self.said(end, at).await? {
            let id = &message;
            let deleted = delete(end, leases, |cx| {
                Box::pin(async move { end.stack().delete_message(&cx, at, id, None).await })
            })
            .await;
            let held = match deleted {
                Ok(Deleted::Gone) => {
                    receipt.messages += 1;
                    None
                }
                Ok(Deleted::Absent) => None,
                Ok(Deleted::Hidden(detail)) => {
                    receipt.messages += 1;
                    Some(detail)
                }
                // Not deleted, and hidden neither: what is kept of it here would be all that hides it.
                Err(error)
                    if error.kind == Kind::Unsupported || error.kind == Kind::AccessEnded =>
                {
                    Some(words(&error).into())
                }
                Err(error) => return Err(error),
            };
            if let Some(detail) = held {
                receipt.still_held.push(Holding {
                    conversation: at.id,
                    message: Some(message.clone()),
                    backend: at.backend.clone(),
                    native: Some(at.native.clone()),
                    detail,
                    next_step: "ask the vendor to delete it, by the conversation's id there".into(),
                    temporary: false,
                });
            }
            for place in places {
                let kept = KeptAt {
                    conversation: place.id,
                    backend: place.backend.clone(),
                };
                let erased = self.parts.erasure.erase_message(&kept, &message).await?;
                receipt.erased.add(&erased);
            }
        }
        let participants = end
            .read(|cx| Box::pin(async move { end.stack().list_participants(&cx, at).await }))
            .await?;
        for participant in participants.iter().filter(|one| self.is_theirs(one)) {
            let Some(id) = participant.id.as_deref() else {
                continue;
            };
            delete(end, leases, |cx| {
                Box::pin(async move { end.stack().remove_participant(&cx, at, id).await })
            })
            .await?;
        }
        Ok(())
    }

    /// The messages that the person wrote. All are found before the first is deleted, which might move a page.
    async fn said(&self, end: &End, at: &Location) -> Result<Vec<MessageId>> {
        let mut said = Vec::new();
        let mut request = PageRequest::first(end.page_size(MESSAGES));
        loop {
            let page = end.page(at, &request).await?;
            let theirs = page.items.into_iter().filter(|message| {
                let author = message.author.as_ref();
                author.is_some_and(|author| self.is_theirs(author))
            });
            said.extend(theirs.map(|message| message.id));
            match page.next {
                Some(next) => request = request.after(next),
                None => return Ok(said),
            }
        }
    }
}
