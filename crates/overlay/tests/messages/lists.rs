//! Pages: the backend's own while nothing is kept, those of the index from then on, and from one to the other.

use backend::{Backend as _, Kind, Order, PageRequest, Position};
use conversation::Role;

use crate::bench::{Bench, asking, cx, ids, texts};
use crate::chatty::Manner;

/// A conversation with ten messages of the backend.
async fn ten(bench: &Bench) -> backend::Location {
    let at = bench.create().await;
    for number in 0..5 {
        bench.ask(&at, asking(&format!("question {number}"))).await;
    }
    at
}

#[tokio::test]
async fn a_walk_goes_on_where_it_was_when_an_index_comes() {
    for order in [Order::Asc, Order::Desc] {
        let bench = Bench::new(Manner::default());
        let at = ten(&bench).await;
        let mut wanted = ids(&bench.shown(&at).await);
        if order == Order::Desc {
            wanted.reverse();
        }
        let first = PageRequest {
            limit: 4,
            order,
            position: None,
        };
        let one = bench
            .overlay
            .list_messages(&cx(), &at, &first)
            .await
            .unwrap();
        bench.post(&at, Role::User, "meanwhile").await;
        let next = first.after(one.next.unwrap());
        let two = bench
            .overlay
            .list_messages(&cx(), &at, &next)
            .await
            .unwrap();
        assert_eq!(ids(&two.items), wanted[4..8]);
        // Back to the first page, by the cursor of the index and by that of before.
        let back = first.before(two.previous.unwrap());
        let back = bench
            .overlay
            .list_messages(&cx(), &at, &back)
            .await
            .unwrap();
        assert_eq!(ids(&back.items), wanted[..4]);
        let three = first.after(two.next.unwrap());
        let three = bench
            .overlay
            .list_messages(&cx(), &at, &three)
            .await
            .unwrap();
        assert_eq!(ids(&three.items)[..2], wanted[8..]);
    }
}

#[tokio::test]
async fn a_walk_goes_on_by_time_where_its_message_is_gone() {
    let bench = Bench::new(Manner::default());
    let at = ten(&bench).await;
    let wanted = ids(&bench.shown(&at).await);
    let first = PageRequest::first(4);
    let one = bench
        .overlay
        .list_messages(&cx(), &at, &first)
        .await
        .unwrap();
    bench.chatty.deleted_there(&at.native, &wanted[3]);
    bench.post(&at, Role::User, "meanwhile").await;
    let next = first.after(one.next.unwrap());
    let two = bench
        .overlay
        .list_messages(&cx(), &at, &next)
        .await
        .unwrap();
    assert_eq!(ids(&two.items), wanted[4..8]);
}

#[tokio::test]
async fn a_page_may_begin_at_a_message_and_at_what_stands_behind_one() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::User, "one").await;
    bench.ask(&at, asking("two")).await;
    bench.post(&at, Role::User, "three").await;
    let shown = bench.shown(&at).await;
    let page = |position| {
        let (bench, at) = (&bench, &at);
        async move {
            let page = PageRequest {
                position: Some(position),
                ..PageRequest::first(2)
            };
            bench.overlay.list_messages(&cx(), at, &page).await
        }
    };
    let after = page(Position::AfterMessage(shown[1].id.clone()))
        .await
        .unwrap();
    assert_eq!(ids(&after.items), ids(&shown[2..4]));
    // The backend's message that carries both stands where the newest of them does.
    let carrier: conversation::MessageId = "v000002".parse().unwrap();
    let after = page(Position::AfterMessage(carrier.clone())).await.unwrap();
    assert_eq!(ids(&after.items), ids(&shown[2..4]));
    let ours = bench
        .overlay
        .get_message(&cx(), &at, &carrier)
        .await
        .unwrap();
    assert_eq!(ours, shown[1]);
    let unknown = "nobody".parse().unwrap();
    let refused = page(Position::BeforeMessage(unknown)).await.unwrap_err();
    assert_eq!(refused.kind, Kind::NotFound);
}

#[tokio::test]
async fn imports_take_their_place_by_time_among_the_backends_messages() {
    let bench = Bench::new(Manner::default());
    let at = ten(&bench).await;
    bench
        .import(
            &at,
            &[
                (Role::User, "b", "2001-01-01T00:00:00Z"),
                (Role::Assistant, "c", "2001-01-01T00:00:00Z"),
                (Role::User, "a", "1969-01-01T00:00:00Z"),
            ],
        )
        .await;
    let shown = bench.texts(&at).await;
    assert_eq!(shown[..4], ["a", "b", "c", "question 0"]);
    assert_eq!(shown.len(), 13);
    let shown = bench.shown(&at).await;
    let conversation = bench
        .overlay
        .get_conversation(&cx().fresh(), &at)
        .await
        .unwrap();
    assert_eq!(conversation.last_message_at, Some(shown[12].sent_at));
    assert_eq!(texts(&shown[..3]), ["a", "b", "c"]);
}
