//! What a check leaves in the ledger: signs, digests and findings, beside those that others found.

use backend::Result;
use backend::ports::{Finding, Item, Sign};
use conversation::ConversationId;

use super::{Verdict, checked};
use crate::reasons::Reason;
use crate::run::Run;

/// What looking through the source finds.
pub(crate) const LISTING: &[Reason] = &[
    Reason::ListingIncomplete,
    Reason::OwnerUnknown,
    Reason::RosterNeeded,
];

/// What only a check finds: the next one replaces it.
const CHECKED: &[Reason] = &[
    Reason::MessageMissing,
    Reason::MessageExtra,
    Reason::MessageDifferent,
    Reason::MessageOutOfOrder,
    Reason::FieldsDifferent,
    Reason::AttachmentDifferent,
    Reason::AttachmentUnreadable,
    Reason::ConversationMissing,
    Reason::ConversationExtra,
    Reason::Incomplete,
    Reason::SourceIncomplete,
    Reason::ShadowMismatch,
    Reason::Deleted,
    Reason::More,
];

/// Replaces those findings of a conversation, or of the whole migration, that have one of these reasons.
pub(crate) async fn replace(
    run: &Run,
    conversation: Option<ConversationId>,
    reasons: &[Reason],
    new: Vec<Finding>,
) -> Result<()> {
    let ledger = &run.parts.ledger;
    let before = ledger.findings_of(run.migration, conversation).await?;
    let mut after = new;
    let found = after.len();
    after.extend(
        before
            .iter()
            .filter(|finding| !is_one_of(finding, reasons))
            .cloned(),
    );
    if found == 0 && after.len() == before.len() {
        return Ok(());
    }
    ledger
        .replace_findings(run.migration, conversation, &after)
        .await
}

/// Notes what a check says of an item.
pub(super) async fn note(run: &Run, item: &Item, verdict: &Verdict) -> Result<()> {
    let of = Some(item.conversation);
    match verdict {
        Verdict::LeftOut(reason) => {
            let known = run.parts.ledger.findings_of(run.migration, of).await?;
            // The plan has said why.
            if known.is_empty() {
                let detail = "not compared";
                replace(run, of, &[*reason], vec![reason.finding(of, detail)]).await?;
            }
            return Ok(());
        }
        // What failed before is mended, however it was.
        Verdict::Compared(compared) if compared.sign == Sign::Same => {
            let mended: Vec<Reason> = Reason::ALL
                .into_iter()
                .filter(|reason| reason.sign() != Sign::Same)
                .collect();
            replace(run, of, &mended, compared.findings.clone()).await?;
        }
        Verdict::Compared(compared) => replace(run, of, CHECKED, compared.findings.clone()).await?,
    }
    if let Some(checked) = checked(item, verdict) {
        run.parts
            .ledger
            .note_check(run.migration, &[checked])
            .await?;
    }
    Ok(())
}

fn is_one_of(finding: &Finding, reasons: &[Reason]) -> bool {
    reasons
        .iter()
        .any(|reason| *finding.reason == *reason.as_str())
}
