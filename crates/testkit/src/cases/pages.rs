//! Pages of messages: forwards, backwards, from a message on, and while others write.

use backend::{Cursor, Kind, Location, Order, Page, PageRequest, Position};
use conversation::{Message, MessageId};

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome};
use crate::expect::{Must, not_found, refused};

const NEEDS: &[Need] = &[Need::Works("conversation_create"), Need::Grows];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "pages forwards and backwards meet each message exactly once",
        needs: NEEDS,
        run: |bench| Box::pin(both_directions(bench)),
    },
    Case {
        rule: "the previous cursor leads back to the same page",
        needs: NEEDS,
        run: |bench| Box::pin(there_and_back(bench)),
    },
    Case {
        rule: "a page may begin right after or right before a message",
        needs: NEEDS,
        run: |bench| Box::pin(around_a_message(bench)),
    },
    Case {
        rule: "a walk over messages is complete while others are posted",
        needs: NEEDS,
        run: |bench| Box::pin(walk_under_posts(bench)),
    },
    Case {
        rule: "a foreign cursor is refused",
        needs: NEEDS,
        run: |bench| Box::pin(foreign_cursors(bench)),
    },
    Case {
        rule: "a page position at an unknown message is not found",
        needs: NEEDS,
        run: |bench| Box::pin(unknown_position(bench)),
    },
];

/// The most pages of one walk: far more than any case needs.
const PAGES_MAX: usize = 1_000;

async fn page(bench: &Bench, at: &Location, request: &PageRequest) -> Page<Message> {
    let page = bench
        .backend
        .list_messages(&bench.cx(), at, request)
        .await
        .must("listing messages");
    assert!(
        page.items.len() <= request.limit,
        "a page of {} holds {}",
        request.limit,
        page.items.len()
    );
    page
}

fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id.clone()).collect()
}

/// The ids in the list's order.
fn ordered(messages: &[Message], order: Order) -> Vec<MessageId> {
    let mut ids = ids(messages);
    if order == Order::Desc {
        ids.reverse();
    }
    ids
}

async fn both_directions(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(7).await;
    for order in [Order::Asc, Order::Desc] {
        let wanted = ordered(&messages, order);
        for limit in [1, 2, 3, wanted.len(), wanted.len() + 1] {
            let first = PageRequest {
                order,
                ..PageRequest::first(bench.page_size(limit))
            };
            let mut request = first.clone();
            let mut forwards = Vec::new();
            let mut last = loop {
                let page = page(bench, &at, &request).await;
                assert_eq!(
                    page.previous.is_none(),
                    forwards.is_empty(),
                    "only the first page has none before it"
                );
                forwards.extend(ids(&page.items));
                assert!(
                    forwards.len() <= wanted.len(),
                    "pages of {limit} meet a message twice, forwards"
                );
                let Some(next) = page.next.clone() else {
                    break page;
                };
                assert!(!page.items.is_empty(), "a page before others is not empty");
                request = first.after(next);
            };
            assert_eq!(forwards, wanted, "pages of {limit}, forwards");

            let mut backwards = ids(&last.items);
            while let Some(previous) = last.previous {
                last = page(bench, &at, &first.before(previous)).await;
                let mut longer = ids(&last.items);
                longer.append(&mut backwards);
                backwards = longer;
                assert!(
                    backwards.len() <= wanted.len(),
                    "pages of {limit} meet a message twice, backwards"
                );
                assert!(last.next.is_some(), "a page that others follow says so");
            }
            assert_eq!(backwards, wanted, "pages of {limit}, backwards");
        }
    }
    Ok(())
}

async fn there_and_back(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(6).await;
    for order in [Order::Asc, Order::Desc] {
        let first = PageRequest {
            order,
            ..PageRequest::first(bench.page_size(2))
        };
        let mut pages = vec![page(bench, &at, &first).await];
        for _ in 0..2 {
            let next = pages[pages.len() - 1].next.clone();
            let next = next
                .unwrap_or_else(|| panic!("{} messages fill three pages of two", messages.len()));
            pages.push(page(bench, &at, &first.after(next)).await);
        }
        for index in (1..pages.len()).rev() {
            let previous = pages[index].previous.clone();
            let previous = previous.unwrap_or_else(|| panic!("page {index} has one before it"));
            let back = page(bench, &at, &first.before(previous)).await;
            assert_eq!(
                ids(&back.items),
                ids(&pages[index - 1].items),
                "the page before page {index}"
            );
            let next = back
                .next
                .unwrap_or_else(|| panic!("page {index} follows the one before it"));
            let again = page(bench, &at, &first.after(next)).await;
            assert_eq!(
                ids(&again.items),
                ids(&pages[index].items),
                "there and back and there again"
            );
        }
    }
    Ok(())
}

async fn around_a_message(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(5).await;
    for order in [Order::Asc, Order::Desc] {
        let wanted = ordered(&messages, order);
        let limit = bench.page_size(2);
        for (index, id) in wanted.iter().enumerate() {
            let after = PageRequest {
                limit,
                order,
                position: Some(Position::AfterMessage(id.clone())),
            };
            let found = page(bench, &at, &after).await;
            let end = (index + 1 + limit).min(wanted.len());
            assert_eq!(
                ids(&found.items),
                wanted[index + 1..end],
                "after message {index}, {order:?}"
            );
            assert_eq!(
                found.next.is_some(),
                end < wanted.len(),
                "whether more follow, after message {index}"
            );

            let before = PageRequest {
                limit,
                order,
                position: Some(Position::BeforeMessage(id.clone())),
            };
            let found = page(bench, &at, &before).await;
            let begin = index.saturating_sub(limit);
            assert_eq!(
                ids(&found.items),
                wanted[begin..index],
                "before message {index}, {order:?}"
            );
            assert_eq!(
                found.previous.is_some(),
                begin > 0,
                "whether more stand before, before message {index}"
            );
        }
    }
    Ok(())
}

async fn walk_under_posts(bench: &Bench) -> Outcome {
    for order in [Order::Asc, Order::Desc] {
        let (at, before) = bench.conversation_of(6).await;
        let first = PageRequest {
            order,
            ..PageRequest::first(bench.page_size(2))
        };
        let mut request = first.clone();
        let mut met = Vec::new();
        let mut late = 0;
        for pages in 0.. {
            assert!(pages < PAGES_MAX, "the list of messages has an end");
            let page = page(bench, &at, &request).await;
            met.extend(ids(&page.items));
            let Some(next) = page.next else { break };
            request = first.after(next);
            if late < 3 {
                bench
                    .say_text(&at, format!("meanwhile {late}"))
                    .await
                    .must("saying something during the walk");
                late += 1;
            }
        }
        for message in &before {
            let times = met.iter().filter(|id| **id == message.id).count();
            assert_eq!(
                times, 1,
                "how often the walk met a message that was there before, {order:?}"
            );
        }
        let mut unique = met.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(
            unique.len(),
            met.len(),
            "the walk met a message twice, {order:?}"
        );
        let shown = ordered(&bench.messages(&at).await, order);
        let places: Vec<_> = met
            .iter()
            .map(|id| shown.iter().position(|other| other == id))
            .collect();
        assert!(
            places.is_sorted(),
            "the walk kept the list's order, {order:?}: {places:?}"
        );
    }
    Ok(())
}

async fn foreign_cursors(bench: &Bench) -> Outcome {
    let (here, _) = bench.conversation_of(3).await;
    let (there, _) = bench.conversation_of(3).await;
    let first = PageRequest::first(1);
    let cursor = page(bench, &here, &first).await.next;
    let cursor = cursor.unwrap_or_else(|| panic!("three messages do not fit on a page of one"));

    let result = bench
        .backend
        .list_messages(&bench.cx(), &there, &first.after(cursor.clone()))
        .await;
    refused(
        result,
        Kind::InvalidCursor,
        "a cursor of another conversation",
    );
    let turned = PageRequest {
        order: Order::Desc,
        ..first.after(cursor.clone())
    };
    let result = bench
        .backend
        .list_messages(&bench.cx(), &here, &turned)
        .await;
    refused(result, Kind::InvalidCursor, "a cursor of the other order");
    let mut changed = cursor.as_str().to_owned();
    changed.pop();
    for text in [
        "",
        "0",
        "not a cursor",
        "AAAAAAAAAAAA",
        "\0",
        "../..",
        changed.as_str(),
        &"A".repeat(4_000),
    ] {
        for request in [
            first.after(Cursor::from(text)),
            first.before(Cursor::from(text)),
        ] {
            let result = bench
                .backend
                .list_messages(&bench.cx(), &here, &request)
                .await;
            refused(result, Kind::InvalidCursor, &format!("the cursor {text:?}"));
        }
    }
    page(bench, &here, &first.after(cursor)).await;
    Ok(())
}

async fn unknown_position(bench: &Bench) -> Outcome {
    let (at, _) = bench.conversation_of(2).await;
    let id = &bench.missing_message;
    for position in [
        Position::AfterMessage(id.clone()),
        Position::BeforeMessage(id.clone()),
    ] {
        let request = PageRequest {
            position: Some(position),
            ..PageRequest::first(1)
        };
        let result = bench
            .backend
            .list_messages(&bench.cx(), &at, &request)
            .await;
        not_found(result, "a page at an unknown message");
    }
    Ok(())
}
