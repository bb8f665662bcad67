//! What keeps a conversation from being bound, what does not, and for how long its writers wait.

mod late_news;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::ports::{
    Finding, IntentRecord, IntentState, Item, ItemState, PlaceQuery, Traffic, conversation_lease,
};
use backend::{Backend, Context, Error, Intent, Kind, Location, Order, Outcome, Write};
use conversation::{ConversationId, Message, MessageId, MessagePatch, Part, Patch, Time, text_of};
use futures_util::FutureExt as _;

use super::{Binder, Bound};
use crate::changes::Changes;
use crate::copy::copy_all;
use crate::progress::Counters;
use crate::run::Run;
use crate::testing::{Changed, Counted, Quiet, World, cx, jump, said};

/// A backend as a vendor that tells of changes, and whose writers take leases.
pub(crate) fn vendor(below: Arc<dyn Backend>) -> Changed {
    Changed::new(below).able(|can| {
        can.transactional = false;
        can.change_mark = true;
    })
}

/// What goes on behind our back at a backend, also where the conversation was bound elsewhere.
pub(crate) fn unseen() -> Context {
    Context {
        copying: true,
        ..cx()
    }
}

/// The item of a conversation.
pub(crate) async fn item(run: &Run, id: ConversationId) -> Item {
    let item = run.parts.ledger.item(run.migration, id).await;
    item.unwrap().unwrap()
}

pub(crate) async fn findings(run: &Run, id: ConversationId) -> Vec<Finding> {
    let found = run.parts.ledger.findings_of(run.migration, Some(id)).await;
    found.unwrap()
}

pub(crate) async fn home(run: &Run, id: ConversationId) -> Location {
    let binding = run.parts.directory.locate(id).await.unwrap().unwrap();
    binding.location
}

/// Binds one conversation forwards.
pub(crate) async fn bind(run: &Run, id: ConversationId) -> Bound {
    bind_as(run, id, ItemState::Switched, false).await
}

/// Binds one conversation of a migration back.
async fn bind_back(run: &Run, id: ConversationId) -> Bound {
    bind_as(&run.reversed(), id, ItemState::Copied, true).await
}

async fn bind_as(run: &Run, id: ConversationId, state: ItemState, is_back: bool) -> Bound {
    let traffic: Arc<dyn Traffic> = Quiet::new();
    let changes = Changes::follow(&traffic);
    let binder = Binder {
        run,
        changes: &changes,
        state,
        is_back,
    };
    binder.bind(&item(run, id).await).await.unwrap()
}

pub(crate) async fn copied(run: &Run) {
    copy_all(run, &Counters::default()).await.unwrap();
}

/// A world with a vendor that meets something, and leases that are counted.
fn watched(
    name: &str,
    meets: impl Fn(&Counted, &'static str, Option<Order>) -> bool + Send + Sync + 'static,
    does: impl Fn(Arc<Counted>) -> futures_util::future::BoxFuture<'static, ()> + Send + Sync + 'static,
) -> (World, Arc<Counted>) {
    let mut world = World::new();
    let leases = Counted::new(world.parts.leases.clone());
    world.parts.leases = leases.clone();
    if name != "old" {
        world.wrap("old", |below| vendor(below).shared());
    }
    let (counted, does) = (leases.clone(), Arc::new(does));
    world.wrap(name, |below| {
        let meeting = vendor(below).meeting(move |call, order| {
            let (counted, does) = (counted.clone(), does.clone());
            let is_met = meets(&counted, call, order);
            async move {
                if is_met {
                    does(counted).await;
                }
                Ok(())
            }
            .boxed()
        });
        meeting.shared()
    });
    (world, leases)
}

#[tokio::test]
async fn whoever_lost_the_lease_binds_nothing() {
    let armed = Arc::new(AtomicBool::new(false));
    let is_armed = armed.clone();
    // The last look at the target, before the directory is changed.
    let meets = move |_: &Counted, call: &'static str, _| {
        call == "list_messages" && is_armed.swap(false, Ordering::Relaxed)
    };
    let (world, _leases) = watched("new", meets, |leases| {
        async move {
            leases.lose();
            jump(Duration::from_secs(6)).await;
        }
        .boxed()
    });
    let at = world.talk(3).await;
    let run = world.migration().await;
    copied(&run).await;
    armed.store(true, Ordering::Relaxed);
    assert_eq!(bind(&run, at.id).await, Bound::Here);
    assert!(!armed.load(Ordering::Relaxed));
    assert_eq!(&*home(&run, at.id).await.backend, "old");
    let found = findings(&run, at.id).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(&*found[0].reason == "switch-failed" && found[0].temporary);
}

#[tokio::test]
async fn a_long_walk_is_done_while_writers_go_on() {
    let pages: Arc<Mutex<Vec<(Order, u64)>>> = Arc::default();
    let (noted, lease) = (pages.clone(), Arc::new(Mutex::new(String::new())));
    let name = lease.clone();
    let meets = move |leases: &Counted, _: &'static str, order: Option<Order>| {
        let name = name.lock().unwrap();
        if let Some(order) = order.filter(|_| leases.is_held(&name)) {
            noted.lock().unwrap().push((order, leases.taken(&name)));
        }
        false
    };
    let (world, _leases) = watched("old", meets, |_| async {}.boxed());
    let at = world.talk(700).await;
    let run = world.migration().await;
    copied(&run).await;
    // Somebody says something past the gateway: nobody knows where.
    world.say(&at, vec![said(50, "late, and early")]).await;
    *lease.lock().unwrap() = conversation_lease(at.id);
    assert_eq!(bind(&run, at.id).await, Bound::There);
    let there = home(&run, at.id).await;
    assert_eq!(
        (&*there.backend, world.messages(&there).await.len()),
        ("new", 701)
    );
    // While one writer waits, never more than a page of a walk is read.
    let pages = pages.lock().unwrap().clone();
    let walked = pages.iter().filter(|(order, _)| *order == Order::Asc);
    let mut each: Vec<u64> = walked.map(|(_, taken)| *taken).collect();
    let all = each.len();
    each.dedup();
    assert_eq!(each.len(), all, "{pages:?}");
}

#[tokio::test]
async fn a_turn_that_takes_too_long_ends_and_writers_take_theirs() {
    let turns: Arc<Mutex<Vec<u64>>> = Arc::default();
    let lease = Arc::new(Mutex::new(String::new()));
    let (noted, name) = (turns.clone(), lease.clone());
    let meets = move |leases: &Counted, call: &'static str, _| {
        let name = name.lock().unwrap();
        if call != "list_messages" || !leases.is_held(&name) {
            return false;
        }
        let mut turns = noted.lock().unwrap();
        turns.push(leases.taken(&name));
        turns.len() == 1
    };
    // The target does not answer for as long as nobody gives up.
    let (world, leases) = watched("new", meets, |_| {
        async {
            jump(Duration::from_secs(11)).await;
            std::future::pending::<()>().await;
        }
        .boxed()
    });
    let at = world.talk(3).await;
    let run = world.migration().await;
    copied(&run).await;
    *lease.lock().unwrap() = conversation_lease(at.id);
    assert_eq!(bind(&run, at.id).await, Bound::There);
    let turns = turns.lock().unwrap().clone();
    assert!(turns.len() >= 2, "{turns:?}");
    assert!(turns.first() < turns.last(), "the same turn: {turns:?}");
    assert!(!leases.is_held(&conversation_lease(at.id)));
    assert_eq!(findings(&run, at.id).await, []);
}

#[tokio::test]
async fn writers_who_are_faster_than_their_copy_are_caught_up_with() {
    let mut world = World::new();
    let leases = Counted::new(world.parts.leases.clone());
    world.parts.leases = leases.clone();
    world.wrap("old", |below| vendor(below).shared());
    let at = world.talk(3).await;
    let are_writing = Arc::new(AtomicBool::new(false));
    let told = Arc::new(AtomicU64::new(10));
    let (source, writers, spoken, place) = (
        world.end("old"),
        are_writing.clone(),
        told.clone(),
        at.clone(),
    );
    // While one message is copied, two are said, unless writers wait.
    let speaks = move |call: &'static str, _| {
        let (leases, source, spoken, at) = (
            leases.clone(),
            source.clone(),
            spoken.clone(),
            place.clone(),
        );
        let is_copied = call == "import_messages" && writers.load(Ordering::Relaxed);
        async move {
            if is_copied {
                jump(Duration::from_secs(3)).await;
                if !leases.is_held(&conversation_lease(at.id)) {
                    say_two(&*source, &at, &spoken).await;
                }
            }
            Ok(())
        }
        .boxed()
    };
    world.wrap("new", |below| {
        let slow = vendor(below).able(|can| can.import_is_atomic = false);
        slow.meeting(speaks).shared()
    });
    let run = world.migration().await;
    copied(&run).await;
    for _ in 0..3 {
        say_two(&*world.end("old"), &at, &told).await;
    }
    are_writing.store(true, Ordering::Relaxed);
    assert_eq!(bind(&run, at.id).await, Bound::There);
    let there = home(&run, at.id).await;
    let said = told.load(Ordering::Relaxed) - 10;
    assert!(said > 6, "nobody spoke meanwhile");
    assert_eq!(world.messages(&there).await.len() as u64, 3 + said);
    assert_eq!(findings(&run, at.id).await, []);
}

/// Says the next two messages there.
async fn say_two(source: &dyn Backend, at: &Location, told: &AtomicU64) {
    let second = told.fetch_add(2, Ordering::Relaxed) as usize;
    let both = vec![said(second, "one"), said(second + 1, "two")];
    let stored = source.import_messages(&cx(), at, both).await.unwrap();
    assert!(stored.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_defect_that_one_conversation_leads_to_keeps_that_one() {
    let armed = Arc::new(AtomicBool::new(false));
    let is_armed = armed.clone();
    let meets = move |_: &Counted, _: &'static str, _| is_armed.swap(false, Ordering::Relaxed);
    let (world, _leases) = watched("new", meets, |_| async { panic!("a defect") }.boxed());
    let at = world.talk(3).await;
    let run = world.migration().await;
    copied(&run).await;
    armed.store(true, Ordering::Relaxed);
    assert_eq!(bind(&run, at.id).await, Bound::Here);
    let found = findings(&run, at.id).await;
    assert!(found[0].detail.contains("defect of ours"), "{found:?}");
    assert_eq!(bind(&run, at.id).await, Bound::There);
    assert_eq!(findings(&run, at.id).await, []);
}

/// What somebody said at `from` was being brought to `into` for a migration, and that was cut off.
pub(crate) async fn cut_off(
    world: &World,
    at: &Location,
    (from, into): (&str, &str),
    by: &Run,
) -> MessageId {
    let place = async |backend: &str| {
        let query = PlaceQuery {
            conversation: at.id,
            backend: backend.into(),
        };
        by.parts.ledger.place(&query).await.unwrap().unwrap().0
    };
    let (there, location) = (place(from).await, place(into).await);
    let new = said(80, "cut off");
    let end = world.end(from);
    let stored = end
        .import_messages(&unseen(), &there, vec![new.clone()])
        .await;
    let id = stored.unwrap().remove(0).unwrap().id;
    let now = Time::now();
    let record = IntentRecord {
        intent: Intent {
            id: Context::new(cx().principal, "test", Duration::ZERO).intent,
            location: Some(location),
            write: Write::ImportMessages(vec![new]),
            started_at: now,
            deadline_at: now.saturating_add_micros(30_000_000),
        },
        backend: into.into(),
        principal: (*cx().principal).clone(),
        request_id: "test".into(),
        copying: true,
        strict: false,
        public_id: None,
        beside: false,
        migration: Some(by.migration),
        led_by: Vec::new(),
        messages: vec![id.clone()],
        state: IntentState::Open,
        detail: None,
    };
    by.parts.intents.begin(&record).await.unwrap();
    id
}

#[tokio::test]
async fn what_was_being_brought_to_the_home_is_settled_before_it_is_left() {
    let mut world = World::new();
    world.parts.settings.switch_patience = Duration::from_millis(50);
    let (old, run) = switched(&mut world).await;
    let other = world.migration().await;
    // Another migration's, of which nobody here knows where it came from, and that is not shown until it is settled.
    let said = cut_off(&world, &old, ("old", "new"), &other).await;
    let end = world.end("old");
    let gone = end.delete_message(&unseen(), &old, &said, None).await;
    gone.unwrap();
    assert_eq!(bind_back(&run, old.id).await, Bound::Here);
    let found = findings(&run, old.id).await;
    assert!(found.len() == 1 && found[0].temporary, "{found:?}");
    assert_eq!(&*found[0].reason, "write-open");
    assert_eq!(&*home(&run, old.id).await.backend, "new");
}

#[tokio::test]
async fn what_this_migration_was_bringing_is_settled_by_it() {
    let mut world = World::new();
    let (old, run) = switched(&mut world).await;
    cut_off(&world, &old, ("old", "new"), &run).await;
    assert_eq!(bind_back(&run, old.id).await, Bound::There);
    assert_eq!(&*home(&run, old.id).await.backend, "old");
    for backend in ["old", "new"] {
        let place = PlaceQuery {
            conversation: old.id,
            backend: backend.into(),
        };
        let at = run.parts.ledger.place(&place).await.unwrap().unwrap().0;
        let said = texts(&world.messages(&at).await);
        assert_eq!(said.last().unwrap(), "cut off");
        assert_eq!(said.len(), 6, "{said:?}");
    }
}

#[tokio::test]
async fn what_this_migration_was_bringing_is_asked_about_until_the_backend_can_tell() {
    let mut world = World::new();
    // Writers are waited for no longer than the first answer takes.
    world.parts.settings.switch_patience = Duration::from_millis(1);
    let silences = Arc::new(AtomicU64::new(3));
    let left = silences.clone();
    world.wrap("new", |below| {
        let silent = Changed::new(below).meeting(move |call, _| {
            let is_silent = call == "settle"
                && left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok();
            let cannot_tell = Error::new(Kind::Unavailable, "not yet");
            std::future::ready(if is_silent { Err(cannot_tell) } else { Ok(()) }).boxed()
        });
        silent.shared()
    });
    let (old, run) = switched(&mut world).await;
    cut_off(&world, &old, ("old", "new"), &run).await;
    assert_eq!(bind_back(&run, old.id).await, Bound::There);
    assert_eq!(silences.load(Ordering::Relaxed), 0);
}

/// A conversation that was switched away from a vendor.
async fn switched(world: &mut World) -> (Location, Run) {
    world.wrap("old", |below| vendor(below).shared());
    let at = world.talk(5).await;
    let run = world.migration().await;
    copied(&run).await;
    assert_eq!(bind(&run, at.id).await, Bound::There);
    let at = Location {
        renamed: true,
        ..at
    };
    (at, run)
}

async fn edit(world: &World, at: &Location, id: &MessageId, text: &str) {
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text(text)]),
        ..MessagePatch::default()
    };
    let end = world.end(&at.backend);
    end.update_message(&unseen(), at, id, patch, None)
        .await
        .unwrap();
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|one| text_of(&one.parts)).collect()
}

#[tokio::test]
async fn what_was_changed_at_the_old_home_does_not_keep_a_conversation_away() {
    let mut world = World::new();
    let (old, run) = switched(&mut world).await;
    let there = home(&run, old.id).await;
    let ids: Vec<MessageId> = world
        .messages(&there)
        .await
        .into_iter()
        .map(|one| one.id)
        .collect();
    edit(&world, &old, &ids[1], "changed at the old home").await;
    edit(&world, &there, &ids[2], "changed by us").await;
    world.say(&there, vec![said(60, "new")]).await;
    assert_eq!(bind_back(&run, old.id).await, Bound::There);
    assert_eq!(&*home(&run, old.id).await.backend, "old");
    let found = findings(&run, old.id).await;
    let named: Vec<_> = found
        .iter()
        .map(|one| (&*one.reason, one.message.clone()))
        .collect();
    assert_eq!(
        named,
        [("changed-behind", Some(ids[1].clone()))],
        "{found:?}"
    );
    assert!(found[0].detail.contains("/parts"), "{found:?}");
    let words = [
        "words number 0",
        "changed at the old home",
        "changed by us",
        "words number 3",
        "words number 4",
        "new",
    ];
    assert_eq!(texts(&world.messages(&old).await), words);
}

#[tokio::test]
async fn what_the_new_home_does_not_take_stays_at_the_old_one() {
    let mut world = World::new();
    let is_refused = Arc::new(AtomicBool::new(false));
    let refused = is_refused.clone();
    world.wrap("new", |below| {
        let refusing = Changed::new(below).meeting(move |call, _| {
            let is_refused = call == "import_messages" && refused.load(Ordering::Relaxed);
            let refusal = Error::new(Kind::NotHeld, "too odd").outcome(Outcome::NotApplied);
            std::future::ready(if is_refused { Err(refusal) } else { Ok(()) }).boxed()
        });
        refusing.shared()
    });
    let (old, run) = switched(&mut world).await;
    let end = world.end("old");
    let late = end
        .import_messages(&unseen(), &old, vec![said(40, "late")])
        .await;
    let late = late.unwrap().remove(0).unwrap();
    is_refused.store(true, Ordering::Relaxed);
    assert_eq!(bind_back(&run, old.id).await, Bound::There);
    let found = findings(&run, old.id).await;
    let named: Vec<_> = found
        .iter()
        .map(|one| (&*one.reason, one.message.clone()))
        .collect();
    assert_eq!(named, [("changed-behind", Some(late.id))], "{found:?}");
}

#[tokio::test]
async fn a_message_of_ours_that_is_missing_at_the_old_home_keeps_a_conversation_away() {
    let mut world = World::new();
    let (old, run) = switched(&mut world).await;
    let ids: Vec<MessageId> = world
        .messages(&old)
        .await
        .into_iter()
        .map(|one| one.id)
        .collect();
    let end = world.end("old");
    end.delete_message(&unseen(), &old, &ids[1], None)
        .await
        .unwrap();
    assert_eq!(bind_back(&run, old.id).await, Bound::Here);
    assert_eq!(&*home(&run, old.id).await.backend, "new");
    let found = findings(&run, old.id).await;
    let reasons: Vec<&str> = found.iter().map(|one| &*one.reason).collect();
    assert_eq!(reasons, ["message-missing", "rollback-failed"], "{found:?}");
}

#[tokio::test]
async fn what_is_told_late_is_no_failure_of_the_switch() {
    let world = World::new();
    let at = world.talk(3).await;
    let run = world.migration().await;
    copied(&run).await;
    let refused = Arc::new(AtomicU64::new(0));
    let mut parts = (*run.parts).clone();
    parts.directory = Arc::new(late_news::Stale {
        below: parts.directory.clone(),
        refused: refused.clone(),
    });
    let run = Run {
        parts: Arc::new(parts),
        ..run
    };
    assert_eq!(bind(&run, at.id).await, Bound::There);
    assert_eq!(refused.load(Ordering::Relaxed), 1);
    assert_eq!(findings(&run, at.id).await, []);
    assert_eq!(item(&run, at.id).await.state, ItemState::Switched);
}
