//! Conversations: titles, times, deletes, preconditions, enumeration.

use std::collections::BTreeSet;

use backend::{
    Backend, BackendExt, ConversationFilter, ConversationQuery, Kind, Order, PageRequest, Position,
    Precondition, SortKey,
};
use conversation::{Assistant, ConversationId, NewConversation, Status};
use futures_util::TryStreamExt;

use crate::fake::{FakeOptions, Fault, Operation};
use crate::support::{Pair, ask, cx, cx_of, titled};

#[tokio::test]
async fn a_created_conversation_reads_as_it_was_made() {
    let pair = Pair::new().await;
    for new in [
        NewConversation::default(),
        titled("a title"),
        titled("  <b> & \u{2028} \u{1f469}\u{200d}\u{1f52c} \0 \n"),
        titled(&"long".repeat(25_000)),
    ] {
        let located = pair
            .datamonkey
            .create_conversation(&cx(), new.clone())
            .await
            .unwrap();
        assert_eq!(located.conversation.title, new.title);
        assert_eq!(located.conversation.status, Status::Open);
        let read = pair
            .datamonkey
            .get_conversation(&cx(), &located.location)
            .await
            .unwrap();
        assert_eq!(read, located.conversation);
        let id = ConversationId::derive("monkey", &located.location.native);
        assert_eq!((read.id, located.location.id), (id, id));
    }
}

#[tokio::test]
async fn an_empty_title_counts_as_none() {
    let pair = Pair::new().await;
    let located = pair
        .datamonkey
        .create_conversation(&cx(), titled(""))
        .await
        .unwrap();
    assert_eq!(located.conversation.title, None);
    assert_eq!(pair.fake.requests().last().unwrap().body, "{}");
}

#[tokio::test]
async fn what_datamonkey_cannot_hold_is_refused_before_anything_is_sent() {
    let pair = Pair::new().await;
    let new = NewConversation {
        description: Some("d".into()),
        labels: vec!["l".into()],
        status: Some(Status::Closed),
        assistant: Some(Assistant {
            system_prompt: Some("be brief".into()),
            ..Assistant::default()
        }),
        ..NewConversation::default()
    };
    let error = pair
        .datamonkey
        .create_conversation(&cx(), new)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let pointers: BTreeSet<&str> = error
        .violations
        .iter()
        .map(|violation| violation.pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        BTreeSet::from([
            "/assistant/system_prompt",
            "/description",
            "/labels",
            "/status"
        ])
    );
    assert!(pair.asked().is_empty(), "not even a token was fetched");
}

#[tokio::test]
async fn the_newest_message_moves_the_times() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let before = pair.datamonkey.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(before.last_message_at, None);
    let answer = ask(&pair.datamonkey, &at, "hello").await;
    let after = pair.datamonkey.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(after.last_message_at, Some(answer.sent_at));
    assert!(after.updated_at >= answer.sent_at && after.created_at == before.created_at);
}

#[tokio::test]
async fn a_delete_looks_at_its_precondition_and_is_not_found_twice() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let stale = Precondition::Matches(vec!["\"other\"".to_owned()]);
    let error = pair
        .datamonkey
        .delete_conversation(&cx(), &at, Some(&stale))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::PreconditionFailed);
    pair.datamonkey
        .delete_conversation(&cx(), &at, Some(&Precondition::Exists))
        .await
        .unwrap();
    for precondition in [None, Some(&Precondition::Exists)] {
        let error = pair
            .datamonkey
            .delete_conversation(&cx(), &at, precondition)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
}

fn query(limit: usize, order: Order) -> ConversationQuery {
    ConversationQuery {
        page: PageRequest {
            order,
            ..PageRequest::first(limit)
        },
        ..ConversationQuery::all(limit)
    }
}

#[tokio::test]
async fn conversations_are_enumerated_by_creation_whatever_is_written_meanwhile() {
    let pair = Pair::new().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(pair.create().await);
    }
    // The vendor's own order moves with each message.
    ask(&pair.datamonkey, &made[2], "bump").await;
    pair.create_as(&cx_of("bob")).await;
    let expected: Vec<_> = made.iter().map(|at| at.id).collect();
    for limit in [1, 3, 7, 100] {
        for order in [Order::Asc, Order::Desc] {
            let cx = cx();
            let walked: Vec<_> = pair
                .datamonkey
                .all_conversations(&cx, query(limit, order))
                .map_ok(|located| located.location)
                .try_collect()
                .await
                .unwrap();
            let mut ids: Vec<_> = walked.iter().map(|at| at.id).collect();
            if order == Order::Desc {
                ids.reverse();
            }
            assert_eq!(ids, expected, "{limit} {order:?}");
            assert!(walked.iter().all(|at| made.contains(at)));
        }
    }
    let first = pair
        .datamonkey
        .list_conversations(&cx(), &query(3, Order::Asc))
        .await
        .unwrap()
        .page;
    pair.fake.remove(&made[0].native);
    pair.create().await;
    let mut second = query(3, Order::Asc);
    second.page = second.page.after(first.next.unwrap());
    let second = pair
        .datamonkey
        .list_conversations(&cx(), &second)
        .await
        .unwrap()
        .page;
    let ids: Vec<_> = second
        .items
        .iter()
        .map(|located| located.location.id)
        .collect();
    assert_eq!(ids, expected[3..6], "deletes and creates move nothing");
    let mut back = query(3, Order::Asc);
    back.page = back.page.before(second.previous.unwrap());
    let back = pair
        .datamonkey
        .list_conversations(&cx(), &back)
        .await
        .unwrap()
        .page;
    assert_eq!(back.items.len(), 2);
}

#[tokio::test]
async fn filters_other_sorts_and_foreign_cursors_are_refused() {
    let pair = Pair::new().await;
    pair.create().await;
    pair.create().await;
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
    let mut anchored = ConversationQuery::all(1);
    anchored.page.position = Some(Position::AfterMessage("m".parse().unwrap()));
    for query in [filtered, sorted, anchored] {
        let error = pair
            .datamonkey
            .list_conversations(&cx(), &query)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
    }
    let first = pair
        .datamonkey
        .list_conversations(&cx(), &ConversationQuery::all(1))
        .await
        .unwrap();
    pair.create_as(&cx_of("bob")).await;
    let mut foreign = ConversationQuery::all(1);
    foreign.page = foreign.page.after(first.page.next.unwrap());
    let error = pair
        .datamonkey
        .list_conversations(&cx_of("bob"), &foreign)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidCursor);
}

#[tokio::test]
async fn an_id_that_the_route_table_would_not_take_is_not_found_unasked() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let asked = pair.asked().len();
    for native in ["", ".", "..", "a/b", "../chat", "a\nb", "\0"] {
        let at = backend::Location {
            native: native.into(),
            ..at.clone()
        };
        let error = pair
            .datamonkey
            .get_conversation(&cx(), &at)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{native:?}");
    }
    assert_eq!(pair.asked().len(), asked);
    for native in [
        "conv-0-xxxxxxxx",
        "\u{2713}",
        "' OR '1'='1",
        "a?b",
        "a#b",
        "%2e%2e",
    ] {
        let at = backend::Location {
            native: native.into(),
            ..at.clone()
        };
        let error = pair
            .datamonkey
            .get_conversation(&cx(), &at)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{native:?}");
    }
}

#[tokio::test]
async fn one_bad_record_of_a_list_leaves_the_others() {
    let pair = Pair::new().await;
    pair.create().await;
    let body = r#"{"conversations":[
        {"created":3,"id":"conv-3-c","title":"c","updated":3},
        {"created":"yesterday","id":"conv-2-b","title":"b","updated":2},
        {"created":9223372036854775807,"id":"conv-9-z","title":"z","updated":2},
        "what",
        {"created":1,"id":"conv-1-a","title":"a","updated":1,"future":[1]}]}"#;
    pair.fake.inject(Operation::List, Fault::json(200, body));
    assert_eq!(pair.listed(&cx()).await, ["a", "c"]);
    for body in [r#"{"conversations":null}"#, r#"{"conversations":[]}"#] {
        pair.fake.inject(Operation::List, Fault::json(200, body));
        assert!(pair.listed(&cx()).await.is_empty(), "{body}");
    }
}

#[tokio::test]
async fn a_title_that_was_lost_on_the_way_is_not_shown() {
    let pair = Pair::with(FakeOptions::default(), |_| {}).await;
    pair.create().await;
    // As the server answers a body that it could not read.
    pair.fake.inject(
        Operation::Create,
        Fault::json(201, r#"{"id":"conv-5-e","created":5,"updated":5}"#),
    );
    let located = pair
        .datamonkey
        .create_conversation(&cx(), titled("lost"))
        .await
        .unwrap();
    assert_eq!(located.conversation.title, None);
}
