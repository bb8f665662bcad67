//! The layers together, in their order, over a backend that does what it is told.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend as _, Error, Intent, Kind, Origin, Outcome, PageRequest, RespondRequest, Retry, Write,
};
use conversation::{ConversationPatch, NewConversation, NewMessage, Role, Time};
use futures_util::StreamExt as _;
use tokio::time::{Instant, advance};

use super::{GuardSettings, Guarded};
use crate::breaker::Phase;
use crate::scripted::{Scripted, Step, at, away, cx, cx_of, failed, too_many};

const MINUTE: Duration = Duration::from_secs(60);

fn guarded(vendor: &Arc<Scripted>) -> Guarded {
    Guarded::new(vendor.clone(), GuardSettings::default())
}

fn takes(seconds: u64) -> Step {
    Step::Takes(Duration::from_secs(seconds), Box::new(Step::Works))
}

async fn post(guarded: &Guarded) -> backend::Result<()> {
    let new = NewMessage::text(Role::User, "hello");
    let posted = guarded.post_message(&cx(MINUTE), &at("a"), new).await;
    posted.map(drop)
}

async fn get(guarded: &Guarded) -> backend::Result<()> {
    let read = guarded.get_conversation(&cx(MINUTE), &at("a")).await;
    read.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_and_each_further_attempt_is_told() {
    let vendor = Scripted::new([Step::Fails(away()), Step::Fails(failed())]);
    let guarded = guarded(&vendor);
    let cx = cx(MINUTE);
    // As the router does.
    cx.trace.note_attempt();
    guarded.get_conversation(&cx, &at("a")).await.unwrap();
    assert_eq!((vendor.calls(), cx.trace.attempts()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_read_is_given_up_after_a_few_attempts() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(away()));
    let error = get(&guarded(&vendor)).await.unwrap_err();
    assert_eq!(vendor.calls(), 4);
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(error.operation, Some("get_conversation"));
    assert_eq!(error.backend.as_deref(), Some("vendor"));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_repeated_only_where_nothing_was_done() {
    for (error, wanted) in [
        (away(), 2),
        (away().outcome(Outcome::Unknown), 1),
        (away().outcome(Outcome::Applied), 1),
        (away().retry(Retry::Permanent), 1),
        (failed(), 1),
        (failed().outcome(Outcome::NotApplied), 1),
        (Error::new(Kind::Timeout, "x"), 1),
        (Error::new(Kind::Busy, "x").origin(Origin::Upstream), 1),
        (Error::new(Kind::Moved, "x"), 1),
        (Error::new(Kind::InvalidRequest, "x"), 1),
    ] {
        let case = format!("{error:?}");
        let outcome = error.outcome;
        let vendor = Scripted::new([Step::Fails(error)]);
        let posted = post(&guarded(&vendor)).await;
        assert_eq!(vendor.calls(), wanted, "{case}");
        assert_eq!(posted.is_ok(), wanted > 1, "{case}");
        if let Err(told) = posted {
            assert_eq!(told.outcome, outcome, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_write_is_sent_as_it_came_again() {
    let away_once = || Scripted::new([Step::Fails(away())]);
    let (wait, place) = (cx(MINUTE), at("a"));
    let vendor = away_once();
    let new = NewConversation {
        title: Some("t".into()),
        ..NewConversation::default()
    };
    let made = guarded(&vendor).create_conversation(&wait, new).await;
    assert_eq!(made.unwrap().conversation.title.as_deref(), Some("t"));
    let vendor = away_once();
    let patch = ConversationPatch::default();
    let guarded = guarded(&vendor);
    let updated = guarded.update_conversation(&wait, &place, patch, None);
    updated.await.unwrap();
    assert_eq!(vendor.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_failed_message_by_message_is_not_repeated_and_counts() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(away()));
    let guarded = guarded(&vendor);
    let new = vec![NewMessage::text(Role::User, "hello")];
    for _ in 0..GuardSettings::default().breaker_failures {
        let (wait, place) = (cx(MINUTE), at("a"));
        let results = guarded.import_messages(&wait, &place, new.clone()).await;
        assert!(results.unwrap()[0].is_err());
    }
    assert_eq!(vendor.calls(), GuardSettings::default().breaker_failures);
    assert_eq!(guarded.breaker.phase(), Phase::Open);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_ends_in_its_time_and_is_not_repeated() {
    let vendor = Scripted::new([Step::Hangs]);
    let guarded = guarded(&vendor);
    let began = Instant::now();
    let error = get(&guarded).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::NotApplied)
    );
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(30) && took < Duration::from_secs(31),
        "{took:?}"
    );
    assert_eq!(vendor.calls(), 1);
    // The permit is back.
    assert_eq!(
        guarded.limit.free(),
        GuardSettings::default().calls_at_once_max
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_has_the_time_of_its_adapter() {
    let vendor = Scripted::new([takes(55)]);
    post(&guarded(&vendor)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repeated_behind_the_callers_deadline() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(
        away().retry_after(Some(Duration::from_secs(5))),
    ));
    let guarded = guarded(&vendor);
    let wait = cx(Duration::from_secs(4));
    let began = Instant::now();
    let error = guarded.get_conversation(&wait, &at("a")).await.unwrap_err();
    assert_eq!(began, Instant::now());
    assert_eq!(error.retry_after, Some(Duration::from_secs(5)));
    assert_eq!(vendor.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_answers_at_once_and_closes_after_recovery() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(away()));
    let guarded = guarded(&vendor);
    while guarded.breaker.phase() == Phase::Closed {
        get(&guarded).await.unwrap_err();
    }
    let sent = vendor.calls();
    assert!(sent <= 20, "{sent} failures");
    let began = Instant::now();
    let error = post(&guarded).await.unwrap_err();
    assert_eq!(began, Instant::now());
    assert_eq!(vendor.calls(), sent);
    assert_eq!(
        (error.kind, error.origin, error.outcome, error.retry),
        (
            Kind::Unavailable,
            Origin::Upstream,
            Outcome::NotApplied,
            Retry::Temporary
        )
    );
    assert!(error.retry_after.is_some());
    // A minute of outage.
    for _ in 0..600 {
        advance(Duration::from_millis(100)).await;
        get(&guarded).await.unwrap_err();
    }
    vendor.always(Step::Works);
    let recovered = Instant::now();
    while get(&guarded).await.is_err() {
        advance(Duration::from_millis(100)).await;
    }
    assert!(recovered.elapsed() <= Duration::from_secs(10));
    assert_eq!(guarded.breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_failures_is_not_multiplied() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(away()));
    let guarded = guarded(&vendor);
    for _ in 0..1_000_u32 {
        get(&guarded).await.unwrap_err();
        advance(Duration::from_millis(60)).await;
    }
    assert!(vendor.calls() <= 1_200, "{} calls", vendor.calls());
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_that_opens_the_budget_bounds_what_is_repeated() {
    // Every third call fails: the breaker stays closed.
    let vendor = Scripted::new((0..3_000).map(|number| match number % 3 {
        0 => Step::Fails(away()),
        _ => Step::Works,
    }));
    let guarded = guarded(&vendor);
    for _ in 0..1_000_u32 {
        // Not every one works: the budget is smaller than what fails.
        let _result = get(&guarded).await;
        advance(Duration::from_millis(10)).await;
    }
    assert_eq!(guarded.breaker.phase(), Phase::Closed);
    let calls = vendor.calls();
    assert!((1_100..=1_210).contains(&calls), "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn what_a_vendor_asks_for_is_waited_exactly_and_told_where_it_is_too_long() {
    for (asked, waits) in [(Some(0), 0), (Some(1), 1), (Some(30), 30)] {
        let vendor = Scripted::new([Step::Fails(too_many(asked))]);
        let began = Instant::now();
        get(&guarded(&vendor)).await.unwrap();
        let waited = began.elapsed();
        let exactly = Duration::from_secs(waits);
        assert!(waited >= exactly, "{asked:?}: {waited:?}");
        assert!(
            waited < exactly + Duration::from_millis(10),
            "{asked:?}: {waited:?}"
        );
        assert_eq!(vendor.calls(), 2);
    }
    let vendor = Scripted::new([Step::Fails(too_many(Some(31)))]);
    let guarded = guarded(&vendor);
    let began = Instant::now();
    get(&guarded).await.unwrap_err();
    for _ in 0..3 {
        // The others are told the same, and the vendor hears nothing of them.
        let error = post(&guarded).await.unwrap_err();
        assert_eq!(error.kind, Kind::RateLimited);
        assert_eq!(error.retry_after, Some(Duration::from_secs(31)));
    }
    assert_eq!((began, vendor.calls()), (Instant::now(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_held_back_for_less_time_than_its_lease_lasts() {
    let vendor = Scripted::new([Step::Fails(too_many(Some(8)))]);
    post(&guarded(&vendor)).await.unwrap();
    let vendor = Scripted::new([Step::Fails(too_many(Some(10)))]);
    let began = Instant::now();
    let error = post(&guarded(&vendor)).await.unwrap_err();
    assert_eq!((began, vendor.calls()), (Instant::now(), 1));
    assert_eq!(error.retry_after, Some(Duration::from_secs(10)));
    // Nor is one sent again that took long to fail.
    let late = Step::Takes(Duration::from_secs(9), Box::new(Step::Fails(away())));
    let vendor = Scripted::new([late]);
    post(&guarded(&vendor)).await.unwrap_err();
    assert_eq!(vendor.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_one_caller_learns_when_creating_holds_up_nobody_else() {
    let vendor = Scripted::new([Step::Fails(too_many(Some(20)))]);
    let guarded = guarded(&vendor);
    let new = NewConversation::default();
    let acme = cx_of("acme", None, MINUTE);
    let refused = guarded.create_conversation(&acme, new.clone()).await;
    assert_eq!(refused.unwrap_err().kind, Kind::RateLimited);
    let again = guarded.create_conversation(&acme, new.clone()).await;
    assert_eq!((again.is_err(), vendor.calls()), (true, 1));
    let other = cx_of("other", None, MINUTE);
    guarded.create_conversation(&other, new).await.unwrap();
    get(&guarded).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_settling_a_create_learns_holds_up_nobody_else() {
    let vendor = Scripted::new([Step::Fails(too_many(Some(300)))]);
    let guarded = guarded(&vendor);
    let acme = cx_of("acme", None, MINUTE);
    let create = Intent {
        id: acme.intent,
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let refused = guarded.settle(&acme, &create).await.unwrap_err();
    assert_eq!(refused.kind, Kind::RateLimited);
    guarded.settle(&acme, &create).await.unwrap_err();
    assert_eq!(vendor.calls(), 1, "the same credential");
    get(&guarded).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_one_user_learns_holds_up_those_with_the_same_credential_and_no_others() {
    let vendor = Scripted::of_users([Step::Fails(too_many(Some(20)))]);
    let guarded = guarded(&vendor);
    let create = async |user: &str| {
        let cx = cx_of("acme", Some(user), MINUTE);
        let made = guarded.create_conversation(&cx, NewConversation::default());
        made.await.map(drop)
    };
    // Nobody knows yet with whose credential that was: only this one waits.
    create("ann").await.unwrap_err();
    create("bob").await.unwrap();
    create("cid").await.unwrap();
    vendor.always(Step::Fails(too_many(Some(20))));
    create("bob").await.unwrap_err();
    let sent = vendor.calls();
    // It was the backend's own, as of all who made something: nobody is faster than the vendor asked.
    create("cid").await.unwrap_err();
    post(&guarded).await.unwrap_err();
    assert_eq!(vendor.calls(), sent);
    vendor.always(Step::Works);
    create("dan").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn too_many_is_never_told_without_a_time() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(too_many(None)));
    let guarded = guarded(&vendor);
    for _ in 0..3 {
        let told = post(&guarded).await.unwrap_err();
        assert_eq!(told.kind, Kind::RateLimited);
        assert!(told.retry_after.is_some_and(|wait| !wait.is_zero()));
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_opens_no_breaker() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Fails(too_many(Some(0))));
    let guarded = guarded(&vendor);
    for _ in 0..100 {
        assert_eq!(get(&guarded).await.unwrap_err().kind, Kind::RateLimited);
    }
    assert_eq!(guarded.breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_answer_holds_its_permit_until_its_last_event() {
    let vendor = Scripted::new([]);
    let settings = GuardSettings {
        calls_at_once_max: 1,
        ..GuardSettings::default()
    };
    let guarded = Guarded::new(vendor.clone(), settings);
    let (wait, place) = (cx(MINUTE), at("a"));
    let request = RespondRequest::default();
    let mut events = guarded
        .respond(&wait, &place, request.clone())
        .await
        .unwrap();
    assert!(events.next().await.is_some());
    assert_eq!(guarded.limit.free(), 0);
    assert!(events.next().await.unwrap().is_last());
    // Whoever reads on below after the answer needs the permit while the events are still held.
    assert_eq!(guarded.limit.free(), 1);
    get(&guarded).await.unwrap();
    drop(events);
    assert_eq!(guarded.limit.free(), 1);
    drop(guarded.respond(&wait, &place, request).await.unwrap());
    assert_eq!(guarded.limit.free(), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_that_begin_and_fail_open_the_breaker_and_close_none() {
    let vendor = Scripted::new([]);
    let guarded = guarded(&vendor);
    let answer = async || {
        let (wait, place) = (cx(MINUTE), at("a"));
        let events = guarded.respond(&wait, &place, RespondRequest::default());
        events.await.map(|events| events.count())?.await;
        Ok::<(), Error>(())
    };
    vendor.fails_late(Some(failed()));
    for _ in 0..GuardSettings::default().breaker_failures {
        answer().await.unwrap();
    }
    assert_eq!(guarded.breaker.phase(), Phase::Open);
    advance(Duration::from_secs(10)).await;
    answer().await.unwrap();
    assert_eq!(guarded.breaker.phase(), Phase::Open, "as a trial it failed");
    vendor.fails_late(None);
    advance(Duration::from_secs(10)).await;
    answer().await.unwrap();
    assert_eq!(guarded.breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_loses_no_permit_and_no_trial() {
    let vendor = Scripted::new([]);
    let guarded = Arc::new(guarded(&vendor));
    vendor.always(Step::Fails(away()));
    while guarded.breaker.phase() == Phase::Closed {
        post(&guarded).await.unwrap_err();
    }
    advance(Duration::from_secs(10)).await;
    vendor.always(Step::Hangs);
    let trial = tokio::spawn({
        let guarded = Arc::clone(&guarded);
        async move { get(&guarded).await }
    });
    while guarded.breaker.phase() != Phase::HalfOpen {
        tokio::task::yield_now().await;
    }
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    assert_eq!(
        guarded.limit.free(),
        GuardSettings::default().calls_at_once_max
    );
    vendor.always(Step::Works);
    get(&guarded).await.unwrap();
    assert_eq!(guarded.breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn who_stood_in_line_when_the_breaker_opened_is_not_sent() {
    let vendor = Scripted::new([]);
    vendor.always(Step::Takes(
        Duration::from_secs(1),
        Box::new(Step::Fails(away().outcome(Outcome::Unknown))),
    ));
    let settings = GuardSettings {
        calls_at_once_max: 2,
        breaker_failures: 2,
        ..GuardSettings::default()
    };
    let guarded = Arc::new(Guarded::new(vendor.clone(), settings));
    let posts: Vec<_> = (0..6)
        .map(|_| {
            let guarded = Arc::clone(&guarded);
            tokio::spawn(async move { post(&guarded).await })
        })
        .collect();
    let mut not_applied = 0;
    for one in posts {
        let error = one.await.unwrap().unwrap_err();
        not_applied += usize::from(error.outcome == Outcome::NotApplied);
    }
    assert_eq!((vendor.calls(), not_applied), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_allowed_reach_the_vendor_at_once() {
    let vendor = Scripted::new([]);
    vendor.always(takes(1));
    let settings = GuardSettings {
        calls_at_once_max: 3,
        ..GuardSettings::default()
    };
    let guarded = Guarded::new(vendor.clone(), settings);
    let places: Vec<_> = (0..9).map(|number| at(&number.to_string())).collect();
    let wait = cx(MINUTE);
    let read: Vec<_> = guarded.get_conversations(&wait, &places).collect().await;
    assert!(read.iter().all(|(_, one)| one.is_ok()));
    assert_eq!((read.len(), vendor.most_at_once()), (9, 3));
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_like_anything_else() {
    let vendor = Scripted::new([Step::Fails(away())]);
    let page = PageRequest::first(10);
    let listed = guarded(&vendor)
        .list_messages(&cx(MINUTE), &at("a"), &page)
        .await;
    assert_eq!(listed.unwrap().items.len(), 1);
    assert_eq!(vendor.calls(), 2);
    let pause = vendor.sent()[1] - vendor.sent()[0];
    assert!(pause >= Duration::from_millis(100));
}
