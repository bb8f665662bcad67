//! What others do at the vendor past us, its rate limit, and what of it is broken.

use std::time::Duration;

use backend::{Backend, BackendExt, ConversationQuery, Kind, Outcome, PageRequest};
use conversation::{NewMessage, Role};
use futures_util::TryStreamExt;

use crate::fake::FakeOptions;
use crate::fake::behind::Said;
use crate::support::{adapter, all, create, cx, import, pair, pair_with, said_at, texts};

fn said(body: &str, at: i64) -> Said<'_> {
    Said {
        inbound: at % 2 == 1,
        from: "bo@example.test",
        body,
        at,
    }
}

#[tokio::test]
async fn what_others_have_made_is_walked_with_its_own_times() {
    let (fake, convore) = pair().await;
    let native = fake.add_conversation("Order 7");
    fake.add_message(&native, said("the first", 1_577_934_245_001));
    fake.add_message(&native, said("the second", 1_577_934_245_002));
    assert_eq!(fake.conversation_ids(), std::slice::from_ref(&native));
    let cx = cx();
    let found: Vec<_> = convore
        .all_conversations(&cx, ConversationQuery::all(10))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(&*found[0].location.native, native);
    assert_eq!(found[0].conversation.title.as_deref(), Some("Order 7"));
    let messages = all(&convore, &found[0].location).await;
    assert_eq!(texts(&messages), ["the first", "the second"]);
    assert_eq!(messages[0].sent_at.to_string(), "2020-01-02T03:04:05.001Z");
    let roles: Vec<Role> = messages.iter().map(|one| one.role.clone()).collect();
    assert_eq!(roles, [Role::User, Role::Assistant]);
}

#[tokio::test]
async fn a_message_that_is_stored_twice_is_counted() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let once = || said_at("words", "2020-01-02T03:04:05.001Z");
    import(&convore, &at, vec![once()]).await;
    assert!(fake.doubled().is_empty());
    import(&convore, &at, vec![once()]).await;
    let doubled = fake.doubled();
    assert_eq!(doubled.len(), 1);
    assert_eq!(doubled[0].1, 2);
    assert_eq!(fake.writes(), 3);
}

#[tokio::test]
async fn too_many_requests_are_refused_with_the_time_to_wait() {
    let (fake, convore) = pair_with(FakeOptions {
        requests_per_minute: Some(60),
        ..FakeOptions::default()
    })
    .await;
    let at = create(&convore).await;
    let refused = convore.get_conversation(&cx(), &at).await.unwrap_err();
    assert_eq!(refused.kind, Kind::RateLimited);
    assert_eq!(refused.outcome, Outcome::NotApplied);
    assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
    assert_eq!(fake.refused(), 1);
}

#[tokio::test]
async fn what_is_broken_fails_until_it_is_mended() {
    let (fake, convore) = pair().await;
    let (broken, whole) = (create(&convore).await, create(&convore).await);
    fake.break_paths(&broken.native, 500);
    let page = PageRequest::first(10);
    for _ in 0..3 {
        convore
            .list_messages(&cx(), &broken, &page)
            .await
            .unwrap_err();
    }
    convore.list_messages(&cx(), &whole, &page).await.unwrap();
    fake.mend();
    convore.list_messages(&cx(), &broken, &page).await.unwrap();
}

#[tokio::test]
async fn a_write_may_be_carried_out_after_its_client_has_left() {
    let (fake, convore) = pair_with(FakeOptions {
        // The create at once, the message late.
        write_delays: |number| match number {
            1 => (Duration::ZERO, Duration::ZERO),
            _ => (Duration::from_millis(200), Duration::from_millis(200)),
        },
        ..FakeOptions::default()
    })
    .await;
    let at = create(&convore).await;
    let late = adapter(&fake);
    let given_up = {
        let (at, cx) = (at.clone(), cx());
        tokio::spawn(async move {
            let words = NewMessage::text(Role::User, "late");
            late.import_messages(&cx, &at, vec![words]).await
        })
    };
    while fake.writes() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    given_up.abort();
    while all(&convore, &at).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(fake.doubled().is_empty());
}
