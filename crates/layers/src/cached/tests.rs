//! What is remembered, for whom, and when it is forgotten.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend as _, Context, Kind, Location, Outcome, RespondRequest, Upstream};
use conversation::{MessageId, NewMessage, Role};
use futures_util::StreamExt as _;
use tokio::time::advance;

use super::{CacheSettings, Cached};
use crate::scripted::{Scripted, Step, at, away, cx, cx_of, failed, too_many};

const MINUTE: Duration = Duration::from_secs(60);

fn cached(vendor: &Arc<Scripted>, fresh_seconds: u64) -> Cached {
    let settings = CacheSettings {
        fresh_for: Duration::from_secs(fresh_seconds),
        ..CacheSettings::default()
    };
    Cached::new(vendor.clone(), settings)
}

/// The title that is told: the vendor gives another one each time.
async fn title(cached: &Cached, cx: &Context, at: &Location) -> backend::Result<String> {
    let read = cached.get_conversation(cx, at).await?;
    Ok(read.title.unwrap_or_default().into())
}

async fn post(cached: &Cached, at: &Location) -> backend::Result<()> {
    let new = NewMessage::text(Role::User, "hello");
    cached.post_message(&cx(MINUTE), at, new).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_as_long_as_it_is_fresh() {
    let vendor = Scripted::new([]);
    let cached = cached(&vendor, 10);
    let place = at("a");
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "0");
    advance(Duration::from_secs(9)).await;
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "0");
    assert_eq!(
        title(&cached, &cx(MINUTE).fresh(), &place).await.unwrap(),
        "1"
    );
    advance(Duration::from_secs(9)).await;
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "1");
    advance(Duration::from_secs(1)).await;
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn by_default_each_is_asked_for() {
    let vendor = Scripted::new([]);
    let cached = Cached::new(vendor.clone(), CacheSettings::default());
    for number in 0..3 {
        let told = title(&cached, &cx(MINUTE), &at("a")).await.unwrap();
        assert_eq!(told, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_backend_is_down_the_last_answer_is_given_with_its_age() {
    for error in [
        away(),
        failed(),
        too_many(Some(60)),
        backend::Error::new(Kind::Timeout, "x"),
        backend::Error::new(Kind::InvalidResponse, "x"),
    ] {
        let vendor = Scripted::new([Step::Works]);
        let cached = cached(&vendor, 0);
        let place = at("a");
        title(&cached, &cx(MINUTE), &place).await.unwrap();
        advance(MINUTE).await;
        vendor.always(Step::Fails(error.clone()));
        let asking = cx(MINUTE);
        assert_eq!(title(&cached, &asking, &place).await.unwrap(), "0");
        assert_eq!(asking.trace.stale(), Some(MINUTE), "{error:?}");
        // Not to whom it must be fresh, nor to whom writes.
        let fresh = cx(MINUTE).fresh();
        let told = title(&cached, &fresh, &place).await.unwrap_err();
        assert_eq!(told.kind, error.kind);
        let writer = Context {
            fence: Some(1),
            ..cx(MINUTE)
        };
        assert!(title(&cached, &writer, &place).await.is_err());
        // Nor for ever.
        advance(Duration::from_secs(86_400)).await;
        assert!(title(&cached, &cx(MINUTE), &place).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_backend_says_is_told_as_it_is() {
    let vendor = Scripted::new([Step::Works]);
    let cached = cached(&vendor, 0);
    title(&cached, &cx(MINUTE), &at("a")).await.unwrap();
    for error in [
        backend::Error::conversation_not_found(),
        backend::Error::new(Kind::UpstreamAuth, "x"),
        backend::Error::new(Kind::Unavailable, "our own state"),
        backend::Error::new(Kind::UpstreamFailed, "no such path").upstream(Upstream {
            status: Some(404),
            ..Upstream::default()
        }),
    ] {
        vendor.always(Step::Fails(error.clone()));
        let asking = cx(MINUTE);
        let told = title(&cached, &asking, &at("a")).await.unwrap_err();
        assert_eq!((told.kind, asking.trace.stale()), (error.kind, None));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_what_another_was() {
    let vendor = Scripted::new([]);
    let cached = cached(&vendor, 60);
    let place = at("a");
    let credential = Location {
        credential: Some("user:acme/ann".into()),
        ..place.clone()
    };
    let asked = [
        (cx_of("acme", None, MINUTE), &place),
        (cx_of("other", None, MINUTE), &place),
        (cx_of("acme", Some("ann"), MINUTE), &place),
        (cx_of("acme", Some("bob"), MINUTE), &place),
        (cx_of("acme", None, MINUTE), &credential),
    ];
    for round in 0..2 {
        for (number, (cx, at)) in asked.iter().enumerate() {
            let told = title(&cached, cx, at).await.unwrap();
            assert_eq!(told, number.to_string(), "round {round}");
        }
    }
    // And what was told of one message says nothing of another.
    let (one, other) = (MessageId::generate(), MessageId::generate());
    let wait = cx(MINUTE);
    let first = cached.get_message(&wait, &place, &one).await.unwrap();
    let second = cached.get_message(&wait, &place, &other).await.unwrap();
    assert_ne!(first.id, second.id);
    let again = cached.get_message(&wait, &place, &one).await.unwrap();
    assert_eq!(again.id, first.id);
}

#[tokio::test(start_paused = true)]
async fn a_write_forgets_its_conversation_for_everybody_and_no_other() {
    let vendor = Scripted::new([]);
    let cached = cached(&vendor, 60);
    let (one, other) = (at("a"), at("b"));
    let (acme, ann) = (cx(MINUTE), cx_of("acme", Some("ann"), MINUTE));
    for (cx, at, wanted) in [(&acme, &one, "0"), (&ann, &one, "1"), (&acme, &other, "2")] {
        assert_eq!(title(&cached, cx, at).await.unwrap(), wanted);
    }
    post(&cached, &one).await.unwrap();
    for (cx, at, wanted) in [(&acme, &one, "4"), (&ann, &one, "5"), (&acme, &other, "2")] {
        assert_eq!(title(&cached, cx, at).await.unwrap(), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_leaves_what_it_has_not_changed() {
    for (outcome, is_fresh, is_left) in [
        (Outcome::NotApplied, true, true),
        (Outcome::Unknown, false, true),
        (Outcome::Applied, false, false),
    ] {
        let vendor = Scripted::new([Step::Works]);
        let cached = cached(&vendor, 60);
        let place = at("a");
        title(&cached, &cx(MINUTE), &place).await.unwrap();
        vendor.always(Step::Fails(away().outcome(outcome)));
        assert_eq!(post(&cached, &place).await.unwrap_err().outcome, outcome);
        let asking = cx(MINUTE);
        let told = title(&cached, &asking, &place).await;
        assert_eq!(told.is_ok(), is_left, "{outcome:?}");
        let is_stale = asking.trace.stale().is_some();
        assert_eq!(is_stale, is_left && !is_fresh, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_backend_no_longer_finds_is_forgotten() {
    let vendor = Scripted::new([
        Step::Works,
        Step::Fails(backend::Error::conversation_not_found()),
    ]);
    let cached = cached(&vendor, 0);
    title(&cached, &cx(MINUTE), &at("a")).await.unwrap();
    assert!(title(&cached, &cx(MINUTE), &at("a")).await.is_err());
    vendor.always(Step::Fails(away()));
    let told = title(&cached, &cx(MINUTE), &at("a")).await.unwrap_err();
    assert_eq!(told.kind, Kind::Unavailable);
    // Also where a write is told so.
    vendor.always(Step::Works);
    title(&cached, &cx(MINUTE), &at("b")).await.unwrap();
    let gone = backend::Error::conversation_not_found();
    vendor.always(Step::Fails(gone));
    assert!(post(&cached, &at("b")).await.is_err());
    vendor.always(Step::Fails(away()));
    assert!(title(&cached, &cx(MINUTE), &at("b")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn everything_can_be_forgotten_at_once() {
    let vendor = Scripted::new([]);
    let cached = cached(&vendor, 60);
    let places = [at("a"), at("b")];
    for place in &places {
        title(&cached, &cx(MINUTE), place).await.unwrap();
    }
    cached.forget_all();
    for (place, wanted) in places.iter().zip(["2", "3"]) {
        let told = title(&cached, &cx(MINUTE), place).await.unwrap();
        assert_eq!(told, wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_conversation_is_written_nothing_is_given_or_put() {
    let slowly = Step::Takes(Duration::from_secs(5), Box::new(Step::Works));
    let vendor = Scripted::new([Step::Works, slowly.clone()]);
    let cached = Arc::new(cached(&vendor, 600));
    let place = at("a");
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "0");
    let writing = tokio::spawn({
        let (cached, place) = (Arc::clone(&cached), place.clone());
        async move { post(&cached, &place).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "1");
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "2");
    writing.await.unwrap().unwrap();
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "4");
    assert_eq!(title(&cached, &cx(MINUTE), &place).await.unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_began_before_a_write_ended_is_not_remembered() {
    let slowly = Step::Takes(Duration::from_secs(5), Box::new(Step::Works));
    let vendor = Scripted::new([slowly]);
    let cached = Arc::new(cached(&vendor, 600));
    let place = at("a");
    let reading = tokio::spawn({
        let (cached, place) = (Arc::clone(&cached), place.clone());
        async move { title(&cached, &cx(MINUTE), &place).await }
    });
    tokio::task::yield_now().await;
    post(&cached, &place).await.unwrap();
    reading.await.unwrap().unwrap();
    let asked = vendor.calls();
    title(&cached, &cx(MINUTE), &place).await.unwrap();
    assert_eq!(vendor.calls(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_a_write_until_its_last_event() {
    let vendor = Scripted::new([]);
    let cached = cached(&vendor, 600);
    let (wait, place) = (cx(MINUTE), at("a"));
    let request = RespondRequest::default();
    let mut events = cached
        .respond(&wait, &place, request.clone())
        .await
        .unwrap();
    events.next().await.unwrap();
    let during = title(&cached, &wait, &place).await.unwrap();
    assert_ne!(title(&cached, &wait, &place).await.unwrap(), during);
    events.next().await.unwrap();
    let after = title(&cached, &wait, &place).await.unwrap();
    assert_eq!(title(&cached, &wait, &place).await.unwrap(), after);
    // One that nobody hears to its end counts as well.
    drop(cached.respond(&wait, &place, request).await.unwrap());
    assert_ne!(title(&cached, &wait, &place).await.unwrap(), after);
}

#[tokio::test(start_paused = true)]
async fn several_at_once_are_remembered_and_never_answered_out_of_memory() {
    let vendor = Scripted::new([]);
    let cached = cached(&vendor, 0);
    let (wait, places) = (cx(MINUTE), [at("a"), at("b")]);
    let read: Vec<_> = cached.get_conversations(&wait, &places).collect().await;
    assert!(read.iter().all(|(_, one)| one.is_ok()));
    vendor.always(Step::Fails(away()));
    let read: Vec<_> = cached.get_conversations(&wait, &places).collect().await;
    assert!(read.iter().all(|(_, one)| one.is_err()));
    assert!(title(&cached, &wait, &places[1]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn memory_has_a_bound_and_none_is_none() {
    let vendor = Scripted::new([]);
    let settings = CacheSettings {
        max_bytes: 100_000,
        ..CacheSettings::default()
    };
    let small = Cached::new(vendor.clone(), settings.clone());
    for number in 0..1_000 {
        let place = at(&number.to_string());
        title(&small, &cx(MINUTE), &place).await.unwrap();
        small
            .get_message(&cx(MINUTE), &place, &MessageId::generate())
            .await
            .unwrap();
    }
    let weighed = small.shelves.weighed();
    assert!((1..=100_000).contains(&weighed), "{weighed}");
    for number in 0..1_000 {
        let id = MessageId::generate();
        let read = small.get_message(&cx(MINUTE), &at("one"), &id).await;
        assert!(read.is_ok(), "{number}");
    }
    assert!(small.shelves.weighed() <= 100_000);
    let none = CacheSettings {
        max_bytes: 0,
        ..settings
    };
    let none = Cached::new(vendor.clone(), none);
    title(&none, &cx(MINUTE), &at("a")).await.unwrap();
    vendor.always(Step::Fails(away()));
    assert!(title(&none, &cx(MINUTE), &at("a")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_successor_remembers_and_forgets_the_same() {
    let vendor = Scripted::new([]);
    let former = cached(&vendor, 60);
    let place = at("a");
    assert_eq!(title(&former, &cx(MINUTE), &place).await.unwrap(), "0");
    let next = cached(&vendor, 60).succeeding(&former);
    assert_eq!(title(&next, &cx(MINUTE), &place).await.unwrap(), "0");
    post(&former, &place).await.unwrap();
    assert_eq!(title(&next, &cx(MINUTE), &place).await.unwrap(), "2");
}
