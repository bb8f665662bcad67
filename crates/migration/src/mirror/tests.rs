//! What a mirror does with one conversation, and with a pass that cannot begin.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backend::ports::{Directory as _, Held, ItemState, Ledger as _, MigrationSpec, Phase};
use backend::{Error, Kind, Outcome};
use conversation::{ConversationPatch, Patch};
use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Mirror;
use super::bringing::{Brought, What, bring};
use crate::binding::Bound;
use crate::binding::tests::{bind, copied, findings, home, item};
use crate::records::set_note;
use crate::service::Migrations;
use crate::shadow::Shadow;
use crate::sync::Depth;
use crate::testing::{Changed, Quiet, World, cx, said, spec};

/// A second migration of a conversation that the first one has switched, and that was changed since.
#[tokio::test]
async fn what_was_bound_elsewhere_since_is_not_written_over() {
    let world = World::new();
    let third = world.parts.ends.get("old").unwrap();
    world.parts.ends.put("third", third);
    let at = world.talk(2).await;
    let first = world.migration().await;
    copied(&first).await;
    let second = world.migration().await;
    let elsewhere = world
        .migration_of(MigrationSpec {
            to: "third".into(),
            ..spec()
        })
        .await;
    for run in [&second, &elsewhere] {
        world.item(run, at.id, ItemState::Pending).await;
    }
    assert_eq!(bind(&first, at.id).await, Bound::There);
    let there = home(&first, at.id).await;
    let patch = ConversationPatch {
        title: Patch::Set("changed at its home".into()),
        ..ConversationPatch::default()
    };
    let new = world.end("new");
    let changed = new
        .update_conversation(&cx(), &there, patch, None)
        .await
        .unwrap();

    let whole = What::Sync(Depth::Whole);
    assert_eq!(bring(&second, at.id, whole).await.unwrap(), Brought::All);
    assert_eq!(item(&second, at.id).await.state, ItemState::Switched);
    let now = new.get_conversation(&cx(), &there).await.unwrap();
    assert_eq!(now, changed);

    // A migration to a third backend has lost it.
    let elsewhere = crate::run::Run {
        to: crate::parts::Endpoint {
            stack: Arc::new(layers::Renamed::new(
                Arc::new(world.store.backend("third")),
                Arc::new(world.state.clone()),
            )),
            ..elsewhere.to.clone()
        },
        ..elsewhere
    };
    assert_eq!(bring(&elsewhere, at.id, whole).await.unwrap(), Brought::All);
    assert_eq!(item(&elsewhere, at.id).await.state, ItemState::Failed);
    let found = findings(&elsewhere, at.id).await;
    assert_eq!(&*found[0].reason, "copy-failed");
    assert!(
        found[0].detail.contains("lives on backend `new` by now"),
        "{found:?}"
    );
    let places = world.state.places(at.id).await.unwrap();
    assert!(places.iter().all(|place| &*place.backend != "third"));
}

#[tokio::test]
async fn a_read_of_what_was_bound_elsewhere_is_not_compared() {
    let world = World::new();
    let at = world.talk(2).await;
    let first = world.migration().await;
    copied(&first).await;
    let second = world.migration().await;
    world.item(&second, at.id, ItemState::Copied).await;
    assert_eq!(bind(&first, at.id).await, Bound::There);
    let there = home(&first, at.id).await;
    world.say(&there, vec![said(70, "at its home")]).await;
    let shadow = Shadow::default();
    shadow.compare(&second, at.id).await.unwrap();
    assert_eq!(shadow.summary(), crate::status::ShadowSummary::default());
    assert_eq!(item(&second, at.id).await.state, ItemState::Switched);
    assert_eq!(world.messages(&there).await.len(), 3);
}

#[tokio::test]
async fn what_the_target_refuses_is_tried_again_and_left_to_the_next_pass() {
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
    let at = world.talk(2).await;
    let run = world.migration().await;
    copied(&run).await;
    world.say(&at, vec![said(70, "more")]).await;
    is_refused.store(true, Ordering::Relaxed);
    let newest = What::Sync(Depth::Newest);
    assert_eq!(bring(&run, at.id, newest).await.unwrap(), Brought::Part);
    assert_eq!(item(&run, at.id).await.state, ItemState::Failed);
    assert_eq!(&*findings(&run, at.id).await[0].reason, "target-refused");
    is_refused.store(false, Ordering::Relaxed);
    let whole = What::Sync(Depth::Whole);
    assert_eq!(bring(&run, at.id, whole).await.unwrap(), Brought::All);
    assert_eq!(item(&run, at.id).await.state, ItemState::Copied);
    assert_eq!(findings(&run, at.id).await, []);
}

#[tokio::test]
async fn a_pass_that_could_not_begin_is_still_due() {
    let world = World::new();
    let run = world.migration().await;
    let migrations = Migrations::new(world.parts.clone());
    let service = migrations.service().clone();
    service
        .records
        .edit(run.migration, |record| {
            record.phase = Phase::Copied;
            record.mirror = true;
            set_note(record, "shadow", &())
        })
        .await
        .unwrap();
    migrations.attach(Quiet::new()).unwrap();
    let mut mirror = Mirror {
        service: service.clone(),
        run: crate::run::Run {
            stop: CancellationToken::new(),
            ..run.clone()
        },
        shadow: Arc::default(),
        waiting: HashMap::new(),
        busy: HashSet::new(),
        known: HashSet::new(),
        copying: JoinSet::new(),
        comparing: JoinSet::new(),
        passes: JoinSet::new(),
        reads: 0,
        pass_due: None,
        note_due: None,
    };
    // A check has taken the lease and is not known as a job yet.
    let name = format!("migration/{}", run.migration);
    let held = Held::take(&world.parts.leases, &name, Duration::ZERO)
        .await
        .unwrap();
    mirror.miss();
    mirror.ask_for_pass();
    let begun = mirror.passes.join_next().await.unwrap();
    mirror.begun(begun);
    assert!(mirror.pass_due.is_some());
    held.release().await;
    mirror.pass_due = Some(tokio::time::Instant::now());
    mirror.ask_for_pass();
    let begun = mirror.passes.join_next().await.unwrap();
    assert!(matches!(begun, Ok(Ok(()))), "{begun:?}");
    mirror.begun(begun);
    assert_eq!(mirror.pass_due, None);
    migrations.stop().await;
    assert!(
        world
            .state
            .locate(conversation::ConversationId::from_bits(1))
            .await
            .unwrap()
            .is_none()
    );
}
