//! What is found of one conversation, by jobs and watches that each know a part of it.

use backend::Result;
use backend::ports::{Finding, ItemChange, ItemState};
use conversation::{ConversationId, Digest, Patch};

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

/// Notes what has become of an item, where there is one.
pub(crate) async fn change_item(run: &Run, id: ConversationId, change: ItemChange) -> Result<()> {
    run.parts
        .ledger
        .change_item(run.migration, id, &change)
        .await
}

/// Notes how far an item has come.
pub(crate) async fn set_state(run: &Run, id: ConversationId, state: ItemState) -> Result<()> {
    let change = ItemChange {
        state: Some(state),
        ..ItemChange::default()
    };
    change_item(run, id, change).await
}

/// Notes what of the source showed that it had changed when it was last copied.
pub(crate) async fn set_mark(run: &Run, id: ConversationId, mark: Option<Digest>) -> Result<()> {
    let change = ItemChange {
        mark: mark.map_or(Patch::Clear, Patch::Set),
        ..ItemChange::default()
    };
    change_item(run, id, change).await
}
