//! Finding out what became of writes whose end is not known: after a crash, a lost answer or a caller that left.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::ports::{IntentQuery, IntentRecord, IntentState, Touched, conversation_lease};
use backend::{
    Applied, Context, Error, FidelityPolicy, Freshness, Intent, Kind, Result, Settled, Write,
};
use conversation::Time;
use futures_util::future::{FutureExt, join_all};
use uuid::Uuid;

use crate::Router;
use crate::holding::{self, Holding};
use crate::slot::Slot;
use crate::writing::Found;

/// A write of this process counts as abandoned so long after its caller stopped waiting.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);
/// So long after its caller stopped waiting a write of which its backend does not tell stays unknown for good.
const UNKNOWN_AFTER: Duration = Duration::from_secs(300);
/// So long after its caller stopped waiting nobody asks any more for a write whose backend is out of reach.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// After so many failures in a row to reach a backend its other writes wait for the next recovery.
const FAILURES_MAX: usize = 3;
/// The most writes of one backend that one recovery looks at, and for how long: others wait for their turn as well.
const BATCH_MAX: usize = 100;
const ROUND_BUDGET: Duration = Duration::from_secs(120);
/// How long the settling of one write may take.
const SETTLE_BUDGET: Duration = Duration::from_secs(30);
/// How much longer the settling of one write is waited for, where nobody in it watches the time.
const SETTLE_GRACE: Duration = Duration::from_secs(5);
/// How long recovery waits for a conversation that somebody writes to: it comes again.
const LEASE_PATIENCE: Duration = Duration::from_millis(250);
/// The most writes that a writer settles which an earlier one left open, and how long each may take.
const LEFT_OPEN_MAX: usize = 8;
const LEFT_OPEN_BUDGET: Duration = Duration::from_secs(5);

/// What a recovery has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// So many writes are known to be done, or not done.
    pub settled: u64,
    /// So many stay unknown for good: what they may have made at a vendor is a possible orphan.
    pub unknown: u64,
    /// So many are asked about again.
    pub waiting: u64,
}

/// What became of one abandoned write.
enum Fate {
    Settled,
    Unknown,
    Waiting,
    /// Asking failed, and would fail for the backend's other writes too.
    NotReached,
}

impl Router {
    /// Settles writes that nobody works on any more: those of processes that died, and those of our own whose caller
    /// stopped waiting 30 s ago. At most 100 of each backend, and for 2 minutes; those come first that were not tried for
    /// longest. Each under its conversation's lease.
    ///
    /// # Errors
    /// Those of the state, which holds the writes. A backend that cannot be asked is no error: its writes wait.
    pub async fn recover(&self, now: Time) -> Result<Recovered> {
        let overdue = before(now, ABANDONED_AFTER);
        let abandoned = self.intents.abandoned(overdue, BATCH_MAX).await?;
        let mut by_backend: BTreeMap<Box<str>, Vec<IntentRecord>> = BTreeMap::new();
        for record in abandoned {
            by_backend
                .entry(record.backend.clone())
                .or_default()
                .push(record);
        }
        // One after the other at a backend, so also in a conversation; backends do not wait for each other.
        let recovering = by_backend
            .into_values()
            .map(|records| self.recover_each(records, now));
        let mut recovered = Recovered::default();
        for part in join_all(recovering).await {
            recovered.settled += part.settled;
            recovered.unknown += part.unknown;
            recovered.waiting += part.waiting;
        }
        Ok(recovered)
    }

    async fn recover_each(&self, records: Vec<IntentRecord>, now: Time) -> Recovered {
        let mut recovered = Recovered::default();
        let mut failures = 0;
        let began = Instant::now();
        for record in records {
            if failures >= FAILURES_MAX || began.elapsed() >= ROUND_BUDGET {
                recovered.waiting += 1;
                continue;
            }
            let fate = self.recover_one(&record, now).await;
            if let Fate::Waiting | Fate::NotReached = fate {
                self.note_try(&record).await;
            }
            failures = if let Fate::NotReached = fate {
                failures + 1
            } else {
                0
            };
            match fate {
                Fate::Settled => recovered.settled += 1,
                Fate::Unknown => recovered.unknown += 1,
                Fate::Waiting | Fate::NotReached => recovered.waiting += 1,
            }
        }
        recovered
    }

    async fn recover_one(&self, record: &IntentRecord, now: Time) -> Fate {
        let intent = &record.intent;
        let lease = match (&intent.write, &intent.location) {
            (Write::CreateConversation(_), _) | (_, None) => holding::of_create(intent.id),
            (_, Some(at)) => conversation_lease(at.id),
        };
        let holding = match Holding::take(&self.leases, &lease, LEASE_PATIENCE).await {
            Ok(holding) => holding,
            Err(error) if error.kind == Kind::Busy => return Fate::Waiting,
            Err(error) => {
                tracing::warn!(intent = %intent.id, %error, "an interrupted write could not be locked");
                return Fate::NotReached;
            }
        };
        let cx = context_of(record, holding.fence(), SETTLE_BUDGET);
        let settled = self.settle_guarded(&cx, record).await;
        let waited_for = |duration| intent.deadline_at < before(now, duration);
        let fate = match settled {
            Ok(Settled::Applied(_) | Settled::NotApplied) => Fate::Settled,
            Ok(Settled::Unknown) if waited_for(UNKNOWN_AFTER) => {
                let detail = "the backend does not tell whether it was carried out";
                self.explain(record, IntentState::Unknown, detail).await;
                Fate::Unknown
            }
            Ok(Settled::Unknown) => Fate::Waiting,
            Err(error) => {
                let detail = format!("asking the backend failed: {}", error.kind.as_str());
                if waited_for(given_up_after(&error)) {
                    self.explain(record, IntentState::Unknown, &detail).await;
                    Fate::Unknown
                } else {
                    self.explain(record, IntentState::Open, &detail).await;
                    if is_out_of_reach(&error) {
                        Fate::NotReached
                    } else {
                        Fate::Waiting
                    }
                }
            }
        };
        holding.end(true).await;
        fate
    }

    /// Like [`Router::settle_record`], but one that never ends, or panics, does not keep the others from being settled.
    async fn settle_guarded(&self, cx: &Context, record: &IntentRecord) -> Result<Settled> {
        let settling = AssertUnwindSafe(self.settle_record(cx, record)).catch_unwind();
        match tokio::time::timeout(SETTLE_BUDGET + SETTLE_GRACE, settling).await {
            Ok(Ok(settled)) => settled,
            Ok(Err(_)) => {
                tracing::error!(
                    intent = %record.intent.id,
                    backend.name = &*record.backend,
                    operation = record.intent.write.operation(),
                    "settling a write panicked"
                );
                Err(Error::new(Kind::Internal, "settling panicked"))
            }
            Err(_) => Err(Error::new(Kind::Timeout, "settling did not end")),
        }
    }

    async fn note_try(&self, record: &IntentRecord) {
        if let Err(error) = self.intents.tried(record.intent.id).await {
            tracing::warn!(intent = %record.intent.id, %error, "a try to settle a write could not be noted");
        }
    }

    /// Settles what earlier writers left open in a conversation whose lease the caller holds; true where nothing of an
    /// earlier write is noted then. What cannot be settled now stays open, and the write goes on.
    pub(crate) async fn settle_left_open(&self, cx: &Context, found: &Found, fence: u64) -> bool {
        let noted = async |state, limit| {
            let query = IntentQuery {
                state: Some(state),
                conversation: Some(found.location.id),
                limit,
                ..IntentQuery::default()
            };
            let mut noted = self.intents.list(&query).await?.items;
            let are_all = noted.len() < limit;
            // A migration settles its own, which write copies elsewhere.
            noted.retain(|record| record.intent.id != cx.intent && record.migration.is_none());
            Ok::<_, Error>((noted, are_all))
        };
        let ((left_open, are_all_open), (unknown, are_all_unknown)) = match (
            noted(IntentState::Open, LEFT_OPEN_MAX).await,
            noted(IntentState::Unknown, LEFT_OPEN_MAX).await,
        ) {
            (Ok(left_open), Ok(unknown)) => (left_open, unknown),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(conversation.id = %found.location.id, %error, "interrupted writes could not be read");
                return false;
            }
        };
        let mut are_settled = unknown.is_empty() && are_all_open && are_all_unknown;
        for record in &left_open {
            let budget = LEFT_OPEN_BUDGET.min(cx.remaining() / 2);
            let own = context_of(record, fence, budget);
            match tokio::time::timeout(budget, self.settle_record(&own, record)).await {
                Ok(Ok(Settled::Unknown)) => are_settled = false,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::info!(intent = %record.intent.id, error.kind = error.kind.as_str(), "a write that was left open is not settled yet");
                    return false;
                }
                Err(_) => return false,
            }
        }
        are_settled
    }

    pub(crate) fn configured(&self, backend: &str) -> Result<&Arc<Slot>> {
        self.slots.get(backend).ok_or_else(|| {
            Error::new(
                Kind::Unavailable,
                format!("backend `{backend}` is not configured any more"),
            )
        })
    }

    /// Settles one noted write under its lease, and ends the note where nothing is left to know.
    async fn settle_record(&self, cx: &Context, record: &IntentRecord) -> Result<Settled> {
        let intent = &record.intent;
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => {
                let unmade = Intent {
                    location: None,
                    ..intent.clone()
                };
                let (sent_to, led_by) = (&record.backend, &record.led_by);
                self.settle_create(cx, sent_to, &unmade, new, led_by).await
            }
            (_, Some(at)) => {
                let slot = self.configured(&record.backend)?;
                let binding = self.directory.locate(at.id).await?;
                let location = match binding {
                    // Whatever it did went with its conversation, or was the deleting.
                    Some(binding) if binding.deleted => {
                        self.intents.end_under(cx.fence, intent.id).await?;
                        return Ok(Settled::Applied(Applied::Nothing));
                    }
                    // Where it was sent, though the conversation may live elsewhere by now.
                    Some(binding) if binding.location.backend == record.backend => binding.location,
                    _ => at.clone(),
                };
                let slot = slot.clone();
                let found = Found { slot, location };
                self.settle_found(cx, &found, intent).await
            }
            (_, None) => Ok(Settled::Unknown),
        }
    }

    /// Asks the backend, writes the directory, ends the note.
    pub(crate) async fn settle_found(
        &self,
        cx: &Context,
        found: &Found,
        intent: &Intent,
    ) -> Result<Settled> {
        if is_refused(cx, &found.slot, &intent.write) {
            self.intents.end_under(cx.fence, intent.id).await?;
            return Ok(Settled::NotApplied);
        }
        let settled = found.backend().settle(cx, &located(intent, found)).await?;
        if let Settled::Applied(_) = settled {
            self.outdo_older(cx.fence, found.location.id, intent).await;
            let told = match intent.write {
                Write::DeleteConversation => {
                    self.bury(found.location.id).await?;
                    Touched::Deleted
                }
                _ => {
                    // An earlier home's document is not what the conversation is by now.
                    let binding = self.directory.locate(found.location.id).await?;
                    let backend = binding.map(|binding| binding.location.backend);
                    if backend.as_deref() == Some(found.slot.name()) {
                        self.note_changed(cx, found).await;
                    }
                    Touched::Changed
                }
            };
            if !self.teller.tell(&found.location, told).await {
                let message = "a write that was settled could not be told to other replicas";
                return Err(Error::new(Kind::Unavailable, message));
            }
        }
        self.end_settled(cx, intent.id, &settled).await?;
        Ok(settled)
    }

    pub(crate) async fn end_settled(
        &self,
        cx: &Context,
        id: Uuid,
        settled: &Settled,
    ) -> Result<()> {
        match settled {
            Settled::Applied(_) | Settled::NotApplied => self.intents.end_under(cx.fence, id).await,
            Settled::Unknown => Ok(()),
        }
    }

    /// Notes why a write is not settled, and says so in the log where that is news.
    async fn explain(&self, record: &IntentRecord, state: IntentState, detail: &str) {
        if record.state == state && record.detail.as_deref() == Some(detail) {
            return;
        }
        let id = record.intent.id;
        tracing::warn!(
            intent = %id,
            backend.name = &*record.backend,
            operation = record.intent.write.operation(),
            is_given_up = state == IntentState::Unknown,
            detail,
            "what became of a write is not known"
        );
        if let Err(error) = self.intents.note(id, state, detail).await {
            tracing::warn!(intent = %id, %error, "what is known of an interrupted write could not be noted");
        }
    }
}

/// The context in which a noted write is settled: its own principal and id, and time of its own.
fn context_of(record: &IntentRecord, fence: u64, budget: Duration) -> Context {
    Context {
        intent: record.intent.id,
        deadline: Instant::now() + budget,
        freshness: Freshness::Fresh,
        copying: record.copying,
        fidelity: if record.strict {
            FidelityPolicy::Strict
        } else {
            FidelityPolicy::Lenient
        },
        fence: Some(fence),
        ..Context::new(
            Arc::new(record.principal.clone()),
            &*record.request_id,
            budget,
        )
    }
}

pub(crate) fn fenced(cx: &Context, holding: &Holding) -> Context {
    Context {
        fence: Some(holding.fence()),
        ..cx.clone()
    }
}

/// The write at the place where its conversation lives now.
pub(crate) fn located(intent: &Intent, found: &Found) -> Intent {
    Intent {
        location: Some(found.location.clone()),
        ..intent.clone()
    }
}

/// Whether a strict write was refused before anything was sent. Several imports at once are refused one by one.
pub(crate) fn is_refused(cx: &Context, slot: &Slot, write: &Write) -> bool {
    cx.fidelity == FidelityPolicy::Strict
        && !matches!(write, Write::ImportMessages(_))
        && slot.backend.preview(write).check(cx, slot.name()).is_err()
}

/// Failures that the next write at the same backend would meet as well. One that takes too long says nothing about the
/// others.
fn is_out_of_reach(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Unavailable | Kind::RateLimited | Kind::Overloaded
    )
}

/// How long a write is asked for that meets this failure: longer where it is none of its own.
fn given_up_after(error: &Error) -> Duration {
    match error.kind {
        Kind::Timeout | Kind::Internal => GIVE_UP_AFTER,
        _ if is_out_of_reach(error) => GIVE_UP_AFTER,
        _ => UNKNOWN_AFTER,
    }
}

fn before(time: Time, duration: Duration) -> Time {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    time.saturating_add_micros(micros.saturating_neg())
}
