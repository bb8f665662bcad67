//! Answers: events, what is stored, and what became of those that failed.

use std::time::Duration;

use backend::{Backend, Event, FidelityPolicy, Kind, Outcome, RespondRequest};
use conversation::{NewMessage, Part, Role, text_of};
use futures_util::StreamExt;

use crate::fake::{FakeOptions, Fault, Operation};
use crate::support::{Pair, all, ask, cx, cx_for, events, question, texts};

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

#[tokio::test]
async fn an_answer_is_told_in_the_documented_order_with_its_stored_question() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let events = events(&pair.datamonkey, &at, question("hello"))
        .await
        .unwrap();
    assert_eq!(
        names(&events),
        [
            "message.started",
            "part.started",
            "part.delta",
            "part.completed",
            "message.completed"
        ]
    );
    let messages = all(&pair.datamonkey, &at).await;
    assert_eq!(texts(&messages), ["hello", "echo: hello"]);
    match (&events[0], &events[4]) {
        (
            Event::MessageStarted {
                id: Some(id),
                input: Some(input),
            },
            Event::MessageCompleted(answer),
        ) => {
            assert_eq!((&**input, &**answer), (&messages[0], &messages[1]));
            assert_eq!(*id, answer.id);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let events = events(&pair.datamonkey, &at, question("[[empty]]"))
        .await
        .unwrap();
    assert_eq!(
        names(&events),
        [
            "message.started",
            "part.started",
            "part.completed",
            "message.completed"
        ]
    );
    assert_eq!(texts(&all(&pair.datamonkey, &at).await), ["[[empty]]", ""]);
}

#[tokio::test]
async fn any_text_travels_and_comes_back() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    for text in [
        "   \n\t",
        "a\r\nb\u{1}\0",
        "<b>&amp;</b> \u{2028} \u{1f469}\u{200d}\u{1f52c}",
        &"m".repeat(1_000_000),
    ] {
        let answer = ask(&pair.datamonkey, &at, text).await;
        assert_eq!(text_of(&answer.parts), format!("echo: {text}"));
        assert!(texts(&all(&pair.datamonkey, &at).await).contains(&text.to_owned()));
    }
    ask(&pair.datamonkey, &at, "[[big]]").await;
}

#[tokio::test]
async fn without_input_there_is_nothing_that_the_vendor_could_answer() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let empty = || events(&pair.datamonkey, &at, RespondRequest::default());
    assert_eq!(empty().await.unwrap_err().kind, Kind::NothingToAnswer);
    ask(&pair.datamonkey, &at, "hello").await;
    assert_eq!(empty().await.unwrap_err().kind, Kind::NothingToAnswer);
    events(&pair.datamonkey, &at, question("[[half]]"))
        .await
        .unwrap_err();
    let error = empty().await.unwrap_err();
    assert_eq!(
        error.kind,
        Kind::Unsupported,
        "a question is left, but can only be sent again"
    );
}

#[tokio::test]
async fn what_a_send_cannot_carry_is_refused_before_it() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let asked = pair.asked().len();
    let of = |input: NewMessage| RespondRequest {
        input: Some(input),
        ..RespondRequest::default()
    };
    let requests = [
        of(NewMessage::text(Role::User, "")),
        of(NewMessage::of(Role::User, Vec::new())),
        of(NewMessage::text(Role::System, "be brief")),
        of(NewMessage {
            subject: Some("s".into()),
            ..NewMessage::text(Role::User, "x")
        }),
        RespondRequest {
            template: Some("t".into()),
            ..question("x")
        },
        RespondRequest {
            assistant: Some(conversation::Assistant {
                model: Some("m".into()),
                ..Default::default()
            }),
            ..question("x")
        },
    ];
    for request in requests {
        let error = events(&pair.datamonkey, &at, request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotHeld, Outcome::NotApplied)
        );
        assert!(!error.violations.is_empty());
    }
    assert_eq!(pair.asked().len(), asked);
}

#[tokio::test]
async fn several_parts_become_one_text_unless_the_caller_is_strict() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let request = || RespondRequest {
        input: Some(NewMessage::of(
            Role::User,
            vec![Part::text("one"), Part::text("two")],
        )),
        ..RespondRequest::default()
    };
    let strict = backend::Context {
        fidelity: FidelityPolicy::Strict,
        ..cx()
    };
    let error = pair
        .datamonkey
        .respond(&strict, &at, request())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, Kind::NotHeld);
    events(&pair.datamonkey, &at, request()).await.unwrap();
    assert_eq!(texts(&all(&pair.datamonkey, &at).await)[0], "one\n\ntwo");
}

#[tokio::test]
async fn a_model_that_fails_has_stored_nothing_and_we_know() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    for text in ["[[fail]]", "[[blocked]]", "[[panic]]"] {
        let error = events(&pair.datamonkey, &at, question(text))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::UpstreamFailed, Outcome::NotApplied),
            "{text}"
        );
        assert!(!format!("{error:?}").contains("stub"), "{error:?}");
    }
    assert!(all(&pair.datamonkey, &at).await.is_empty());
}

#[tokio::test]
async fn a_failure_between_question_and_answer_has_stored_the_question() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let error = events(&pair.datamonkey, &at, question("[[half]]"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::Applied)
    );
    assert_eq!(texts(&all(&pair.datamonkey, &at).await), ["[[half]]"]);
}

#[tokio::test]
async fn a_failure_next_to_an_equal_question_stays_unknown() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    ask(&pair.datamonkey, &at, "same").await;
    pair.fake.inject(
        Operation::Send,
        Fault::json(500, r#"{"error":"Failed to process chat: planted"}"#),
    );
    let error = events(&pair.datamonkey, &at, question("same"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::Unknown)
    );
    // An equal question is the last one, by a clock that is far off or from long ago.
    let lone = pair.create().await;
    pair.fake.store(&lone.native, "user", "[[fail]]", 1_000);
    let error = events(&pair.datamonkey, &lone, question("[[fail]]"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    // And where the look itself fails.
    pair.fake.inject(Operation::Messages, Fault::html(502));
    let error = events(&pair.datamonkey, &at, question("[[fail]]"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_server_without_a_model_crashes_on_every_send() {
    let pair = Pair::with(
        FakeOptions {
            has_model: false,
            ..FakeOptions::default()
        },
        |_| {},
    )
    .await;
    let at = pair.create().await;
    let error = events(&pair.datamonkey, &at, question("x"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::NotApplied)
    );
    assert!(error.message.contains("model"), "{}", error.message);
}

#[tokio::test]
async fn a_conversation_that_is_deleted_while_it_is_answered_is_not_found() {
    for (stores_orphans, outcome) in [(false, Outcome::NotApplied), (true, Outcome::Applied)] {
        let pair = Pair::with(
            FakeOptions {
                stores_orphans,
                model_delay: Duration::from_millis(200),
                ..FakeOptions::default()
            },
            |_| {},
        )
        .await;
        let at = pair.create().await;
        let answering = events(&pair.datamonkey, &at, question("hello"));
        let deleting = async {
            while !pair.asked().last().unwrap().ends_with("/messages") {
                tokio::task::yield_now().await;
            }
            pair.datamonkey
                .delete_conversation(&cx(), &at, None)
                .await
                .unwrap();
        };
        let (answered, ()) = futures_util::join!(answering, deleting);
        let error = answered.unwrap_err();
        assert_eq!((error.kind, error.outcome), (Kind::NotFound, outcome));
        assert_eq!(pair.fake.orphans(), if stores_orphans { 2 } else { 0 });
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_again_is_still_an_answer() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    for fault in [
        Fault::html(502),
        Fault::json(200, r#"{"messages":[{"role":"#),
        Fault::json(200, r#"{"messages":null}"#),
    ] {
        pair.fake.inject(Operation::Messages, fault);
        let events = events(&pair.datamonkey, &at, question("hello"))
            .await
            .unwrap();
        let Some(Event::MessageCompleted(answer)) = events.last() else {
            panic!()
        };
        assert!(matches!(
            &events[0],
            Event::MessageStarted { input: None, .. }
        ));
        assert!(
            all(&pair.datamonkey, &at).await.contains(answer),
            "its id is the right one"
        );
    }
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_know_what_became_of_it() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let cx = cx_for("ada", Duration::from_secs(2));
    let error = pair
        .datamonkey
        .respond(&cx, &at, question("[[slow:60000]]"))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
    assert!(
        pair.fake.messages(&at.native).is_empty(),
        "the vendor stops with its caller"
    );
    ask(&pair.datamonkey, &at, "still alive").await;
}

#[tokio::test]
async fn the_answer_timeout_ends_an_answer_before_the_caller_does() {
    let pair = Pair::with(FakeOptions::default(), |config| {
        config.answer_timeout = Duration::from_secs(1);
    })
    .await;
    let at = pair.create().await;
    let error = events(&pair.datamonkey, &at, question("[[slow:60000]]"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
}

#[tokio::test]
async fn the_model_is_given_the_history() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    ask(&pair.datamonkey, &at, "first").await;
    let answer = ask(&pair.datamonkey, &at, "[[history]]").await;
    assert_eq!(
        text_of(&answer.parts),
        "user:first|model:echo: first|user:[[history]]|"
    );
}

#[tokio::test]
async fn posts_and_imports_are_refused_as_a_whole() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let asked = pair.asked().len();
    let message = NewMessage::text(Role::User, "x");
    let post = pair
        .datamonkey
        .post_message(&cx(), &at, message.clone())
        .await
        .unwrap_err();
    let import = pair
        .datamonkey
        .import_messages(&cx(), &at, vec![message])
        .await
        .unwrap_err();
    for error in [post, import] {
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotHeld, Outcome::NotApplied)
        );
    }
    assert_eq!(pair.asked().len(), asked);
}

#[tokio::test]
async fn dropping_the_stream_loses_nothing() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let mut stream = pair
        .datamonkey
        .respond(&cx(), &at, question("hello"))
        .await
        .unwrap();
    stream.next().await.unwrap();
    drop(stream);
    assert_eq!(all(&pair.datamonkey, &at).await.len(), 2);
    ask(&pair.datamonkey, &at, "again").await;
}
