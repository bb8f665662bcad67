//! Texts of which the vendor makes several messages: only the last one is shown.

use backend::{Backend, Kind, Order, Position, Settled, Write};
use conversation::{NewMessage, Part, Role, Time};

use crate::fake::{FakeOptions, FakeSunshine};
use crate::support::{asked, create, cx, page, pair, pair_with, request, say, texts};

const TEMPLATE: &str = "Dear Ann, %((template: greeting))%";
const LAST: &str = "what the template says";

/// A vendor with small pages, and a conversation of these texts.
async fn said(lines: &[&str]) -> (FakeSunshine, sunshine::Sunshine, backend::Location) {
    let options = FakeOptions {
        messages_per_page: 2,
        ..FakeOptions::default()
    };
    let (fake, sunshine) = pair_with(options).await;
    let at = create(&sunshine).await;
    for line in lines {
        say(&sunshine, &at, Role::Assistant, line).await;
    }
    (fake, sunshine, at)
}

#[tokio::test]
async fn of_several_messages_the_last_is_the_post_and_the_others_are_not_shown() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let posted = say(&sunshine, &at, Role::Assistant, TEMPLATE).await;
    assert_eq!(posted.parts, [Part::text(LAST)]);
    assert_eq!(fake.messages(&at.native).len(), 2);
    let listed = page(&sunshine, &at, request(10, Order::Asc)).await;
    assert_eq!(listed.items, [posted]);
}

#[tokio::test]
async fn they_are_folded_wherever_a_page_ends() {
    for before in 0..3 {
        let mut lines = vec!["one"; before];
        lines.extend([TEMPLATE, "two", TEMPLATE, "three"]);
        let (_fake, sunshine, at) = said(&lines).await;
        let mut wanted = vec!["one"; before];
        wanted.extend([LAST, "two", LAST, "three"]);
        for order in [Order::Asc, Order::Desc] {
            for limit in 1..4 {
                let mut seen = Vec::new();
                let mut next = request(limit, order);
                loop {
                    let found = page(&sunshine, &at, next.clone()).await;
                    seen.extend(texts(&found.items));
                    let Some(cursor) = found.next else { break };
                    next.position = Some(Position::After(cursor));
                }
                if order == Order::Desc {
                    seen.reverse();
                }
                assert_eq!(seen, wanted, "{order:?} {limit}");
            }
        }
    }
}

#[tokio::test]
async fn only_a_page_that_such_a_text_ends_costs_another_call() {
    let (fake, sunshine, at) = said(&["one", "two", "three", TEMPLATE, "four"]).await;
    let newest = page(&sunshine, &at, request(2, Order::Desc)).await;
    assert_eq!(texts(&newest.items), ["four", LAST]);
    let before = fake.received().len();
    let mut older = request(1, Order::Desc);
    older.position = newest.next.map(Position::After);
    let older = page(&sunshine, &at, older).await;
    assert_eq!(texts(&older.items), ["three"]);
    assert_eq!(asked(&fake, before), ["ListMessages"; 2]);
    let before = fake.received().len();
    let mut oldest = request(2, Order::Desc);
    oldest.position = older.next.map(Position::After);
    let oldest = page(&sunshine, &at, oldest).await;
    assert_eq!(texts(&oldest.items), ["two", "one"]);
    assert_eq!(asked(&fake, before), ["ListMessages"]);
}

#[tokio::test]
async fn deleting_the_post_deletes_the_text_that_led_it() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    say(&sunshine, &at, Role::Assistant, "one").await;
    let posted = say(&sunshine, &at, Role::Assistant, TEMPLATE).await;
    let deleted = sunshine.delete_message(&cx(), &at, &posted.id, None).await;
    deleted.unwrap();
    assert_eq!(fake.messages(&at.native).len(), 1);
    let again = sunshine.delete_message(&cx(), &at, &posted.id, None).await;
    assert_eq!(again.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn a_lost_answer_is_found_by_the_same_write() {
    let (_fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let cx = cx();
    let new = NewMessage::text(Role::Assistant, TEMPLATE);
    let posted = sunshine.post_message(&cx, &at, new.clone()).await.unwrap();
    let intent = backend::Intent {
        id: cx.intent,
        location: Some(at),
        write: Write::PostMessage(new),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let settled = sunshine.settle(&cx, &intent).await.unwrap();
    let found = backend::Applied::Message(Box::new(posted));
    assert_eq!(settled, Settled::Applied(found));
}
