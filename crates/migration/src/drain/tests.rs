//! What a drain carries, and where to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend::ports::{Directory as _, Item, ItemState, MigrationSpec, conversation_lease};
use backend::{Error, Kind, Location};
use conversation::{ConversationId, Message, NewConversation, text_of};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::poll;
use crate::binding::Bound;
use crate::binding::tests::{bind, copied, cut_off, findings, home, item, unseen, vendor};
use crate::named::{name, set_mark};
use crate::reasons::Reason;
use crate::run::Run;
use crate::sync::mark_of;
use crate::testing::{Counted, World, cx, jump, said, spec};

/// A world in which `old` is a vendor.
fn world() -> World {
    let mut world = World::new();
    world.wrap("old", |below| vendor(below).shared());
    world
}

/// A migration of conversations that live on `old`, to its end.
async fn switched(world: &World, ids: &[&Location]) -> Run {
    let run = world.migration().await;
    copied(&run).await;
    for at in ids {
        assert_eq!(bind(&run, at.id).await, Bound::There);
    }
    run
}

/// Somebody says something at an earlier home.
async fn late(world: &World, at: &Location, text: &str) {
    let at = Location {
        renamed: true,
        ..at.clone()
    };
    let end = world.end(&at.backend);
    let stored = end
        .import_messages(&unseen(), &at, vec![said(90, text)])
        .await;
    stored.unwrap().remove(0).unwrap();
}

async fn texts(world: &World, at: &Location) -> Vec<String> {
    let messages: Vec<Message> = world.messages(at).await;
    messages.iter().map(|one| text_of(&one.parts)).collect()
}

async fn drained(run: &Run) -> (u64, u64) {
    let round = poll(run, ItemState::Switched, 0).await.unwrap();
    (round.messages, round.failed)
}

#[tokio::test]
async fn what_arrives_follows_a_conversation_that_went_on() {
    let world = world();
    let mut third = world.parts.ends.get("new").unwrap();
    third.stack = Arc::new(layers::Renamed::new(
        Arc::new(world.store.backend("third")),
        Arc::new(world.state.clone()),
    ));
    world.parts.ends.put("third", third);
    let at = world.talk(2).await;
    let first = switched(&world, &[&at]).await;
    let between = home(&first, at.id).await;
    let second = world
        .migration_of(MigrationSpec {
            from: "new".into(),
            to: "third".into(),
            ..spec()
        })
        .await;
    copied(&second).await;
    assert_eq!(bind(&second, at.id).await, Bound::There);
    let there = home(&second, at.id).await;
    assert_eq!(&*there.backend, "third");
    late(&world, &at, "late").await;
    assert_eq!(drained(&first).await, (1, 0));
    let words = ["words number 0", "words number 1", "late"];
    assert_eq!(texts(&world, &there).await, words);
    assert_eq!(texts(&world, &between).await, words[..2]);
    // Lists show the home, and once is enough.
    let entry = world.state.find(at.id).await.unwrap().unwrap();
    assert_eq!(&*entry.document.backend, "third");
    assert_eq!(drained(&first).await, (0, 0));
    assert_eq!(texts(&world, &there).await.len(), 3);
}

#[tokio::test]
async fn what_was_deleted_since_is_deleted_at_its_earlier_home() {
    for world in [world(), World::new()] {
        let at = world.talk(2).await;
        let run = switched(&world, &[&at]).await;
        let there = home(&run, at.id).await;
        let new = world.end("new");
        new.delete_conversation(&cx(), &there, None).await.unwrap();
        world.state.tombstone(at.id).await.unwrap();
        assert_eq!(drained(&run).await, (0, 0));
        let left = world.end("old").get_conversation(&cx(), &at).await;
        assert_eq!(left.unwrap_err().kind, Kind::NotFound);
        assert_eq!(item(&run, at.id).await.state, ItemState::Deleted);
    }
}

#[tokio::test]
async fn what_was_cut_off_comes_also_where_the_earlier_home_is_gone() {
    let world = world();
    let at = world.talk(2).await;
    let run = switched(&world, &[&at]).await;
    cut_off(&world, &at, ("old", "new"), &run).await;
    let old = world.end("old");
    old.delete_conversation(&unseen(), &at, None).await.unwrap();
    assert_eq!(drained(&run).await, (1, 0));
    let there = home(&run, at.id).await;
    let words = ["words number 0", "words number 1", "cut off"];
    assert_eq!(texts(&world, &there).await, words);
    assert_eq!(drained(&run).await, (0, 0));
}

#[tokio::test]
async fn what_failed_once_is_over_where_nothing_is_left_to_do() {
    let world = world();
    let (same, gone) = (world.talk(2).await, world.talk(2).await);
    let run = switched(&world, &[&same, &gone]).await;
    let old = world.end("old");
    old.delete_conversation(&unseen(), &gone, None)
        .await
        .unwrap();
    let error = Error::new(Kind::Timeout, "too slow");
    for id in [same.id, gone.id] {
        let finding = Reason::DrainFailed.because(Some(id), &error);
        name(&run, id, &[], vec![finding]).await.unwrap();
    }
    let seen = old.get_conversation(&cx(), &same).await.unwrap();
    let mark = mark_of(&*run.from.stack, &seen);
    set_mark(&run, same.id, mark).await.unwrap();
    assert_eq!(drained(&run).await, (0, 0));
    for id in [same.id, gone.id] {
        assert_eq!(findings(&run, id).await, []);
    }
}

/// A world whose `old` tells of no changes, with what it meets at `new`, and its leases.
fn silent(
    meets: impl Fn(&'static str) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> (World, Arc<Counted>) {
    let mut world = World::new();
    let leases = Counted::new(world.parts.leases.clone());
    world.parts.leases = leases.clone();
    world.wrap("old", |below| {
        let silent = vendor(below).able(|can| can.change_mark = false);
        silent.shared()
    });
    let meets = Arc::new(meets);
    world.wrap("new", |below| {
        let meeting = crate::testing::Changed::new(below).meeting(move |call, _| {
            let meets = meets.clone();
            async move {
                meets(call).await;
                Ok(())
            }
            .boxed()
        });
        meeting.shared()
    });
    (world, leases)
}

#[tokio::test]
async fn writers_wait_only_where_something_arrived() {
    let (world, leases) = silent(|_| async {}.boxed());
    let at = world.talk(3).await;
    let run = switched(&world, &[&at]).await;
    let lease = conversation_lease(at.id);
    let before = leases.taken(&lease);
    assert_eq!(drained(&run).await, (0, 0));
    assert_eq!(leases.taken(&lease), before);
    late(&world, &at, "late").await;
    assert_eq!(drained(&run).await, (1, 0));
    assert_eq!(leases.taken(&lease), before + 1);
}

#[tokio::test]
async fn what_takes_too_long_gives_writers_their_turn() {
    let imports = Arc::new(AtomicU64::new(0));
    let counted = imports.clone();
    // The first import of what arrived hangs until it is cut off.
    let (world, leases) = silent(move |call| {
        let is_hung = call == "import_messages" && counted.fetch_add(1, Ordering::Relaxed) == 1;
        async move {
            if is_hung {
                jump(Duration::from_secs(11)).await;
                jump(Duration::from_secs(11)).await;
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    });
    let at = world.talk(3).await;
    let run = switched(&world, &[&at]).await;
    late(&world, &at, "late").await;
    let lease = conversation_lease(at.id);
    let before = leases.taken(&lease);
    assert_eq!(drained(&run).await, (1, 0));
    assert_eq!(leases.taken(&lease), before + 2);
    assert_eq!(imports.load(Ordering::Relaxed), 3);
    let there = home(&run, at.id).await;
    assert_eq!(texts(&world, &there).await.last().unwrap(), "late");
    assert_eq!(texts(&world, &there).await.len(), 4);
}

#[tokio::test]
async fn one_that_fails_keeps_none_of_the_others() {
    let broken: Arc<std::sync::Mutex<Option<ConversationId>>> = Arc::default();
    let is_broken = broken.clone();
    let (world, _leases) = silent(move |call| {
        if call == "import_messages" && is_broken.lock().unwrap().take().is_some() {
            return async { panic!("a defect") }.boxed();
        }
        async {}.boxed()
    });
    let mut talks = Vec::new();
    for _ in 0..3 {
        talks.push(world.talk(2).await);
    }
    let empty = world.conversation(NewConversation::default()).await;
    let all: Vec<&Location> = talks.iter().chain([&empty]).collect();
    let run = switched(&world, &all).await;
    for at in &all {
        late(&world, at, "late").await;
    }
    *broken.lock().unwrap() = Some(empty.id);
    assert_eq!(drained(&run).await, (3, 1));
    let mut failed = 0;
    for at in &all {
        for finding in findings(&run, at.id).await {
            assert_eq!(&*finding.reason, "drain-failed");
            failed += 1;
        }
    }
    assert_eq!(failed, 1);
    // The next round brings it, and tells that it is over.
    assert_eq!(drained(&run).await, (1, 0));
    for at in &all {
        assert_eq!(findings(&run, at.id).await, []);
        let there = home(&run, at.id).await;
        assert_eq!(texts(&world, &there).await.last().unwrap(), "late");
    }
}

#[tokio::test]
async fn where_it_was_bound_back_by_another_nothing_is_carried() {
    let world = world();
    let at = world.talk(2).await;
    let run = world.migration().await;
    copied(&run).await;
    world.item(&run, at.id, ItemState::Switched).await;
    late(&world, &at, "late").await;
    assert_eq!(drained(&run).await, (0, 0));
    let copy: Item = item(&run, at.id).await;
    assert_eq!(copy.state, ItemState::Switched);
}
