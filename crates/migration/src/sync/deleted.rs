//! What the source has no more is deleted at the target; only where the source was read to its end.

use backend::Result;
use backend::ports::CopiedMessage;
use conversation::{Conversation, MessageId};

use super::met::Sums;
use super::walk::Walk;
use crate::reasons::Reason;

/// Messages of a page of the ledger.
const PAGE: usize = 200;

/// Deletes at the target what the source has no more. False where the source tells of more messages than it showed, and
/// nothing is deleted then.
pub(super) async fn sweep(walk: &mut Walk<'_>, before: &Conversation) -> Result<bool> {
    let missed = missed(walk, before).await?;
    if missed > 0 {
        let detail = format!(
            "the source tells of {missed} more messages than the {} that it shows",
            walk.synced.messages
        );
        let mut finding = Reason::SourceIncomplete.finding(Some(walk.from.id), detail);
        finding.temporary = true;
        walk.synced.findings.push(finding);
        return Ok(false);
    }
    walk.writer.note().await?;
    if let Some(sums) = walk.met.sums() {
        return sweep_many(walk, sums).await;
    }
    let copied = walk.run.parts.ledger.copied_count(walk.writer.at()).await?;
    if copied <= walk.met.copied() {
        return Ok(true);
    }
    let mut is_complete = true;
    let mut after: Option<MessageId> = None;
    while let Some(page) = page_of(walk, after.as_ref()).await? {
        after = page.last().map(|last| last.public.clone());
        for copy in page {
            if walk.met.has(&copy.public) == Some(true) || delete_if_gone(walk, &copy).await? {
                continue;
            }
            // A list that lost one is not a source that has it no more.
            is_complete = false;
            let mut finding = Reason::SourceIncomplete.of_message(
                walk.from.id,
                &copy.public,
                "the source's list leaves a message out that it has",
            );
            finding.temporary = true;
            walk.synced.findings.push(finding);
        }
    }
    Ok(is_complete)
}

/// The same where too many messages were met to tell each: the few among which some are missing are asked for.
async fn sweep_many(walk: &mut Walk<'_>, mut sums: Sums) -> Result<bool> {
    if walk.is_fresh {
        return Ok(true);
    }
    let mut after: Option<MessageId> = None;
    while let Some(page) = page_of(walk, after.as_ref()).await? {
        page.iter().for_each(|copy| sums.take(&copy.public));
        after = page.last().map(|last| last.public.clone());
    }
    if sums.is_even() {
        return Ok(true);
    }
    let mut after: Option<MessageId> = None;
    while let Some(page) = page_of(walk, after.as_ref()).await? {
        after = page.last().map(|last| last.public.clone());
        for copy in page.iter().filter(|copy| sums.is_left_over(&copy.public)) {
            delete_if_gone(walk, copy).await?;
        }
    }
    Ok(true)
}

/// A page of the messages that are at the target; nothing behind the last.
async fn page_of(walk: &Walk<'_>, after: Option<&MessageId>) -> Result<Option<Vec<CopiedMessage>>> {
    let ledger = &walk.run.parts.ledger;
    let page = ledger.copied_after(walk.writer.at(), after, PAGE).await?;
    Ok(Some(page).filter(|page| !page.is_empty()))
}

/// Deletes a message at the target that the source has no more. False where it has it.
async fn delete_if_gone(walk: &mut Walk<'_>, copy: &CopiedMessage) -> Result<bool> {
    let source = walk.source.end();
    if source.message(walk.from, &copy.public).await?.is_some() {
        return Ok(false);
    }
    walk.writer.remove(&copy.public).await?;
    walk.synced.changed += 1;
    Ok(true)
}

/// How many messages the source tells of that it did not show, also when it is asked again: some may have been deleted
/// while it was read.
async fn missed(walk: &Walk<'_>, before: &Conversation) -> Result<u64> {
    let told = |conversation: &Conversation| {
        let counts = conversation.counts.as_ref();
        counts
            .and_then(|counts| counts.messages)
            .unwrap_or_default()
    };
    let shown = walk.synced.messages;
    if told(before) <= shown {
        return Ok(0);
    }
    let now = walk.source.end().conversation(walk.from).await?;
    Ok(told(&now).min(told(before)).saturating_sub(shown))
}
