//! What the source has no more is deleted at the target; only where the source was read to its end.

use backend::Result;
use conversation::{Conversation, MessageId};

use super::walk::{Walk, hash_of};
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
    let at = walk.writer.at().clone();
    let ledger = walk.run.parts.ledger.clone();
    walk.writer.note().await?;
    if ledger.copied_count(&at).await? <= walk.met {
        return Ok(true);
    }
    let mut after: Option<MessageId> = None;
    let mut is_complete = true;
    loop {
        let page = ledger.copied_after(&at, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(is_complete);
        };
        after = Some(last.public.clone());
        for copy in &page {
            let is_met =
                |met: &std::collections::HashSet<u64>| met.contains(&hash_of(&copy.public));
            if walk.met_ids.as_ref().is_some_and(is_met) {
                continue;
            }
            // A list that lost one is not a source that has it no more.
            if walk
                .source
                .message(walk.from, &copy.public)
                .await?
                .is_none()
            {
                walk.writer.remove(&copy.public).await?;
                walk.synced.changed += 1;
            } else if walk.met_ids.is_some() {
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
    }
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
    let now = walk.source.conversation(walk.from).await?;
    Ok(told(&now).min(told(before)).saturating_sub(shown))
}
