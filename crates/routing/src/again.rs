//! Settling a write again, for whoever repeats it: where it was sent, wherever its conversation lives by now.

use backend::ports::{MigrationId, conversation_lease};
use backend::{Applied, Context, Intent, Kind, Located, Result, Settled, Write};
use conversation::NewConversation;

use crate::Router;
use crate::holding::{self, Holding};
use crate::settling::{fenced, located};
use crate::writing::Found;

impl Router {
    /// [`backend::Backend::settle`]: by whoever repeats the write.
    pub(crate) async fn settle_again(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let Some(at) = &intent.location else {
            return self.settle_create_again(cx, intent).await;
        };
        let found = self.locate(cx, at.id).await?;
        if found.backend().capabilities().transactional {
            let here = located(intent, &found);
            let settled = found.backend().settle(cx, &here).await?;
            return self.settled_here(cx, &found, intent, settled).await;
        }
        let lease = conversation_lease(at.id);
        let holding = Holding::take(&self.leases, &lease, cx.remaining()).await?;
        let found = match self.find(cx, at.id).await {
            Ok(found) => found,
            Err(error) => {
                holding.end(true).await;
                return Err(error);
            }
        };
        // A newer change may have left less of it to do.
        let settled = match self.intents.find(intent.id).await {
            Ok(noted) => {
                let intent = noted.map_or_else(|| intent.clone(), |record| record.intent);
                let cx = fenced(cx, &holding);
                match self.settle_found(&cx, &found, &intent).await {
                    Ok(settled) => self.settled_here(&cx, &found, &intent, settled).await,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        // Ended by `settle_found` where nothing is left to know.
        holding.end(true).await;
        settled
    }

    /// What is known of a write once the conversation's present home was asked.
    async fn settled_here(
        &self,
        cx: &Context,
        found: &Found,
        intent: &Intent,
        settled: Settled,
    ) -> Result<Settled> {
        if let Settled::Applied(_) = settled {
            return Ok(settled);
        }
        self.settle_at_earlier_homes(cx, &found.location, intent, settled)
            .await
    }

    async fn settle_create_again(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let Write::CreateConversation(new) = &intent.write else {
            return Ok(Settled::Unknown);
        };
        // Where it was sent, which need not be where the rules would send it now.
        let noted = self.intents.find(intent.id).await?;
        let made = self.made.get(&intent.id).map(|location| location.backend);
        let sent_to = made.or_else(|| noted.as_ref().map(|record| record.backend.clone()));
        let Some(backend) = sent_to else {
            return self.settle_unnoted_create(cx, intent, new).await;
        };
        let led_by = noted.map(|record| record.led_by).unwrap_or_default();
        self.settle_create_held(cx, &backend, intent, new, &led_by)
            .await
    }

    /// [`Router::settle_create`] under the lease of the create.
    async fn settle_create_held(
        &self,
        cx: &Context,
        sent_to: &str,
        intent: &Intent,
        new: &NewConversation,
        led_by: &[MigrationId],
    ) -> Result<Settled> {
        let lease = holding::of_create(intent.id);
        let holding = Holding::take(&self.leases, &lease, cx.remaining()).await?;
        let cx = fenced(cx, &holding);
        let settled = self.settle_create(&cx, sent_to, intent, new, led_by).await;
        holding.end(true).await;
        settled
    }

    /// A create that is noted nowhere: made in a transaction, or perhaps at the vendor to which the rules lead.
    async fn settle_unnoted_create(
        &self,
        cx: &Context,
        intent: &Intent,
        new: &NewConversation,
    ) -> Result<Settled> {
        let unnoted = self.made_unnoted(cx, intent).await?;
        if let Settled::Applied(_) = unnoted {
            return Ok(unnoted);
        }
        // Where the write itself was led to, whoever asks for it.
        let drawn = Context {
            intent: intent.id,
            ..cx.clone()
        };
        let placed = match self.place(&drawn, new).await {
            Ok(placed) => placed,
            // It was refused, or would be by now: the backends that keep no notes have been asked.
            Err(error) if error.kind == Kind::NotHeld => return Ok(unnoted),
            Err(error) => return Err(error),
        };
        for candidate in placed {
            if candidate.slot.backend.capabilities().transactional {
                continue;
            }
            let settled = self
                .settle_create_held(cx, candidate.slot.name(), intent, new, &[])
                .await?;
            if settled != Settled::NotApplied {
                return Ok(settled);
            }
        }
        Ok(unnoted)
    }

    /// What a create made that was not noted: where writes are transactions. All those backends are asked, because the
    /// rules may have led elsewhere since.
    async fn made_unnoted(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let mut settled = Settled::NotApplied;
        for slot in self.slots.values() {
            if !slot.backend.capabilities().transactional {
                continue;
            }
            match slot.backend.settle(cx, intent).await? {
                Settled::NotApplied => {}
                Settled::Unknown => settled = Settled::Unknown,
                Settled::Applied(Applied::Conversation(made)) => {
                    let Located {
                        location,
                        conversation,
                    } = *made;
                    return self
                        .settle_made(cx, location, Some(conversation), &[])
                        .await;
                }
                Settled::Applied(made) => return Ok(Settled::Applied(made)),
            }
        }
        Ok(settled)
    }
}
