//! Reading and editing messages.

use backend::{Backend, Freshness, Kind, Order, PageRequest};
use conversation::{Message, MessageId, MessagePatch, Part, Patch};
use convore::wire::Member;

use crate::fake::{FakeOptions, Fault};
use crate::support::{
    all, asked, body_of, create, cx, import, inbound, pair, pair_with, said_at, texts,
};

fn edited(text: &str) -> MessagePatch {
    MessagePatch {
        parts: Patch::Set(vec![Part::text(text)]),
        ..MessagePatch::default()
    }
}

#[tokio::test]
async fn a_walk_reads_the_messages_once_while_the_mark_stands() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let new = (0..7).map(|day| {
        said_at(
            &format!("{day}"),
            &format!("2020-01-0{}T00:00:00Z", day + 1),
        )
    });
    import(&convore, &at, new.collect()).await;
    fake.forget_requests();
    let mut request = PageRequest {
        order: Order::Desc,
        ..PageRequest::first(2)
    };
    let mut walked: Vec<Message> = Vec::new();
    loop {
        let page = convore.list_messages(&cx(), &at, &request).await.unwrap();
        walked.extend(page.items);
        let Some(next) = page.next else { break };
        request = request.after(next);
    }
    assert_eq!(texts(&walked), ["6", "5", "4", "3", "2", "1", "0"]);
    let lists = |fake: &crate::fake::FakeConvore| {
        asked(fake)
            .iter()
            .filter(|one| one.starts_with("GET /v1/messages?"))
            .count()
    };
    assert_eq!(lists(&fake), 1);
    let expected = format!(
        "GET /v1/messages?conversation_id={}&format=full&limit=100",
        at.native
    );
    assert!(asked(&fake).contains(&expected), "{:?}", asked(&fake));

    // A walk goes on past a mark that has moved, and past the cache where it must.
    let page = convore
        .list_messages(&cx(), &at, &PageRequest::first(2))
        .await
        .unwrap();
    convore
        .post_message(&cx(), &at, inbound("new"))
        .await
        .unwrap();
    let request = PageRequest::first(2).after(page.next.unwrap());
    fake.forget_requests();
    convore.list_messages(&cx(), &at, &request).await.unwrap();
    convore.list_messages(&cx(), &at, &request).await.unwrap();
    assert_eq!(lists(&fake), 1);
    let mut fresh = cx();
    fresh.freshness = Freshness::Fresh;
    convore.list_messages(&fresh, &at, &request).await.unwrap();
    assert_eq!(lists(&fake), 2);
}

#[tokio::test]
async fn a_conversation_without_a_mark_is_read_each_time() {
    let options = FakeOptions {
        tells_counts: false,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    for text in ["a", "b", "c"] {
        convore
            .post_message(&cx(), &at, inbound(text))
            .await
            .unwrap();
    }
    let first = convore
        .list_messages(&cx(), &at, &PageRequest::first(1))
        .await
        .unwrap();
    let rest = PageRequest::first(5).after(first.next.unwrap());
    let rest = convore.list_messages(&cx(), &at, &rest).await.unwrap();
    assert_eq!(texts(&rest.items), ["b", "c"]);
}

#[tokio::test]
async fn filters_are_repeated_on_every_page() {
    let options = FakeOptions {
        page_max: 2,
        ..FakeOptions::default()
    };
    let (fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    import(
        &convore,
        &at,
        (0..5)
            .map(|_| said_at("x", "2020-01-01T00:00:00Z"))
            .collect(),
    )
    .await;
    fake.forget_requests();
    assert_eq!(all(&convore, &at).await.len(), 5);
    let pages: Vec<String> = asked(&fake)
        .into_iter()
        .filter(|one| one.starts_with("GET /v1/messages?"))
        .collect();
    assert_eq!(pages.len(), 3);
    let filters = format!("conversation_id={}&format=full&limit=100", at.native);
    assert!(
        pages.iter().all(|page| page.contains(&filters)),
        "{pages:?}"
    );
    assert!(pages[2].ends_with("&cursor=offset%2F4%3D%3D"), "{pages:?}");
}

#[tokio::test]
async fn an_edit_changes_the_words_alone() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let before = import(
        &convore,
        &at,
        vec![said_at("before", "2020-01-01T00:00:00Z")],
    )
    .await
    .remove(0);
    let after = convore
        .update_message(&cx(), &at, &before.id, edited("a < b"), None)
        .await
        .unwrap();
    assert_eq!(
        body_of(&fake, "PATCH", "/v1/messages/"),
        serde_json::json!({"body": "a &lt; b"})
    );
    assert_eq!(after.parts, [Part::text("a < b")]);
    assert_eq!(
        (after.sent_at, &after.author),
        (before.sent_at, &before.author)
    );
    assert_eq!(
        convore.get_message(&cx(), &at, &before.id).await.unwrap(),
        after
    );

    fake.forget_requests();
    let same = convore
        .update_message(&cx(), &at, &before.id, MessagePatch::default(), None)
        .await
        .unwrap();
    assert_eq!(same, after);
    assert!(
        asked(&fake).iter().all(|one| one.starts_with("GET")),
        "nothing to send"
    );

    let subject = |subject| MessagePatch {
        subject,
        ..MessagePatch::default()
    };
    let with_subject = convore
        .update_message(
            &cx(),
            &at,
            &before.id,
            subject(Patch::Set("S".into())),
            None,
        )
        .await
        .unwrap();
    assert_eq!(with_subject.subject.as_deref(), Some("S"));
    let error = convore
        .update_message(&cx(), &at, &before.id, subject(Patch::Clear), None)
        .await
        .unwrap_err();
    assert_eq!(error.violations[0].pointer, "/subject");
}

#[tokio::test]
async fn a_message_is_only_found_where_it_is() {
    let (_fake, convore) = pair().await;
    let (here, there) = (create(&convore).await, create(&convore).await);
    let said = convore
        .post_message(&cx(), &here, inbound("x"))
        .await
        .unwrap();
    let error = convore
        .get_message(&cx(), &there, &said.id)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let error = convore
        .update_message(&cx(), &there, &said.id, edited("y"), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let unknown: MessageId = "nobody-has-this".parse().unwrap();
    let error = convore
        .get_message(&cx(), &here, &unknown)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn a_list_that_takes_the_filter_for_nothing_shows_no_foreign_message() {
    let (fake, convore) = pair().await;
    let (here, there) = (create(&convore).await, create(&convore).await);
    convore
        .post_message(&cx(), &here, inbound("mine"))
        .await
        .unwrap();
    convore
        .post_message(&cx(), &there, inbound("theirs"))
        .await
        .unwrap();
    let foreign = fake.messages(&there.native).remove(0);
    assert_eq!(foreign.body, Member::Value("theirs".to_owned()));
    let edit = |page: &mut serde_json::Value| {
        let mut foreign = page["data"][0].clone();
        foreign["conversation_id"] = "conv_other".into();
        foreign["id"] = "msg_other".into();
        page["data"].as_array_mut().unwrap().push(foreign);
    };
    fake.inject("GET", "/v1/messages", Fault::Edited(edit));
    assert_eq!(texts(&all(&convore, &here).await), ["mine"]);
}

#[tokio::test]
async fn what_has_no_canonical_home_is_kept() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    convore
        .post_message(&cx(), &at, inbound("x"))
        .await
        .unwrap();
    let edit = |page: &mut serde_json::Value| {
        let message = &mut page["data"][0];
        message["external_message_id"] = "18e1563c6a2f0b77".into();
        message["raw_body"] = "<div>x</div>".into();
        message["reply_to_message_id"] = "<a@mail.example>".into();
        message["direction"] = "sideways".into();
    };
    fake.inject("GET", "/v1/messages", Fault::Edited(edit));
    let message = all(&convore, &at).await.remove(0);
    let kept = &message.extensions["convore"];
    assert_eq!(kept["external_message_id"].get(), r#""18e1563c6a2f0b77""#);
    assert_eq!(kept["raw_body"].get(), r#""<div>x</div>""#);
    assert_eq!(kept["reply_to_message_id"].get(), r#""<a@mail.example>""#);
    assert_eq!(
        message.in_reply_to, None,
        "an id of the mail provider is none of ours"
    );
    assert_eq!(message.direction.as_str(), "sideways");
}

#[tokio::test]
async fn texts_that_only_a_list_shows_are_taken_from_it() {
    let options = FakeOptions {
        writes_are_minimal: true,
        reads_are_minimal: true,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    let found = convore.get_message(&cx(), &at, &said.id).await.unwrap();
    let changed = convore
        .update_message(&cx(), &at, &said.id, edited("other"), None)
        .await
        .unwrap();
    assert_eq!(texts(&[said, found, changed]), ["hello", "hello", "other"]);
}

#[tokio::test]
async fn a_message_that_shows_its_raw_body_alone_is_not_empty() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    let edit = |page: &mut serde_json::Value| {
        page["data"][0]["body"] = serde_json::Value::Null;
        page["data"][0]["text_body"] = serde_json::Value::Null;
    };
    fake.inject("GET", "/v1/messages", Fault::Edited(edit));
    assert_eq!(texts(&all(&convore, &at).await), ["hello"]);
}

#[tokio::test]
async fn an_id_of_another_shape_is_not_found() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    for status in [400, 404, 410, 422] {
        fake.inject("GET", "/v1/messages/", Fault::Status(status));
        let id: MessageId = "not-of-convore".parse().unwrap();
        let error = convore.get_message(&cx(), &at, &id).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{status}");
    }
}
