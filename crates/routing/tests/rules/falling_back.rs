//! What happens to a new conversation whose backend is down.

use backend::{Applied, Backend, Error, Intent, Kind, Origin, Outcome, Retry, Settled, Write};
use conversation::{NewConversation, Time};

use crate::world::{World, cx, down, rule};

#[tokio::test]
async fn a_new_conversation_goes_to_the_fallback_and_its_first_note_was_ended() {
    let world = World::new(vec![rule("r", &[("a", 1)], &["b", "c"])]).await;
    world.vendors[0].fail(down());
    let cx = cx();
    let made = world.create(&cx, NewConversation::default()).await.unwrap();
    assert_eq!(&*made.location.backend, "b");
    assert_eq!(cx.trace.backend(), Some("b"));
    assert_eq!(cx.trace.route(), Some("r, fallback"));
    assert_eq!(cx.trace.attempts(), 2);
    assert_eq!(world.creates(), [1, 1, 0]);
    // Each was noted while it was asked, and nobody else.
    assert_eq!(world.vendors[0].noted(), [["a"]]);
    assert_eq!(world.vendors[1].noted(), [["b"]]);
    assert!(world.noted().await.is_empty());
}

#[tokio::test]
async fn the_last_one_that_was_tried_says_what_is_wrong() {
    let world = World::new(vec![rule("r", &[("a", 1)], &["b", "a", "c"])]).await;
    for vendor in &world.vendors {
        vendor.fail(down());
    }
    let cx = cx();
    let error = world.create(&cx, NewConversation::default()).await;
    assert_eq!(error.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(cx.trace.backend(), Some("c"));
    assert_eq!(cx.trace.attempts(), 3);
    assert_eq!(world.creates(), [1, 1, 1]);
    assert!(world.noted().await.is_empty());
}

#[tokio::test]
async fn what_may_have_been_made_and_what_was_refused_goes_nowhere_else() {
    let outage = || Error::new(Kind::Unavailable, "down").origin(Origin::Upstream);
    let cases = [
        (outage().outcome(Outcome::Unknown), 1),
        (Error::new(Kind::Timeout, "late"), 1),
        (outage().retry(Retry::Permanent), 0),
        (Error::new(Kind::UpstreamAuth, "our credential"), 0),
        (Error::new(Kind::NotHeld, "too long"), 0),
    ];
    for (fault, noted) in cases {
        let world = World::new(vec![rule("r", &[("a", 1)], &["b"])]).await;
        world.vendors[0].fail(Some(fault.clone()));
        let cx = cx();
        let error = world.create(&cx, NewConversation::default()).await;
        assert_eq!(error.unwrap_err().kind, fault.kind);
        assert_eq!(cx.trace.backend(), Some("a"));
        assert_eq!(cx.trace.route(), Some("r"));
        assert_eq!(world.creates(), [1, 0, 0], "{fault:?}");
        assert_eq!(world.noted().await.len(), noted, "{fault:?}");
    }
}

#[tokio::test]
async fn who_names_a_backend_has_no_fallback() {
    let world = World::new(vec![rule("r", &[("b", 1)], &["c"])]).await;
    world.vendors[0].fail(down());
    let mut cx = cx();
    std::sync::Arc::make_mut(&mut cx.route).backend = Some("a".into());
    let error = world.create(&cx, NewConversation::default()).await;
    assert_eq!(error.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(cx.trace.route(), Some("header"));
    assert_eq!(world.creates(), [1, 0, 0]);
}

#[tokio::test]
async fn a_create_that_went_to_the_fallback_is_found_there_by_another_process() {
    let rules = || vec![rule("r", &[("a", 1)], &["b"])];
    let world = World::new(rules()).await;
    world.vendors[0].fail(down());
    let cx = cx();
    let made = world.create(&cx, NewConversation::default()).await.unwrap();
    world.vendors[0].fail(None);
    let now = Time::now();
    let intent = Intent {
        id: cx.intent,
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: now,
        deadline_at: now,
    };
    let restarted = world.restarted(rules());
    let settled = restarted.settle(&cx, &intent).await.unwrap();
    let Settled::Applied(Applied::Conversation(found)) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(found.location, made.location);
    // And nobody takes another one's.
    let other = Intent {
        id: crate::world::cx().intent,
        ..intent
    };
    let settled = restarted.settle(&cx, &other).await.unwrap();
    assert_eq!(settled, Settled::NotApplied);
}
