//! Passes over many conversations: first, repeated, stopped, killed.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    Checked, Directory as _, IntentQuery, Item, ItemQuery, ItemState, Ledger as _, Sign, Switching,
};
use backend::{Backend, Kind, Location};
use conversation::{ConversationId, ConversationPatch, NewConversation, Patch};

use super::copy_all;
use crate::end::MOMENT;
use crate::progress::Counters;
use crate::run::Run;
use crate::testing::{Changed, World, cx, said};

async fn items(world: &World, run: &Run) -> Vec<Item> {
    let query = ItemQuery {
        limit: 1_000,
        ..ItemQuery::default()
    };
    world.state.items(run.migration, &query).await.unwrap()
}

async fn states(world: &World, run: &Run) -> Vec<ItemState> {
    let items = items(world, run).await;
    items.into_iter().map(|item| item.state).collect()
}

async fn talks(world: &World, count: usize) -> Vec<Location> {
    let mut talks = Vec::new();
    for _ in 0..count {
        talks.push(world.talk(5).await);
    }
    talks
}

/// What a pass wrote.
async fn copied(run: &Run) -> u64 {
    let counters = Counters::default();
    copy_all(run, &counters).await.unwrap();
    counters.snapshot().written
}

#[tokio::test]
async fn a_second_pass_writes_nothing_and_a_third_only_what_changed() {
    let world = World::new();
    let talks = talks(&world, 20).await;
    let run = world.migration().await;
    assert_eq!(copied(&run).await, 100);
    assert!(
        states(&world, &run)
            .await
            .iter()
            .all(|state| *state == ItemState::Copied)
    );
    let marks = items(&world, &run).await;
    assert!(
        marks
            .iter()
            .all(|item| item.mark.is_some() && item.messages == 5)
    );
    assert_eq!(copied(&run).await, 0);

    world.say(&talks[3], vec![said(9, "more")]).await;
    let new = world.talk(2).await;
    assert_eq!(copied(&run).await, 3);
    let all = items(&world, &run).await;
    assert_eq!(all.len(), 21);
    assert!(all.iter().any(|item| item.conversation == new.id));
    assert_eq!(copied(&run).await, 0);
}

#[tokio::test]
async fn a_source_without_a_mark_is_read_again_and_nothing_is_written() {
    let world = World::new();
    talks(&world, 3).await;
    let mut run = world.migration().await;
    run.from.stack = Changed::new(world.end("old"))
        .able(|can| {
            can.change_mark = false;
            can.transactional = false;
        })
        .shared();
    assert_eq!(copied(&run).await, 15);
    assert!(
        items(&world, &run)
            .await
            .iter()
            .all(|item| item.mark.is_none())
    );
    let counters = Counters::default();
    copy_all(&run, &counters).await.unwrap();
    let snapshot = counters.snapshot();
    assert_eq!((snapshot.messages, snapshot.written), (15, 0));
}

#[tokio::test]
async fn what_fails_for_good_is_named_and_the_rest_is_copied() {
    let world = World::new();
    let broken = world.talk(500).await;
    let fine = world.talk(5).await;
    let mut run = world.migration().await;
    run.from.stack = Changed::new(world.end("old"))
        .breaking_off(backend::Error::new(
            Kind::UpstreamFailed,
            "the page is broken",
        ))
        .shared();
    copied(&run).await;
    let state_of = async |id: ConversationId| {
        let item = world.state.item(run.migration, id).await.unwrap();
        item.unwrap().state
    };
    assert_eq!(state_of(broken.id).await, ItemState::Failed);
    assert_eq!(state_of(fine.id).await, ItemState::Copied);
    let findings = world.state.findings(run.migration, None, 10).await.unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].1.detail.contains("the page is broken"));

    // What can be read again by then is copied.
    run.from.stack = world.end("old");
    copied(&run).await;
    assert_eq!(state_of(broken.id).await, ItemState::Copied);
    assert_eq!(
        world.state.findings(run.migration, None, 10).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_and_named_at_last() {
    let world = World::new();
    world.talk(500).await;
    let mut run = world.migration().await;
    run.from.stack = Changed::new(world.end("old"))
        .breaking_off(backend::Error::new(Kind::Unavailable, "out of order"))
        .shared();
    copied(&run).await;
    assert_eq!(states(&world, &run).await, [ItemState::Failed]);
    let findings = world.state.findings(run.migration, None, 10).await.unwrap();
    assert!(findings[0].1.temporary, "{findings:?}");
}

#[tokio::test]
async fn a_stopped_pass_goes_on_where_it_was_and_leaves_no_open_write() {
    let world = World::new();
    talks(&world, 30).await;
    let mut run = world.migration().await;
    let mut written = 0;
    let mut wait = MOMENT * 5;
    // Longer and longer: a slow machine gets through as well.
    for _ in 0..200 {
        run.stop = tokio_util::sync::CancellationToken::new();
        let stop = run.stop.clone();
        wait = wait.mul_f64(1.03) + MOMENT / 2;
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            stop.cancel();
        });
        let counters = Counters::default();
        let passed = copy_all(&run, &counters).await;
        written += counters.snapshot().written;
        let query = IntentQuery {
            limit: 10,
            ..IntentQuery::default()
        };
        let open = run.parts.intents.list(&query).await;
        assert_eq!(open.unwrap().items, []);
        if passed.is_ok() {
            break;
        }
    }
    assert!(
        states(&world, &run)
            .await
            .iter()
            .all(|state| *state == ItemState::Copied)
    );
    // A conversation that was stopped in its middle is not counted by that round.
    assert!(written <= 150);
    run.stop = tokio_util::sync::CancellationToken::new();
    assert_eq!(copied(&run).await, 0);
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_the_same() {
    let world = World::new();
    let talks = talks(&world, 12).await;
    let run = world.migration().await;
    let mut killed_after = Duration::ZERO;
    // Later and later: a slow machine gets through as well.
    for _ in 0..400 {
        let counters = Counters::default();
        killed_after = killed_after.mul_f64(1.02) + Duration::from_micros(500);
        if let Ok(passed) = tokio::time::timeout(killed_after, copy_all(&run, &counters)).await {
            passed.unwrap();
            break;
        }
    }
    for at in &talks {
        let copy = run.place(at.id, &run.to).await.unwrap().unwrap();
        let (source, target) = (world.messages(at).await, world.messages(&copy).await);
        let ids = |all: &[conversation::Message]| -> Vec<_> {
            all.iter().map(|message| message.id.clone()).collect()
        };
        assert_eq!(ids(&source), ids(&target));
    }
    assert_eq!(copied(&run).await, 0);
}

#[tokio::test]
async fn a_conversation_that_was_deleted_is_deleted_at_the_target() {
    let world = World::new();
    let talks = talks(&world, 2).await;
    let run = world.migration().await;
    copied(&run).await;
    let copy = run.place(talks[0].id, &run.to).await.unwrap().unwrap();
    let end = world.end("old");
    end.delete_conversation(&cx(), &talks[0], None)
        .await
        .unwrap();
    world.state.tombstone(talks[0].id).await.unwrap();
    copied(&run).await;
    let item = world.state.item(run.migration, talks[0].id).await.unwrap();
    assert_eq!(item.unwrap().state, ItemState::Deleted);
    let gone = world.end("new").get_conversation(&cx(), &copy).await;
    assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn what_a_check_found_to_differ_is_copied_again_though_nothing_tells_of_it() {
    let world = World::new();
    let at = world.talk(5).await;
    let run = world.migration().await;
    copied(&run).await;
    let digest = items(&world, &run).await[0].mark.unwrap();
    for (sign, read) in [(Sign::Same, 0), (Sign::Different, 5), (Sign::Missing, 5)] {
        let checked = Checked {
            conversation: at.id,
            sign,
            source: Some(digest),
            target: Some(digest),
        };
        world
            .state
            .note_check(run.migration, &[checked])
            .await
            .unwrap();
        let counters = Counters::default();
        copy_all(&run, &counters).await.unwrap();
        assert_eq!(counters.snapshot().messages, read, "{sign:?}");
    }
    let items = items(&world, &run).await;
    assert_eq!((items[0].state, items[0].sign), (ItemState::Copied, None));
}

#[tokio::test]
async fn what_another_migration_has_bound_is_not_copied_over_its_home() {
    let world = World::new();
    let talks = talks(&world, 3).await;
    let first = world.migration().await;
    let run = world.migration().await;
    copied(&first).await;
    let old = Counters::default();
    super::enumerate(&run).await.unwrap();
    let to = |at: &Location, to: Location| Switching {
        migration: first.migration,
        to: Location {
            renamed: true,
            ..to
        },
        from: at.clone(),
        unchanged_since: None,
        route: None,
        state: ItemState::Switched,
    };
    let copy = first.place(talks[0].id, &first.to).await.unwrap().unwrap();
    let bound = world.state.switch(&to(&talks[0], copy.clone())).await;
    assert!(bound.unwrap());
    let elsewhere = Location {
        backend: "third".into(),
        native: "n".into(),
        ..talks[1].clone()
    };
    let bound = world.state.switch(&to(&talks[1], elsewhere)).await;
    assert!(bound.unwrap());
    let renamed = ConversationPatch {
        title: Patch::Set("changed at its new home".into()),
        ..ConversationPatch::default()
    };
    let end = world.end("new");
    let renamed = end.update_conversation(&cx(), &copy, renamed, None).await;
    renamed.unwrap();

    copy_all(&run, &old).await.unwrap();
    let state_of = async |at: &Location| {
        let item = world.state.item(run.migration, at.id).await.unwrap();
        item.unwrap().state
    };
    assert_eq!(state_of(&talks[0]).await, ItemState::Switched);
    assert_eq!(state_of(&talks[1]).await, ItemState::Failed);
    assert_eq!(state_of(&talks[2]).await, ItemState::Copied);
    let held = end.get_conversation(&cx(), &copy).await.unwrap();
    assert_eq!(held.title.as_deref(), Some("changed at its new home"));
    let findings = world.state.findings(run.migration, None, 10).await.unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    let found = &findings[0].1;
    assert_eq!(found.conversation, Some(talks[1].id));
    assert!(found.detail.contains("`third`"), "{found:?}");
}

#[tokio::test]
async fn an_empty_conversation_is_copied_too() {
    let world = World::new();
    let at = world.conversation(NewConversation::default()).await;
    let run = world.migration().await;
    assert_eq!(copied(&run).await, 0);
    assert_eq!(states(&world, &run).await, [ItemState::Copied]);
    let copy = run.place(at.id, &run.to).await.unwrap().unwrap();
    let end: Arc<dyn Backend> = world.end("new");
    end.get_conversation(&cx(), &copy).await.unwrap();
}
