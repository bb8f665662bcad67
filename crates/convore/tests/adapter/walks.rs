//! Enumerating conversations.

use std::collections::BTreeMap;

use backend::{
    Backend, BackendExt, ConversationFilter, ConversationQuery, Cursor, Kind, Order, PageRequest,
    Position, SortKey,
};
use conversation::Status;
use convore::wire::ConversationStatus;
use futures_util::TryStreamExt;

use crate::fake::{FakeOptions, Fault, ListOrder};
use crate::support::{adapter, asked, create, cx, pair, pair_with};

#[tokio::test]
async fn every_status_but_the_trash_is_walked_in_the_order_of_making() {
    for order in [
        ListOrder::NewestFirst,
        ListOrder::OldestFirst,
        ListOrder::Shuffled,
    ] {
        let options = FakeOptions {
            order,
            page_max: 2,
            ..FakeOptions::default()
        };
        let (fake, convore) = pair_with(options).await;
        let mut made = Vec::new();
        for index in 0..9 {
            let at = create(&convore).await;
            fake.change(&at.native, |row| {
                row.status = match index % 4 {
                    0 => ConversationStatus::Open,
                    1 => ConversationStatus::Done,
                    2 => ConversationStatus::Spam,
                    _ => ConversationStatus::Trash,
                }
            });
            made.push(at);
        }
        let mut wanted: Vec<_> = (0..9)
            .filter(|index| index % 4 != 3)
            .map(|index| made[index].clone())
            .collect();
        for direction in [Order::Asc, Order::Desc] {
            for limit in [1, 2, 100] {
                let mut query = ConversationQuery::all(limit);
                query.page.order = direction;
                let cx = cx();
                let found: Vec<_> = convore
                    .all_conversations(&cx, query)
                    .try_collect()
                    .await
                    .unwrap();
                let places: Vec<_> = found.iter().map(|one| one.location.clone()).collect();
                assert_eq!(places, wanted, "{order:?} {direction:?} {limit}");
            }
            wanted.reverse();
        }
    }
}

#[tokio::test]
async fn a_walk_reads_the_vendor_once_and_each_status_alone() {
    let (fake, convore) = pair().await;
    for _ in 0..3 {
        create(&convore).await;
    }
    fake.forget_requests();
    let cx = cx();
    let query = ConversationQuery::all(1);
    let found: Vec<_> = convore
        .all_conversations(&cx, query)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(
        asked(&fake),
        [
            "GET /v1/conversations?status=open&limit=100",
            "GET /v1/conversations?status=done&limit=100",
            "GET /v1/conversations?status=spam&limit=100",
        ]
    );
}

#[tokio::test]
async fn a_walk_goes_on_where_nothing_of_it_is_remembered() {
    let (fake, convore) = pair().await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..5 {
        create(&convore).await;
    }
    let mut query = ConversationQuery::all(2);
    loop {
        // Another replica each time.
        let convore = adapter(&fake);
        let page = convore
            .list_conversations(&cx(), &query)
            .await
            .unwrap()
            .page;
        for located in page.items {
            *seen.entry(located.location.native.into()).or_default() += 1;
        }
        create(&convore).await;
        let Some(next) = page.next else { break };
        query.page.position = Some(Position::After(next));
        if seen.len() > 20 {
            break;
        }
    }
    assert!(seen.len() > 5);
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_enumerated_is_refused() {
    let (_fake, convore) = pair().await;
    create(&convore).await;
    let filtered = ConversationQuery {
        filter: ConversationFilter {
            status: vec![Status::Open],
            ..ConversationFilter::default()
        },
        ..ConversationQuery::all(1)
    };
    let sorted = ConversationQuery {
        sort: SortKey::Title,
        ..ConversationQuery::all(1)
    };
    let mut backwards = ConversationQuery::all(1);
    backwards.page = PageRequest::first(1).before(Cursor::from("x"));
    for query in [filtered, sorted, backwards] {
        let error = convore.list_conversations(&cx(), &query).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
    }
    let mut foreign = ConversationQuery::all(1);
    foreign.page = PageRequest::first(1).after(Cursor::from("x"));
    let error = convore
        .list_conversations(&cx(), &foreign)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidCursor);
}

#[tokio::test]
async fn one_that_moves_between_two_lists_is_shown_once() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    // It was open when the first list was read, and is done when the second one is.
    let edit = |page: &mut serde_json::Value| page["data"][0]["status"] = "open".into();
    fake.change(&at.native, |row| row.status = ConversationStatus::Spam);
    fake.inject("GET", "/v1/conversations", Fault::Edited(|_| ()));
    fake.inject("GET", "/v1/conversations", Fault::Edited(|_| ()));
    fake.inject("GET", "/v1/conversations", Fault::Edited(edit));
    let page = convore
        .list_conversations(&cx(), &ConversationQuery::all(10))
        .await
        .unwrap()
        .page;
    assert_eq!(page.items.len(), 1);
    let gone = |page: &mut serde_json::Value| page["data"][0]["status"] = "trash".into();
    for fault in [
        Fault::Edited(|_| ()),
        Fault::Edited(|_| ()),
        Fault::Edited(gone),
    ] {
        fake.inject("GET", "/v1/conversations", fault);
    }
    let page = convore
        .list_conversations(&cx(), &ConversationQuery::all(10))
        .await
        .unwrap()
        .page;
    assert!(page.items.is_empty());
}
