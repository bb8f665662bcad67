//! What a sync does, and what it leaves alone.

use backend::ports::{Directory as _, Oversize};
use backend::{Kind, Outcome};
use conversation::{AttachmentId, Digest, MessagePatch, Part, Patch};

use super::super::{Depth, is_doubtful, sync};
use super::faulty::UNHELD;
use super::plan::Fault;
use super::support::{Frail, edit, ids, place_of, story, words};
use crate::run::Run;
use crate::testing::{Changed, World, cx, said, shown, spec, subject};

#[tokio::test]
async fn a_copy_has_all_and_a_second_one_writes_nothing() {
    let frail = Frail::new(false).await;
    let at = story(&frail.world, "a story").await;
    let first = frail.sync(&at, Depth::Whole).await;
    assert_eq!((first.messages, first.written, first.changed), (8, 8, 0));
    assert!(first.mark.is_some());
    frail.assert_equal(&at, "copied").await;
    edit(&frail.world, &at).await;
    let then = frail.sync(&at, Depth::Whole).await;
    assert_ne!(then.mark, first.mark);
    frail.assert_equal(&at, "edited").await;
}

#[tokio::test]
async fn a_copy_tells_when_its_conversation_was_made() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(1).await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    let made = async |at: &backend::Location| {
        let end = frail.world.end(&at.backend);
        let read = end.get_conversation(&cx(), at).await;
        read.unwrap().created_at
    };
    assert_eq!(made(&copy).await, made(&at).await);
    // And whoever lists it after a switch.
    super::support::live_at(&frail.world, &frail.run, &at, "new").await;
    let end = frail.world.end("new");
    let document = end.get_conversation(&cx(), &copy).await.unwrap();
    frail.world.state.refresh(at.id, &document).await.unwrap();
    let listed = frail.world.state.find(at.id).await.unwrap().unwrap();
    assert_eq!(listed.document.created_at, made(&at).await);
}

#[tokio::test]
async fn the_bytes_of_files_are_the_same_and_each_is_there_once() {
    let frail = Frail::new(false).await;
    let at = story(&frail.world, "files").await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    let messages = frail.world.messages(&copy).await;
    let named: Vec<AttachmentId> = messages
        .iter()
        .flat_map(super::super::attachments::named)
        .collect();
    assert_eq!(named.len(), 2);
    assert_eq!(named[0], named[1]);
    for (end, at) in [("old", &at), ("new", &copy)] {
        let end = frail.world.end(end);
        let opened = end.open_attachment(&cx(), at, &named[0]).await;
        let bytes = opened.unwrap().bytes;
        assert_eq!(Digest::of(&bytes), Digest::of(b"the same bytes"));
    }
}

#[tokio::test]
async fn the_newest_are_read_back_to_one_that_is_known() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(500).await;
    frail.sync(&at, Depth::Whole).await;
    frail
        .world
        .say(&at, vec![said(600, "one"), said(601, "two")])
        .await;
    let newest = frail.sync(&at, Depth::Newest).await;
    assert_eq!(newest.written, 2);
    assert!(newest.messages < 500, "{newest:?}");
    frail.assert_equal(&at, "newest").await;
}

#[tokio::test]
async fn after_a_switch_only_what_is_not_known_is_carried_over() {
    let frail = Frail::new(false).await;
    let at = story(&frail.world, "drained").await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    let before = frail.world.messages(&copy).await;
    edit(&frail.world, &at).await;
    let drained = frail.sync(&at, Depth::NewOnly).await;
    assert_eq!((drained.written, drained.changed), (2, 0));
    let after = frail.world.messages(&copy).await;
    // What was edited or deleted at the old home stays as it was.
    assert!(before.iter().all(|message| after.contains(message)));
    assert_eq!(after.len(), before.len() + 2);
}

#[tokio::test]
async fn what_is_only_at_the_target_stays() {
    let frail = Frail::new(false).await;
    let at = story(&frail.world, "more").await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    let own = frail.world.say(&copy, vec![said(50, "its own")]).await;
    edit(&frail.world, &at).await;
    frail.sync(&at, Depth::Whole).await;
    let there = ids(&frail.world.messages(&copy).await);
    assert!(there.contains(&own[0]));
    assert_eq!(there.len(), frail.world.messages(&at).await.len() + 1);
}

#[tokio::test]
async fn a_source_that_fails_in_the_middle_deletes_nothing() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(500).await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    let failing = Changed::new(frail.world.end("old")).breaking_off(backend::Error::new(
        Kind::UpstreamFailed,
        "the page is broken",
    ));
    let mut run = frail.run.clone();
    run.from.stack = std::sync::Arc::new(failing);
    let subject = subject(&run, &at).await;
    let error = sync(&run, &subject, Depth::Whole).await.unwrap_err();
    assert_eq!(error.kind, Kind::UpstreamFailed);
    assert_eq!(frail.world.messages(&copy).await.len(), 500);
}

fn limited(frail: &Frail, most: u64, oversize: Oversize) -> Run {
    let mut run = frail.run.clone();
    let able = Changed::new(frail.world.end("new")).able(|can| {
        can.import_requests = 1;
        can.limits.conversation_max_messages = Some(most);
    });
    run.to.stack = std::sync::Arc::new(able);
    let mut spec = spec();
    spec.oversize = oversize;
    run.spec = std::sync::Arc::new(spec);
    run
}

#[tokio::test]
async fn too_many_messages_are_refused_left_out_or_split() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(12).await;
    let refusing = limited(&frail, 10, Oversize::Refuse);
    let whose = subject(&refusing, &at).await;
    let error = sync(&refusing, &whose, Depth::Whole).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Full, Outcome::NotApplied)
    );

    let recent = limited(&frail, 10, Oversize::Recent);
    let synced = sync(&recent, &whose, Depth::Whole).await.unwrap();
    assert_eq!((synced.written, synced.findings.len()), (10, 1));
    let source = frail.world.messages(&at).await;
    let copy = frail.copy_of(&at).await;
    assert_eq!(ids(&frail.world.messages(&copy).await), ids(&source[2..]));

    let split = limited(&frail, 10, Oversize::Split);
    let synced = sync(&split, &whose, Depth::Whole).await.unwrap();
    assert_eq!((synced.written, synced.findings.len()), (2, 1));
    frail.assert_same(&at, "split").await;
}

#[tokio::test]
async fn a_doubtful_write_is_put_aside_and_nothing_is_sent_meanwhile() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(3).await;
    // Reading, creating and noting come first.
    for nth in 1..12 {
        frail.plan.fail(nth, Fault::Late);
        let whose = subject(&frail.run, &at).await;
        if let Err(error) = sync(&frail.run, &whose, Depth::Whole).await {
            assert!(
                is_doubtful(&error) || error.outcome == Outcome::NotApplied,
                "{error:?}"
            );
        }
    }
    frail.plan.end();
    frail.plan.all_landed().await;
    frail.sync(&at, Depth::Whole).await;
    frail.assert_equal(&at, "late").await;
}

#[tokio::test]
async fn a_refused_message_is_named_and_the_others_are_copied() {
    for looks in [false, true] {
        let frail = Frail::new(looks).await;
        let at = frail.world.talk(0).await;
        let all = vec![said(1, "one"), said(2, "two"), said(3, "three")];
        let refused = frail.world.say(&at, all).await.remove(1);
        let end = frail.world.end("old");
        let to = |text: &str| MessagePatch {
            parts: Patch::Set(vec![Part::text(text)]),
            ..MessagePatch::default()
        };
        let longer = end
            .update_message(&cx(), &at, &refused, to(UNHELD), None)
            .await;
        longer.unwrap();
        let synced = frail.sync(&at, Depth::Whole).await;
        assert_eq!((synced.written, synced.failed, synced.mark), (2, 1, None));
        assert_eq!(synced.findings[0].message.as_ref(), Some(&refused));
        // Once it fits it takes its place.
        let shorter = end
            .update_message(&cx(), &at, &refused, to("two"), None)
            .await;
        shorter.unwrap();
        frail.sync(&at, Depth::Whole).await;
        frail.assert_equal(&at, "no longer refused").await;
    }
}

#[tokio::test]
async fn a_chain_of_places_doubles_nothing() {
    let frail = Frail::new(false).await;
    let at = story(&frail.world, "a chain").await;
    frail.sync(&at, Depth::Whole).await;
    let copy = place_of(&frail.world, &at, "new").await;
    frail
        .world
        .say(&copy, vec![words(90_000, "said at the copy")])
        .await;
    let back = frail.run.reversed();
    let carried = frail.sync_as(&back, &at, Depth::Whole).await;
    assert_eq!((carried.written, carried.changed), (1, 0));
    let again = frail.sync(&at, Depth::Whole).await;
    assert_eq!((again.written, again.changed), (0, 0));
}

#[tokio::test]
async fn two_syncs_of_one_conversation_take_turns() {
    let world = World::new();
    let run = world.migration().await;
    let at = world
        .conversation(conversation::NewConversation::default())
        .await;
    let file = world.file_of(&at, "bytes").await;
    world
        .say(&at, (0..40).map(|nth| shown(nth, &file)).collect())
        .await;
    let whose = subject(&run, &at).await;
    let both =
        futures_util::future::join_all((0..4).map(|_| sync(&run, &whose, Depth::Whole))).await;
    let written: u64 = both.into_iter().map(|synced| synced.unwrap().written).sum();
    assert_eq!(written, 40);
}
