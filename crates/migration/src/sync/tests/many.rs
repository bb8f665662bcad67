//! Long conversations, and lists that move while they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::Location;
use conversation::{InReplyTo, MessagePatch, NewMessage, Part, Patch, ReplyKind, text_of};

use super::super::{Depth, sync};
use super::support::{Frail, ids, words};
use crate::run::Run;
use crate::testing::{Changed, cx, said, subject};

async fn reword(frail: &Frail, at: &Location, id: &conversation::MessageId, text: &str) {
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text(text)]),
        ..MessagePatch::default()
    };
    let end = frail.world.end(&at.backend);
    let changed = end.update_message(&cx(), at, id, patch, None).await;
    changed.unwrap();
}

#[tokio::test]
async fn however_much_is_new_at_the_old_home_the_new_one_keeps_what_is_its_own() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(10).await;
    frail.sync(&at, Depth::Whole).await;
    let copy = frail.copy_of(&at).await;
    let known = ids(&frail.world.messages(&at).await);
    reword(&frail, &copy, &known[2], "edited at its home").await;
    reword(&frail, &at, &known[2], "edited where it lived").await;
    let old = frail.world.end("old");
    let deleted = old.delete_message(&cx(), &at, &known[4], None).await;
    deleted.unwrap();
    let many = (0..1_300).map(|number| said(100 + number, "late"));
    frail.world.say(&at, many.collect()).await;
    let carried = frail.sync(&at, Depth::NewOnly).await;
    assert_eq!((carried.written, carried.changed), (1_300, 0));
    let there = frail.world.messages(&copy).await;
    assert_eq!(there.len(), 1_310);
    let edited = there.iter().find(|message| message.id == known[2]).unwrap();
    assert_eq!(text_of(&edited.parts), "edited at its home");
    assert!(ids(&there).contains(&known[4]));
}

/// A run whose source shows the last message of its first page once more on the next.
fn shifting(frail: &Frail) -> Run {
    let last = std::sync::Mutex::new(None);
    let small = Changed::new(frail.world.end("old")).able(|can| can.limits.page_max = Some(50));
    let shown = small.showing(move |request, mut page| {
        let mut last = last.lock().unwrap();
        if request.position.is_none() {
            *last = page.items.last().cloned();
        } else if let Some(again) = last.take() {
            page.items.insert(0, again);
        }
        page
    });
    let mut run = frail.run.clone();
    run.from.stack = shown.shared();
    run
}

#[tokio::test]
async fn a_message_that_is_shown_twice_does_not_stand_for_one_that_was_deleted() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(201).await;
    frail.sync(&at, Depth::Whole).await;
    let gone = ids(&frail.world.messages(&at).await).remove(130);
    let old = frail.world.end("old");
    let deleted = old.delete_message(&cx(), &at, &gone, None).await;
    deleted.unwrap();
    let synced = frail.sync_as(&shifting(&frail), &at, Depth::Whole).await;
    assert_eq!((synced.written, synced.changed), (0, 1));
    frail.assert_equal(&at, "deleted").await;
}

#[tokio::test]
async fn a_message_that_is_shown_twice_is_written_once_also_while_it_waits() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(0).await;
    let parent = frail.world.say(&at, vec![said(900, "its parent")]).await;
    let mut reply = said(49, "a reply to what is said later");
    reply.in_reply_to = Some(InReplyTo {
        id: parent[0].clone(),
        kind: ReplyKind::Reply,
    });
    let mut all: Vec<NewMessage> = (0..49).map(|number| said(number, "words")).collect();
    all.push(reply);
    all.extend((50..120).map(|number| said(number, "words")));
    frail.world.say(&at, all).await;
    let synced = frail.sync_as(&shifting(&frail), &at, Depth::Whole).await;
    assert_eq!(synced.written, 121);
    frail.assert_equal(&at, "shown twice").await;
}

#[tokio::test]
async fn of_many_messages_only_a_few_are_asked_for_where_some_were_deleted() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(900).await;
    frail.sync(&at, Depth::Whole).await;
    let all = ids(&frail.world.messages(&at).await);
    let old = frail.world.end("old");
    for gone in [&all[0], &all[450], &all[899]] {
        let deleted = old.delete_message(&cx(), &at, gone, None).await;
        deleted.unwrap();
    }
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let counting = Changed::new(old).meeting(move |call, _| {
        if call == "get_message" {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Box::pin(std::future::ready(Ok(())))
    });
    let mut run = frail.run.clone();
    run.from.stack = counting.shared();
    let whose = subject(&run, &at).await;
    let synced = sync(&run, &whose, Depth::Whole).await.unwrap();
    assert_eq!((synced.written, synced.changed), (0, 3));
    assert!(synced.mark.is_some());
    let asked = asked.load(Ordering::Relaxed);
    assert!((3..100).contains(&asked), "{asked}");
    frail.assert_equal(&at, "deleted").await;
}

/// Two messages that look alike and are not.
fn alike(millis: i64) -> Vec<NewMessage> {
    let one = |name: &str| {
        let mut new = words(millis, "ok");
        new.metadata = serde_json::from_str(name).unwrap();
        new
    };
    vec![one(r#"{"of":"one"}"#), one(r#"{"of":"another"}"#)]
}

#[tokio::test]
async fn what_is_found_by_its_looks_is_written_again_where_it_is_another() {
    let frail = Frail::new(true).await;
    let at = frail.world.talk(0).await;
    frail.world.say(&at, alike(1_000)).await;
    frail.world.say(&at, vec![words(2_000, "after")]).await;
    frail.plan.lose_import(2);
    let first = frail.sync(&at, Depth::Whole).await;
    assert_eq!((first.messages, first.written, first.changed), (3, 4, 1));
    frail.assert_equal(&at, "copied").await;

    // Also where only what is new is carried over.
    frail.world.say(&at, alike(3_000)).await;
    frail.plan.lose_import(2);
    frail.sync(&at, Depth::NewOnly).await;
    frail.assert_equal(&at, "carried over").await;
}

#[tokio::test]
async fn an_empty_page_that_is_not_the_last_does_not_end_a_sync() {
    let frail = Frail::new(false).await;
    let at = frail.world.talk(3).await;
    frail.sync(&at, Depth::Whole).await;
    let new = (0..4).map(|number| said(50 + number, "newer"));
    frail.world.say(&at, new.collect()).await;
    // The newest two are not shown yet.
    let hiding = Changed::new(frail.world.end("old"))
        .able(|can| can.limits.page_max = Some(2))
        .showing(|request, mut page| {
            if request.position.is_none() {
                page.items.clear();
            }
            page
        });
    let mut run = frail.run.clone();
    run.from.stack = hiding.shared();
    let whose = subject(&run, &at).await;
    let synced = sync(&run, &whose, Depth::Newest).await.unwrap();
    assert_eq!((synced.messages, synced.written), (4, 2));
}
