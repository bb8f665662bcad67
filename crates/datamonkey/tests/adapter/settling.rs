//! What became of a write whose answer was lost.

use std::time::Duration;

use backend::ports::Bootstrap;
use backend::{Applied, Backend, Intent, Kind, Location, Outcome, Settled, Write};
use conversation::{NewMessage, Role, Time, text_of};
use uuid::Uuid;

use crate::fake::{FakeOptions, Fault, Operation};
use crate::support::{NAME, Pair, ask, cx, cx_of, events, question, subject_of, titled};

/// An adapter that believes a server to be done with a write at the write's deadline.
async fn impatient() -> Pair {
    Pair::with(FakeOptions::default(), |config| {
        config.settle_after = Duration::ZERO;
    })
    .await
}

fn intent(write: Write, location: Option<&Location>, started_at: Time) -> Intent {
    Intent {
        id: Uuid::now_v7(),
        location: location.cloned(),
        write,
        started_at,
        deadline_at: Time::now(),
    }
}

async fn settled(pair: &Pair, intent: &Intent) -> Settled {
    let asked = pair.asked().len();
    let settled = pair.datamonkey.settle(&cx(), intent).await.unwrap();
    let wrote = pair.asked()[asked..]
        .iter()
        .any(|call| !call.starts_with("GET"));
    assert!(!wrote, "settling writes nothing");
    settled
}

fn lost(title: &str, started_at: Time) -> Intent {
    intent(Write::CreateConversation(titled(title)), None, started_at)
}

fn asked(text: &str, at: &Location, started_at: Time) -> Intent {
    intent(Write::Respond(question(text)), Some(at), started_at)
}

fn answer(settled: Settled) -> String {
    match settled {
        Settled::Applied(Applied::Message(message)) => text_of(&message.parts),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_with_its_question() {
    let pair = impatient().await;
    let at = pair.create().await;
    ask(&pair.datamonkey, &at, "before").await;
    for fault in [Fault::CutAfter, Fault::CutInBody] {
        let started = Time::now();
        let text = format!("lost {fault:?}");
        pair.fake.inject(Operation::Send, fault);
        let error = events(&pair.datamonkey, &at, question(&text))
            .await
            .unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown);
        let found = settled(&pair, &asked(&text, &at, started)).await;
        assert_eq!(answer(found), format!("echo: {text}"));
    }
}

#[tokio::test]
async fn an_answer_that_was_never_asked_for_is_not_applied_once_its_time_is_over() {
    let pair = impatient().await;
    let at = pair.create().await;
    let started = Time::now();
    pair.fake.inject(Operation::Send, Fault::CutBefore);
    events(&pair.datamonkey, &at, question("lost"))
        .await
        .unwrap_err();
    let mut intent = asked("lost", &at, started);
    assert_eq!(settled(&pair, &intent).await, Settled::NotApplied);
    intent.deadline_at = intent.deadline_at.saturating_add_micros(60_000_000);
    assert_eq!(
        settled(&pair, &intent).await,
        Settled::Unknown,
        "the server may still be at it"
    );
    pair.fake.remove(&at.native);
    assert_eq!(
        settled(&pair, &intent).await,
        Settled::NotApplied,
        "nobody can find it"
    );
}

#[tokio::test]
async fn what_cannot_be_told_apart_stays_unknown() {
    let pair = impatient().await;
    let started = Time::now();
    // Each line: roles and texts in the order of the server, all within a moment.
    let tables: [&[(&str, &str)]; 6] = [
        // Two equal questions.
        &[
            ("user", "q"),
            ("assistant", "a"),
            ("user", "q"),
            ("assistant", "b"),
        ],
        // A question without an answer: it may still come, or never.
        &[("user", "q")],
        &[("user", "q"), ("user", "other"), ("assistant", "o")],
        // Parallel sends.
        &[
            ("user", "other"),
            ("user", "q"),
            ("assistant", "a"),
            ("assistant", "o"),
        ],
        &[
            ("user", "q"),
            ("user", "other"),
            ("assistant", "a"),
            ("assistant", "o"),
        ],
        &[("user", "q"), ("assistant", "o"), ("assistant", "a")],
    ];
    for rows in tables {
        let at = pair.create().await;
        let now = Time::now().as_millis();
        for ((role, text), offset) in rows.iter().zip(0..) {
            pair.fake.store(&at.native, role, text, now + offset / 2);
        }
        assert_eq!(
            settled(&pair, &asked("q", &at, started)).await,
            Settled::Unknown,
            "{rows:?}"
        );
    }
    let at = pair.create().await;
    let now = Time::now().as_millis();
    for (role, text) in [
        ("user", "p"),
        ("assistant", "o"),
        ("user", "q"),
        ("assistant", "a"),
        ("user", "r"),
        ("assistant", "s"),
    ] {
        pair.fake.store(&at.native, role, text, now);
    }
    assert_eq!(
        answer(settled(&pair, &asked("q", &at, started)).await),
        "a",
        "turns one after the other are clear"
    );
}

#[tokio::test]
async fn a_question_of_another_time_is_not_ours() {
    let pair = impatient().await;
    let at = pair.create().await;
    let long_ago = Time::now().as_millis() - 60_000;
    pair.fake.store(&at.native, "user", "q", long_ago);
    pair.fake.store(&at.native, "assistant", "a", long_ago);
    let intent = asked("q", &at, Time::now());
    assert_eq!(settled(&pair, &intent).await, Settled::NotApplied);
    // A lone question is not answered by what was said much later.
    let started = Time::now().saturating_add_micros(-120_000_000);
    let at = pair.create().await;
    pair.fake.store(&at.native, "user", "q", long_ago);
    pair.fake
        .store(&at.native, "assistant", "a", long_ago + 30_000);
    assert_eq!(
        settled(&pair, &asked("q", &at, started)).await,
        Settled::Unknown
    );
}

#[tokio::test]
async fn a_create_that_was_lost_is_found_if_there_is_only_one() {
    let pair = impatient().await;
    pair.create().await;
    let started = Time::now();
    assert_eq!(
        settled(&pair, &lost("lost", started)).await,
        Settled::NotApplied
    );
    pair.fake.inject(Operation::Create, Fault::CutAfter);
    let error = pair
        .datamonkey
        .create_conversation(&cx(), titled("lost"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    let Settled::Applied(Applied::Conversation(found)) =
        settled(&pair, &lost("lost", started)).await
    else {
        panic!()
    };
    assert_eq!(found.conversation.title.as_deref(), Some("lost"));
    assert!(
        found
            .location
            .credential
            .as_deref()
            .unwrap()
            .ends_with("@user:t/ada")
    );
    pair.datamonkey
        .get_conversation(&cx(), &found.location)
        .await
        .unwrap();
    pair.datamonkey
        .create_conversation(&cx(), titled("lost"))
        .await
        .unwrap();
    assert_eq!(
        settled(&pair, &lost("lost", started)).await,
        Settled::Unknown,
        "two look alike"
    );
}

#[tokio::test]
async fn a_create_whose_answer_could_not_be_read_is_found() {
    let page = Fault::AnswerAfter {
        status: 200,
        content_type: "text/html",
        body: "<html></html>".to_owned(),
    };
    let pair = impatient().await;
    pair.create().await;
    for (fault, title) in [(page, "page"), (Fault::CutInBody, "cut")] {
        let started = Time::now();
        pair.fake.inject(Operation::Create, fault);
        let error = pair
            .datamonkey
            .create_conversation(&cx(), titled(title))
            .await
            .unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown);
        assert!(matches!(
            settled(&pair, &lost(title, started)).await,
            Settled::Applied(Applied::Conversation(_))
        ));
    }
}

#[tokio::test]
async fn the_first_create_of_a_user_is_found_too_and_never_the_bootstrap() {
    let pair = impatient().await;
    let started = Time::now();
    assert_eq!(
        settled(&pair, &lost("x", started)).await,
        Settled::NotApplied,
        "no token: nothing was sent"
    );
    pair.fake.inject(Operation::Delete, Fault::html(503));
    pair.fake
        .inject_after(1, Operation::Create, Fault::CutBefore);
    pair.datamonkey
        .create_conversation(&cx(), titled("dragoman bootstrap"))
        .await
        .unwrap_err();
    assert_eq!(
        pair.fake.titles(),
        ["dragoman bootstrap"],
        "only the bootstrap is there"
    );
    let intent = lost("dragoman bootstrap", started);
    assert_eq!(settled(&pair, &intent).await, Settled::NotApplied);
}

#[tokio::test]
async fn a_create_is_never_mistaken_for_a_conversation_that_is_in_use_or_of_another_time() {
    let pair = impatient().await;
    let started = Time::now();
    let at = pair
        .datamonkey
        .create_conversation(&cx(), titled("lost"))
        .await
        .unwrap()
        .location;
    ask(&pair.datamonkey, &at, "hello").await;
    assert_eq!(
        settled(&pair, &lost("lost", started)).await,
        Settled::NotApplied
    );
    assert_eq!(
        settled(&pair, &lost("other", started)).await,
        Settled::NotApplied
    );
    pair.datamonkey
        .create_conversation(&cx(), titled("early"))
        .await
        .unwrap();
    let hour = 3_600_000_000;
    let mut intent = lost("early", started.saturating_add_micros(-hour));
    intent.deadline_at = intent.deadline_at.saturating_add_micros(-hour);
    assert_eq!(settled(&pair, &intent).await, Settled::NotApplied);
}

#[tokio::test]
async fn a_create_of_an_earlier_identity_is_found_while_its_token_lives() {
    let pair = Pair::with(
        FakeOptions {
            token_lifetime: Some(30),
            ..FakeOptions::default()
        },
        |config| config.settle_after = Duration::ZERO,
    )
    .await;
    let started = Time::now();
    let first = pair.create().await;
    // Made by the second identity, and lost; a third one is the user's by now.
    pair.fake
        .inject_after(1, Operation::Create, Fault::CutAfter);
    pair.datamonkey
        .create_conversation(&cx(), titled("lost"))
        .await
        .unwrap_err();
    let third = pair.create().await;
    let Settled::Applied(Applied::Conversation(found)) =
        settled(&pair, &lost("lost", started)).await
    else {
        panic!()
    };
    assert_ne!(found.location.credential, first.credential);
    assert_ne!(found.location.credential, third.credential);
    pair.datamonkey
        .get_conversation(&cx(), &found.location)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_made_with_a_token_that_has_ended_stays_unknown() {
    let pair = impatient().await;
    let at = pair.create().await;
    let started = Time::now().saturating_add_micros(-120_000_000);
    let subject = subject_of(&at);
    let ended = pair.fake.sign(&subject, Some(-10));
    pair.put_token("ada", &subject, &ended).await;
    assert_eq!(settled(&pair, &lost("x", started)).await, Settled::Unknown);
    assert_eq!(
        settled(&pair, &asked("x", &at, started)).await,
        Settled::Unknown
    );
    let delete = intent(Write::DeleteConversation, Some(&at), started);
    assert_eq!(settled(&pair, &delete).await, Settled::Unknown);
    // It had ended long before.
    let before = pair.fake.sign(&subject, Some(-3600));
    pair.put_token("ada", &subject, &before).await;
    assert_eq!(
        settled(&pair, &lost("x", started)).await,
        Settled::NotApplied
    );
    // It lives, but the server no longer takes it.
    let living = pair.fake.sign(&subject, Some(3600));
    pair.put_token("ada", &subject, &living).await;
    pair.fake.change_key();
    assert_eq!(settled(&pair, &lost("x", started)).await, Settled::Unknown);
}

#[tokio::test]
async fn a_delete_is_settled_by_what_is_left() {
    let pair = impatient().await;
    let at = pair.create().await;
    let delete = || intent(Write::DeleteConversation, Some(&at), Time::now());
    assert_eq!(settled(&pair, &delete()).await, Settled::NotApplied);
    pair.fake.inject(Operation::Delete, Fault::CutAfter);
    pair.datamonkey
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap_err();
    let done = Settled::Applied(Applied::Nothing);
    assert_eq!(settled(&pair, &delete()).await, done);
}

#[tokio::test]
async fn a_question_is_found_by_the_text_as_it_was_sent() {
    let pair = impatient().await;
    let at = pair.create().await;
    let mut request = question("one");
    if let Some(input) = &mut request.input {
        input.parts.push(conversation::Part::text("two"));
    }
    let started = Time::now();
    let projection = pair.datamonkey.preview(&Write::Respond(request.clone()));
    let Write::Respond(sent) = projection.write else {
        panic!()
    };
    events(&pair.datamonkey, &at, sent).await.unwrap();
    let intent = intent(Write::Respond(request), Some(&at), started);
    let Settled::Applied(Applied::Message(message)) = settled(&pair, &intent).await else {
        panic!()
    };
    assert_eq!(text_of(&message.parts), "echo: one\n\ntwo");
}

#[tokio::test]
async fn what_cannot_be_read_proves_nothing() {
    let pair = impatient().await;
    let at = pair.create().await;
    let started = Time::now();
    let bad = r#"{"messages":[{"role":7}]}"#;
    pair.fake.inject(Operation::Messages, Fault::json(200, bad));
    let question = asked("x", &at, started);
    assert_eq!(settled(&pair, &question).await, Settled::Unknown);
    assert_eq!(settled(&pair, &question).await, Settled::NotApplied);
    let bad = r#"{"conversations":[{"id":"conv-1"}]}"#;
    pair.fake.inject(Operation::List, Fault::json(200, bad));
    let create = lost("x", started);
    assert_eq!(settled(&pair, &create).await, Settled::Unknown);
    assert_eq!(settled(&pair, &create).await, Settled::NotApplied);
}

#[tokio::test]
async fn a_failed_look_is_an_error_and_no_verdict() {
    let pair = impatient().await;
    let at = pair.create().await;
    for (operation, intent) in [
        (Operation::List, lost("x", Time::now())),
        (Operation::Messages, asked("x", &at, Time::now())),
    ] {
        for (fault, kind) in [
            (Fault::html(503), Kind::Unavailable),
            (Fault::json(200, "{}"), Kind::InvalidResponse),
        ] {
            pair.fake.inject(operation, fault);
            let error = pair.datamonkey.settle(&cx(), &intent).await.unwrap_err();
            assert_eq!(error.kind, kind);
        }
    }
}

#[tokio::test]
async fn writes_that_are_refused_here_were_never_sent() {
    let pair = impatient().await;
    let at = pair.create().await;
    let message = NewMessage::text(Role::User, "x");
    let id = conversation::MessageId::derive(&["any"]);
    for write in [
        Write::PostMessage(message.clone()),
        Write::ImportMessage(message.clone()),
        Write::ImportMessages(vec![message.clone(), message.clone()]),
        Write::UpdateConversation(Default::default()),
        Write::Respond(Default::default()),
        Write::Respond(backend::RespondRequest {
            input: Some(NewMessage::text(Role::Assistant, "x")),
            ..backend::RespondRequest::default()
        }),
        Write::UpdateMessage {
            id: id.clone(),
            patch: conversation::MessagePatch {
                parts: conversation::Patch::Set(message.parts.clone()),
                ..conversation::MessagePatch::default()
            },
        },
        Write::DeleteMessage { id: id.clone() },
        Write::RateMessage { id, value: 3.0 },
        Write::AddParticipants(Vec::new()),
        Write::RemoveParticipant { id: "ann".into() },
        Write::PutAttachment {
            message_id: None,
            name: None,
            digest: conversation::Digest::of(b"bytes"),
        },
    ] {
        let intent = intent(write, Some(&at), Time::now());
        assert_eq!(settled(&pair, &intent).await, Settled::NotApplied);
    }
}

#[tokio::test]
async fn another_users_conversations_settle_nothing() {
    let pair = impatient().await;
    let started = Time::now();
    pair.create().await;
    let bob = crate::support::cx_of("bob");
    pair.datamonkey
        .create_conversation(&bob, titled("lost"))
        .await
        .unwrap();
    assert_eq!(
        settled(&pair, &lost("lost", started)).await,
        Settled::NotApplied
    );
    for user in ["ada@example.org", "x@user:t/ada"] {
        pair.datamonkey
            .create_conversation(&cx_of(user), titled("lost"))
            .await
            .unwrap();
        assert_eq!(
            settled(&pair, &lost("lost", started)).await,
            Settled::NotApplied,
            "{user}"
        );
    }
    pair.credentials.add_bootstrap(Bootstrap {
        backend: NAME.into(),
        native: "conv-0-x".into(),
        reference: "x@user:t/carol".into(),
    });
    assert_eq!(
        settled(&pair, &lost("lost", started)).await,
        Settled::NotApplied
    );
}
