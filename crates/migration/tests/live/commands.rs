//! What each command does, refuses and says.

use std::time::{Duration, Instant};

use backend::ports::{
    ItemQuery, ItemState, Ledger, MigrationFilter, MigrationId, Phase, PlaceQuery, RosterEntry,
};
use backend::{Backend as _, Kind, Location};
use conversation::{ConversationId, NewConversation, NewMessage, Role};
use migration::{CopyOptions, SwitchOptions};

use crate::world::{Gateway, PATIENCE, Sides, World, cx, cx_of, cx_to, spec};

#[tokio::test]
async fn a_specification_is_refused_member_by_member() {
    let world = World::new(Sides::Stores);
    let gateway = world.start().await;
    let mut bad = spec();
    bad.from = "nowhere".into();
    bad.to = "nowhere".into();
    bad.parallel = 65;
    bad.roster = vec![
        RosterEntry {
            tenant: "acme".into(),
            user: "".into(),
        },
        RosterEntry {
            tenant: "other".into(),
            user: "u".into(),
        },
    ];
    bad.filter = MigrationFilter {
        tenant: Some("acme".into()),
        label: Some("".into()),
        updated_after: Some(conversation::Time::now()),
        updated_before: Some(conversation::Time::from_micros(0).unwrap()),
        ..MigrationFilter::default()
    };
    let refused = gateway.migrations.plan(bad).await.unwrap_err();
    assert_eq!(refused.kind, Kind::InvalidRequest);
    let pointers: Vec<&str> = refused
        .violations
        .iter()
        .map(|violation| &*violation.pointer)
        .collect();
    assert_eq!(
        pointers,
        [
            "/from",
            "/to",
            "/to",
            "/parallel",
            "/roster/0",
            "/roster/1/tenant",
            "/filter/label",
            "/filter/updated_before"
        ]
    );
    assert!(gateway.migrations.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_id_is_one_migration() {
    let world = World::new(Sides::Stores);
    let gateway = world.start().await;
    let id = MigrationId::generate();
    for _ in 0..2 {
        let status = gateway.migrations.plan_as(id, spec()).await.unwrap();
        assert_eq!(status.record.id, id);
    }
    gateway.end_of_job(id).await;
    assert_eq!(gateway.migrations.list().await.unwrap().len(), 1);
    let unknown = gateway.migrations.status(MigrationId::generate()).await;
    assert_eq!(unknown.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn phases_forbid_what_makes_no_sense_and_say_what_does() {
    let world = World::new(Sides::Stores);
    let gateway = world.start().await;
    gateway.converse(3).await;
    let migrations = &gateway.migrations;
    let id = gateway.planned(spec()).await;
    for refused in [
        migrations.switch(id, SwitchOptions::default()).await,
        migrations.rollback(id).await,
        migrations.finish(id).await,
        migrations.pause(id).await,
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind, Kind::Conflict);
        assert!(error.message.contains("`planned`"), "{error}");
    }
    gateway.copied(id, false).await;
    gateway.switched(id).await;
    for refused in [
        migrations.copy(id, CopyOptions::default()).await,
        migrations.cancel(id).await,
    ] {
        assert_eq!(refused.unwrap_err().kind, Kind::Conflict);
    }
    let finished = migrations.finish(id).await.unwrap();
    assert_eq!(finished.record.phase, Phase::Finished);
    assert_eq!(
        migrations.rollback(id).await.unwrap_err().kind,
        Kind::Conflict
    );
}

#[tokio::test]
async fn of_two_at_once_one_works_and_the_other_says_who_does() {
    let world = World::new(Sides::ToVendor);
    let gateway = world.start().await;
    for _ in 0..3 {
        gateway.converse(50).await;
    }
    let id = gateway.planned(spec()).await;
    gateway
        .migrations
        .copy(id, CopyOptions::default())
        .await
        .unwrap();
    let refused = gateway.migrations.copy(id, CopyOptions::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.message.contains("a test"), "{refused}");
    let status = gateway.end_of_job(id).await;
    gateway.expect(&status, Phase::Copied).await;
    assert_eq!(status.last.unwrap().progress.written, 150);
    let again = gateway.copied(id, false).await;
    assert_eq!(again.last.unwrap().progress.written, 0);
}

#[tokio::test]
async fn a_copy_can_be_paused_and_goes_on() {
    let world = World::new(Sides::ToVendor);
    let gateway = world.start().await;
    for _ in 0..6 {
        gateway.converse(40).await;
    }
    let id = gateway.planned(spec()).await;
    let copy = gateway.migrations.copy(id, CopyOptions::default()).await;
    copy.unwrap();
    // In its middle: something is written, and not all of it.
    until(async || {
        let job = gateway.migrations.status(id).await.unwrap().job;
        job.is_some_and(|job| job.progress.written > 0)
    })
    .await;
    let paused = gateway.migrations.pause(id).await.unwrap();
    assert_eq!(paused.record.phase, Phase::Paused);
    assert!(paused.job.is_none() && paused.record.holder.is_none());
    let status = gateway.copied(id, false).await;
    let copied: u64 = status
        .items
        .iter()
        .filter(|tally| tally.state == ItemState::Copied)
        .map(|tally| tally.conversations)
        .sum();
    assert_eq!(copied, 6);
    let checked = gateway.checked(id).await;
    assert_eq!((checked.same, checked.different), (6, 0));
    assert_eq!(checked.source_root, checked.target_root);
}

#[tokio::test]
async fn a_cancelled_migration_ends_where_it_is() {
    let world = World::new(Sides::ToVendor);
    let gateway = world.start().await;
    for _ in 0..6 {
        gateway.converse(40).await;
    }
    let id = gateway.planned(spec()).await;
    let copy = gateway.migrations.copy(id, CopyOptions { mirror: true });
    copy.await.unwrap();
    let status = gateway.migrations.cancel(id).await.unwrap();
    assert_eq!(status.record.phase, Phase::Cancelled);
    assert!(status.job.is_none());
    let again = gateway.migrations.copy(id, CopyOptions::default()).await;
    assert_eq!(again.unwrap_err().kind, Kind::Conflict);
}

#[tokio::test]
async fn new_conversations_follow_the_override_until_the_rollback() {
    let world = World::new(Sides::Stores);
    let gateway = world.start().await;
    let mut whole = spec();
    whole.filter.tenant = Some("acme".into());
    let id = gateway.planned(whole).await;
    gateway.copied(id, false).await;
    // Nothing to switch, but what comes must follow.
    gateway.switched(id).await;
    let create = async |cx: backend::Context| {
        let made = gateway
            .router
            .create_conversation(&cx, NewConversation::default());
        let made = made.await.unwrap().location;
        (made.id, made.backend, cx.trace.route().unwrap().to_owned())
    };
    let (born, backend, route) = create(cx()).await;
    assert_eq!(&*backend, "new");
    assert_eq!(route, format!("default, override {id}"));
    let (_, backend, route) = create(cx_of("other")).await;
    assert_eq!((&*backend, &*route), ("old", "default"));
    let (wished, backend, route) = create(cx_to("old")).await;
    assert_eq!((&*backend, &*route), ("old", "header"));
    // What was made on the source all the same is the drain's.
    until(async || &*gateway.home(wished).await == "new").await;

    let said = gateway.say(born, "hello").await;
    gateway.rolled_back(id).await;
    assert_eq!(&*gateway.home(born).await, "old");
    assert_eq!(&*gateway.home(wished).await, "old");
    let at = Location::unresolved(born);
    let read = gateway.router.get_message(&cx(), &at, &said.id).await;
    assert_eq!(read.unwrap().parts, said.parts);
    let (_, backend, route) = create(cx()).await;
    assert_eq!((&*backend, &*route), ("old", "default"));
}

#[tokio::test]
async fn what_cannot_be_switched_stays_and_the_same_command_finishes() {
    let world = World::new(Sides::FromVendor);
    let gateway = world.start().await;
    let ids: Vec<ConversationId> = vec![gateway.converse(3).await, gateway.converse(3).await];
    let id = gateway.planned(spec()).await;
    gateway.copied(id, false).await;
    // Gone at the vendor, past the gateway: nobody can say what it held.
    let binding = backend::ports::Directory::locate(&*gateway.state, ids[0]).await;
    let at = binding.unwrap().unwrap().location;
    gateway
        .old
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap();
    let switch = gateway.migrations.switch(id, SwitchOptions::default());
    switch.await.unwrap();
    let status = gateway.end_of_job(id).await;
    assert_eq!(status.record.phase, Phase::Switching);
    let stopped = status.record.stopped.unwrap();
    assert!(
        stopped.contains("1 conversations stay on `old`"),
        "{stopped}"
    );
    assert_eq!(&*gateway.home(ids[0]).await, "old");
    assert_eq!(&*gateway.home(ids[1]).await, "new");
    let findings = gateway.migrations.findings(id, None, 10).await.unwrap();
    assert!(
        findings
            .iter()
            .any(|(_, finding)| finding.conversation == Some(ids[0]))
    );
    // Those that were switched do not wait for the one that was not.
    say_at_vendor(&gateway, ids[1], "late").await;
    until(async || gateway.texts(ids[1]).await.contains(&"late".to_owned())).await;

    // The operator lets it go; the same command comes to its end.
    backend::ports::Directory::tombstone(&*gateway.state, ids[0])
        .await
        .unwrap();
    gateway.switched(id).await;
    let query = ItemQuery {
        limit: 10,
        ..ItemQuery::default()
    };
    let items = gateway.migrations.items(id, &query).await.unwrap();
    let state = |id| {
        items
            .iter()
            .find(|item| item.conversation == id)
            .unwrap()
            .state
    };
    assert_eq!(state(ids[0]), ItemState::Deleted);
    assert_eq!(state(ids[1]), ItemState::Switched);
}

/// Somebody says something at the vendor itself, where a conversation lived.
async fn say_at_vendor(gateway: &Gateway, id: ConversationId, text: &str) {
    let query = PlaceQuery {
        conversation: id,
        backend: "old".into(),
    };
    let place = Ledger::place(&*gateway.state, &query).await;
    let (at, _) = place.unwrap().unwrap();
    let new = NewMessage::text(Role::User, text);
    gateway.old.post_message(&cx(), &at, new).await.unwrap();
}

#[tokio::test]
async fn what_cannot_go_back_stays_and_the_rest_is_drained_or_finished() {
    let world = World::new(Sides::FromVendor);
    let gateway = world.start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(gateway.converse(3).await);
    }
    let id = gateway.planned(spec()).await;
    gateway.copied(id, false).await;
    gateway.switched(id).await;
    // A message of ours is gone at the vendor: going back would lose it.
    let query = PlaceQuery {
        conversation: ids[0],
        backend: "old".into(),
    };
    let place = Ledger::place(&*gateway.state, &query).await;
    let (at, _) = place.unwrap().unwrap();
    let page = backend::PageRequest::first(9);
    let there = gateway.old.list_messages(&cx(), &at, &page).await.unwrap();
    let gone = &there.items[1].id;
    gateway
        .old
        .delete_message(&cx(), &at, gone, None)
        .await
        .unwrap();
    gateway.migrations.rollback(id).await.unwrap();
    let status = gateway.end_of_job(id).await;
    assert_eq!(status.record.phase, Phase::RollingBack);
    let stopped = status.record.stopped.unwrap();
    assert!(
        stopped.contains("1 conversations stay on `new`") && stopped.contains("finish"),
        "{stopped}"
    );
    assert_eq!(&*gateway.home(ids[0]).await, "new");
    assert_eq!(&*gateway.home(ids[1]).await, "old");
    say_at_vendor(&gateway, ids[0], "late").await;
    until(async || gateway.texts(ids[0]).await.contains(&"late".to_owned())).await;
    let finished = gateway.migrations.finish(id).await.unwrap();
    assert_eq!(finished.record.phase, Phase::Finished);
    assert_eq!(&*gateway.home(ids[0]).await, "new");
    gateway.migrations.stop().await;
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "it never comes");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whoever looks all the time looks in the very moment of a job's end, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_without_a_job_tells_how_the_job_ended() {
    let world = World::new(Sides::Stores);
    let gateway = world.start().await;
    gateway.converse(1).await;
    let id = gateway.planned(spec()).await;
    for round in 0..40 {
        let wanted = if round % 2 == 0 {
            gateway.migrations.copy(id, CopyOptions::default()).await
        } else {
            gateway.migrations.check(id).await
        };
        let begun = wanted.unwrap().job.map(|job| (job.kind, job.since));
        let ended = loop {
            let status = gateway.migrations.status(id).await.unwrap();
            if status.job.is_none() {
                break status;
            }
        };
        let last = ended.last.as_ref().map(|job| (job.kind, job.since));
        assert_eq!(ended.record.holder, None, "round {round}: {ended:#?}");
        assert!(
            begun.is_none() || begun == last,
            "round {round}: {begun:?} {ended:#?}"
        );
    }
}
