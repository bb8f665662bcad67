//! Messages: ids that stay, order, pages, records of another shape.

use backend::{Backend, Kind, Order, PageRequest, Position};
use conversation::{MessageId, Role};
use futures_util::future::join_all;

use crate::fake::{Fault, Operation};
use crate::support::{Pair, all, ask, cx, page, texts};

#[tokio::test]
async fn ids_are_the_same_on_every_read_and_apart_in_one_millisecond() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    pair.fake.freeze();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(ask(&pair.datamonkey, &at, "same").await);
    }
    let messages = all(&pair.datamonkey, &at).await;
    let mut ids: Vec<MessageId> = messages.iter().map(|message| message.id.clone()).collect();
    assert_eq!(messages, all(&pair.restarted(), &at).await);
    for answer in &answers {
        assert!(
            messages.contains(answer),
            "the list shows what the answer was"
        );
        assert_eq!(
            &pair
                .datamonkey
                .get_message(&cx(), &at, &answer.id)
                .await
                .unwrap(),
            answer
        );
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    assert_eq!(
        texts(&messages),
        [
            "same",
            "echo: same",
            "same",
            "echo: same",
            "same",
            "echo: same"
        ]
    );
}

#[tokio::test]
async fn ids_survive_parallel_sends_that_are_stored_out_of_order() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let start = pair.fake.freeze();
    pair.fake.store(&at.native, "user", "one", start + 5);
    pair.fake.store(&at.native, "assistant", "ONE", start + 9);
    let before = all(&pair.datamonkey, &at).await;
    // Stored later with earlier times, as parallel sends do.
    pair.fake.store(&at.native, "user", "two", start + 5);
    pair.fake.store(&at.native, "user", "zero", start + 2);
    pair.fake.store(&at.native, "assistant", "TWO", start + 6);
    let after = all(&pair.datamonkey, &at).await;
    assert_eq!(texts(&after), ["zero", "one", "two", "TWO", "ONE"]);
    for message in &before {
        assert!(
            after.contains(message),
            "{}",
            texts(std::slice::from_ref(message))[0]
        );
    }
}

#[tokio::test]
async fn parallel_sends_are_all_stored_and_answers_name_their_messages() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let sends = (0..8).map(|number| {
        let (datamonkey, at) = (&pair.datamonkey, &at);
        async move { ask(datamonkey, at, &format!("[[slow:20]] {number}")).await }
    });
    let answers = join_all(sends).await;
    let messages = all(&pair.datamonkey, &at).await;
    assert_eq!(messages.len(), 16);
    for answer in answers {
        assert!(messages.contains(&answer));
    }
}

#[tokio::test]
async fn pages_walk_in_both_directions_also_within_one_millisecond() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    pair.fake.freeze();
    for text in ["a", "b", "c"] {
        ask(&pair.datamonkey, &at, text).await;
    }
    for order in [Order::Asc, Order::Desc] {
        let first = PageRequest {
            order,
            ..PageRequest::first(2)
        };
        let whole = page(
            &pair.datamonkey,
            &at,
            PageRequest {
                limit: 100,
                ..first.clone()
            },
        )
        .await;
        let mut pages = vec![page(&pair.datamonkey, &at, first.clone()).await];
        while let Some(next) = pages.last().unwrap().next.clone() {
            pages.push(page(&pair.datamonkey, &at, first.after(next)).await);
        }
        let walked: Vec<_> = pages.iter().flat_map(|page| texts(&page.items)).collect();
        assert_eq!(walked, texts(&whole.items));
        for two in pages.windows(2) {
            let back = page(
                &pair.datamonkey,
                &at,
                first.before(two[1].previous.clone().unwrap()),
            )
            .await;
            assert_eq!(back, two[0]);
        }
    }
    let anchor = all(&pair.datamonkey, &at).await[1].id.clone();
    let from = |position| PageRequest {
        position: Some(position),
        ..PageRequest::first(2)
    };
    let after = page(
        &pair.datamonkey,
        &at,
        from(Position::AfterMessage(anchor.clone())),
    )
    .await;
    assert_eq!(texts(&after.items), ["b", "echo: b"]);
    let before = page(&pair.datamonkey, &at, from(Position::BeforeMessage(anchor))).await;
    assert_eq!(texts(&before.items), ["a"]);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_foreign_cursors_are_refused() {
    let pair = Pair::new().await;
    let (one, other) = (pair.create().await, pair.create().await);
    let answer = ask(&pair.datamonkey, &one, "a").await;
    ask(&pair.datamonkey, &other, "a").await;
    for id in [MessageId::derive(&["no"]), "conv_x".parse().unwrap()] {
        let error = pair
            .datamonkey
            .get_message(&cx(), &one, &id)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
    let error = pair
        .datamonkey
        .get_message(&cx(), &other, &answer.id)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let cursor = page(&pair.datamonkey, &one, PageRequest::first(1))
        .await
        .next
        .unwrap();
    let error = pair
        .datamonkey
        .list_messages(&cx(), &other, &PageRequest::first(1).after(cursor))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidCursor);
    pair.fake.remove(&one.native);
    let error = pair
        .datamonkey
        .list_messages(&cx(), &one, &PageRequest::first(1))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn no_messages_are_none_however_they_are_spelled() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    assert!(all(&pair.datamonkey, &at).await.is_empty());
    for body in [r#"{"messages":null}"#, r#"{"messages":[]}"#] {
        pair.fake
            .inject(Operation::Messages, Fault::json(200, body));
        let found = page(&pair.datamonkey, &at, PageRequest::first(10)).await;
        assert!(found.items.is_empty() && found.next.is_none() && found.previous.is_none());
    }
}

#[tokio::test]
async fn one_bad_record_leaves_the_others_and_unknown_words_are_kept() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let body = r#"{"messages":[
        {"role":"user","content":"a","timestamp":1},
        {"role":"user","content":["b"],"timestamp":2},
        null,
        {"role":"user","content":"c","timestamp":9223372036854775807},
        {"role":"sage","content":"d","timestamp":4,"mood":"mild"},
        {"role":"system","content":"e"}]}"#;
    pair.fake
        .inject(Operation::Messages, Fault::json(200, body));
    let messages = all(&pair.datamonkey, &at).await;
    assert_eq!(
        texts(&messages),
        ["e", "a", "d"],
        "a message without a time comes first"
    );
    assert_eq!(messages[2].role, Role::Other("sage".into()));
    assert_eq!(messages[0].role, Role::System);
    assert!(messages[2].extensions["datamonkey"].contains_key("mood"));
}

#[tokio::test]
async fn a_long_history_comes_in_one_answer_and_is_read() {
    // The vendor has no pages, and took messages of 10 MB where it was measured.
    let pair = Pair::new().await;
    let at = pair.create().await;
    for (number, letter) in ["a", "b", "c"].into_iter().enumerate() {
        let text = letter.repeat(9 * 1024 * 1024);
        pair.fake
            .store(&at.native, "user", &text, number as i64 + 1);
    }
    let messages = all(&pair.datamonkey, &at).await;
    let lengths: Vec<usize> = texts(&messages).iter().map(String::len).collect();
    assert_eq!(lengths, [9 * 1024 * 1024; 3]);
}

#[tokio::test]
async fn a_history_of_many_short_messages_is_read() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    // Three members each: more values than an answer of a vendor with pages may hold.
    let one = r#"{"role":"user","content":"a","timestamp":1}"#;
    let body = format!(r#"{{"messages":[{}]}}"#, vec![one; 150_000].join(","));
    pair.fake
        .inject(Operation::Messages, Fault::json(200, &body));
    let found = page(&pair.datamonkey, &at, PageRequest::first(10)).await;
    assert_eq!(found.items.len(), 10);
}
