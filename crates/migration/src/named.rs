//! What is found of one conversation, by jobs and watches that each know a part of it.

use backend::Result;
use backend::ports::{Finding, Item};
use conversation::ConversationId;

use crate::reasons::Reason;
use crate::run::Run;

/// Names something of a conversation; what was named before for the same reasons goes.
pub(crate) async fn name(
    run: &Run,
    id: ConversationId,
    over: &[Reason],
    found: Vec<Finding>,
) -> Result<()> {
    let ledger = &run.parts.ledger;
    let mut findings = ledger.findings_of(run.migration, Some(id)).await?;
    let before = findings.clone();
    let is_new = |reason: &str| found.iter().any(|finding| &*finding.reason == reason);
    findings.retain(|finding| {
        let is_over = over
            .iter()
            .any(|reason| reason.as_str() == &*finding.reason);
        !is_over && !is_new(&finding.reason)
    });
    findings.extend(found);
    if findings == before {
        return Ok(());
    }
    ledger
        .replace_findings(run.migration, Some(id), &findings)
        .await
}

/// Changes an item as it is now, where there is one.
pub(crate) async fn edit_item(
    run: &Run,
    id: ConversationId,
    change: impl FnOnce(&mut Item) + Send,
) -> Result<()> {
    let ledger = &run.parts.ledger;
    let Some(mut item) = ledger.item(run.migration, id).await? else {
        return Ok(());
    };
    let before = item.clone();
    change(&mut item);
    if item == before {
        return Ok(());
    }
    ledger.put_items(run.migration, &[item]).await
}
