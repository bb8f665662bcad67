//! What is held while a conversation is written: its lease, so that writers come one after the other, and the note of
//! the write, so that it is settled where its end stays unknown.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Held, IntentRecord, Intents, Leases};
use backend::{Error, Outcome, Result};
use uuid::Uuid;

/// The lease of whoever makes or looks for the conversation of a create.
pub(crate) fn of_create(intent: Uuid) -> String {
    format!("intent/{intent}")
}

/// A held lease and the write that is noted under it. Dropping it gives the lease back in the background and leaves the
/// note: what became of the write is not known then.
pub(crate) struct Holding {
    held: Held,
    noted: Option<(Arc<dyn Intents>, Uuid)>,
}

impl Holding {
    /// Takes a lease, waiting at most `patience`.
    ///
    /// # Errors
    /// [`backend::Kind::Busy`] where somebody else holds it all the time.
    pub(crate) async fn take(
        leases: &Arc<dyn Leases>,
        name: &str,
        patience: Duration,
    ) -> Result<Self> {
        let held = Held::take(leases, name, patience).await?;
        Ok(Self { held, noted: None })
    }

    /// The lease's number, which guards rows of our own.
    pub(crate) fn fence(&self) -> u64 {
        self.held.fence()
    }

    /// Notes a write that is about to be sent, and makes sure that the lease outlasts the sending.
    ///
    /// # Errors
    /// That of the state, or [`backend::Kind::Busy`] where the lease was lost meanwhile. Nothing was sent then, and
    /// nothing may be.
    pub(crate) async fn note(
        &mut self,
        intents: &Arc<dyn Intents>,
        record: &IntentRecord,
    ) -> Result<()> {
        let fence = self.fence();
        intents
            .begin_under(Some(fence), record)
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        if let Err(error) = self.held.outlast_a_heartbeat().await {
            forget(intents, fence, record.intent.id).await;
            return Err(error);
        }
        self.noted = Some((intents.clone(), record.intent.id));
        Ok(())
    }

    /// Forgets the write where its end is known, and gives the lease back, before the caller goes on: the next writer
    /// need not wait.
    pub(crate) async fn end(mut self, is_known: bool) {
        if let Some((intents, id)) = self.noted.take()
            && is_known
        {
            forget(&intents, self.fence(), id).await;
        }
        self.held.release().await;
    }
}

/// True where nothing is left to be found out or finished after this failure, because nothing was done. What was done and
/// then failed, wherever it failed, may lack what follows the backend's answer: recovery settles it and finishes that.
pub(crate) fn is_known(error: &Error) -> bool {
    error.outcome == Outcome::NotApplied
}

async fn forget(intents: &Arc<dyn Intents>, fence: u64, id: Uuid) {
    if let Err(error) = intents.end_under(Some(fence), id).await {
        tracing::warn!(intent = %id, %error, "a write that has ended is still noted; it will be settled once more");
    }
}
