//! Messages: order, pages, doubled answers, deletes, votes.

use backend::{Backend, Kind, Position};
use conversation::{MessageStatus, Rating};

use crate::fake::{FakeOptions, Generation};
use crate::support::{
    ANSWERING, adapter, all, ask, create, cx, descending, events, page, pair, pair_with, paths,
    question, texts,
};

use backend::PageRequest;

#[tokio::test]
async fn answers_stored_twice_are_shown_once() {
    for generation in [Generation::V1OldFastApi, Generation::V1NewFastApi] {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let answer = ask(&chatter, &at, "one").await;
        ask(&chatter, &at, "two").await;
        assert_eq!(
            fake.messages(&at.native).len(),
            6,
            "the server stores three rows a turn"
        );
        let messages = all(&chatter, &at).await;
        assert_eq!(texts(&messages), ["one", "Echo: one", "two", "Echo: two"]);
        assert_eq!(messages[1], answer, "the list shows what the answer was");
        assert_eq!(
            chatter.get_message(&cx(), &at, &answer.id).await.unwrap(),
            answer
        );
    }
}

#[tokio::test]
async fn equal_answers_of_different_turns_are_two_messages() {
    for generation in ANSWERING {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        for _ in 0..2 {
            ask(&chatter, &at, "same").await;
        }
        assert_eq!(
            texts(&all(&chatter, &at).await),
            ["same", "Echo: same", "same", "Echo: same"]
        );
    }
}

#[tokio::test]
async fn messages_are_ordered_by_number_whatever_order_the_server_sends() {
    for seed in 0..20 {
        let options = FakeOptions {
            seed,
            ..FakeOptions::new(Generation::V1NewFastApi)
        };
        let (_fake, chatter) = pair_with(options).await;
        let at = create(&chatter).await;
        for text in ["a", "b", "c"] {
            ask(&chatter, &at, text).await;
        }
        let forwards = ["a", "Echo: a", "b", "Echo: b", "c", "Echo: c"];
        assert_eq!(texts(&all(&chatter, &at).await), forwards, "seed {seed}");
        let backwards = page(&chatter, &at, descending(10)).await;
        assert_eq!(
            texts(&backwards.items),
            forwards.iter().rev().copied().collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn pages_meet_each_message_once_in_both_directions() {
    let (_fake, chatter) = pair(Generation::V1OldFastApi).await;
    let at = create(&chatter).await;
    for text in ["a", "b", "c"] {
        ask(&chatter, &at, text).await;
    }
    for first in [PageRequest::first(2), descending(2)] {
        let whole = texts(
            &page(
                &chatter,
                &at,
                PageRequest {
                    limit: 100,
                    ..first.clone()
                },
            )
            .await
            .items,
        );
        let mut pages = vec![page(&chatter, &at, first.clone()).await];
        while let Some(next) = pages.last().unwrap().next.clone() {
            pages.push(page(&chatter, &at, first.after(next)).await);
        }
        let met: Vec<_> = pages.iter().flat_map(|page| texts(&page.items)).collect();
        assert_eq!(met, whole);
        for pair in pages.windows(2) {
            let back = page(
                &chatter,
                &at,
                first.before(pair[1].previous.clone().unwrap()),
            )
            .await;
            assert_eq!(
                back, pair[0],
                "the previous cursor leads back to the same page"
            );
        }
        assert_eq!(pages[0].previous, None);
    }
}

#[tokio::test]
async fn a_page_may_begin_at_a_message_and_an_unknown_one_is_not_found() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let answer = ask(&chatter, &at, "a").await;
    ask(&chatter, &at, "b").await;
    let position = |position| PageRequest {
        position: Some(position),
        ..PageRequest::first(10)
    };
    let after = page(
        &chatter,
        &at,
        position(Position::AfterMessage(answer.id.clone())),
    )
    .await;
    assert_eq!(texts(&after.items), ["b", "Echo: b"]);
    let before = page(&chatter, &at, position(Position::BeforeMessage(answer.id))).await;
    assert_eq!(texts(&before.items), ["a"]);
    let unknown = Position::AfterMessage("01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap());
    let error = chatter
        .list_messages(&cx(), &at, &position(unknown))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn a_cursor_of_another_conversation_is_refused() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let (one, other) = (create(&chatter).await, create(&chatter).await);
    for at in [&one, &other] {
        ask(&chatter, at, "a").await;
    }
    let cursor = page(&chatter, &one, PageRequest::first(1))
        .await
        .next
        .unwrap();
    let foreign = PageRequest::first(1).after(cursor);
    let error = chatter
        .list_messages(&cx(), &other, &foreign)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidCursor);
}

#[tokio::test]
async fn deleting_an_answer_deletes_both_copies() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let at = create(&chatter).await;
    let answer = ask(&chatter, &at, "one").await;
    chatter
        .delete_message(&cx(), &at, &answer.id, None)
        .await
        .unwrap();
    assert_eq!(texts(&all(&chatter, &at).await), ["one"]);
    assert_eq!(fake.messages(&at.native).len(), 1);
    let error = chatter
        .delete_message(&cx(), &at, &answer.id, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn each_rating_is_one_more_vote() {
    for generation in ANSWERING {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let answer = ask(&chatter, &at, "one").await;
        assert_eq!(answer.rating, None);
        for (value, mean, count) in [(4.5, 4.5, 1), (2.0, 3.25, 2), (5.0, 11.5 / 3.0, 3)] {
            let rated = chatter
                .rate_message(&cx(), &at, &answer.id, value)
                .await
                .unwrap();
            assert_eq!(
                rated.rating,
                Some(Rating {
                    mean: Some(mean),
                    count,
                    mine: None
                })
            );
            assert_eq!(
                chatter.get_message(&cx(), &at, &answer.id).await.unwrap(),
                rated,
                "{generation:?}"
            );
        }
        for value in [-0.1, 5.1, f64::NAN] {
            let error = chatter
                .rate_message(&cx(), &at, &answer.id, value)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind, error.violations[0].pointer.as_str()),
                (Kind::InvalidRequest, "/value")
            );
        }
    }
}

#[tokio::test]
async fn post_and_import_are_not_held_and_nothing_is_sent() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let asked = fake.requests().len();
    let message = question("x").input.unwrap();
    let post = chatter
        .post_message(&cx(), &at, message.clone())
        .await
        .unwrap_err();
    let import = chatter
        .import_messages(&cx(), &at, vec![message])
        .await
        .unwrap_err();
    assert_eq!((post.kind, import.kind), (Kind::NotHeld, Kind::NotHeld));
    assert_eq!(post.violations.len(), 1);
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    let update = chatter
        .update_message(&cx(), &at, &id, Default::default(), None)
        .await
        .unwrap_err();
    assert_eq!(update.kind, Kind::Unsupported);
    assert_eq!(fake.requests().len(), asked);
}

#[tokio::test]
async fn apologies_are_failed_messages_in_lists() {
    for generation in ANSWERING {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        events(&chatter, &at, question("[[fail500]]"))
            .await
            .unwrap();
        ask(&chatter, &at, "well?").await;
        let statuses: Vec<_> = all(&chatter, &at)
            .await
            .into_iter()
            .map(|message| message.status)
            .collect();
        assert_eq!(
            statuses,
            [
                MessageStatus::Sent,
                MessageStatus::Failed,
                MessageStatus::Sent,
                MessageStatus::Sent
            ],
            "{generation:?}"
        );
    }
}

#[tokio::test]
async fn a_walk_over_many_pages_reads_the_conversation_once() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    for text in ["a", "b", "c"] {
        ask(&chatter, &at, text).await;
    }
    let whole_reads = || {
        paths(&fake)
            .iter()
            .filter(|path| path.ends_with("include_messages=true"))
            .count()
    };
    let before = whole_reads();
    let first = PageRequest::first(2);
    let mut next = page(&chatter, &at, first.clone()).await.next;
    while let Some(cursor) = next {
        next = page(&chatter, &at, first.after(cursor)).await.next;
    }
    assert_eq!(whole_reads() - before, 1);
}

#[tokio::test]
async fn a_walk_sees_what_is_said_and_deleted_meanwhile() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    for text in ["a", "b"] {
        ask(&chatter, &at, text).await;
    }
    let first = PageRequest::first(2);
    let opening = page(&chatter, &at, first.clone()).await;
    let rest = first.after(opening.next.unwrap());
    ask(&chatter, &at, "c").await;
    let rest_now = PageRequest {
        limit: 10,
        ..rest.clone()
    };
    let seen = page(&chatter, &at, rest_now.clone()).await.items;
    assert_eq!(texts(&seen), ["b", "Echo: b", "c", "Echo: c"]);
    chatter
        .delete_message(&cx(), &at, &seen[0].id, None)
        .await
        .unwrap();
    assert_eq!(
        texts(&page(&chatter, &at, rest_now).await.items),
        ["Echo: b", "c", "Echo: c"]
    );
}

#[tokio::test]
async fn a_new_walk_and_a_fresh_read_see_what_others_deleted_without_a_mark() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    for text in ["a", "b"] {
        ask(&chatter, &at, text).await;
    }
    let first = PageRequest::first(2);
    let rest = first.after(page(&chatter, &at, first.clone()).await.next.unwrap());
    let other = adapter(&fake);
    let gone = page(&chatter, &at, rest.clone()).await.items.remove(0);
    other
        .delete_message(&cx(), &at, &gone.id, None)
        .await
        .unwrap();
    let fresh = chatter
        .list_messages(&cx().fresh(), &at, &rest)
        .await
        .unwrap();
    assert_eq!(texts(&fresh.items), ["Echo: b"]);
    assert_eq!(
        texts(&all(&chatter, &at).await),
        ["a", "Echo: a", "Echo: b"]
    );
}
