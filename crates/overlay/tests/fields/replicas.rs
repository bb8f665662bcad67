//! Several processes over one state: each sees at once what another one has kept.

use backend::Backend as _;

use crate::support::{Bench, cx, patch};

#[tokio::test]
async fn what_one_replica_keeps_the_others_show_at_once() {
    let bench = Bench::new(|below| below.refuses = &["owner"]);
    let at = bench.create(r#"{"owner":"before"}"#).await;
    let (one, other) = (bench.replica(), bench.replica());
    for owner in ["first", "second", "third"] {
        // Both have read it before it changes.
        for replica in [&one, &other] {
            replica.get_conversation(&cx(), &at).await.unwrap();
        }
        let change = patch(&format!(r#"{{"owner":"{owner}"}}"#));
        one.update_conversation(&cx(), &at, change, None)
            .await
            .unwrap();
        let seen = other.get_conversation(&cx(), &at).await.unwrap();
        assert_eq!(seen.owner.as_deref(), Some(owner));
    }
}

#[tokio::test]
async fn a_replica_that_takes_the_place_of_another_one_holds_nothing_in_memory_either() {
    let bench = Bench::new(|below| below.refuses = &["owner"]);
    let at = bench.create(r#"{"owner":"before"}"#).await;
    let (one, other) = (bench.replica(), bench.replica());
    let next = bench.replica().succeeding(&one);
    next.get_conversation(&cx(), &at).await.unwrap();
    let change = patch(r#"{"owner":"after"}"#);
    other
        .update_conversation(&cx(), &at, change, None)
        .await
        .unwrap();
    let seen = next.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(seen.owner.as_deref(), Some("after"));
}

#[tokio::test]
async fn replicas_that_meet_the_same_drift_note_it_once() {
    let bench = Bench::new(|_| {});
    let long = "a title that is much longer than twenty characters";
    let at = bench.create(&format!(r#"{{"title":"{long}"}}"#)).await;
    bench.changed_there(&at, r#"{"title":"theirs"}"#).await;
    let replicas: Vec<_> = (0..4).map(|_| bench.replica()).collect();
    let cx = cx().fresh();
    let reads = replicas
        .iter()
        .map(|replica| replica.get_conversation(&cx, &at));
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(read.unwrap().title.as_deref(), Some("theirs"));
    }
    assert_eq!(bench.drifted(&at).await.len(), 1);
}
