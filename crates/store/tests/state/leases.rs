//! Leases: one holder, and fences that only grow.

use std::time::Duration;

use backend::ports::Leases;

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
