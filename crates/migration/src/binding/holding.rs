//! What is held while a conversation is bound: its lease, once no write of it is open, and that of its writers.

use std::time::Duration;

use backend::Result;
use backend::ports::{
    Finding, Held, IntentQuery, IntentState, PlaceQuery, conversation_lease, writing_lease,
};
use conversation::ConversationId;
use tokio::time::Instant;

use super::{Binder, Not};
use crate::drain::{has_open, settle};
use crate::end::stopped;
use crate::reasons::Reason;
use crate::run::Subject;
use crate::turns::Turn;

/// How long is waited for writes of which nobody knows the end yet, before it is looked again.
const OPEN_WAIT: Duration = Duration::from_millis(250);
/// The most writes of one conversation that are looked at.
const OPEN_MAX: usize = 100;

impl Binder<'_> {
    /// Takes the conversation's lease as soon as no write of it is open.
    pub(super) async fn hold(&self, subject: &Subject) -> std::result::Result<Held, Not> {
        let (run, id) = (self.run, subject.id);
        let settings = &run.parts.settings;
        let began = Instant::now();
        let told_at = began + settings.switch_patience.max(settings.told_after());
        loop {
            let patience = settings.switch_patience;
            let held = Held::take(&run.parts.leases, &conversation_lease(id), patience).await?;
            let mut give_up = began + patience;
            let mut open = self.open_writes(id).await?;
            if open == 0 {
                open = self.arriving(subject).await?;
                if open > 0 && has_open(&run.reversed(), id).await? {
                    // This migration's own, and nobody else asks. Where absence is all that tells, it tells only then.
                    give_up = told_at;
                }
            }
            if open == 0 {
                return Ok(held);
            }
            // Whoever settles them needs the lease.
            held.release().await;
            if Instant::now() >= give_up {
                let detail = format!("what became of {open} writes to it is not known yet");
                let finding = Finding {
                    temporary: true,
                    ..Reason::WriteOpen.finding(Some(id), detail)
                };
                return Err(Not::Found(vec![finding]));
            }
            tokio::select! {
                () = run.stop.cancelled() => return Err(stopped().into()),
                () = tokio::time::sleep(OPEN_WAIT) => {}
            }
        }
    }

    /// Takes the lease of those who write to a backend whose writes are transactions: the router's `writing/<id>`. They
    /// hold it for one write each, and only since this migration follows them; who began before is noticed by
    /// [`backend::ports::Switching::unchanged_since`].
    pub(super) async fn hold_writers(&self, id: ConversationId) -> Result<Option<Held>> {
        if !self.run.from.stack.capabilities().transactional {
            return Ok(None);
        }
        let parts = &self.run.parts;
        let name = writing_lease(id);
        tokio::select! {
            () = self.run.stop.cancelled() => Err(stopped()),
            held = Held::take(&parts.leases, &name, parts.settings.switch_patience) => held.map(Some),
        }
    }

    /// How many messages a migration was bringing to the conversation's home when it was cut off: they are not shown, so
    /// that nobody can tell whether both sides are equal. Finds out what became of those that are this migration's.
    async fn arriving(&self, subject: &Subject) -> Result<usize> {
        let (run, id) = (self.run, subject.id);
        let home = PlaceQuery {
            conversation: id,
            backend: run.from.stack.info().name.clone(),
        };
        let ledger = &run.parts.ledger;
        let arriving = ledger.arriving(&home).await?.len();
        let turn = Turn::of(&run.reversed());
        if arriving == 0 || !has_open(&turn.run, id).await? {
            return Ok(arriving);
        }
        if let Some(Err(error)) = turn.take(settle(&turn.run, subject)).await {
            tracing::info!(migration = %run.migration, conversation = %id, error.kind = error.kind.as_str(), "what became of a write to a conversation's home is not known yet");
        }
        Ok(ledger.arriving(&home).await?.len())
    }

    async fn open_writes(&self, id: ConversationId) -> Result<usize> {
        let query = IntentQuery {
            state: Some(IntentState::Open),
            conversation: Some(id),
            limit: OPEN_MAX,
            ..IntentQuery::default()
        };
        let open = self.run.parts.intents.list(&query).await?.items;
        let others = open.iter().filter(|record| record.migration.is_none());
        Ok(others.count())
    }
}
