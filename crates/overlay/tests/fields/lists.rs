//! Many conversations at once: one query for all their rows.

use backend::{Backend as _, ConversationQuery, Kind, Location};
use conversation::ConversationId;
use futures_util::StreamExt as _;

use crate::support::{Bench, cx};

#[tokio::test]
async fn a_hundred_conversations_cost_one_query() {
    let bench = Bench::new(|below| below.refuses = &["owner"]);
    let mut places = Vec::new();
    for number in 0..100 {
        places.push(
            bench
                .create(&format!(r#"{{"owner":"owner {number}"}}"#))
                .await,
        );
    }
    let fresh = bench.restarted(overlay::OverlaySettings::default());
    bench.queries();
    let page = fresh
        .list_conversations(&cx(), &ConversationQuery::all(100))
        .await
        .unwrap()
        .page;
    assert_eq!(page.items.len(), 100);
    for (number, located) in page.items.iter().enumerate() {
        assert_eq!(
            located.conversation.owner,
            Some(format!("owner {number}").into())
        );
    }
    assert_eq!(bench.queries(), 1);

    // What was read is in memory now.
    let cx = cx();
    let read: Vec<_> = fresh.get_conversations(&cx, &places).collect().await;
    assert_eq!(read.len(), 100);
    assert_eq!(bench.queries(), 0);
    let again = bench.restarted(overlay::OverlaySettings::default());
    let mut read: Vec<_> = again.get_conversations(&cx, &places).collect().await;
    assert_eq!(bench.queries(), 1);
    read.sort_by_key(|(place, _)| *place);
    for (number, (_, conversation)) in read.into_iter().enumerate() {
        assert_eq!(
            conversation.unwrap().owner,
            Some(format!("owner {number}").into())
        );
    }
}

#[tokio::test]
async fn each_of_several_is_read_as_if_alone() {
    let bench = Bench::new(|below| below.refuses = &["owner"]);
    let there = bench.create(r#"{"owner":"ann"}"#).await;
    let missing = Location {
        id: ConversationId::generate(),
        native: "nowhere".into(),
        ..there.clone()
    };
    let places = [missing, there];
    let cx = cx();
    let mut read: Vec<_> = bench
        .overlay
        .get_conversations(&cx, &places)
        .collect()
        .await;
    read.sort_by_key(|(place, _)| *place);
    let kind = read[0].1.as_ref().map_err(|error| error.kind);
    assert_eq!(kind.unwrap_err(), Kind::NotFound);
    assert_eq!(read[1].1.as_ref().unwrap().owner.as_deref(), Some("ann"));
}

#[tokio::test]
async fn what_is_read_is_right_after_every_change() {
    let bench = Bench::new(|below| below.refuses = &["owner"]);
    let at = bench.create("{}").await;
    for number in 0..20 {
        let owner = format!("owner {number}");
        bench
            .update(&at, &format!(r#"{{"owner":"{owner}"}}"#))
            .await;
        assert_eq!(bench.get(&at).await.owner.as_deref(), Some(owner.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_puts_back_what_was_before_a_change() {
    let bench = std::sync::Arc::new(Bench::new(|below| below.refuses = &["owner"]));
    let at = bench.create("{}").await;
    let reads = |_| {
        let (bench, at) = (bench.clone(), at.clone());
        tokio::spawn(async move {
            for _ in 0..300 {
                bench.get(&at).await;
            }
        })
    };
    let readers: Vec<_> = (0..4).map(reads).collect();
    for number in 0..100 {
        let owner = format!("owner {number}");
        bench
            .update(&at, &format!(r#"{{"owner":"{owner}"}}"#))
            .await;
        assert_eq!(bench.get(&at).await.owner.as_deref(), Some(owner.as_str()));
    }
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(bench.get(&at).await.owner.as_deref(), Some("owner 99"));
    assert_eq!(bench.drifted(&at).await, Vec::new());
}
