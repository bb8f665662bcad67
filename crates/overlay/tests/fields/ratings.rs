//! Ratings: the first vote goes to the backend, later ones live here.

use backend::{Backend as _, Context, Kind, Level, Location, Outcome, Settled, Write};
use conversation::{Message, MessageId, NewMessage, Rating, Role};

use crate::support::{Bench, cx_of, intent, strict};

async fn said(bench: &Bench) -> (Location, MessageId) {
    let at = bench.create("{}").await;
    let new = NewMessage::text(Role::Assistant, "an answer");
    let message = bench
        .overlay
        .post_message(&cx_of("ann"), &at, new)
        .await
        .unwrap();
    (at, message.id)
}

async fn rate(bench: &Bench, at: &Location, id: &MessageId, user: &str, value: f64) -> Message {
    bench
        .overlay
        .rate_message(&cx_of(user), at, id, value)
        .await
        .unwrap()
}

async fn rating(bench: &Bench, at: &Location, id: &MessageId, user: &str) -> Option<Rating> {
    bench
        .overlay
        .get_message(&cx_of(user), at, id)
        .await
        .unwrap()
        .rating
}

fn shown(mean: f64, count: u64, mine: Option<f64>) -> Option<Rating> {
    Some(Rating {
        mean: Some(mean),
        count,
        mine,
    })
}

#[tokio::test]
async fn votes_are_kept_where_the_backend_takes_none() {
    let bench = Bench::new(|below| below.can.message_rate = Level::None);
    let (at, id) = said(&bench).await;
    assert_eq!(
        rate(&bench, &at, &id, "ann", 4.0).await.rating,
        shown(4.0, 1, Some(4.0))
    );
    assert_eq!(
        rate(&bench, &at, &id, "bob", 1.0).await.rating,
        shown(2.5, 2, Some(1.0))
    );
    assert_eq!(
        rate(&bench, &at, &id, "ann", 2.0).await.rating,
        shown(1.5, 2, Some(2.0))
    );
    assert_eq!(rating(&bench, &at, &id, "eve").await, shown(1.5, 2, None));
    assert!(!bench.below.writes().contains(&"rate"));
    let error = bench
        .overlay
        .rate_message(&strict(), &at, &id, 3.0)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    for wrong in [-0.5, 5.5, f64::NAN] {
        let error = bench
            .overlay
            .rate_message(&cx_of("ann"), &at, &id, wrong)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest);
    }
    let error = bench
        .overlay
        .rate_message(&cx_of("ann"), &at, &MessageId::generate(), 1.0)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn only_the_first_vote_of_each_goes_to_the_backend() {
    let bench = Bench::new(|_| {});
    let (at, id) = said(&bench).await;
    assert_eq!(
        rate(&bench, &at, &id, "ann", 4.0).await.rating,
        shown(4.0, 1, Some(4.0))
    );
    assert_eq!(
        rate(&bench, &at, &id, "ann", 2.0).await.rating,
        shown(2.0, 1, Some(2.0))
    );
    assert_eq!(
        rate(&bench, &at, &id, "bob", 5.0).await.rating,
        shown(3.5, 2, Some(5.0))
    );
    let rates = bench
        .below
        .writes()
        .iter()
        .filter(|write| **write == "rate")
        .count();
    assert_eq!(rates, 2);
    assert_eq!(
        rating(&bench, &at, &id, "ann").await,
        shown(3.5, 2, Some(2.0))
    );
    let list = backend::PageRequest::first(10);
    let listed = bench
        .overlay
        .list_messages(&cx_of("eve"), &at, &list)
        .await
        .unwrap();
    assert_eq!(listed.items[0].rating, shown(3.5, 2, None));
}

fn rates(bench: &Bench) -> usize {
    let writes = bench.below.writes();
    writes.iter().filter(|write| **write == "rate").count()
}

async fn fails(bench: &Bench, cx: &Context, at: &Location, id: &MessageId, how: (Outcome, bool)) {
    *bench.below.rate_fails.lock().unwrap() = Some(how);
    let error = bench
        .overlay
        .rate_message(cx, at, id, 4.0)
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.outcome), (Kind::Timeout, how.0));
    *bench.below.rate_fails.lock().unwrap() = None;
}

#[tokio::test]
async fn a_vote_whose_answer_was_lost_is_never_sent_twice() {
    let bench = Bench::new(|_| {});
    let (at, id) = said(&bench).await;
    let cx = cx_of("ann");
    fails(&bench, &cx, &at, &id, (Outcome::Unknown, true)).await;
    assert_eq!(
        rate(&bench, &at, &id, "ann", 4.0).await.rating,
        shown(4.0, 1, Some(4.0))
    );
    assert_eq!(rates(&bench), 1);
    let write = Write::RateMessage {
        id: id.clone(),
        value: 4.0,
    };
    let vote = intent(&cx, &at, write);
    for _ in 0..2 {
        let settled = bench.overlay.settle(&cx_of("ann"), &vote).await.unwrap();
        assert!(matches!(settled, Settled::Applied(_)), "{settled:?}");
    }
    assert_eq!(
        rating(&bench, &at, &id, "ann").await,
        shown(4.0, 1, Some(4.0))
    );
}

#[tokio::test]
async fn a_vote_that_was_not_taken_is_forgotten() {
    let bench = Bench::new(|_| {});
    let (at, id) = said(&bench).await;
    let cx = cx_of("ann");
    fails(&bench, &cx, &at, &id, (Outcome::NotApplied, false)).await;
    assert_eq!(bench.message_rows(&at, &id).await, Vec::new());
    fails(&bench, &cx, &at, &id, (Outcome::Unknown, false)).await;
    assert_eq!(bench.message_rows(&at, &id).await.len(), 1);
    let write = Write::RateMessage {
        id: id.clone(),
        value: 4.0,
    };
    let vote = intent(&cx, &at, write);
    for _ in 0..2 {
        let settled = bench.overlay.settle(&cx_of("ann"), &vote).await.unwrap();
        assert_eq!(settled, Settled::NotApplied);
    }
    assert_eq!(bench.message_rows(&at, &id).await, Vec::new());
    assert_eq!(rating(&bench, &at, &id, "ann").await, None);
}
