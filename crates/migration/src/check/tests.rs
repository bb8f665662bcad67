//! Checks over the embedded store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backend::ports::{Directory, Finding, Ledger, Switching};
use backend::{Location, Retry};

use super::root::Root;
use super::*;
use crate::testing::{Changed, World, cx, said, spec};

/// Checks, and what was found by name, by conversation.
async fn checked(run: &Run) -> (CheckSummary, Vec<Finding>) {
    let summary = check_all(run, &Counters::default()).await.unwrap();
    let findings = run.parts.ledger.findings(run.migration, None, 1_000).await;
    let findings = findings.unwrap().into_iter().map(|(_, found)| found);
    (summary, findings.collect())
}

fn reasons(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| &*finding.reason).collect()
}

async fn sign(run: &Run, at: &Location) -> Option<Sign> {
    let item = run.parts.ledger.item(run.migration, at.id).await.unwrap();
    item.unwrap().sign
}

/// Conversations on both sides.
async fn copied(world: &World, count: usize) -> (Run, Vec<(Location, Location)>) {
    let run = world.migration().await;
    let mut both = Vec::new();
    for messages in 0..count {
        let from = world.talk(messages).await;
        let to = world.copy(&run, &from).await;
        both.push((from, to));
    }
    (run, both)
}

#[tokio::test]
async fn equal_sides_have_one_root_and_every_item_says_so() {
    let world = World::new();
    let (run, both) = copied(&world, 5).await;
    let counters = Counters::default();
    let summary = check_all(&run, &counters).await.unwrap();
    assert_eq!((summary.same, summary.messages), (5, 10));
    let others = (summary.missing, summary.extra, summary.different);
    assert_eq!(
        (others, summary.failed, summary.left_out),
        ((0, 0, 0), 0, 0)
    );
    assert!(summary.is_complete && !summary.is_temporary);
    assert_eq!(summary.source_root, summary.target_root);
    let mut root = Root::default();
    let mut items = items(&run);
    while let Some(item) = items.try_next().await.unwrap() {
        assert_eq!((item.sign, item.source), (Some(Sign::Same), item.target));
        root.add(item.conversation, item.source.unwrap());
    }
    assert_eq!(root.finish(), summary.source_root);
    let progress = counters.snapshot();
    assert_eq!((progress.conversations, progress.messages), (5, 10));
    assert_eq!(both.len(), 5);
}

#[tokio::test]
async fn every_difference_is_counted_named_and_gone_when_it_is_mended() {
    let world = World::new();
    let (run, both) = copied(&world, 4).await;
    let target = world.end("new");
    // One message less, one message more, a whole copy less, and one that was never copied.
    let lost = world.messages(&both[1].0).await.remove(0);
    target
        .delete_message(&cx(), &both[1].1, &lost.id, None)
        .await
        .unwrap();
    let more = world.say(&both[2].1, vec![said(99, "more")]).await;
    target
        .delete_conversation(&cx(), &both[3].1, None)
        .await
        .unwrap();
    let late = world.talk(2).await;
    let (summary, findings) = checked(&run).await;
    assert_eq!(
        (summary.same, summary.different, summary.missing),
        (1, 2, 2)
    );
    assert_ne!(summary.source_root, summary.target_root);
    assert!(summary.is_complete);
    assert_eq!(sign(&run, &late).await, Some(Sign::Missing));
    assert_eq!(sign(&run, &both[1].0).await, Some(Sign::Different));
    let mut named = reasons(&findings);
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "conversation-missing",
            "conversation-missing",
            "message-extra",
            "message-missing"
        ]
    );
    let of = |reason| findings.iter().find(|one| &*one.reason == reason).unwrap();
    assert_eq!(of("message-missing").message, Some(lost.id));
    assert_eq!(of("message-extra").message, Some(more[0].clone()));
    target
        .delete_message(&cx(), &both[2].1, &more[0], None)
        .await
        .unwrap();
    let (summary, findings) = checked(&run).await;
    assert_eq!((summary.same, summary.different), (2, 1));
    assert!(!reasons(&findings).contains(&"message-extra"));
}

#[tokio::test]
async fn what_others_found_stays_until_both_sides_are_equal() {
    let world = World::new();
    let (run, both) = copied(&world, 2).await;
    let at = &both[1].0;
    let ledger = &run.parts.ledger;
    let of = Some(at.id);
    let noted = [
        Reason::CopyFailed.finding(of, "once"),
        Reason::OversizeSplit.finding(of, "many"),
    ];
    ledger
        .replace_findings(run.migration, of, &noted)
        .await
        .unwrap();
    let whole = Reason::MirrorFailed.finding(None, "of the migration");
    ledger
        .replace_findings(run.migration, None, std::slice::from_ref(&whole))
        .await
        .unwrap();
    let late = world.say(at, vec![said(50, "late")]).await;
    let (_, findings) = checked(&run).await;
    assert_eq!(findings[0], whole);
    assert_eq!(
        reasons(&findings[1..]),
        ["message-missing", "copy-failed", "oversize-split"]
    );
    world
        .end("old")
        .delete_message(&cx(), at, &late[0], None)
        .await
        .unwrap();
    let (_, findings) = checked(&run).await;
    assert_eq!(reasons(&findings), ["mirror-failed", "oversize-split"]);
}

#[tokio::test]
async fn skipped_and_deleted_ones_are_told_and_a_copy_left_over_is_extra() {
    let world = World::new();
    let (run, both) = copied(&world, 3).await;
    world.item(&run, both[0].0.id, ItemState::Skipped).await;
    world.state.tombstone(both[1].0.id).await.unwrap();
    world.state.tombstone(both[2].0.id).await.unwrap();
    world
        .end("new")
        .delete_conversation(&cx(), &both[2].1, None)
        .await
        .unwrap();
    let (summary, findings) = checked(&run).await;
    assert_eq!((summary.left_out, summary.extra, summary.same), (2, 1, 0));
    let mut named = reasons(&findings);
    named.sort_unstable();
    assert_eq!(named, ["conversation-extra", "deleted", "skipped"]);
    assert_eq!(sign(&run, &both[1].0).await, Some(Sign::Extra));
}

#[tokio::test]
async fn a_side_that_breaks_off_makes_the_check_incomplete_and_says_whether_to_try_again() {
    for (retry, is_temporary) in [(Retry::Permanent, false), (Retry::Exhausted, true)] {
        let mut world = World::new();
        let (run, _) = copied(&world, 2).await;
        let long = world.talk(300).await;
        world.copy(&run, &long).await;
        world.wrap("new", |below| {
            let error = Error::new(Kind::UpstreamFailed, "the page is torn").retry(retry);
            Changed::new(below).breaking_off(error).shared()
        });
        let run = world.run(run.migration, spec());
        let (summary, findings) = checked(&run).await;
        assert_eq!((summary.same, summary.failed, summary.missing), (2, 1, 0));
        assert_eq!(
            (summary.is_complete, summary.is_temporary),
            (false, is_temporary)
        );
        assert_eq!(reasons(&findings), ["incomplete"]);
        assert!(findings[0].detail.contains("the page is torn"));
        assert_eq!(sign(&run, &long).await, Some(Sign::Failed));
    }
}

#[tokio::test]
async fn the_roles_stay_after_a_switch() {
    let world = World::new();
    let (run, both) = copied(&world, 3).await;
    for (from, to) in &both {
        let source = world
            .end("old")
            .get_conversation(&cx(), from)
            .await
            .unwrap();
        let switching = Switching {
            migration: run.migration,
            to: to.clone(),
            from: from.clone(),
            unchanged_since: Some(source.updated_at),
            route: None,
            state: ItemState::Switched,
        };
        assert!(world.state.switch(&switching).await.unwrap());
    }
    let (summary, _) = checked(&run).await;
    assert_eq!((summary.same, summary.failed), (3, 0));
    let since = world.say(&both[2].1, vec![said(99, "since")]).await;
    let (summary, findings) = checked(&run).await;
    assert_eq!((summary.same, summary.different), (2, 1));
    assert_eq!(reasons(&findings), ["message-extra"]);
    assert_eq!(findings[0].message, Some(since[0].clone()));
    let item = run.parts.ledger.item(run.migration, both[2].0.id).await;
    assert_eq!(item.unwrap().unwrap().state, ItemState::Switched);
}

#[tokio::test]
async fn a_check_that_is_stopped_says_nothing() {
    let world = World::new();
    let (run, both) = copied(&world, 2).await;
    run.stop.cancel();
    let error = check_all(&run, &Counters::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(sign(&run, &both[0].0).await, None);
}

#[tokio::test]
async fn what_is_being_written_at_each_look_is_looked_at_until_it_is_shown() {
    for hidden_at in [2, 4, usize::MAX] {
        let mut world = World::new();
        let run = world.migration().await;
        let talk = world.talk(3).await;
        world.copy(&run, &talk).await;
        run.records
            .edit(run.migration, |record| {
                record.mirror = true;
                Ok(())
            })
            .await
            .unwrap();
        // It tells of all messages and shows one less, each time the next one that comes.
        let looks = Arc::new(AtomicUsize::new(0));
        world.wrap("new", |below| {
            let looks = Arc::clone(&looks);
            let showing = Changed::new(below).showing(move |_, mut page| {
                if looks.fetch_add(1, Ordering::Relaxed) < hidden_at {
                    page.items.pop();
                }
                page
            });
            showing.shared()
        });
        let run = world.run(run.migration, spec());
        let (summary, findings) = checked(&run).await;
        let stays = hidden_at == usize::MAX;
        let failed = u64::from(stays);
        assert_eq!((summary.same, summary.failed), (1 - failed, failed));
        assert_eq!(reasons(&findings).contains(&"incomplete"), stays);
        let looked = looks.load(Ordering::Relaxed);
        assert_eq!(looked, hidden_at.min(LOOKS_MAX) + 1);
    }
}
