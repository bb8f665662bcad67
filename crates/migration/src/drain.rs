//! The drain: what still arrives at the old home after a switch is carried over, until the migration is finished.
//!
//! The old home is polled: messages of conversations that were bound elsewhere, and conversations that are new there. After
//! a rollback the target is polled for what arrives there.

use std::collections::HashSet;
use std::sync::Mutex;

use backend::ports::{Held, Item, ItemState, conversation_lease};
use backend::{Kind, Result};
use conversation::Time;
use futures_util::stream::TryStreamExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::binding::Binder;
use crate::changes::Changes;
use crate::named::{name, set_mark, set_state};
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::records::{note, set_note};
use crate::run::Run;
use crate::status::DrainSummary;
use crate::switch::{bind_all, each_item};
use crate::sync::{self, Depth, sync};
use crate::work::{count, look};

/// The states of conversations that are not bound to the target yet.
const NEW: [ItemState; 2] = [ItemState::Pending, ItemState::Copied];

/// Where what arrives is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// After a switch: from the source to the target.
    Forth,
    /// After a rollback: from the target to the source; also conversations that were still being born there.
    Back,
}

/// Carries what arrives at the old home, round by round, until it is stopped.
pub(crate) async fn drain(run: Run, way: Way) {
    loop {
        match round(&run, way).await {
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
        tokio::select! {
            () = run.stop.cancelled() => return,
            () = tokio::time::sleep(run.parts.settings.drain_interval) => {}
        }
    }
}

async fn round(run: &Run, way: Way) -> Result<Round> {
    let (carried, bound) = match way {
        Way::Forth => (
            poll(run, &[ItemState::Switched]).await?,
            bind_new(run).await?,
        ),
        Way::Back => {
            let back = run.reversed();
            (
                poll(&back, &[ItemState::Copied]).await?,
                bind_born(&back).await?,
            )
        }
    };
    Ok(Round { bound, ..carried })
}

/// What one round did.
#[derive(Debug, Default)]
struct Round {
    messages: u64,
    bound: u64,
    failed: u64,
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

/// Carries over the messages that arrived at the earlier home of every conversation in one of these states.
async fn poll(run: &Run, states: &[ItemState]) -> Result<Round> {
    let can = run.from.stack.capabilities();
    if can.transactional {
        // It refuses writes to what was bound elsewhere, and nobody writes past the gateway.
        return Ok(Round::default());
    }
    let (messages, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let parallel = usize::try_from(run.spec.parallel).unwrap_or(1).max(1);
    each_item(run, states.to_vec())
        .try_for_each_concurrent(parallel, |item| {
            let (messages, failed) = (&messages, &failed);
            async move {
                match carry(run, &item).await {
                    Ok(written) => {
                        messages.fetch_add(written, Ordering::Relaxed);
                    }
                    Err(error) if run.stop.is_cancelled() => return Err(error),
                    Err(error) => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        let id = item.conversation;
                        let finding = Reason::DrainFailed.because(Some(id), &error);
                        name(run, id, &[], vec![finding]).await?;
                    }
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

/// Carries over what arrived at one conversation's earlier home; how many messages.
async fn carry(run: &Run, item: &Item) -> Result<u64> {
    let id = item.conversation;
    let subject = match run.subject(id).await {
        Ok(subject) => subject,
        Err(error) if error.kind == Kind::NotFound => {
            set_state(run, id, ItemState::Deleted).await?;
            return Ok(0);
        }
        Err(error) => return Err(error),
    };
    let Some(old) = run.place(id, &run.from).await? else {
        return Ok(0);
    };
    let seen = match run.end(&run.from, &subject).conversation(&old).await {
        Ok(seen) => seen,
        // Nothing can arrive at what is not there, and access that has ended shows nothing new.
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::AccessEnded) => return Ok(0),
        Err(error) => return Err(error),
    };
    let mark = sync::mark_of(&*run.from.stack, &seen);
    if mark.is_some() && mark == item.mark {
        return Ok(0);
    }
    // Its writers wait: what arrives takes its place among what they say.
    let patience = run.parts.settings.switch_patience;
    let held = Held::take(&run.parts.leases, &conversation_lease(id), patience).await?;
    let synced = sync(run, &subject, Depth::NewOnly).await;
    held.release().await;
    let synced = synced?;
    if synced.written > 0 {
        show(run, &subject).await;
    }
    let over = [Reason::DrainFailed];
    name(run, id, &over, synced.findings).await?;
    if synced.failed == 0 {
        set_mark(run, id, mark).await?;
    }
    Ok(synced.written)
}

/// Lets lists show what arrived. It is there by now, so a failure here is only late news.
async fn show(run: &Run, subject: &crate::run::Subject) {
    let shown = async {
        let Some(home) = run.place(subject.id, &run.to).await? else {
            return Ok(());
        };
        let document = run.end(&run.to, subject).conversation(&home).await?;
        run.parts.directory.refresh(subject.id, &document).await
    };
    if let Err(error) = shown.await {
        tracing::info!(conversation = %subject.id, error.kind = error.kind.as_str(), "a conversation is shown without what arrived");
    }
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
