//! History: times, order, and what an import must leave alone.

use backend::{Backend, Kind, Outcome};
use conversation::{
    InReplyTo, MessageStatus, NewMessage, Part, Participant, Rating, ReplyKind, Side, Time,
};
use convore::wire::{ConversationStatus, Member};

use crate::fake::{FakeOptions, Fault, ListOrder};
use crate::support::{
    all, body_of, by_mail, create, create_with, cx, import, inbound, outbound, pair, pair_with,
    said_at, somebody, strict, texts, time,
};

fn outbound_at(text: &str, at: &str) -> NewMessage {
    NewMessage {
        sent_at: Some(time(at)),
        ..outbound(text)
    }
}

#[tokio::test]
async fn imported_messages_keep_their_times_and_take_their_places() {
    for order in [
        ListOrder::NewestFirst,
        ListOrder::OldestFirst,
        ListOrder::Shuffled,
    ] {
        let options = FakeOptions {
            order,
            page_max: 2,
            ..FakeOptions::default()
        };
        let (fake, convore) = pair_with(options).await;
        let at = create_with(&convore, by_mail()).await;
        convore
            .post_message(&cx(), &at, inbound("now"))
            .await
            .unwrap();
        let first = [
            said_at("2013", "2013-06-01T00:00:00Z"),
            outbound_at("2010", "2010-06-01T02:00:00.001+02:00"),
        ];
        import(&convore, &at, first.to_vec()).await;
        let equal: Vec<NewMessage> = (0..6)
            .map(|number| said_at(&format!("at once {number}"), "2011-01-01T00:00:00Z"))
            .collect();
        import(&convore, &at, equal).await;
        let found = all(&convore, &at).await;
        assert_eq!(
            texts(&found),
            [
                "2010",
                "at once 0",
                "at once 1",
                "at once 2",
                "at once 3",
                "at once 4",
                "at once 5",
                "2013",
                "now"
            ]
        );
        assert_eq!(found[0].sent_at, time("2010-06-01T00:00:00.001Z"));
        let row = convore.get_conversation(&cx(), &at).await.unwrap();
        assert_eq!(row.last_message_at, Some(found[8].sent_at));
        let sent = fake
            .requests()
            .iter()
            .any(|asked| asked.path == "/v1/messages");
        assert!(!sent, "an import sends nothing");
    }
}

#[tokio::test]
async fn times_that_convore_may_not_hold_are_refused_one_by_one() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let future = NewMessage {
        sent_at: Some(Time::now().saturating_add_micros(3_600_000_000)),
        ..inbound("tomorrow")
    };
    let new = vec![
        said_at("before", "1969-12-31T23:59:59.999Z"),
        said_at("first", "1970-01-01T00:00:00Z"),
        future,
        said_at("micros", "2020-01-01T00:00:00.123456Z"),
    ];
    let results = convore
        .import_messages(&cx(), &at, new.clone())
        .await
        .unwrap();
    let kinds: Vec<Option<Kind>> = results
        .iter()
        .map(|result| result.as_ref().err().map(|error| error.kind))
        .collect();
    assert_eq!(
        kinds,
        [Some(Kind::NotHeld), None, Some(Kind::NotHeld), None]
    );
    let kept = results[3].as_ref().unwrap().sent_at;
    assert_eq!(kept, time("2020-01-01T00:00:00.123Z"));
    assert_eq!(fake.messages(&at.native).len(), 2);
    let results = convore
        .import_messages(&strict(), &at, new[3..].to_vec())
        .await
        .unwrap();
    assert_eq!(
        results[0].as_ref().unwrap_err().violations[0].pointer,
        "/sent_at"
    );
}

#[tokio::test]
async fn fields_without_a_place_are_refused_by_name_and_the_others_go_on() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let bad = NewMessage {
        status: Some(MessageStatus::Delivered),
        rating: Some(Rating::default()),
        model: Some("m".into()),
        client_message_id: Some("c".into()),
        edited_at: Some(time("2020-01-01T00:00:00Z")),
        ..said_at("bad", "2020-01-01T00:00:00Z")
    };
    let sent = NewMessage {
        status: Some(MessageStatus::Sent),
        ..said_at("good", "2020-01-01T00:00:00Z")
    };
    let results = convore
        .import_messages(&cx(), &at, vec![bad, sent])
        .await
        .unwrap();
    let error = results[0].as_ref().unwrap_err();
    let mut pointers: Vec<&str> = error
        .violations
        .iter()
        .map(|one| one.pointer.as_str())
        .collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/client_message_id",
            "/edited_at",
            "/model",
            "/rating",
            "/status"
        ]
    );
    assert_eq!(results[1].as_ref().unwrap().status, MessageStatus::Sent);
    assert_eq!(fake.messages(&at.native).len(), 1);
}

#[tokio::test]
async fn authors_and_replies_survive() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let bo = Participant {
        id: Some("email:bo@example.test".into()),
        ..somebody("Bo", "bo@example.test", Side::Customer)
    };
    let question = NewMessage {
        author: Some(bo.clone()),
        ..said_at("question", "2020-01-01T00:00:00Z")
    };
    let question = import(&convore, &at, vec![question]).await.remove(0);
    assert_eq!(question.author, Some(bo));
    let agent = Participant {
        id: Some("agent-1".into()),
        side: Some(Side::Business),
        name: Some("Helper".into()),
        ..Participant::default()
    };
    let answer = NewMessage {
        author: Some(agent.clone()),
        in_reply_to: Some(InReplyTo {
            id: question.id,
            kind: ReplyKind::ReplyAll,
        }),
        ..outbound_at("answer", "2020-01-02T00:00:00Z")
    };
    let stored = import(&convore, &at, vec![answer.clone()]).await.remove(0);
    assert_eq!(
        (stored.author, stored.in_reply_to),
        (Some(agent), answer.in_reply_to)
    );
    // Without an author the business itself writes.
    import(
        &convore,
        &at,
        vec![outbound_at("more", "2020-01-03T00:00:00Z")],
    )
    .await;
    let body = body_of(&fake, "POST", "/v1/messages/import");
    assert_eq!(body["sender"]["handle"]["value"], "ana@example.test");
    assert_eq!(body["sender"]["role"], "from");
    // A reply to what is not there is refused by the vendor, and the others go on.
    let reply = NewMessage {
        in_reply_to: Some(InReplyTo {
            id: "msg_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap(),
            kind: ReplyKind::Reply,
        }),
        ..said_at("lost", "2020-01-01T00:00:00Z")
    };
    let after = said_at("after", "2020-01-01T00:00:00Z");
    let results = convore
        .import_messages(&cx(), &at, vec![reply, after])
        .await
        .unwrap();
    let error = results[0].as_ref().unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotHeld, Outcome::NotApplied)
    );
    assert_eq!(error.violations[0].pointer, "/in_reply_to");
    assert!(results[1].is_ok());
}

#[tokio::test]
async fn history_is_no_news() {
    let options = FakeOptions {
        imports_are_news: true,
        ..FakeOptions::default()
    };
    let (fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    fake.change(&at.native, |row| row.status = ConversationStatus::Done);
    import(
        &convore,
        &at,
        vec![
            said_at("newer", "2020-01-02T00:00:00Z"),
            said_at("older", "2020-01-01T00:00:00Z"),
        ],
    )
    .await;
    let row = fake.conversation(&at.native).unwrap();
    assert_eq!(row.status, ConversationStatus::Done);
    assert_eq!(row.is_unread, Member::Value(false));
    assert_eq!(
        row.last_message_date.value().unwrap(),
        "2020-01-02T00:00:00.000Z"
    );
    // What a customer says now is news.
    convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    let row = fake.conversation(&at.native).unwrap();
    assert_eq!(
        (row.status, row.is_unread),
        (ConversationStatus::Open, Member::Value(true))
    );
}

#[tokio::test]
async fn what_cannot_be_put_back_fails_no_import() {
    let options = FakeOptions {
        imports_are_news: true,
        ..FakeOptions::default()
    };
    let (fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    fake.inject("PATCH", "/v1/conversations/", Fault::Status(500));
    import(&convore, &at, vec![said_at("x", "2020-01-02T00:00:00Z")]).await;
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_rest_goes_on() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    fake.inject("POST", "/v1/messages/import", Fault::CutAfter);
    let new = vec![
        said_at("a", "2020-01-01T00:00:00Z"),
        said_at("b", "2020-01-01T00:00:00Z"),
    ];
    let results = convore.import_messages(&cx(), &at, new).await.unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().outcome, Outcome::Unknown);
    assert!(results[1].is_ok());
    assert_eq!(fake.messages(&at.native).len(), 2);
}

#[tokio::test]
async fn over_the_limit_the_rest_is_not_tried() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    fake.inject(
        "POST",
        "/v1/messages/import",
        Fault::TooManyRequests(Some(3)),
    );
    let new: Vec<NewMessage> = (0..5)
        .map(|number| said_at(&format!("{number}"), "2020-01-01T00:00:00Z"))
        .collect();
    let results = convore.import_messages(&cx(), &at, new).await.unwrap();
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::RateLimited, Outcome::NotApplied)
        );
    }
    assert!(fake.messages(&at.native).is_empty());
    let new = (0..101).map(|_| inbound("x")).collect();
    let error = convore.import_messages(&cx(), &at, new).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidRequest, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn an_import_without_a_time_is_said_now() {
    let (_fake, convore) = pair().await;
    let at = create(&convore).await;
    let before = Time::now().to_millis();
    let stored = import(&convore, &at, vec![inbound("now")]).await.remove(0);
    assert!(stored.sent_at >= before);
    assert_eq!(stored.parts, [Part::text("now")]);
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_not_put_back() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    // Closed by somebody while the import ran, and with a time that has no offset.
    let edit = |row: &mut serde_json::Value| {
        row["status"] = "done".into();
        row["last_message_date"] = "2020-01-02T00:00:00".into();
    };
    fake.inject("GET", "/v1/conversations/", Fault::Edited(|_| ()));
    fake.inject("GET", "/v1/conversations/", Fault::Edited(edit));
    import(&convore, &at, vec![said_at("x", "2020-01-02T00:00:00Z")]).await;
    assert!(fake.requests().iter().all(|asked| asked.method != "PATCH"));
}
