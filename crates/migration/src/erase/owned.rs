//! A conversation of the person's own: deleted at every place, then erased here.

use std::sync::Arc;

use backend::ports::{Held, IntentQuery, IntentRecord};
use backend::{Applied, Context, Error, Kind, Location, Result, Settled, Write};

use super::receipt::{ConversationReceipt, Holding, PlaceOutcome};
use super::{Deleted, Erasing, delete};
use crate::end::End;
use crate::reasons::words;

/// The most open writes of one conversation that are looked at.
const OPEN_MAX: usize = 100;

impl Erasing {
    pub(super) async fn owned(&self, receipt: &mut ConversationReceipt) -> Result<()> {
        let id = receipt.id;
        let leases = match self.alone(id).await {
            Ok(leases) => leases,
            Err(error) if error.kind == Kind::Busy => {
                // Somebody writes to it all the time; the others' turn is not kept up by that.
                let home = self.places(id).await?;
                for at in &home {
                    self.failed(receipt, at, &error);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        receipt.still_held.clear();
        let mut places = self.places(id).await?;
        self.lost_copies(receipt, &mut places).await?;
        for at in &places {
            self.delete_at(receipt, at, &leases).await?;
        }
        // Nobody sees it any more, also where a vendor is left to be asked again.
        match self.parts.directory.tombstone(id).await {
            Err(error) if error.kind != Kind::NotFound => return Err(error),
            _ => {}
        }
        if !receipt.has_failed() {
            // What the vendors hold is noted before the places are forgotten.
            self.note_conversation(receipt).await?;
            let erased = self.parts.erasure.erase_conversation(id).await?;
            receipt.erased.add(&erased);
            receipt.is_done = true;
        }
        for lease in leases.into_iter().rev() {
            lease.release().await;
        }
        Ok(())
    }

    async fn delete_at(
        &self,
        receipt: &mut ConversationReceipt,
        at: &Location,
        leases: &[Held],
    ) -> Result<()> {
        let earlier = receipt.outcome_at(&at.backend, &at.native);
        if matches!(earlier, Some(PlaceOutcome::Deleted | PlaceOutcome::Absent)) {
            return Ok(());
        }
        let deleted = match self.end_at(at, Some(&self.person.user)) {
            Ok(end) => {
                let end = &end;
                delete(end, leases, |cx| {
                    Box::pin(async move { end.stack().delete_conversation(&cx, at, None).await })
                })
                .await
            }
            Err(error) => Err(error),
        };
        let native = Some(&*at.native);
        match deleted {
            Ok(Deleted::Gone) => receipt.place(&at.backend, native, PlaceOutcome::Deleted),
            // It was hidden by an earlier call, so it is not shown to this one either.
            Ok(Deleted::Absent) if earlier == Some(PlaceOutcome::StillHeld) => {
                self.kept(
                    receipt,
                    at,
                    "hidden by an earlier call, still held by the vendor",
                );
            }
            Ok(Deleted::Absent) => receipt.place(&at.backend, native, PlaceOutcome::Absent),
            Ok(Deleted::Hidden(detail)) => self.kept(receipt, at, &detail),
            // Nobody can reach it any more, so trying again is no use.
            Err(error) if matches!(error.kind, Kind::AccessEnded | Kind::Unsupported) => {
                self.kept(receipt, at, &words(&error));
            }
            Err(error) => self.failed(receipt, at, &error),
        }
        Ok(())
    }

    fn kept(&self, receipt: &mut ConversationReceipt, at: &Location, detail: &str) {
        receipt.place(&at.backend, Some(&at.native), PlaceOutcome::StillHeld);
        receipt.still_held.push(Holding {
            conversation: at.id,
            message: None,
            backend: at.backend.clone(),
            native: Some(at.native.clone()),
            detail: detail.into(),
            next_step: "ask the vendor to delete it, by its id there".into(),
            temporary: false,
        });
    }

    pub(super) fn failed(&self, receipt: &mut ConversationReceipt, at: &Location, error: &Error) {
        receipt.place(&at.backend, Some(&at.native), PlaceOutcome::Failed);
        receipt.still_held.push(Holding {
            conversation: at.id,
            message: None,
            backend: at.backend.clone(),
            native: Some(at.native.clone()),
            detail: words(error).into(),
            next_step: "remove the cause in the words given, then erase the same person again"
                .into(),
            temporary: true,
        });
    }

    /// Copies whose making was cut off: one that was made is deleted like every other.
    async fn lost_copies(
        &self,
        receipt: &mut ConversationReceipt,
        places: &mut Vec<Location>,
    ) -> Result<()> {
        receipt.places.retain(|place| place.native.is_some());
        let query = IntentQuery {
            conversation: Some(receipt.id),
            operation: Some("create_conversation".into()),
            limit: OPEN_MAX,
            ..IntentQuery::default()
        };
        let open = self.parts.intents.list(&query).await?.items;
        for record in open {
            if !matches!(record.intent.write, Write::CreateConversation(_))
                || places.iter().any(|at| at.backend == record.backend)
            {
                continue;
            }
            let at = Location {
                backend: record.backend.clone(),
                ..Location::unresolved(receipt.id)
            };
            let settled = match self.end_at(&at, Some(&self.person.user)) {
                Ok(end) => settle(&end, &record).await,
                Err(error) => Err(error),
            };
            let detail = match settled {
                Ok(Settled::Applied(Applied::Conversation(located))) => {
                    places.push(located.location);
                    continue;
                }
                Ok(Settled::NotApplied) => continue,
                Ok(Settled::Applied(_) | Settled::Unknown) => {
                    "a copy may have been made there: it is not known yet".to_owned()
                }
                Err(error) => words(&error),
            };
            receipt.place(&record.backend, None, PlaceOutcome::Failed);
            receipt.still_held.push(Holding {
                conversation: receipt.id,
                message: None,
                backend: record.backend.clone(),
                native: None,
                detail: detail.into(),
                next_step: "look at `GET /admin/v1/intents`; erase the same person again when it is settled"
                    .into(),
                temporary: true,
            });
        }
        Ok(())
    }
}

/// Asks what became of the making of a copy.
async fn settle(end: &End, record: &IntentRecord) -> Result<Settled> {
    end.read(|cx| {
        let cx = Context {
            intent: record.intent.id,
            copying: true,
            public_id: record.public_id,
            looks_only: true,
            principal: Arc::new(record.principal.clone()),
            ..cx
        };
        Box::pin(async move { end.stack().settle(&cx, &record.intent).await })
    })
    .await
}
