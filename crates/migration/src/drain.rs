//! The drain: what still arrives at the old home after a switch is carried over, until the migration is finished.
//!
//! The old home is polled: messages of conversations that were bound elsewhere, and conversations that are new there. After
//! a rollback the target is polled for what arrives there.

mod carrying;
mod late;
mod settling;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::Result;
use backend::ports::ItemState;
use conversation::Time;
use futures_util::stream::TryStreamExt as _;

use crate::alone::alone;
use crate::binding::Binder;
use crate::changes::Changes;
use crate::named::name;
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::records::{note, set_note};
use crate::run::Run;
use crate::status::DrainSummary;
use crate::switch::{bind_all, each_item};
use crate::work::{count, look};

use carrying::carry;

pub(crate) use late::{carry_late, has_new};
pub(crate) use settling::{has_open, settle};

/// What is over where a round found nothing of the kind.
const OVER: [Reason; 2] = [Reason::DrainFailed, Reason::TargetRefused];
/// The states of conversations that are not bound to the target yet.
const NEW: [ItemState; 2] = [ItemState::Pending, ItemState::Copied];

/// A backend whose rows are ours shows nothing new. In one of so many rounds it is looked whether what was deleted since is
/// deleted there too.
const QUIET_EVERY: u64 = 30;

/// Where what arrives is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// After a switch: from the source to the target.
    Forth,
    /// After a switch that left some at the source: those stay there until the operator decides.
    ForthInPart,
    /// After a rollback: from the target to the source; also conversations that were still being born there.
    Back,
    /// After a rollback that left some at the target: each to where it lives.
    BackInPart,
}

/// Carries what arrives at the old home, round by round, until it is stopped.
pub(crate) async fn drain(run: Run, way: Way) {
    let mut number = 0;
    loop {
        match round(&run, way, number).await {
            Ok(done) => {
                if let Err(error) = note_round(&run, &done).await {
                    tracing::warn!(migration = %run.migration, %error, "a round of a drain could not be noted");
                }
            }
            Err(_) if run.stop.is_cancelled() => return,
            Err(error) => {
                tracing::warn!(migration = %run.migration, error.kind = error.kind.as_str(), %error, "a round of a drain did not come to its end");
            }
        }
        number += 1;
        tokio::select! {
            () = run.stop.cancelled() => return,
            () = tokio::time::sleep(run.parts.settings.drain_interval) => {}
        }
    }
}

async fn round(run: &Run, way: Way, number: u64) -> Result<Round> {
    let mut done = Round::default();
    if way != Way::Back {
        done.add(poll(run, ItemState::Switched, number).await?);
    }
    match way {
        Way::Forth => done.bound = bind_new(run).await?,
        Way::ForthInPart => {}
        Way::Back | Way::BackInPart => {
            let back = run.reversed();
            done.add(poll(&back, ItemState::Copied, number).await?);
            if way == Way::Back {
                done.bound = bind_born(&back).await?;
            }
        }
    }
    Ok(done)
}

/// What one round did.
#[derive(Debug, Default)]
struct Round {
    messages: u64,
    bound: u64,
    failed: u64,
}

impl Round {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bound += other.bound;
        self.failed += other.failed;
    }
}

async fn note_round(run: &Run, round: &Round) -> Result<()> {
    run.records
        .edit(run.migration, |record| {
            let before: Option<DrainSummary> = note(record, "drain");
            let (messages, conversations) =
                before.map_or((0, 0), |drain| (drain.messages, drain.conversations));
            let summary = DrainSummary {
                at: Time::now(),
                messages: messages.saturating_add(round.messages),
                conversations: conversations.saturating_add(round.bound),
                failed: round.failed,
            };
            set_note(record, "drain", &summary)
        })
        .await
        .map(drop)
}

/// Carries over the messages that arrived at the earlier home of every conversation in this state.
async fn poll(run: &Run, state: ItemState, number: u64) -> Result<Round> {
    if run.from.stack.capabilities().transactional && !number.is_multiple_of(QUIET_EVERY) {
        return Ok(Round::default());
    }
    let (messages, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let parallel = usize::try_from(run.spec.parallel).unwrap_or(1).max(1);
    each_item(run, vec![state])
        .try_for_each_concurrent(parallel, |item| {
            let (messages, failed) = (&messages, &failed);
            async move {
                let id = item.conversation;
                let named = match alone(id, Box::pin(carry(run, &item, messages))).await {
                    Ok(found) => name(run, id, &OVER, found).await,
                    Err(error) if run.stop.is_cancelled() => return Err(error),
                    Err(error) => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        let finding = Reason::DrainFailed.because(Some(id), &error);
                        name(run, id, &[], vec![finding]).await
                    }
                };
                // The others are carried all the same.
                if let Err(error) = named {
                    tracing::warn!(migration = %run.migration, conversation = %id, %error, "what a drain found could not be noted");
                }
                Ok(())
            }
        })
        .await?;
    Ok(Round {
        messages: messages.into_inner(),
        bound: 0,
        failed: failed.into_inner(),
    })
}

/// Binds the conversations that are new at the source; how many.
async fn bind_new(run: &Run) -> Result<u64> {
    let Some(traffic) = &run.traffic else {
        return Ok(0);
    };
    let changes = Changes::follow(traffic);
    look(run).await?;
    if count(run, &NEW).await? == 0 {
        return Ok(0);
    }
    let binder = Binder {
        run,
        changes: &changes,
        state: ItemState::Switched,
        is_back: false,
    };
    bind(&binder, &NEW).await
}

/// Binds the conversations that were still being born when others went back; how many.
async fn bind_born(back: &Run) -> Result<u64> {
    let Some(traffic) = &back.traffic else {
        return Ok(0);
    };
    if count(back, &[ItemState::Born]).await? == 0 {
        return Ok(0);
    }
    let changes = Changes::follow(traffic);
    let binder = Binder {
        run: back,
        changes: &changes,
        state: ItemState::Copied,
        is_back: true,
    };
    bind(&binder, &[ItemState::Born]).await
}

async fn bind(binder: &Binder<'_>, states: &[ItemState]) -> Result<u64> {
    let counters = Counters::default();
    bind_all(binder, states, &Mutex::new(HashSet::new()), &counters).await?;
    let progress = counters.snapshot();
    Ok(progress.conversations.saturating_sub(progress.failed))
}
