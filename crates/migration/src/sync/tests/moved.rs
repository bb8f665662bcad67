//! Conversations that move, or are being written to, while they are synced.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Held, IntentRecord, IntentState, PlaceQuery, conversation_lease, copy_lease};
use backend::{Backend as _, Intent, Kind, Location, Outcome, Write};
use conversation::{
    ConversationPatch, MessagePatch, NewConversation, NewMessage, Part, Patch, Time,
};
use uuid::Uuid;

use super::super::{Depth, sync};
use super::support::{Frail, ids, live_at};
use crate::run::{Run, Subject};
use crate::testing::{Changed, World, cx, said, spec, subject};

/// The same run, over a source whose writes take several steps.
fn of_vendor(world: &World, run: &Run) -> Run {
    let able = Changed::new(world.end("old")).able(|can| can.transactional = false);
    let mut run = run.clone();
    run.from.stack = able.shared();
    run
}

async fn hold(run: &Run, at: &Location) -> Held {
    let name = conversation_lease(at.id);
    let held = Held::take(&run.parts.leases, &name, Duration::ZERO).await;
    held.unwrap()
}

#[tokio::test]
async fn what_lives_elsewhere_by_now_is_not_copied_from_there() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(3).await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    live_at(&frail.world, &frail.run, &at, "new").await;
    let renamed = ConversationPatch {
        title: Patch::Set("changed at its new home".into()),
        ..ConversationPatch::default()
    };
    let end = frail.world.end("new");
    let copy = Location {
        renamed: true,
        ..copy
    };
    let renamed = end.update_conversation(&cx(), &copy, renamed, None).await;
    renamed.unwrap();
    let whose = subject(&frail.run, &at).await;
    for depth in [Depth::Whole, Depth::Newest] {
        let error = sync(&frail.run, &whose, depth).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Conflict, Outcome::NotApplied)
        );
        assert!(error.message.contains("`new`"), "{}", error.message);
    }
    // What is new there is still carried over.
    sync(&frail.run, &whose, Depth::NewOnly).await.unwrap();
    let held = end.get_conversation(&cx(), &copy).await.unwrap();
    assert_eq!(held.title.as_deref(), Some("changed at its new home"));
}

#[tokio::test]
async fn what_moves_while_a_sync_waits_for_its_turn_is_left_alone() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(3).await;
    frail.sync(&at, Depth::Whole).await;
    let renamed = ConversationPatch {
        title: Patch::Set("not copied yet".into()),
        ..ConversationPatch::default()
    };
    let old = frail.world.end("old");
    let renamed = old.update_conversation(&cx(), &at, renamed, None).await;
    renamed.unwrap();
    let leases = &frail.run.parts.leases;
    for is_deleted in [false, true] {
        let turn = Held::take(leases, &copy_lease(at.id), Duration::ZERO).await;
        let turn = turn.unwrap();
        let whose = Subject::clone(&subject(&frail.run, &at).await);
        let run = Run {
            ..frail.run.clone()
        };
        let syncing = tokio::spawn(async move { sync(&run, &whose, Depth::Whole).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        if is_deleted {
            use backend::ports::Directory as _;
            live_at(&frail.world, &frail.run, &at, "old").await;
            frail.world.state.tombstone(at.id).await.unwrap();
        } else {
            live_at(&frail.world, &frail.run, &at, "new").await;
        }
        turn.release().await;
        let error = syncing.await.unwrap().unwrap_err();
        let expected = if is_deleted {
            Kind::NotFound
        } else {
            Kind::Conflict
        };
        assert_eq!(error.kind, expected, "{error:?}");
        if !is_deleted {
            let copy = frail.copy_of(&at).await;
            let held = frail.world.end("new").get_conversation(&cx(), &copy).await;
            assert_eq!(held.unwrap().title, None);
            live_at(&frail.world, &frail.run, &at, "old").await;
        }
    }
}

#[tokio::test]
async fn a_half_written_message_is_waited_for() {
    let world = World::new();
    let at = world.talk(3).await;
    let run = of_vendor(&world, &world.migration().await);
    let writing = hold(&run, &at).await;
    // Its words are there; what belongs to it comes a moment later.
    let id = world.say(&at, vec![said(50, "half of it")]).await.remove(0);
    let end = world.end("old");
    let finish = {
        let (end, at, id) = (end.clone(), at.clone(), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let whole = MessagePatch {
                parts: Patch::Set(vec![Part::text("all of it")]),
                ..MessagePatch::default()
            };
            let written = end.update_message(&cx(), &at, &id, whole, None).await;
            written.unwrap();
            writing.release().await;
        })
    };
    let whose = subject(&run, &at).await;
    let first = sync(&run, &whose, Depth::Whole).await.unwrap();
    finish.await.unwrap();
    assert_eq!((first.written, first.changed), (4, 0));
    let again = sync(&run, &whose, Depth::Whole).await.unwrap();
    assert_eq!((again.written, again.changed), (0, 0));
}

#[tokio::test]
async fn writers_that_do_not_wait_are_passed_by_or_come_first() {
    let world = World::new();
    let at = world.talk(3).await;
    let run = of_vendor(&world, &world.migration().await);
    let whose = subject(&run, &at).await;
    let hasty = Subject {
        gives_up: true,
        ..whose.clone()
    };
    let answering = hold(&run, &at).await;
    let error = sync(&run, &hasty, Depth::Whole).await.unwrap_err();
    assert_eq!((error.kind, error.is_temporary()), (Kind::Busy, true));
    assert!(run.place(at.id, &run.to).await.unwrap().is_none());
    assert_eq!(sync(&run, &whose, Depth::Whole).await.unwrap().written, 3);
    // Who holds the lease need not ask for it.
    let holder = Subject {
        writers_wait: true,
        ..hasty.clone()
    };
    sync(&run, &holder, Depth::Whole).await.unwrap();
    answering.release().await;
    sync(&run, &hasty, Depth::Whole).await.unwrap();

    // Somebody was cut off in the middle of a write.
    let now = Time::now();
    let record = IntentRecord {
        intent: Intent {
            id: Uuid::now_v7(),
            location: Some(at.clone()),
            write: Write::PostMessage(said(60, "cut off")),
            started_at: now,
            deadline_at: now,
        },
        ..of_create(&run, &at, NewConversation::default(), now)
    };
    let record = IntentRecord {
        migration: None,
        public_id: None,
        ..record
    };
    run.parts.intents.begin(&record).await.unwrap();
    let error = sync(&run, &hasty, Depth::Whole).await.unwrap_err();
    assert_eq!(error.kind, Kind::Busy);
    run.parts.intents.end(record.intent.id).await.unwrap();
    sync(&run, &hasty, Depth::Whole).await.unwrap();
}

#[tokio::test]
async fn writers_go_on_while_the_target_is_written() {
    let world = World::new();
    let at = world.talk(3).await;
    let run = of_vendor(&world, &world.migration().await);
    let (leases, id) = (run.parts.leases.clone(), at.id);
    let free = Changed::new(world.end("new")).meeting(move |call, _| {
        let leases = leases.clone();
        Box::pin(async move {
            if call == "import_messages" {
                let name = conversation_lease(id);
                Held::take(&leases, &name, Duration::ZERO)
                    .await?
                    .release()
                    .await;
            }
            Ok(())
        })
    });
    let mut run = run;
    run.to.stack = free.shared();
    let whose = subject(&run, &at).await;
    assert_eq!(sync(&run, &whose, Depth::Whole).await.unwrap().written, 3);
}

/// A create of a copy that is open.
fn of_create(run: &Run, at: &Location, new: NewConversation, ended: Time) -> IntentRecord {
    IntentRecord {
        intent: Intent {
            id: Uuid::now_v7(),
            location: None,
            write: Write::CreateConversation(new),
            started_at: ended.saturating_add_micros(-1_000_000),
            deadline_at: ended,
        },
        backend: "new".into(),
        principal: (*cx().principal).clone(),
        request_id: "test".into(),
        copying: true,
        strict: false,
        public_id: Some(at.id),
        beside: false,
        migration: Some(run.migration),
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    }
}

#[tokio::test]
async fn a_lost_create_is_found_where_the_vendors_clock_is_behind() {
    let frail = Frail::new(true).await;
    let (world, run) = (&frail.world, &frail.run);
    let new = || NewConversation {
        title: Some("twins".into()),
        ..NewConversation::default()
    };
    let mut twins = Vec::new();
    for number in 0..2 {
        let at = world.conversation(new()).await;
        world.say(&at, vec![said(number, "words")]).await;
        let ended = Time::now().saturating_add_micros(-10_000_000);
        let record = of_create(run, &at, new(), ended);
        run.parts.intents.begin(&record).await.unwrap();
        twins.push(at);
    }
    // Both were made, a minute before they were asked for, and nobody can tell which is which.
    let began = Time::now().saturating_add_micros(-70_000_000);
    let store = world.store.backend("new");
    for at in &twins {
        let copying = backend::Context {
            copying: true,
            public_id: Some(at.id),
            ..cx()
        };
        let made = NewConversation {
            created_at: Some(began),
            ..new()
        };
        store.create_conversation(&copying, made).await.unwrap();
    }
    for at in &twins {
        frail.sync(at, Depth::Whole).await;
    }
    let all = backend::ConversationQuery::all(10);
    let all = store.list_conversations(&cx(), &all).await.unwrap();
    assert_eq!(all.page.items.len(), 2);
}

#[tokio::test]
async fn a_file_that_was_named_after_a_move_is_copied_from_where_it_is() {
    let world = World::new();
    let names = Arc::new(world.state.clone());
    let third = crate::parts::Endpoint {
        stack: Arc::new(layers::Renamed::new(
            Arc::new(world.store.backend("third")),
            names,
        )),
        requests_per_minute: None,
        discovers: false,
    };
    world.parts.ends.put("third", third);
    let run = world.migration().await;
    let at = world.talk(1).await;
    let file = world.file_of(&at, "stored before").await;
    let whose = subject(&run, &at).await;
    sync(&run, &whose, Depth::Whole).await.unwrap();
    live_at(&world, &run, &at, "new").await;
    let home = Location {
        renamed: true,
        ..super::support::place_of(&world, &at, "new").await
    };
    let naming: NewMessage = crate::testing::shown(70, &file);
    world.say(&home, vec![naming]).await;

    let mut onwards = spec();
    (onwards.from, onwards.to) = ("new".into(), "third".into());
    let onwards = world.migration_of(onwards).await;
    let synced = sync(&onwards, &whose, Depth::Whole).await.unwrap();
    assert_eq!((synced.written, synced.findings), (2, Vec::new()));
    let there = Location {
        renamed: true,
        ..super::support::place_of(&world, &at, "third").await
    };
    let (cx, third) = (cx(), world.end("third"));
    let opened = third.open_attachment(&cx, &there, &file).await;
    assert_eq!(&opened.unwrap().bytes[..], b"stored before");
    let compared = crate::compare::compare(&onwards, &whose, crate::compare::Scope::Whole).await;
    assert_eq!(compared.unwrap().findings, []);

    // Where it came from it is known by the same id: nothing is stored twice.
    let back = run.reversed();
    let synced = sync(&back, &whose, Depth::Whole).await.unwrap();
    assert_eq!((synced.written, synced.findings), (1, Vec::new()));
    let old = PlaceQuery {
        conversation: at.id,
        backend: "old".into(),
    };
    let named = run.parts.ledger.attachment_natives(&old, &[file]).await;
    assert_eq!(named.unwrap(), [None]);
    assert_eq!(ids(&world.messages(&home).await).len(), 2);
}

#[tokio::test]
async fn what_is_arriving_at_the_source_is_looked_for_again() {
    let world = World::new();
    let at = world.talk(1).await;
    let run = world.migration().await;
    let now = Time::now();
    let create = of_create(&run, &at, NewConversation::default(), now);
    let record = IntentRecord {
        intent: Intent {
            location: Some(at.clone()),
            write: Write::ImportMessages(vec![said(80, "on its way")]),
            ..create.intent
        },
        backend: "old".into(),
        public_id: None,
        ..create
    };
    run.parts.intents.begin(&record).await.unwrap();
    let whose = subject(&run, &at).await;
    let synced = sync(&run, &whose, Depth::Whole).await.unwrap();
    assert_eq!((synced.written, synced.mark), (1, None));
    run.parts.intents.end(record.intent.id).await.unwrap();
    // That is noted with the next write.
    world.conversation(NewConversation::default()).await;
    let synced = sync(&run, &whose, Depth::Whole).await.unwrap();
    assert!(synced.mark.is_some());
}
