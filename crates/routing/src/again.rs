//! Settling a write again, for whoever repeats it: where it was sent, wherever its conversation lives by now.

use backend::ports::conversation_lease;
use backend::{Applied, Context, Intent, Result, Settled, Write};

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
        let made = self.made.get(&intent.id).map(|location| location.backend);
        let sent_to = match made {
            Some(backend) => Some(backend),
            None => {
                let noted = self.intents.find(intent.id).await?;
                noted.map(|record| record.backend)
            }
        };
        let slot = match sent_to {
            Some(backend) => self.configured(&backend)?,
            None => self.place(cx, new).await?.slot,
        };
        if slot.backend.capabilities().transactional {
            let settled = slot.backend.settle(cx, intent).await?;
            if let Settled::Applied(Applied::Conversation(located)) = &settled {
                self.own(cx, located).await?;
                self.note_settled_born(cx, new, &located.location).await?;
            }
            return Ok(settled);
        }
        let lease = holding::of_create(intent.id);
        let holding = Holding::take(&self.leases, &lease, cx.remaining()).await?;
        let settled = self
            .settle_create(&fenced(cx, &holding), slot, intent, new)
            .await;
        holding.end(true).await;
        settled
    }
}
