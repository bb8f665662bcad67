//! Which ids go down, and which come up.

use backend::{Backend as _, Kind, Order, Outcome, PageRequest, Position, Precondition};
use conversation::{Message, MessagePatch, NewMessage, Part, Patch, Quote, etag};

use crate::support::{Bench, cx, id, reply, text};

fn quoting(message: &str) -> Part {
    Part::Quote(Quote {
        text: "words".into(),
        message_id: Some(id(message)),
    })
}

fn quoted(message: &Message) -> Vec<String> {
    let quotes = message.parts.iter().filter_map(|part| match part {
        Part::Quote(quote) => quote.message_id.as_ref().map(ToString::to_string),
        _ => None,
    });
    quotes.collect()
}

#[tokio::test]
async fn a_list_shows_public_ids_and_asks_once_for_all_of_them() {
    let bench = Bench::new();
    let at = bench.create().await;
    for number in 0..20 {
        let native = bench
            .copied(&at, &format!("public-{number}"), "words")
            .await;
        let new = NewMessage {
            parts: vec![quoting(native.as_str())],
            ..reply(native.as_str(), "")
        };
        let native = bench.below.post_message(&cx(), &at, new).await.unwrap().id;
        bench
            .names
            .note(&format!("answer-{number}"), native.as_str());
    }
    bench.names.asked();
    let shown = bench.shown(&at).await;
    assert_eq!(bench.names.asked(), 1, "one question for the whole page");
    for (number, pair) in shown.chunks(2).enumerate() {
        let public = format!("public-{number}");
        assert_eq!(pair[0].id, id(&public));
        assert_eq!(pair[1].id, id(&format!("answer-{number}")));
        assert_eq!(pair[1].in_reply_to.as_ref().unwrap().id, id(&public));
        assert_eq!(quoted(&pair[1]), [public]);
    }
    // What is said since has one id, on both sides: the second question tells that it is nobody else's.
    bench.said(&at, "new").await;
    bench.shown(&at).await;
    assert_eq!(bench.names.asked(), 2);
}

#[tokio::test]
async fn what_is_no_copy_goes_through_unasked() {
    let bench = Bench::new();
    let mut at = bench.create().await;
    at.renamed = false;
    let native = bench.copied(&at, "public", "words").await;
    assert_eq!(bench.shown(&at).await[0].id, native);
    let read = bench
        .renamed
        .get_message(&cx(), &at, &native)
        .await
        .unwrap();
    assert_eq!(read.id, native);
    let missing = bench.renamed.get_message(&cx(), &at, &id("public")).await;
    assert_eq!(missing.unwrap_err().kind, Kind::NotFound);
    bench
        .renamed
        .delete_message(&cx(), &at, &native, None)
        .await
        .unwrap();
    assert_eq!(bench.names.asked(), 0);
}

#[tokio::test]
async fn pages_begin_at_public_ids() {
    let bench = Bench::new();
    let at = bench.create().await;
    for number in 0..5 {
        bench
            .copied(&at, &format!("p{number}"), &number.to_string())
            .await;
    }
    let page = |position, order| PageRequest {
        limit: 2,
        order,
        position: Some(position),
    };
    for (position, order, wanted) in [
        (Position::AfterMessage(id("p1")), Order::Asc, ["2", "3"]),
        (Position::BeforeMessage(id("p3")), Order::Asc, ["1", "2"]),
        (Position::AfterMessage(id("p3")), Order::Desc, ["2", "1"]),
    ] {
        let page = page(position, order);
        let found = bench
            .renamed
            .list_messages(&cx(), &at, &page)
            .await
            .unwrap();
        let texts: Vec<String> = found.items.iter().map(text).collect();
        assert_eq!(texts, wanted);
        // And goes on by cursor, which only the backend reads.
        let next = page.after(found.next.unwrap());
        bench
            .renamed
            .list_messages(&cx(), &at, &next)
            .await
            .unwrap();
    }
    let unknown = page(Position::AfterMessage(id("p9")), Order::Asc);
    let unknown = bench.renamed.list_messages(&cx(), &at, &unknown).await;
    assert_eq!(unknown.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn one_message_is_read_changed_rated_and_deleted_by_its_public_id_only() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native = bench.copied(&at, "public", "words").await;
    let public = id("public");
    let read = bench
        .renamed
        .get_message(&cx(), &at, &public)
        .await
        .unwrap();
    assert_eq!(
        (read.id, text(&bench.shown(&at).await[0])),
        (public.clone(), "words".to_owned())
    );
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("new "), quoting("public")]),
        ..MessagePatch::default()
    };
    let edited = bench
        .renamed
        .update_message(&cx(), &at, &public, patch.clone(), None)
        .await
        .unwrap();
    assert_eq!(
        (&edited.id, quoted(&edited)),
        (&public, vec!["public".to_owned()])
    );
    let there = bench.below.get_message(&cx(), &at, &native).await.unwrap();
    assert_eq!(quoted(&there), [native.to_string()]);
    let rated = bench
        .renamed
        .rate_message(&cx(), &at, &public, 4.0)
        .await
        .unwrap();
    assert_eq!(
        (rated.id, rated.rating.unwrap().mine),
        (public.clone(), Some(4.0))
    );
    // The id that it has below is nobody's id here.
    let by_native = bench.renamed.get_message(&cx(), &at, &native).await;
    assert_eq!(by_native.unwrap_err().kind, Kind::NotFound);
    let by_native = bench
        .renamed
        .update_message(&cx(), &at, &native, patch, None)
        .await;
    assert_eq!(by_native.unwrap_err().kind, Kind::NotFound);
    let by_native = bench.renamed.rate_message(&cx(), &at, &native, 1.0).await;
    assert_eq!(by_native.unwrap_err().kind, Kind::NotFound);
    let by_native = bench
        .renamed
        .delete_message(&cx(), &at, &native, None)
        .await;
    assert_eq!(by_native.unwrap_err().kind, Kind::NotFound);
    bench
        .renamed
        .delete_message(&cx(), &at, &public, None)
        .await
        .unwrap();
    assert_eq!(bench.shown(&at).await, []);
}

#[tokio::test]
async fn a_precondition_holds_for_what_callers_see() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native = bench.copied(&at, "public", "words").await;
    let public = id("public");
    let tag = |message: &Message| {
        Precondition::Matches(vec![etag(&serde_json::to_vec(message).unwrap())])
    };
    let shown = tag(&bench.shown(&at).await[0]);
    let there = tag(&bench.below.get_message(&cx(), &at, &native).await.unwrap());
    let patch = MessagePatch {
        subject: Patch::Set("s".into()),
        ..MessagePatch::default()
    };
    let update = async |precondition| {
        bench
            .renamed
            .update_message(&cx(), &at, &public, patch.clone(), Some(precondition))
            .await
    };
    let refused = update(&there).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.outcome),
        (Kind::PreconditionFailed, Outcome::NotApplied)
    );
    update(&Precondition::Exists).await.unwrap();
    assert_eq!(
        update(&shown).await.unwrap_err().kind,
        Kind::PreconditionFailed,
        "it has changed since"
    );
    let now = tag(&bench.shown(&at).await[0]);
    update(&now).await.unwrap();
    let deleted = bench
        .renamed
        .delete_message(&cx(), &at, &public, Some(&now))
        .await;
    assert_eq!(deleted.unwrap_err().kind, Kind::PreconditionFailed);
    let now = tag(&bench.shown(&at).await[0]);
    bench
        .renamed
        .delete_message(&cx(), &at, &public, Some(&now))
        .await
        .unwrap();
}

#[tokio::test]
async fn new_messages_refer_by_public_ids() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native = bench.copied(&at, "public", "words").await;
    let new = NewMessage {
        parts: vec![quoting("public")],
        ..reply("public", "")
    };
    let posted = bench
        .renamed
        .post_message(&cx(), &at, new.clone())
        .await
        .unwrap();
    let imported = bench
        .renamed
        .import_messages(&cx(), &at, vec![new])
        .await
        .unwrap();
    for shown in [posted, imported.into_iter().next().unwrap().unwrap()] {
        assert_eq!(shown.in_reply_to.as_ref().unwrap().id, id("public"));
        assert_eq!(quoted(&shown), ["public"]);
        let there = bench
            .below
            .get_message(&cx(), &at, &shown.id)
            .await
            .unwrap();
        assert_eq!(there.in_reply_to.as_ref().unwrap().id, native);
        assert_eq!(quoted(&there), [native.to_string()]);
    }
    // To one that is not there yet, and is named afterwards: both read back as they were sent.
    let early = bench
        .renamed
        .post_message(&cx(), &at, reply("later", "early"))
        .await
        .unwrap();
    bench.copied(&at, "later", "late").await;
    let shown = bench
        .renamed
        .get_message(&cx(), &at, &early.id)
        .await
        .unwrap();
    assert_eq!(shown.in_reply_to.unwrap().id, id("later"));
}

#[tokio::test]
async fn ids_that_are_anothers_on_the_other_side_are_told_apart() {
    let bench = Bench::new();
    let at = bench.create().await;
    // Callers know the first message by the very id that the second one has below.
    let (first, second) = (
        bench.said(&at, "first").await,
        bench.said(&at, "second").await,
    );
    bench.names.note(second.as_str(), first.as_str());
    let shown = bench.shown(&at).await;
    let apart = id(&format!("native-{second}"));
    assert_eq!(shown[0].id, second);
    assert_eq!(shown[1].id, apart);
    let read = async |id| text(&bench.renamed.get_message(&cx(), &at, id).await.unwrap());
    assert_eq!(read(&second).await, "first");
    assert_eq!(read(&apart).await, "second");
    let page = PageRequest {
        limit: 5,
        order: Order::Asc,
        position: Some(Position::BeforeMessage(apart.clone())),
    };
    let before = bench
        .renamed
        .list_messages(&cx(), &at, &page)
        .await
        .unwrap();
    assert_eq!(before.items.len(), 1);
    // Nobody's id is nobody's id: the first message's own is not one, and goes down as what nobody has.
    for nobodys in [
        first.clone(),
        id(&format!("native-{first}")),
        id("native-x"),
    ] {
        let missing = bench.renamed.get_message(&cx(), &at, &nobodys).await;
        assert_eq!(missing.unwrap_err().kind, Kind::NotFound, "{nobodys}");
    }
    // What refers to such an id reads back the same.
    for to in [first.as_str(), second.as_str(), "nobody"] {
        let sent = bench
            .renamed
            .post_message(&cx(), &at, reply(to, "reply"))
            .await
            .unwrap();
        assert_eq!(sent.in_reply_to.unwrap().id, id(to));
    }
    bench
        .renamed
        .delete_message(&cx(), &at, &apart, None)
        .await
        .unwrap();
    assert_eq!(read(&second).await, "first");
    // Once it has a name of its own, it is known by that.
    let third = bench.said(&at, "third").await;
    bench.names.note("third", third.as_str());
    assert_eq!(read(&id("third")).await, "third");
}
