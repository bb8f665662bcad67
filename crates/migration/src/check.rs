//! Compares every conversation of a migration on both sides.
//!
//! Source and target are those of the migration's specification, before its switch and after it. So after a switch `+` is
//! what was written at the target since, and `-` what arrived at the source and was not drained yet.

use backend::ports::{Binding, Checked, Item, ItemQuery, ItemState, Phase, Sign};
use backend::{Error, Kind, Result};
use conversation::Time;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::compare::{Compared, Scope, compare_counting};
use crate::end::stopped;
use crate::enumerate;
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::run::{Run, Subject};
use crate::status::CheckSummary;

mod noted;
mod root;

pub(crate) use noted::{LISTING, replace};

use noted::note;
use root::roots;

/// How many items are read from the ledger at once.
const ITEMS: usize = 500;
/// How often a conversation is looked at once more of which a side tells more than it shows.
const LOOKS_MAX: usize = 5;

/// Compares every conversation of a migration. Those that the source has gained are among them: it is looked through first.
///
/// # Errors
/// Those of the gateway's own state, and [`Kind::Unavailable`] where it was stopped.
pub(crate) async fn check_all(run: &Run, progress: &Counters) -> Result<CheckSummary> {
    let enumerated = enumerate::enumerate(run).await?;
    replace(run, None, LISTING, enumerated.findings).await?;
    let known = run.parts.ledger.tally(run.migration).await?;
    progress.expect(
        known.iter().map(|tally| tally.conversations).sum(),
        known.iter().map(|tally| tally.messages).sum(),
    );
    let is_live = is_live(run).await?;
    let mut summary = CheckSummary {
        at: Time::now(),
        same: 0,
        missing: 0,
        extra: 0,
        different: 0,
        failed: 0,
        left_out: 0,
        messages: 0,
        is_complete: enumerated.is_complete,
        is_temporary: true,
        source_root: conversation::RunningDigest::default().finish(),
        target_root: conversation::RunningDigest::default().finish(),
    };
    let at_once = usize::try_from(run.spec.parallel).unwrap_or(1).max(1);
    let mut checked = items(run)
        .map_ok(|item| async move {
            let verdict = verdict(run, &item, is_live, progress).await?;
            // What was cut short says nothing.
            if run.stop.is_cancelled() {
                return Err(stopped());
            }
            note(run, &item, &verdict).await?;
            progress.add_conversation(verdict.sign() == Some(Sign::Failed));
            Ok(verdict)
        })
        .try_buffer_unordered(at_once);
    while let Some(verdict) = checked.try_next().await? {
        count(&mut summary, &verdict);
    }
    (summary.source_root, summary.target_root) = roots(run).await?;
    summary.is_temporary &= summary.failed > 0;
    summary.at = Time::now();
    Ok(summary)
}

/// What a check says of one conversation.
#[derive(Debug)]
enum Verdict {
    /// It was compared.
    Compared(Compared),
    /// It was not, and why.
    LeftOut(Reason),
}

impl Verdict {
    fn sign(&self) -> Option<Sign> {
        match self {
            Self::Compared(compared) => Some(compared.sign),
            Self::LeftOut(_) => None,
        }
    }
}

/// All items by conversation id, a page at a time.
pub(crate) fn items(run: &Run) -> BoxStream<'_, Result<Item>> {
    let start = Some(ItemQuery {
        limit: ITEMS,
        ..ItemQuery::default()
    });
    stream::try_unfold(start, move |query| async move {
        let Some(query) = query else { return Ok(None) };
        let page = run.parts.ledger.items(run.migration, &query).await?;
        let next = page.last().map(|item| ItemQuery {
            after: Some(item.conversation),
            ..query
        });
        Ok::<_, Error>(Some((stream::iter(page.into_iter().map(Ok)), next)))
    })
    .try_flatten()
    .boxed()
}

/// True where copies follow their source all the time: what differs now may be on its way.
async fn is_live(run: &Run) -> Result<bool> {
    let record = run.parts.ledger.migration(run.migration).await?;
    Ok(record.is_some_and(|record| record.mirror || record.phase == Phase::Switched))
}

async fn verdict(run: &Run, item: &Item, is_live: bool, progress: &Counters) -> Result<Verdict> {
    match item.state {
        ItemState::Skipped => return Ok(Verdict::LeftOut(Reason::Skipped)),
        ItemState::Deleted => return Ok(Verdict::LeftOut(Reason::Deleted)),
        _ => {}
    }
    let binding = run.parts.directory.locate(item.conversation).await?;
    let Some(binding) = binding else {
        return Ok(Verdict::LeftOut(Reason::Deleted));
    };
    if binding.deleted {
        return left_over(run, item, binding).await;
    }
    let subject = run.subject(item.conversation).await?;
    let compared = compare_counting(run, &subject, Scope::Whole, Some(progress)).await?;
    if !is_live || matches!(compared.sign, Sign::Same | Sign::Extra) {
        return Ok(Verdict::Compared(compared));
    }
    // A write may have come between the two sides, or be on its way: what stays different is.
    let mut again = compared;
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(run.parts.settings.mirror_delay * 5).await;
        again = compare_counting(run, &subject, Scope::Whole, None).await?;
        // Where others write all the time, each look may meet the next message on its way.
        if !again.tells_more {
            break;
        }
    }
    Ok(Verdict::Compared(again))
}

/// The source's conversation was deleted. A copy that is still at the target is one too many.
async fn left_over(run: &Run, item: &Item, binding: Binding) -> Result<Verdict> {
    let of = item.conversation;
    let Some(at) = run.place(of, &run.to).await? else {
        return Ok(Verdict::LeftOut(Reason::Deleted));
    };
    let subject = Subject::of(of, binding);
    let target = run.end(&run.to, &subject);
    Ok(match target.conversation(&at).await {
        Ok(_) => {
            let detail = "it was deleted at the source, and its copy is still at the target";
            Verdict::Compared(Compared::only(
                Reason::ConversationExtra.finding(Some(of), detail),
            ))
        }
        Err(error) if error.kind == Kind::NotFound => Verdict::LeftOut(Reason::Deleted),
        Err(error) => {
            Verdict::Compared(Compared::only(Reason::Incomplete.because(Some(of), &error)))
        }
    })
}

fn count(summary: &mut CheckSummary, verdict: &Verdict) {
    let Verdict::Compared(compared) = verdict else {
        summary.left_out += 1;
        return;
    };
    summary.messages += compared.messages;
    match compared.sign {
        Sign::Same => summary.same += 1,
        Sign::Missing => summary.missing += 1,
        Sign::Extra => summary.extra += 1,
        Sign::Different => summary.different += 1,
        Sign::Failed => {
            summary.failed += 1;
            let failures = compared.findings.iter();
            summary.is_temporary &= failures
                .filter(|finding| finding.sign == Sign::Failed)
                .all(|finding| finding.temporary);
        }
    }
    let is_cut =
        |finding: &backend::ports::Finding| *finding.reason == *Reason::Incomplete.as_str();
    if compared.findings.iter().any(is_cut) {
        summary.is_complete = false;
    }
}

/// What the ledger keeps of a verdict.
fn checked(item: &Item, verdict: &Verdict) -> Option<Checked> {
    let Verdict::Compared(compared) = verdict else {
        return None;
    };
    Some(Checked {
        conversation: item.conversation,
        sign: compared.sign,
        source: compared.source,
        target: compared.target,
    })
}

#[cfg(test)]
mod tests;
