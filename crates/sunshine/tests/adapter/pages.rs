//! Pages of messages on the vendor's cursors, in every reading of what it leaves open.

use backend::{Backend, BackendExt, Kind, Order, Outcome, PageRequest, Position};
use conversation::Role;
use futures_util::TryStreamExt;

use crate::fake::{FakeOptions, Fault, UnknownCursor};
use crate::support::{
    MISSING, asked, create, cx, filled, page, pair, pair_with, request, say, texts,
};

#[tokio::test]
async fn a_page_anywhere_costs_one_call_and_names_no_size() {
    let (fake, sunshine) = pair().await;
    let (at, _) = filled(&sunshine, 7).await;
    for order in [Order::Asc, Order::Desc] {
        let mut next = request(2, order);
        loop {
            let before = fake.received().len();
            let found = page(&sunshine, &at, next.clone()).await;
            assert_eq!(asked(&fake, before), ["ListMessages"]);
            match found.next {
                Some(cursor) => next = next.after(cursor),
                None => break,
            }
        }
    }
    let sent = fake.received();
    let lists = sent
        .iter()
        .filter(|request| request.operation.as_deref() == Some("ListMessages"));
    for list in lists {
        assert!(!list.path.contains("size"), "{}", list.path);
    }
}

#[tokio::test]
async fn more_than_a_page_of_the_vendors_is_walked_in_both_orders() {
    for options in [
        FakeOptions {
            messages_per_page: 3,
            ..FakeOptions::default()
        },
        FakeOptions {
            messages_per_page: 3,
            newest_first: true,
            unknown_cursor: UnknownCursor::Refused(400),
            bare_lists: true,
            ..FakeOptions::default()
        },
    ] {
        let (_fake, sunshine) = pair_with(options).await;
        let (at, ids) = filled(&sunshine, 10).await;
        for order in [Order::Asc, Order::Desc] {
            for limit in [1, 2, 4, 50] {
                let cx = cx();
                let walked: Vec<String> = sunshine
                    .all_messages(&cx, &at, request(limit, order))
                    .map_ok(|message| message.id.to_string())
                    .try_collect()
                    .await
                    .unwrap();
                let mut wanted = ids.clone();
                if order == Order::Desc {
                    wanted.reverse();
                }
                assert_eq!(walked, wanted, "{order:?} in pages of {limit}");
            }
        }
    }
}

#[tokio::test]
async fn a_first_page_is_found_from_the_end_where_the_vendor_takes_no_early_cursor() {
    for (unknown_cursor, remembers) in [
        (UnknownCursor::Refused(400), true),
        (UnknownCursor::Refused(404), true),
        (UnknownCursor::Refused(500), false),
        (UnknownCursor::Ignored, true),
        (UnknownCursor::End, true),
    ] {
        let options = FakeOptions {
            messages_per_page: 3,
            unknown_cursor,
            ..FakeOptions::default()
        };
        let (fake, sunshine) = pair_with(options).await;
        let (at, ids) = filled(&sunshine, 8).await;
        if !remembers {
            fake.expect_violations();
        }
        let three_pages_back = 3;
        for calls in [
            three_pages_back + 1,
            three_pages_back + usize::from(!remembers),
        ] {
            let before = fake.received().len();
            let found = page(&sunshine, &at, request(2, Order::Asc)).await;
            assert_eq!(found.items[0].id.as_str(), ids[0], "{unknown_cursor:?}");
            assert!(found.next.is_some());
            assert_eq!(asked(&fake, before).len(), calls, "{unknown_cursor:?}");
        }
        let error = sunshine
            .get_message(&cx(), &at, &MISSING.parse().unwrap())
            .await
            .unwrap_err();
        let wanted = if remembers {
            Kind::NotFound
        } else {
            Kind::UpstreamFailed
        };
        assert_eq!(error.kind, wanted, "{unknown_cursor:?}");
    }
}

#[tokio::test]
async fn a_short_conversation_needs_no_cursor_before_all_messages() {
    let options = FakeOptions {
        unknown_cursor: UnknownCursor::Refused(500),
        ..FakeOptions::default()
    };
    let (fake, sunshine) = pair_with(options).await;
    let (at, _) = filled(&sunshine, 3).await;
    let before = fake.received().len();
    let found = page(&sunshine, &at, request(2, Order::Asc)).await;
    assert_eq!(texts(&found.items), ["message 0", "message 1"]);
    assert_eq!(asked(&fake, before).len(), 1);
}

#[tokio::test]
async fn a_page_whose_message_is_gone_says_so_and_not_that_the_conversation_is() {
    for status in [400, 404] {
        let options = FakeOptions {
            messages_per_page: 2,
            unknown_cursor: UnknownCursor::Refused(status),
            ..FakeOptions::default()
        };
        let (_fake, sunshine) = pair_with(options).await;
        let (at, _) = filled(&sunshine, 5).await;
        let first = page(&sunshine, &at, request(2, Order::Desc)).await;
        sunshine
            .delete_message(&cx(), &at, &first.items[1].id, None)
            .await
            .unwrap();
        let second = request(2, Order::Desc).after(first.next.unwrap());
        let error = sunshine
            .list_messages(&cx(), &at, &second)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidCursor, "{status}");
    }
}

#[tokio::test]
async fn many_deleted_messages_do_not_end_a_conversation() {
    let options = FakeOptions {
        messages_per_page: 1,
        ..FakeOptions::default()
    };
    let (fake, sunshine) = pair_with(options).await;
    let at = create(&sunshine).await;
    for number in 0..42 {
        let message = serde_json::json!({
            "id": format!("1{number:023x}"), "received": "2024-01-01T00:00:00.000Z",
            "author": {"type": "business"}, "source": {"type": "api:conversations"},
            "content": {"type": "text", "text": "here"},
            "deleted": number > 0 && number < 41
        });
        fake.add_message(&at.native, &message);
    }
    for order in [Order::Asc, Order::Desc] {
        let found = page(&sunshine, &at, request(2, order)).await;
        assert_eq!(found.items.len(), 2, "{order:?}");
    }
}

#[tokio::test]
async fn single_messages_are_found_in_three_calls_at_most() {
    let options = FakeOptions {
        messages_per_page: 3,
        ..FakeOptions::default()
    };
    let (fake, sunshine) = pair_with(options).await;
    let (at, ids) = filled(&sunshine, 10).await;
    for id in &ids {
        let before = fake.received().len();
        let found = sunshine
            .get_message(&cx(), &at, &id.parse().unwrap())
            .await
            .unwrap();
        assert_eq!(found.id.as_str(), id);
        assert!(asked(&fake, before).len() <= 3);
    }
    let other = create(&sunshine).await;
    let foreign = say(&sunshine, &other, Role::Assistant, "elsewhere").await;
    for id in [
        foreign.id.as_str(),
        "000000000000000000000001",
        "short",
        "ffffffffffffffffffffffff",
    ] {
        let error = sunshine
            .get_message(&cx(), &at, &id.parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{id}");
    }
}

#[tokio::test]
async fn placeholders_are_passed_over_and_pages_stay_full() {
    let options = FakeOptions {
        messages_per_page: 2,
        deleted_placeholders: true,
        ..FakeOptions::default()
    };
    let (_fake, sunshine) = pair_with(options).await;
    let (at, ids) = filled(&sunshine, 9).await;
    for id in &ids[2..7] {
        sunshine
            .delete_message(&cx(), &at, &id.parse().unwrap(), None)
            .await
            .unwrap();
    }
    for order in [Order::Asc, Order::Desc] {
        let found = page(&sunshine, &at, request(3, order)).await;
        assert_eq!(found.items.len(), 3, "{order:?}");
        let rest = page(&sunshine, &at, request(3, order).after(found.next.unwrap())).await;
        assert_eq!(rest.items.len(), 1, "{order:?}");
        assert_eq!(rest.next, None);
    }
}

#[tokio::test]
async fn messages_of_channels_stand_where_their_ids_belong() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let later = say(&sunshine, &at, Role::Assistant, "later").await;
    let early = serde_json::json!({
        "id": "100000000000000000000001", "received": "2024-01-01T00:00:00.000Z",
        "author": {"type": "user", "userId": "gone"}, "content": {"type": "text", "text": "early"},
        "source": {"type": "whatsapp"}
    });
    fake.add_message(&at.native, &early);
    let found = page(&sunshine, &at, request(10, Order::Asc)).await;
    assert_eq!(texts(&found.items), ["early", "later"]);
    let author = found.items[0].author.clone().unwrap();
    assert_eq!(
        author.id.as_deref(),
        Some("gone"),
        "who has left keeps the vendor's id"
    );
    let after = PageRequest {
        position: Some(Position::AfterMessage(found.items[0].id.clone())),
        ..request(10, Order::Asc)
    };
    assert_eq!(page(&sunshine, &at, after).await.items[0].id, later.id);
}

#[tokio::test]
async fn a_page_without_meta_and_links_is_read_by_what_it_holds() {
    let bare = |body: &mut serde_json::Value| {
        let body = body.as_object_mut().unwrap();
        body.remove("meta");
        body.remove("links");
    };
    let (fake, sunshine) = pair().await;
    let (at, _) = filled(&sunshine, 4).await;
    for order in [Order::Asc, Order::Desc] {
        fake.inject("ListMessages", Fault::Edit(bare));
        let found = page(&sunshine, &at, request(3, order)).await;
        assert_eq!((found.items.len(), found.next.is_some()), (3, true));
        fake.inject("ListMessages", Fault::Edit(bare));
        let rest = page(&sunshine, &at, request(3, order).after(found.next.unwrap())).await;
        assert_eq!((rest.items.len(), rest.next), (1, None));
    }
}

/// Four messages with ids that a test can name.
fn fixed(fake: &crate::fake::FakeSunshine, native: &str) {
    for number in 1..=4 {
        let message = serde_json::json!({
            "id": format!("10000000000000000000000{number}"),
            "received": format!("2024-01-01T00:00:0{number}.000Z"),
            "author": {"type": "business"},
            "content": {"type": "text", "text": format!("{number}")},
            "source": {"type": "api:conversations"}
        });
        fake.add_message(native, &message);
    }
}

#[tokio::test]
async fn a_vendor_that_leads_in_circles_is_an_error() {
    // It says that the cursor leads to itself; it gives the message again at which the page was to begin.
    let same_again = |body: &mut serde_json::Value| {
        let mut again = body["messages"][0].clone();
        again["id"] = "100000000000000000000003".into();
        body["messages"].as_array_mut().unwrap().push(again);
    };
    for fault in [Fault::RepeatCursor, Fault::Edit(same_again)] {
        let (fake, sunshine) = pair().await;
        let at = create(&sunshine).await;
        fixed(&fake, &at.native);
        let first = page(&sunshine, &at, request(2, Order::Desc)).await;
        let second = request(2, Order::Desc).after(first.next.unwrap());
        fake.inject("ListMessages", fault.clone());
        let error = sunshine
            .list_messages(&cx(), &at, &second)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::InvalidResponse, Outcome::NotApplied),
            "{fault:?}"
        );
        let whole = page(&sunshine, &at, second).await;
        assert_eq!(texts(&whole.items), ["2", "1"]);
    }
}

#[tokio::test]
async fn an_empty_page_that_promises_more_ends_the_walk() {
    let (fake, sunshine) = pair().await;
    let (at, _) = filled(&sunshine, 4).await;
    let promise = |body: &mut serde_json::Value| {
        body["messages"] = serde_json::json!([]);
        body["meta"] = serde_json::json!({"hasMore": true, "beforeCursor": null});
    };
    fake.inject("ListMessages", Fault::Edit(promise));
    let empty = page(&sunshine, &at, request(2, Order::Desc)).await;
    assert!(empty.items.is_empty() && empty.next.is_none());
}
