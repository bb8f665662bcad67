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

/// Notes of a conversation that does not live at the source any more what that makes of its item: another migration, or
/// this one, has bound it elsewhere. Copying would write an old home over what was changed at the new one since.
pub(crate) async fn note_moved(run: &Run, id: ConversationId, home: &str) -> Result<()> {
    if *home == *run.to.stack.info().name {
        return set_state(run, id, ItemState::Switched).await;
    }
    name(
        run,
        id,
        &[],
        vec![lives_elsewhere(Reason::CopyFailed, id, home)],
    )
    .await?;
    set_state(run, id, ItemState::Failed).await
}

/// That a conversation lives where this migration does not go.
pub(crate) fn lives_elsewhere(reason: Reason, id: ConversationId, home: &str) -> Finding {
    let detail = format!("it lives on backend `{home}` by now");
    reason.finding(Some(id), detail)
}

/// Notes what of the source showed that it had changed when it was last copied.
pub(crate) async fn set_mark(run: &Run, id: ConversationId, mark: Option<Digest>) -> Result<()> {
    let change = ItemChange {
        mark: mark.map_or(Patch::Clear, Patch::Set),
        ..ItemChange::default()
    };
    change_item(run, id, change).await
}

#[cfg(test)]
mod tests {
    use backend::ports::{Checked, Ledger as _, Sign};

    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn what_a_drain_notes_leaves_what_a_check_noted_meanwhile() {
        let world = World::new();
        let run = world.migration().await;
        let at = world.talk(1).await;
        world.item(&run, at.id, ItemState::Switched).await;
        let digest = Digest::of(b"both");
        let checked = Checked {
            conversation: at.id,
            sign: Sign::Same,
            source: Some(digest),
            target: Some(digest),
        };
        world
            .state
            .note_check(run.migration, &[checked])
            .await
            .unwrap();
        let mark = Digest::of(b"mark");
        set_mark(&run, at.id, Some(mark)).await.unwrap();
        set_state(&run, at.id, ItemState::Copied).await.unwrap();
        let item = world.state.item(run.migration, at.id).await;
        let item = item.unwrap().unwrap();
        assert_eq!((item.state, item.mark), (ItemState::Copied, Some(mark)));
        assert_eq!(item.sign, Some(Sign::Same));
        assert_eq!((item.source, item.target), (Some(digest), Some(digest)));
    }
}
