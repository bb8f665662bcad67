//! Saying something now: what is sent, what is only stored, and what is neither.

use std::collections::HashSet;

use backend::{Backend, Kind, Origin, Outcome};
use conversation::{
    Direction, InReplyTo, Media, NewMessage, Part, Recipient, RecipientKind, ReplyKind, Role, Text,
    TextFormat,
};
use convore::wire::MessageDirection;
use serde_json::json;

use crate::fake::{FakeConvore, FakeOptions};
use crate::support::{
    all, body_of, by_mail, create, create_with, cx, email, import, inbound, outbound, pair,
    pair_with, said_at, strict, texts,
};

#[tokio::test]
async fn what_a_customer_says_is_never_sent() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let said = convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    assert_eq!(
        (said.role, said.direction),
        (Role::User, Direction::Inbound)
    );
    assert!(
        fake.requests()
            .iter()
            .all(|asked| asked.path != "/v1/messages")
    );
    let body = body_of(&fake, "POST", "/v1/messages/import");
    assert_eq!(body["direction"], "inbound");
    assert_eq!(body["sender"]["handle"]["value"], "bo@example.test");
    assert_eq!(body["recipients"], json!([]));
    assert!(body["date"].as_str().unwrap().ends_with('Z'), "{body}");
    assert_eq!(
        body["date"].as_str().unwrap().len(),
        "2026-11-21T11:03:04.000Z".len()
    );
}

#[tokio::test]
async fn an_answer_goes_to_the_newest_message_and_names_nothing_else() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let newest = convore
        .post_message(&cx(), &at, inbound("newest"))
        .await
        .unwrap();
    import(
        &convore,
        &at,
        vec![said_at("older", "2020-01-01T00:00:00Z")],
    )
    .await;
    let answer = convore
        .post_message(&cx(), &at, outbound("answer"))
        .await
        .unwrap();
    assert_eq!(
        body_of(&fake, "POST", "/v1/messages"),
        json!({"reply_to_message_id": newest.id.as_str(), "body": "answer"})
    );
    assert_eq!(
        (
            answer.role,
            answer.direction,
            answer.in_reply_to.unwrap().id
        ),
        (Role::Assistant, Direction::Outbound, newest.id)
    );
    assert_eq!(answer.conversation_id, at.id);
    assert_eq!(answer.parts, [Part::text("answer")]);
}

#[tokio::test]
async fn the_first_message_goes_to_the_customers_of_the_conversation() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    convore
        .post_message(&cx(), &at, outbound("welcome"))
        .await
        .unwrap();
    assert_eq!(
        body_of(&fake, "POST", "/v1/messages"),
        json!({
            "channel_id": FakeConvore::CHANNEL,
            "conversation_id": &*at.native,
            "recipients": [
                {"name": "Bo", "handle": {"type": "email", "value": "bo@example.test"}, "role": "to"},
            ],
            "subject": "Order 1001",
            "body": "welcome",
        })
    );
}

#[tokio::test]
async fn recipients_and_kinds_of_replies_that_are_named_are_sent() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let first = convore
        .post_message(&cx(), &at, inbound("first"))
        .await
        .unwrap();
    let recipient = |kind, address: &str| Recipient {
        kind,
        participant_id: None,
        name: None,
        handle: Some(email(address)),
    };
    let new = NewMessage {
        recipients: vec![
            recipient(RecipientKind::To, "bo@example.test"),
            recipient(RecipientKind::Bcc, "di@example.test"),
        ],
        in_reply_to: Some(InReplyTo {
            id: first.id.clone(),
            kind: ReplyKind::Forward,
        }),
        subject: Some("Other subject".into()),
        ..outbound("look")
    };
    let sent = convore.post_message(&cx(), &at, new.clone()).await.unwrap();
    let body = body_of(&fake, "POST", "/v1/messages");
    assert_eq!(body["reply_type"], "forward");
    assert_eq!(body["recipients"][1]["role"], "bcc");
    assert!(body.get("to").is_none(), "one form of addresses only");
    assert_eq!(
        (sent.subject, sent.in_reply_to),
        (new.subject, new.in_reply_to)
    );
    assert_eq!(sent.recipients.len(), 2);
    assert_eq!(
        sent.recipients[1].participant_id.as_deref(),
        Some("email:di@example.test")
    );
}

#[tokio::test]
async fn a_message_that_nobody_would_get_is_not_sent() {
    let (fake, convore) = pair().await;
    let mut new = by_mail();
    new.participants.remove(0);
    let at = create_with(&convore, new).await;
    let error = convore
        .post_message(&cx(), &at, outbound("x"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotHeld, Outcome::NotApplied)
    );
    assert_eq!(error.violations[0].pointer, "/recipients");
    assert!(fake.messages(&at.native).is_empty());
}

#[tokio::test]
async fn what_is_said_internally_never_leaves() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let before = fake.requests().len();
    for role in [Role::System, Role::Tool] {
        let error = convore
            .post_message(&cx(), &at, NewMessage::text(role, "secret"))
            .await;
        assert_eq!(error.unwrap_err().violations[0].pointer, "/role");
    }
    let turned = NewMessage {
        direction: Some(Direction::Outbound),
        ..inbound("x")
    };
    let error = convore.post_message(&cx(), &at, turned).await.unwrap_err();
    assert_eq!(error.violations[0].pointer, "/direction");
    assert_eq!(fake.requests().len(), before);
}

#[tokio::test]
async fn a_send_that_lands_elsewhere_says_where() {
    let options = FakeOptions {
        sends_start_conversations: true,
        ..FakeOptions::default()
    };
    let (fake, convore) = pair_with(options).await;
    let at = create_with(&convore, by_mail()).await;
    let error = convore
        .post_message(&cx(), &at, outbound("astray"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::InvalidResponse, Origin::Upstream, Outcome::Applied)
    );
    let there = error.message.rsplit(' ').next().unwrap();
    assert_eq!(fake.messages(there).len(), 1, "{error}");
    // An answer to a message stays with it.
    convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    convore
        .post_message(&cx(), &at, outbound("answer"))
        .await
        .unwrap();
    assert_eq!(
        fake.messages(&at.native)[1].direction,
        MessageDirection::Outbound
    );
}

#[tokio::test]
async fn parts_become_one_text_and_files_are_refused_with_advice() {
    let (_fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let media = Media {
        url: Some("https://files.example/cat.png".into()),
        name: Some("cat.png".into()),
        ..Media::default()
    };
    let new = NewMessage::of(
        Role::Assistant,
        vec![Part::text("a <cat>:"), Part::Image(media)],
    );
    let error = convore
        .post_message(&strict(), &at, new.clone())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let sent = convore.post_message(&cx(), &at, new).await.unwrap();
    let wanted = Part::Text(Text {
        text: "a &lt;cat&gt;:<br><br><a href=\"https://files.example/cat.png\">cat.png</a>".into(),
        format: TextFormat::Html,
    });
    assert_eq!(sent.parts, [wanted]);
    let file = Media {
        attachment_id: Some("attch_1".parse().unwrap()),
        ..Media::default()
    };
    let new = NewMessage::of(Role::Assistant, vec![Part::text("see"), Part::File(file)]);
    let error = convore.post_message(&cx(), &at, new).await.unwrap_err();
    assert_eq!(error.violations[0].pointer, "/parts/1");
    assert!(error.violations[0].detail.contains("message_id"));
}

#[tokio::test]
async fn plain_text_comes_back_from_a_server_that_cleans_html() {
    let options = FakeOptions {
        rewrites_bodies: true,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let at = create_with(&convore, by_mail()).await;
    let text = "one\n\"two\" & <b>three</b>\n\nAT&T &amp; 'four'";
    let said = convore
        .post_message(&cx(), &at, inbound(text))
        .await
        .unwrap();
    assert_eq!(said.parts, [Part::text(text)]);
    let html = NewMessage::of(
        Role::User,
        vec![Part::Text(Text {
            text: "<p>rich</p>".into(),
            format: TextFormat::Html,
        })],
    );
    let said = convore.post_message(&cx(), &at, html).await.unwrap();
    assert_eq!(texts(&[said]), ["rich"]);
}

#[tokio::test]
async fn an_answer_without_texts_is_read_again() {
    let options = FakeOptions {
        writes_are_minimal: true,
        lists_are_minimal: true,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    assert_eq!(said.parts, [Part::text("hello")]);
    assert_eq!(texts(&all(&convore, &at).await), ["hello"]);
}

#[tokio::test]
async fn sends_at_once_are_all_sent() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    let posts = (0..6).map(|number| {
        let (convore, at) = (convore.clone(), at.clone());
        async move {
            convore
                .post_message(&cx(), &at, outbound(&format!("{number}")))
                .await
        }
    });
    let sent = futures_util::future::join_all(posts).await;
    let ids: HashSet<_> = sent.into_iter().map(|sent| sent.unwrap().id).collect();
    assert_eq!((ids.len(), fake.messages(&at.native).len()), (6, 7));
}

#[tokio::test]
async fn what_follows_the_business_own_words_goes_to_those_who_got_them() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let recipient = |kind, address: &str| Recipient {
        kind,
        participant_id: None,
        name: None,
        handle: Some(email(address)),
    };
    let first = NewMessage {
        recipients: vec![
            recipient(RecipientKind::To, "cy@example.test"),
            recipient(RecipientKind::Cc, "bo@example.test"),
            recipient(RecipientKind::Bcc, "di@example.test"),
        ],
        ..outbound("first")
    };
    let first = convore.post_message(&cx(), &at, first).await.unwrap();
    let named = |reply: Option<InReplyTo>| NewMessage {
        in_reply_to: reply,
        ..outbound("again")
    };
    let reply = InReplyTo {
        id: first.id.clone(),
        kind: ReplyKind::Reply,
    };
    for new in [named(None), named(Some(reply))] {
        convore.post_message(&cx(), &at, new).await.unwrap();
        let body = body_of(&fake, "POST", "/v1/messages");
        assert_eq!(
            body["recipients"],
            json!([
                {"handle": {"type": "email", "value": "cy@example.test"}, "role": "to"},
                {"handle": {"type": "email", "value": "bo@example.test"}, "role": "cc"},
            ])
        );
    }
    // History of the business that tells no recipients: the customers of the conversation get what follows.
    let at = create_with(&convore, by_mail()).await;
    import(&convore, &at, vec![outbound("history")]).await;
    convore
        .post_message(&cx(), &at, outbound("news"))
        .await
        .unwrap();
    let body = body_of(&fake, "POST", "/v1/messages");
    assert_eq!(body["recipients"][0]["handle"]["value"], "bo@example.test");
}

#[tokio::test]
async fn an_answer_to_somebody_elses_message_or_to_nobody_is_not_sent() {
    let (fake, convore) = pair().await;
    let (here, there) = (
        create_with(&convore, by_mail()).await,
        create(&convore).await,
    );
    let cx = cx();
    let ours = convore.post_message(&cx, &here, inbound("ours")).await;
    let theirs = convore.post_message(&cx, &there, inbound("theirs")).await;
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let reply = |id: &conversation::MessageId, kind| NewMessage {
        in_reply_to: Some(InReplyTo {
            id: id.clone(),
            kind,
        }),
        ..outbound("secret")
    };
    let unknown = "msg_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap();
    for id in [theirs.id, unknown] {
        let new = reply(&id, ReplyKind::Reply);
        let error = convore.post_message(&cx, &here, new).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotHeld, Outcome::NotApplied)
        );
        assert_eq!(error.violations[0].pointer, "/in_reply_to");
    }
    // Nobody is named to whom it is passed on.
    let new = reply(&ours.id, ReplyKind::Forward);
    let error = convore.post_message(&cx, &here, new).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert!(
        fake.requests()
            .iter()
            .all(|asked| asked.method != "POST" || asked.path != "/v1/messages")
    );
}

#[tokio::test]
async fn any_plain_text_comes_back_as_it_was_said() {
    let (_fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    for text in [
        "",
        " ",
        "  both ends  ",
        "a  b\t\tc",
        "one\r\ntwo\rthree\n\n\nfour\n",
        "<br>",
        "&amp;",
        "&lt;b&gt; &nbsp; &#39;",
        "a > b && c < d \"quoted\" 'too'",
        "\u{a0}\u{200b}\u{feff}",
        "👩‍👩‍👧 ünïcode \u{1}\u{7f}",
    ] {
        for new in [inbound(text), outbound(text)] {
            let said = convore.post_message(&cx(), &at, new).await.unwrap();
            assert_eq!(said.parts, [Part::text(text)]);
            let found = convore.get_message(&cx(), &at, &said.id).await.unwrap();
            assert_eq!(found.parts, [Part::text(text)]);
        }
        let stored = import(&convore, &at, vec![said_at(text, "2020-01-01T00:00:00Z")]).await;
        assert_eq!(stored[0].parts, [Part::text(text)]);
    }
}
