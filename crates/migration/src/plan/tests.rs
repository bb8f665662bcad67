//! Plans over the embedded store.

use backend::ports::{Ledger, Oversize};
use backend::{Error, Fate, FieldFate, Kind, Write};
use conversation::{NewConversation, Part};

use super::*;
use crate::status::EstimateBasis;
use crate::testing::{Changed, World, said, shown, spec};

async fn planned(run: &Run) -> Plan {
    plan(run, &Counters::default()).await.unwrap()
}

async fn findings(run: &Run) -> Vec<(String, String)> {
    let found = run.parts.ledger.findings(run.migration, None, 1_000).await;
    let words = |(_, one): (u64, backend::ports::Finding)| (one.reason.into(), one.detail.into());
    found.unwrap().into_iter().map(words).collect()
}

#[tokio::test]
async fn a_plan_counts_what_there_is_and_writes_nothing() {
    let world = World::new();
    let at = world.talk(250).await;
    let file = world.file_of(&at, "bytes").await;
    let mut linked = said(900, "look");
    linked.parts.push(Part::Image(conversation::Media {
        url: Some("https://files.example/x.png".into()),
        ..conversation::Media::default()
    }));
    world
        .say(&at, vec![shown(800, &file), shown(801, &file), linked])
        .await;
    world.talk(0).await;
    let run = world.migration().await;
    let counters = Counters::default();
    let plan = plan(&run, &counters).await.unwrap();
    assert_eq!((plan.conversations, plan.messages), (2, 253));
    assert_eq!((plan.attachments, plan.linked_files, plan.unfit), (1, 1, 0));
    assert!(plan.text_bytes >= 250 * "words number 1".len() as u64);
    assert!(plan.is_complete && plan.fates.is_empty());
    assert_eq!(plan.estimate.basis, EstimateBasis::Measured);
    assert_eq!(plan.estimate.target_requests, 0);
    let progress = counters.snapshot();
    assert_eq!((progress.conversations, progress.messages), (2, 253));
    let item = world.state.item(run.migration, at.id).await;
    let item = item.unwrap().unwrap();
    assert_eq!((item.state, item.messages), (ItemState::Pending, 253));
    // Nothing is at the target, and no place was noted.
    assert!(run.place(at.id, &run.to).await.unwrap().is_none());
    let everything = backend::ConversationQuery::all(10);
    let target = world.end("new");
    let cx = crate::testing::cx();
    let listed = target.list_conversations(&cx, &everything).await.unwrap();
    assert!(listed.page.items.is_empty());
    assert_eq!(planned(&run).await.holds_to, plan.holds_to);
}

#[tokio::test]
async fn fates_are_those_that_the_target_foretells_with_an_example() {
    let mut world = World::new();
    world.wrap("new", |below| {
        let fates = |write: &Write| match write {
            Write::CreateConversation(_) => vec![FieldFate::overlay("/metadata/color", "kept")],
            Write::ImportMessage(new) => vec![
                FieldFate::converted("/parts/0", "as text"),
                FieldFate::overlay(format!("/metadata/{}", new.parts.len()), "kept"),
            ],
            _ => Vec::new(),
        };
        Changed::new(below).foretelling(fates).shared()
    });
    let at = world.talk(30).await;
    let run = world.migration().await;
    let plan = planned(&run).await;
    let told: Vec<(&str, &str, Fate, u64)> = plan
        .fates
        .iter()
        .map(|fate| (&*fate.of, &*fate.pointer, fate.fate, fate.count))
        .collect();
    assert_eq!(
        told,
        [
            ("conversation", "/metadata/*", Fate::Overlay, 1),
            ("message", "/metadata/*", Fate::Overlay, 30),
            ("message", "/parts/*", Fate::Converted, 30),
        ]
    );
    assert!(plan.fates.iter().all(|fate| fate.example == at.id));
    assert_eq!(plan.unfit, 0);
}

#[tokio::test]
async fn what_the_target_refuses_does_not_fit_and_is_named() {
    let mut world = World::new();
    world.wrap("new", |below| {
        let fates = |write: &Write| match write {
            Write::ImportMessage(_) => vec![FieldFate::rejected("/parts/0", "no such part")],
            _ => Vec::new(),
        };
        Changed::new(below).foretelling(fates).shared()
    });
    world.talk(3).await;
    world.talk(0).await;
    let run = world.migration().await;
    let plan = planned(&run).await;
    assert_eq!(plan.unfit, 1);
    let expected = ("not-held", "/parts/0: no such part (3 such)");
    assert_eq!(
        findings(&run).await,
        [(expected.0.to_owned(), expected.1.to_owned())]
    );
}

#[tokio::test]
async fn the_policy_decides_what_becomes_of_a_conversation_that_is_too_long() {
    for (oversize, state, reason, requests) in [
        (Oversize::Refuse, ItemState::Skipped, "oversize-refused", 5),
        (Oversize::Split, ItemState::Pending, "oversize-split", 17),
        (Oversize::Recent, ItemState::Pending, "oversize-recent", 17),
    ] {
        let mut world = World::new();
        world.wrap("new", |below| {
            Changed::new(below)
                .able(|can| {
                    (can.create_requests, can.import_requests) = (2, 1);
                    can.limits.conversation_max_messages = Some(10);
                })
                .shared()
        });
        let long = world.talk(11).await;
        world.talk(3).await;
        let run = world
            .migration_of(backend::ports::MigrationSpec { oversize, ..spec() })
            .await;
        let plan = planned(&run).await;
        assert_eq!(plan.unfit, 1, "{oversize:?}");
        let item = world.state.item(run.migration, long.id).await.unwrap();
        assert_eq!(item.unwrap().state, state);
        let found = findings(&run).await;
        assert_eq!((found.len(), &*found[0].0), (1, reason));
        assert!(found[0].1.contains("11 messages") && found[0].1.contains("10"));
        assert_eq!(plan.estimate.target_requests, requests, "{oversize:?}");
    }
}

#[tokio::test]
async fn a_limit_decides_how_long_it_takes_and_what_was_copied_is_not_counted_again() {
    let mut world = World::new();
    world.wrap("new", |below| {
        Changed::new(below)
            .able(|can| {
                (can.create_requests, can.import_requests) = (1, 1);
                can.limits.requests_per_minute = Some(60);
            })
            .shared()
    });
    let one = world.talk(59).await;
    world.talk(59).await;
    let run = world.migration().await;
    let estimate = planned(&run).await.estimate;
    assert_eq!((estimate.seconds, estimate.target_requests), (120, 120));
    assert_eq!(estimate.requests_per_minute, Some(60));
    assert_eq!(estimate.basis, EstimateBasis::Documented);
    world.copy(&run, &one).await;
    assert_eq!(planned(&run).await.estimate.seconds, 60);
    let mut new = world.parts.ends.get("new").unwrap();
    new.requests_per_minute = Some(120);
    world.parts.ends.put("new", new);
    let run = world.run(run.migration, spec());
    let estimate = planned(&run).await.estimate;
    assert_eq!(
        (estimate.seconds, estimate.basis),
        (30, EstimateBasis::Configured)
    );
    let item = world.state.item(run.migration, one.id).await.unwrap();
    assert_eq!(item.unwrap().state, ItemState::Copied);
}

#[tokio::test]
async fn an_earlier_copy_to_the_same_target_tells_how_fast_it_is() {
    let world = World::new();
    world.talk(100).await;
    let earlier = world.migration().await;
    let record = world.state.migration(earlier.migration).await.unwrap();
    let mut record = record.unwrap();
    let measured = serde_json::json!({"messages": 10, "seconds": 5.0});
    record.notes.insert(MEASURED.to_owned(), measured);
    world.state.put_migration(&record).await.unwrap();
    let run = world.migration().await;
    let estimate = planned(&run).await.estimate;
    // 100 messages of one conversation, half a second each while two were copied at once.
    assert_eq!(
        (estimate.seconds, estimate.basis),
        (100, EstimateBasis::Measured)
    );
}

#[tokio::test]
async fn one_that_cannot_be_read_is_named_and_the_rest_is_planned() {
    let mut world = World::new();
    world.talk(300).await;
    world.talk(3).await;
    world.wrap("old", |below| {
        let error = Error::new(Kind::UpstreamAuth, "not for you");
        Changed::new(below).breaking_off(error).shared()
    });
    let run = world.migration().await;
    let counters = Counters::default();
    let plan = plan(&run, &counters).await.unwrap();
    assert_eq!((plan.conversations, plan.messages), (2, 203));
    assert_eq!(counters.snapshot().failed, 1);
    let found = findings(&run).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "incomplete");
    assert!(found[0].1.contains("not for you"));
}

#[tokio::test]
async fn a_copy_is_refused_where_the_target_can_do_something_else_by_now() {
    let mut world = World::new();
    world.talk(1).await;
    let run = world.migration().await;
    let plan = planned(&run).await;
    holds(&plan, &run).unwrap();
    let plan: Plan = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    holds(&plan, &run).unwrap();
    let mut other = spec();
    other.parallel = 3;
    let error = holds(&plan, &world.run(run.migration, other)).unwrap_err();
    assert!(error.message.contains("what is to be migrated"), "{error}");
    assert!(!error.message.contains("can do"), "{error}");
    world.wrap("new", |below| {
        Changed::new(below)
            .able(|can| can.limits.text_max_chars = Some(4_096))
            .shared()
    });
    let changed = world.run(run.migration, spec());
    let error = holds(&plan, &changed).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(
        error
            .message
            .contains("text_max_chars: was absent, is 4096"),
        "{error}"
    );
    assert!(!error.message.contains("migrated"), "{error}");
}

#[tokio::test]
async fn a_plan_that_is_stopped_goes_no_further() {
    let world = World::new();
    world.conversation(NewConversation::default()).await;
    let run = world.migration().await;
    run.stop.cancel();
    let error = plan(&run, &Counters::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn notices_tell_what_a_further_copy_sees_and_what_begins_anew() {
    let world = World::new();
    for (transactional, change_mark, word) in [
        (true, false, None),
        (false, true, Some("overlooks")),
        (false, false, Some("reads all messages again")),
    ] {
        let mut run = world.migration().await;
        let able = Changed::new(world.end("old")).able(|can| {
            can.transactional = transactional;
            can.change_mark = change_mark;
        });
        run.from.stack = able.shared();
        let notices = notices::notices(&run);
        let told = |word: &str| notices.iter().any(|notice| notice.contains(word));
        assert!(told("unread begins anew at `new`"), "{notices:?}");
        for other in ["overlooks", "reads all messages again"] {
            assert_eq!(told(other), word == Some(other), "{notices:?}");
        }
    }
}
