//! What a copy is writing at this moment is not shown before its public id is known.

use std::sync::Arc;

use backend::ports::Arriving;
use backend::{Backend as _, Context, Kind, Location, Order, PageRequest};
use conversation::{MessageId, NewMessage, Role, Time};
use overlay::{Overlay, OverlaySettings};
use store::{SealingKey, Store, StoreConfig};

use crate::below::Below;
use crate::names::Late;
use crate::support::{Bench, cx, id, text};

/// When the message that arrives was said, elsewhere.
fn said() -> Time {
    Time::from_micros(1_000_000_000_000).unwrap()
}

fn new(words: &str, sent_at: Option<Time>) -> NewMessage {
    NewMessage {
        sent_at,
        ..NewMessage::text(Role::User, words)
    }
}

fn arriving(words: &str) -> Arriving {
    sent(words, Time::now())
}

/// Sent to the backend at a time.
fn sent(words: &str, since: Time) -> Arriving {
    Arriving {
        message: new(words, Some(said())),
        since,
    }
}

fn in_seconds(seconds: i64) -> Time {
    Time::now().saturating_add_micros(seconds * 1_000_000)
}

fn vendor() -> Bench {
    Bench::over(Below::vendor)
}

fn writer() -> Context {
    Context {
        copying: true,
        ..cx()
    }
}

/// A message that a copy has just written, with its time where `sent_at` is one; its id there.
async fn written(bench: &Bench, at: &Location, words: &str, sent_at: Option<Time>) -> MessageId {
    let new = vec![new(words, sent_at)];
    let mut written = bench
        .below
        .import_messages(&writer(), at, new)
        .await
        .unwrap();
    written.remove(0).unwrap().id
}

async fn texts(bench: &Bench, at: &Location) -> Vec<String> {
    bench.shown(at).await.iter().map(text).collect()
}

#[tokio::test]
async fn what_is_being_written_is_shown_when_it_has_its_public_id_and_not_before() {
    let bench = Bench::new();
    let at = bench.create().await;
    bench.copied(&at, "public-1", "earlier").await;
    bench.said(&at, "late").await;
    bench.names.arrive(vec![arriving("late")]);
    // It is noted, and not there yet.
    assert_eq!(texts(&bench, &at).await, ["earlier", "late"]);
    let native = written(&bench, &at, "late", Some(said())).await;
    assert_eq!(texts(&bench, &at).await, ["earlier", "late"]);
    let ids: Vec<MessageId> = bench
        .shown(&at)
        .await
        .into_iter()
        .map(|one| one.id)
        .collect();
    assert!(!ids.contains(&native), "nobody knows it by this id");
    let read = bench.renamed.get_message(&cx(), &at, &native).await;
    assert_eq!(read.unwrap_err().kind, Kind::NotFound);
    // Whoever writes it must find it.
    let page = PageRequest::first(10);
    let seen = bench.renamed.list_messages(&writer(), &at, &page).await;
    let seen: Vec<MessageId> = seen.unwrap().items.into_iter().map(|one| one.id).collect();
    assert!(seen.contains(&native));
    let seen = bench.renamed.get_message(&writer(), &at, &native).await;
    assert_eq!(seen.unwrap().id, native);

    bench.names.note("public-2", native.as_str());
    bench.names.arrive(Vec::new());
    let shown = bench.shown(&at).await;
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().any(|one| one.id == id("public-2")));
}

#[tokio::test]
async fn what_is_noted_between_two_questions_has_its_name() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native = written(&bench, &at, "late", Some(said())).await;
    bench.names.arrive(vec![arriving("late")]);
    bench
        .names
        .note_late("public", native.as_str(), Late::Before);
    let shown = bench.shown(&at).await;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].id, id("public"));
}

#[tokio::test]
async fn where_its_time_is_not_known_yet_it_is_the_first_that_came_since_it_was_sent() {
    for (is_vendor, hidden) in [(true, 1), (false, 0)] {
        let bench = Bench::over(|store| match is_vendor {
            true => Below::vendor(store),
            false => store,
        });
        let at = bench.create().await;
        let before = bench.said(&at, "yes").await;
        let since = Time::now();
        let native = written(&bench, &at, "yes", None).await;
        // Its writer has left the conversation to others, and comes again.
        let after = bench.said(&at, "yes").await;
        let copied = bench.copied(&at, "public", "yes").await;
        bench.names.arrive(vec![sent("yes", since)]);
        for order in [Order::Asc, Order::Desc] {
            let page = PageRequest {
                order,
                ..PageRequest::first(10)
            };
            let shown = bench.renamed.list_messages(&cx(), &at, &page).await;
            let shown: Vec<MessageId> =
                shown.unwrap().items.into_iter().map(|one| one.id).collect();
            assert_eq!(shown.len(), 4 - hidden, "{order:?}");
            assert_eq!(shown.contains(&native), hidden == 0, "{order:?}");
            assert!(shown.contains(&before) && shown.contains(&after));
            assert!(shown.contains(&id("public")) && !shown.contains(&copied));
        }
        // By itself nobody can tell which of two it is, and one of them is somebody's.
        let read = bench.renamed.get_message(&cx(), &at, &native).await;
        assert_eq!(read.unwrap().id, native);
    }
}

#[tokio::test]
async fn what_callers_said_before_is_shown_though_something_alike_is_to_come() {
    let bench = vendor();
    let at = bench.create().await;
    bench.said(&at, "yes").await;
    // It is noted before anything is sent, and may never be there.
    bench.names.arrive(vec![sent("yes", in_seconds(10))]);
    assert_eq!(texts(&bench, &at).await, ["yes"]);
}

#[tokio::test]
async fn what_callers_said_before_is_shown_where_what_arrives_is_on_another_page() {
    for order in [Order::Asc, Order::Desc] {
        let bench = vendor();
        let at = bench.create().await;
        let native = written(&bench, &at, "yes", Some(said())).await;
        let callers = bench.said(&at, "yes").await;
        bench.names.arrive(vec![sent("yes", in_seconds(10))]);
        let mut page = PageRequest {
            order,
            ..PageRequest::first(1)
        };
        let mut shown = Vec::new();
        loop {
            let listed = bench.renamed.list_messages(&cx(), &at, &page).await;
            let listed = listed.unwrap();
            shown.extend(listed.items.into_iter().map(|one| one.id));
            let Some(next) = listed.next else { break };
            page = page.after(next);
        }
        assert_eq!(shown, [callers], "{order:?}");
        assert!(!shown.contains(&native));
    }
}

#[tokio::test]
async fn what_is_noted_after_it_was_said_to_arrive_hides_nobody_elses() {
    let bench = vendor();
    let at = bench.create().await;
    let since = Time::now();
    let native = written(&bench, &at, "yes", None).await;
    let callers = bench.said(&at, "yes").await;
    bench.names.arrive(vec![sent("yes", since)]);
    bench
        .names
        .note_late("public", native.as_str(), Late::After);
    let shown = bench.shown(&at).await;
    let shown: Vec<MessageId> = shown.into_iter().map(|one| one.id).collect();
    assert_eq!(shown, [id("public"), callers]);
}

#[tokio::test]
async fn no_more_is_asked_than_is_needed() {
    let bench = vendor();
    let at = bench.create().await;
    let native = written(&bench, &at, "late", Some(said())).await;
    bench.names.arrive(vec![arriving("late")]);
    let asked = || (bench.names.asked(), bench.names.arriving_asked());
    asked();
    // Nothing where nothing is renamed.
    let first = Location {
        renamed: false,
        ..at.clone()
    };
    let page = PageRequest::first(10);
    let listed = bench.renamed.list_messages(&cx(), &first, &page).await;
    assert_eq!(listed.unwrap().items.len(), 1);
    let read = bench.renamed.get_message(&cx(), &first, &native).await;
    assert_eq!(read.unwrap().id, native);
    assert_eq!(asked(), (0, 0));
    // Twice only where something would be hidden.
    assert_eq!(texts(&bench, &at).await, [""; 0]);
    assert_eq!(asked(), (1, 2));
    bench.names.arrive(vec![arriving("other words")]);
    assert_eq!(texts(&bench, &at).await, ["late"]);
    assert_eq!(asked().1, 1);
    // Once, and for no other ids, where nothing arrives.
    bench.names.note("public", native.as_str());
    bench.names.arrive(Vec::new());
    assert_eq!(texts(&bench, &at).await, ["late"]);
    assert_eq!(asked(), (1, 1));
    // Whoever copies is shown all, and asked nothing.
    let listed = bench.renamed.list_messages(&writer(), &at, &page).await;
    assert_eq!(listed.unwrap().items.len(), 1);
    assert_eq!(asked().1, 0);
}

#[tokio::test]
async fn a_page_gets_shorter_and_its_cursors_stay() {
    let bench = Bench::new();
    let at = bench.create().await;
    written(&bench, &at, "late", Some(said())).await;
    for words in ["one", "two"] {
        bench.said(&at, words).await;
    }
    bench.names.arrive(vec![arriving("late")]);
    let page = PageRequest::first(1);
    let first = bench.renamed.list_messages(&cx(), &at, &page).await;
    let first = first.unwrap();
    assert!(first.items.is_empty());
    let page = page.after(first.next.unwrap());
    let second = bench.renamed.list_messages(&cx(), &at, &page).await;
    let second: Vec<String> = second.unwrap().items.iter().map(text).collect();
    assert_eq!(second, ["one"]);
}

#[tokio::test]
async fn without_an_answer_to_what_arrives_nothing_is_shown() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native = bench.said(&at, "words").await;
    let page = PageRequest::first(10);
    bench.names.fail_arriving(true);
    let listed = bench.renamed.list_messages(&cx(), &at, &page).await;
    assert_eq!(listed.unwrap_err().kind, Kind::Internal);
    let read = bench.renamed.get_message(&cx(), &at, &native).await;
    assert_eq!(read.unwrap_err().kind, Kind::Internal);
    // Names alone are told all the same.
    let listed = bench.renamed.list_messages(&writer(), &at, &page).await;
    assert_eq!(listed.unwrap().items.len(), 1);
    bench.names.fail_arriving(false);
    assert_eq!(texts(&bench, &at).await, ["words"]);
    let read = bench.renamed.get_message(&cx(), &at, &native).await;
    assert_eq!(read.unwrap().id, native);
}

#[tokio::test]
async fn nothing_is_told_of_fields_of_what_is_not_shown() {
    let files = tempfile::tempdir().unwrap();
    let own = Store::open(StoreConfig::at(files.path().join("own.db"))).unwrap();
    let state = Arc::new(own.state(&SealingKey::from_bytes([7; 32])).unwrap());
    let bench = Bench::over(|store| {
        let below = Below::without_imports(store);
        let settings = OverlaySettings::default();
        Arc::new(Overlay::new(
            below,
            settings,
            state.clone(),
            state.clone(),
            state,
        ))
    });
    let at = bench.create().await;
    let kept = written(&bench, &at, "kept", Some(said())).await;
    bench.names.note("public", kept.as_str());
    written(&bench, &at, "late", Some(said())).await;
    bench.names.arrive(vec![arriving("late")]);
    let reading = cx();
    let page = PageRequest::first(10);
    let listed = bench.renamed.list_messages(&reading, &at, &page).await;
    assert_eq!(listed.unwrap().items.len(), 1);
    let fates = reading.trace.fates();
    assert!(!fates.is_empty() && fates.iter().all(|(of, _)| &**of == "public"));
}
