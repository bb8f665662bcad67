//! Leases: one holder, and fences that only grow.

use std::time::Duration;

use backend::Kind;
use backend::ports::{Directory, IntentQuery, Intents, Leases};

use crate::directory::{entry, titled};
use crate::intents::record;
use crate::support::{open, open_in};

#[tokio::test]
async fn a_lease_has_one_holder_and_each_holder_a_greater_fence() {
    let (_directory, _store, state) = open();
    let ttl = Duration::from_secs(60);
    let held = state.acquire("conversation/a", ttl).await.unwrap().unwrap();
    assert_eq!(state.acquire("conversation/a", ttl).await.unwrap(), None);
    let other = state.acquire("conversation/b", ttl).await.unwrap().unwrap();
    assert!(state.renew(&held, ttl).await.unwrap());
    state.release(&held).await.unwrap();
    assert!(!state.renew(&held, ttl).await.unwrap());
    let next = state.acquire("conversation/a", ttl).await.unwrap().unwrap();
    assert!(next.fence > held.fence && next.fence > other.fence);
    // Who lost it gives nothing back.
    state.release(&held).await.unwrap();
    assert_eq!(state.acquire("conversation/a", ttl).await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_lease_is_lost() {
    let (_directory, _store, state) = open();
    let lost = state.acquire("a", Duration::ZERO).await.unwrap().unwrap();
    assert!(!state.renew(&lost, Duration::from_secs(60)).await.unwrap());
    let next = state
        .acquire("a", Duration::from_secs(60))
        .await
        .unwrap()
        .unwrap();
    assert!(next.fence > lost.fence);
    assert!(!state.renew(&lost, Duration::from_secs(60)).await.unwrap());
}

#[tokio::test]
async fn a_fence_is_never_used_twice_even_across_restarts() {
    let (directory, store, state) = open();
    let first = state
        .acquire("a", Duration::from_secs(60))
        .await
        .unwrap()
        .unwrap();
    state.release(&first).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert!(
        state
            .acquire("a", Duration::from_secs(60))
            .await
            .unwrap()
            .unwrap()
            .fence
            > first.fence
    );
}

/// Where one process serves, its memory tells the holder before.
#[tokio::test]
async fn where_several_serve_who_lost_a_lease_changes_no_row() {
    let (_directory, store, state) = open();
    if !store.is_shared() {
        return;
    }
    let ttl = Duration::from_secs(60);
    let lost = state.acquire("a", Duration::ZERO).await.unwrap().unwrap();
    let next = state.acquire("a", ttl).await.unwrap().unwrap();
    let (lost, held) = (Some(lost.fence), Some(next.fence));

    let known = entry(Some("acme"), Some("ann"), 1, titled("before"));
    let id = known.location.id;
    assert!(state.insert_under(held, known.clone()).await.unwrap());
    let noted = record("chatter", Some(id), 1);
    state.begin_under(held, &noted).await.unwrap();

    let mut later = known.document.clone();
    later.title = Some("late".into());
    let mut elsewhere = known.location.clone();
    elsewhere.native = "elsewhere".into();
    let mut taken_over = noted.clone();
    taken_over.request_id = "late".into();
    let other = entry(Some("acme"), Some("ann"), 1, titled("other"));
    for refused in [
        state.insert_under(lost, other.clone()).await.map(drop),
        state.refresh_under(lost, id, &later).await,
        state.rebind_under(lost, &elsewhere).await,
        state.begin_under(lost, &taken_over).await,
        state.end_under(lost, noted.intent.id).await,
    ] {
        assert_eq!(refused.unwrap_err().kind, Kind::Busy);
    }
    let found = Directory::find(&state, id).await.unwrap().unwrap();
    assert_eq!(
        (found.location, found.document),
        (known.location, known.document)
    );
    assert_eq!(
        Directory::find(&state, other.location.id).await.unwrap(),
        None
    );
    let query = IntentQuery {
        conversation: Some(id),
        limit: 10,
        ..IntentQuery::default()
    };
    let open = Intents::list(&state, &query).await;
    assert_eq!(open.unwrap().items, std::slice::from_ref(&noted));

    state.refresh_under(held, id, &later).await.unwrap();
    state.rebind_under(held, &elsewhere).await.unwrap();
    state.end_under(held, noted.intent.id).await.unwrap();
    // What nobody needs to hold is written by anybody.
    assert!(state.insert(other).await.unwrap());
}
