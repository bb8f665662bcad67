//! One conversation of a drain: what arrived at its earlier home is carried to where it lives, what was deleted since is
//! deleted there too.

use std::sync::atomic::{AtomicU64, Ordering};

use backend::ports::{Finding, Item, ItemState};
use backend::{Error, Kind, Location, Result};

use super::late::{carry_late, has_new, settle_late};
use super::settling::has_open;
use crate::mirror::delete_copy;
use crate::named::{set_mark, set_state};
use crate::run::{Lives, Run, Subject};
use crate::sync::{self, Synced};

/// Carries over what arrived at one conversation's earlier home, and counts it; what an operator must know.
pub(super) async fn carry(run: &Run, item: &Item, messages: &AtomicU64) -> Result<Vec<Finding>> {
    let id = item.conversation;
    let (run, subject) = match run.lives(id).await? {
        Lives::AtTarget(subject) => (run.clone(), subject),
        Lives::Elsewhere(home, subject) => (to(run, &home)?, subject),
        // It was bound back by another migration, and what arrives is where it lives.
        Lives::AtSource(..) => return Ok(Vec::new()),
        Lives::Nowhere => {
            // What was deleted is deleted at its earlier home too.
            delete_copy(&run.reversed(), id).await?;
            set_state(run, id, ItemState::Deleted).await?;
            return Ok(Vec::new());
        }
    };
    // Before anything else: where the earlier home is not there any more, this is all that can be done.
    if has_open(&run, id).await? {
        counted(&run, &subject, messages, settle_late(&run, &subject)).await?;
    }
    arrivals(&run, &subject, item, messages).await
}

/// Does what writes to the home, and counts and shows what was written: also what an earlier round began, and where this
/// one is cut off.
async fn counted<T>(
    run: &Run,
    subject: &Subject,
    messages: &AtomicU64,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let (ledger, at) = (&run.parts.ledger, run.copy_at(subject.id));
    let before = ledger.copied_count(&at).await?;
    let done = work.await;
    let written = ledger.copied_count(&at).await?.saturating_sub(before);
    messages.fetch_add(written, Ordering::Relaxed);
    if written > 0 {
        show(run, subject).await;
    }
    done
}

/// Carries over what the earlier home shows and the home does not have; what an operator must know.
async fn arrivals(
    run: &Run,
    subject: &Subject,
    item: &Item,
    messages: &AtomicU64,
) -> Result<Vec<Finding>> {
    let id = subject.id;
    if run.from.stack.capabilities().transactional {
        // It refuses writes to what was bound elsewhere, and nobody writes past the gateway.
        return Ok(Vec::new());
    }
    let Some(old) = run.place(id, &run.from).await? else {
        return Ok(Vec::new());
    };
    let seen = match run.end(&run.from, subject).conversation(&old).await {
        Ok(seen) => seen,
        // Nothing can arrive at what is not there, and access that has ended shows nothing new.
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::AccessEnded) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mark = sync::mark_of(&*run.from.stack, &seen);
    if mark.is_some() && mark == item.mark {
        return Ok(Vec::new());
    }
    let late = if has_new(run, subject, &old).await? {
        counted(run, subject, messages, carry_late(run, subject)).await?
    } else {
        Synced::default()
    };
    if late.failed == 0 && mark != item.mark {
        set_mark(run, id, mark).await?;
    }
    Ok(late.findings)
}

/// The same migration, for a conversation that another one has bound elsewhere since: what arrives is carried to where it
/// lives now. What is between is no home any more, and nobody would look there.
fn to(run: &Run, home: &Location) -> Result<Run> {
    let end = run.parts.ends.get(&home.backend).ok_or_else(|| {
        Error::new(
            Kind::Unavailable,
            format!(
                "it lives on backend `{}`, which is not configured any more: configure it and start again",
                home.backend
            ),
        )
    })?;
    Ok(Run {
        to: end,
        ..run.clone()
    })
}

/// Lets lists show what arrived. It is there by now, so a failure here is only late news.
async fn show(run: &Run, subject: &Subject) {
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
