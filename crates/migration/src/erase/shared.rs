//! A conversation of somebody else in which the person takes part: what they said goes, and they themselves.

use std::collections::BTreeSet;

use backend::ports::{Held, KeptAt};
use backend::{Context, Error, Kind, Location, PageRequest, Result};
use conversation::MessageId;

use super::receipt::{ConversationReceipt, Holding, PlaceOutcome};
use super::{Deleted, Erasing, delete};
use crate::archive::whole_page;
use crate::end::End;
use crate::reasons::words;

/// Messages that are read at once.
const MESSAGES: usize = 200;

/// A place of the conversation that told what the person said there.
struct Reached<'p> {
    at: &'p Location,
    /// Absent where the conversation is not there any more.
    end: Option<End>,
}

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
        let owner = binding.owner.as_deref();
        let reached = self.look(receipt, &places, owner).await;
        // The next call knows of them too: who said what may be told by one place only, and that is the first to forget.
        self.note_conversation(receipt).await?;
        let said = receipt.unfinished.clone();
        let mut left = BTreeSet::new();
        for Reached { at, end } in reached {
            let taken = match &end {
                Some(end) => self.take_out(receipt, end, at, &said, &leases).await,
                None => Err(Error::new(Kind::NotFound, "it is not there")),
            };
            let outcome = match taken {
                Ok(undeleted) => {
                    left.extend(undeleted);
                    PlaceOutcome::Deleted
                }
                // A copy that was deleted there.
                Err(error) if error.kind == Kind::NotFound => PlaceOutcome::Absent,
                Err(error) => {
                    self.failed(receipt, at, &error);
                    continue;
                }
            };
            self.forget(receipt, at, &said).await?;
            receipt.place(&at.backend, Some(&at.native), outcome);
        }
        let home = &binding.location;
        if let Ok(end) = self.end_at(home, owner)
            && let Ok(document) = end.conversation(home).await
        {
            self.parts.directory.refresh(id, &document).await?;
        } else {
            let error = Error::new(Kind::Unavailable, "it could not be read again afterwards");
            self.failed(receipt, home, &error);
        }
        receipt.is_done = !receipt.has_failed();
        if receipt.is_done {
            receipt.messages += said.difference(&left).count() as u64;
            receipt.unfinished.clear();
        }
        for lease in leases.into_iter().rev() {
            lease.release().await;
        }
        Ok(())
    }

    /// Looks at every place for what the person said, before anything is deleted at any: what is kept beside one place
    /// may be all that tells who wrote a message. What is found is in the receipt.
    async fn look<'p>(
        &self,
        receipt: &mut ConversationReceipt,
        places: &'p [Location],
        owner: Option<&str>,
    ) -> Vec<Reached<'p>> {
        let mut reached = Vec::with_capacity(places.len());
        for at in places {
            let looked = match self.end_at(at, owner) {
                Ok(end) => self.said(&end, at).await.map(|said| (end, said)),
                Err(error) => Err(error),
            };
            match looked {
                Ok((end, said)) => {
                    receipt.unfinished.extend(said);
                    reached.push(Reached { at, end: Some(end) });
                }
                Err(error) if error.kind == Kind::NotFound => {
                    reached.push(Reached { at, end: None });
                }
                Err(error) => self.failed(receipt, at, &error),
            }
        }
        reached
    }

    /// Takes the person out of one place. The messages that it shows all the same, as far as is known.
    async fn take_out(
        &self,
        receipt: &mut ConversationReceipt,
        end: &End,
        at: &Location,
        said: &BTreeSet<MessageId>,
        leases: &[Held],
    ) -> Result<Vec<MessageId>> {
        let mut undeleted = Vec::new();
        for id in said {
            let deleted = delete(end, leases, |cx| {
                Box::pin(async move { end.stack().delete_message(&cx, at, id, None).await })
            })
            .await;
            let held = match deleted {
                Ok(Deleted::Gone | Deleted::Absent) => None,
                Ok(Deleted::Hidden(detail)) => Some(detail),
                // Not deleted, and hidden neither: what is kept of it here would be all that hides it.
                Err(error) if matches!(error.kind, Kind::Unsupported | Kind::AccessEnded) => {
                    match self.is_absent(end, at, id).await {
                        // It was said after the copy was made.
                        true => None,
                        false => {
                            undeleted.push(id.clone());
                            Some(words(&error).into())
                        }
                    }
                }
                Err(error) => return Err(error),
            };
            if let Some(detail) = held {
                receipt.still_held.push(Holding {
                    conversation: at.id,
                    message: Some(id.clone()),
                    backend: at.backend.clone(),
                    native: Some(at.native.clone()),
                    detail,
                    next_step: "ask the vendor to delete it, by the conversation's id there".into(),
                    temporary: false,
                });
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
        Ok(undeleted)
    }

    /// True where a place certainly does not have a message.
    async fn is_absent(&self, end: &End, at: &Location, id: &MessageId) -> bool {
        let read = end.read(|cx| {
            let cx = Context {
                copying: true,
                ..cx
            };
            Box::pin(async move { end.stack().get_message(&cx, at, id).await })
        });
        read.await.is_err_and(|error| error.kind == Kind::NotFound)
    }

    /// Erases what is kept beside a place of the messages that were deleted there, and not before: what is erased is
    /// hidden there, so nobody would find it at the vendor again.
    async fn forget(
        &self,
        receipt: &mut ConversationReceipt,
        at: &Location,
        said: &BTreeSet<MessageId>,
    ) -> Result<()> {
        let kept = KeptAt {
            conversation: at.id,
            backend: at.backend.clone(),
        };
        for message in said {
            let erased = self.parts.erasure.erase_message(&kept, message).await?;
            receipt.erased.add(&erased);
        }
        Ok(())
    }

    /// The messages that the person wrote.
    async fn said(&self, end: &End, at: &Location) -> Result<Vec<MessageId>> {
        let mut said = Vec::new();
        let mut request = PageRequest::first(end.page_size(MESSAGES));
        loop {
            let page = whole_page(end, at, &request).await?;
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
