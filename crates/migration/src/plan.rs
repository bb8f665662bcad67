//! Reads the source once and foretells what a copy will do. Writes nothing at either side.

use std::time::Instant;

use backend::Result;
use backend::ports::{Item, ItemState};
use futures_util::stream::TryStreamExt;

use crate::check::{LISTING, items, replace};
use crate::end::stopped;
use crate::enumerate;
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::run::Run;
use crate::status::Plan;

mod estimate;
mod fates;
mod fields;
mod holding;
mod notices;
mod reading;

pub(crate) use estimate::{MEASURED, Measured};
pub(crate) use fields::{new_conversation, new_message, text_bytes};
pub(crate) use holding::holds;

use estimate::Work;
use fates::Fates;
use reading::{Foretold, foretell};

/// What only a plan finds: the next one replaces it.
const PLANNED: &[Reason] = &[
    Reason::OversizeRefused,
    Reason::OversizeSplit,
    Reason::OversizeRecent,
    Reason::NotHeld,
    Reason::Incomplete,
    Reason::SourceIncomplete,
    Reason::Deleted,
];

/// Plans: looks the source through, reads every message of it once, and asks the target what would become of each.
///
/// # Errors
/// Those of the gateway's own state, and [`backend::Kind::Unavailable`] where it was stopped.
pub(crate) async fn plan(run: &Run, progress: &Counters) -> Result<Plan> {
    let enumerated = enumerate::enumerate(run).await?;
    replace(run, None, LISTING, enumerated.findings).await?;
    let tally = run.parts.ledger.tally(run.migration).await?;
    // How many messages there are is what the plan finds out.
    progress.expect(tally.iter().map(|tally| tally.conversations).sum(), 0);
    let mut plan = Plan {
        conversations: 0,
        messages: 0,
        text_bytes: 0,
        attachments: 0,
        linked_files: 0,
        is_complete: enumerated.is_complete,
        unfit: 0,
        fates: Vec::new(),
        notices: notices::notices(run),
        estimate: estimate::nothing(),
        holds_to: holding::digest(run),
        target: Box::new(run.to.stack.capabilities()),
    };
    let mut fates = Fates::default();
    let mut work = Work::default();
    let began = Instant::now();
    let at_once = usize::try_from(run.spec.parallel).unwrap_or(1).max(1);
    let mut read = items(run)
        .map_ok(|item| async move {
            let foretold = foretell(run, &item, progress).await?;
            if run.stop.is_cancelled() {
                return Err(stopped());
            }
            note(run, item, &foretold).await?;
            progress.add_conversation(foretold.is_unread);
            Ok(foretold)
        })
        .try_buffer_unordered(at_once);
    while let Some(foretold) = read.try_next().await? {
        plan.conversations += 1;
        plan.messages += foretold.messages;
        plan.text_bytes += foretold.text_bytes;
        plan.attachments += foretold.attachments;
        plan.linked_files += foretold.linked_files;
        plan.unfit += u64::from(foretold.is_unfit);
        work.add(&foretold);
        fates.merge(foretold.fates);
    }
    work.read_seconds = began.elapsed().as_secs_f64();
    plan.fates = fates.into_planned();
    plan.estimate = estimate::estimate(run, &work).await?;
    Ok(plan)
}

/// Notes what was found of an item.
async fn note(run: &Run, item: Item, foretold: &Foretold) -> Result<()> {
    let of = Some(item.conversation);
    replace(run, of, PLANNED, foretold.findings.clone()).await?;
    let state = match (foretold.state, item.state) {
        // A plan takes nothing back that was done.
        (ItemState::Pending, ItemState::Skipped | ItemState::Deleted) => ItemState::Pending,
        (ItemState::Pending, done) => done,
        (left_out, _) => left_out,
    };
    let noted = Item {
        state,
        messages: foretold.messages,
        bytes: foretold.text_bytes + foretold.attachment_bytes,
        ..item.clone()
    };
    if noted == item {
        return Ok(());
    }
    run.parts.ledger.put_items(run.migration, &[noted]).await
}

#[cfg(test)]
mod tests;
