//! Answers: streamed for real on V2, in one piece on V1, refused on V0.

use std::time::Duration;

use backend::{Backend, Event, Kind, Outcome, RespondRequest};
use conversation::{Assistant, Message, NewMessage, Part, Role};
use futures_util::StreamExt;

use crate::fake::{FakeOptions, Fault, Generation};
use crate::support::{
    ANSWERING, all, ask, create, cx, events, missing, names, pair, pair_with, paths, question,
    texts, told,
};

fn completed(events: &[Event]) -> &Message {
    match events.last() {
        Some(Event::MessageCompleted(message)) => message,
        other => panic!("not completed: {other:?}"),
    }
}

#[tokio::test]
async fn an_answer_comes_in_the_documented_order_and_its_deltas_add_up() {
    for generation in ANSWERING {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let events = events(&chatter, &at, question("one two three é👋"))
            .await
            .unwrap();
        let mut order = names(&events);
        order.dedup();
        let expected = [
            "message.started",
            "part.started",
            "part.delta",
            "part.completed",
            "message.completed",
        ];
        assert_eq!(order, expected, "{generation:?}");
        assert_eq!(told(&events), "Echo: one two three é👋");
        assert_eq!(all(&chatter, &at).await.last(), Some(completed(&events)));
    }
}

#[tokio::test]
async fn v2_streams_tokens_split_at_any_byte() {
    for stream_chunk_bytes in [1, 2, 3, 7, 64, 100_000] {
        let options = FakeOptions {
            stream_chunk_bytes,
            ..FakeOptions::new(Generation::V2)
        };
        let (_fake, chatter) = pair_with(options).await;
        let at = create(&chatter).await;
        let events = events(&chatter, &at, question("é👋\nline two"))
            .await
            .unwrap();
        assert_eq!(told(&events), "Echo: é👋\nline two");
        assert!(
            names(&events)
                .iter()
                .filter(|name| **name == "part.delta")
                .count()
                > 1,
            "more than one piece"
        );
    }
}

#[tokio::test]
async fn v1_is_never_streamed_so_nothing_is_ever_locked() {
    for generation in [Generation::V1OldFastApi, Generation::V1NewFastApi] {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let events = events(&chatter, &at, question("hello")).await.unwrap();
        assert_eq!(
            names(&events)
                .iter()
                .filter(|name| **name == "part.delta")
                .count(),
            1
        );
        assert!(!paths(&fake).iter().any(|path| path.contains("streaming")));
    }
}

#[tokio::test]
async fn v0_cannot_answer_and_is_not_asked() {
    let (fake, chatter) = pair(Generation::V0).await;
    let at = create(&chatter).await;
    let asked = fake.requests().len();
    let error = events(&chatter, &at, question("hello")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert_eq!(fake.requests().len(), asked);
}

#[tokio::test]
async fn an_apology_is_no_answer() {
    for generation in ANSWERING {
        for trigger in ["[[fail500]]", "[[fail429]]"] {
            let (_fake, chatter) = pair(generation).await;
            let at = create(&chatter).await;
            let events = events(&chatter, &at, question(trigger)).await.unwrap();
            assert_eq!(
                names(&events),
                ["message.started", "message.failed"],
                "{generation:?}"
            );
            let Some(Event::MessageFailed {
                message: Some(message),
                error,
            }) = events.last()
            else {
                panic!("{events:?}")
            };
            assert_eq!(
                (error.kind, error.outcome),
                (Kind::UpstreamFailed, Outcome::Applied)
            );
            assert_eq!(
                all(&chatter, &at).await.last(),
                Some(&**message),
                "what was stored instead is named"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_begins_like_an_apology_is_told_whole() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let answer = ask(&chatter, &at, "I'm sorry, I encountered an error: not you").await;
    assert_eq!(
        texts(&[answer]),
        ["Echo: I'm sorry, I encountered an error: not you"]
    );
}

#[tokio::test]
async fn an_empty_answer_is_an_error_that_says_what_stays() {
    for (generation, outcome, rows) in [
        (Generation::V1NewFastApi, Outcome::NotApplied, 0),
        (Generation::V2, Outcome::Applied, 1),
    ] {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let error = events(&chatter, &at, question("[[empty]]"))
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.outcome), (Kind::UpstreamFailed, outcome));
        assert_eq!(fake.messages(&at.native).len(), rows);
    }
}

#[tokio::test]
async fn settings_and_templates_travel_with_the_call() {
    for generation in ANSWERING {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let mut request = question("hi");
        request.template = Some("general chat/é".into());
        request.assistant = Some(Assistant {
            system_prompt: Some("SYS".into()),
            temperature: Some(0.5),
            max_tokens: Some(100),
            provider: Some("openai".into()),
            workflow: Some("plain".into()),
            retrieval: Some(true),
            ..Assistant::default()
        });
        events(&chatter, &at, request).await.unwrap();
        let sent = fake.requests().pop().unwrap();
        assert_eq!(sent.path, "/api/v1/chat/template/general%20chat%2F%C3%A9");
        let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
        let expected = serde_json::json!({
            "message": "hi", "conversation_id": &*at.native, "workflow": "plain", "provider": "openai",
            "temperature": 0.5, "max_tokens": 100, "enable_retrieval": true, "system_prompt_override": "SYS",
        });
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn workflows_that_always_fail_on_v1_are_refused_there_and_work_on_v2() {
    let mut request = question("hi");
    request.assistant = Some(Assistant {
        workflow: Some("rag".into()),
        ..Assistant::default()
    });
    let (_fake, chatter) = pair(Generation::V1OldFastApi).await;
    let at = create(&chatter).await;
    let error = events(&chatter, &at, request.clone()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.violations[0].pointer.as_str()),
        (Kind::NotHeld, "/assistant/workflow")
    );
    let (_fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    assert_eq!(
        told(&events(&chatter, &at, request).await.unwrap()),
        "Echo: hi"
    );
}

#[tokio::test]
async fn an_unknown_provider_is_named_and_what_stays_is_said() {
    let mut request = question("hi");
    request.assistant = Some(Assistant {
        provider: Some("nope".into()),
        ..Assistant::default()
    });
    for (generation, template, outcome, pointer) in [
        (
            Generation::V1NewFastApi,
            None,
            Outcome::NotApplied,
            "/assistant/provider",
        ),
        (
            Generation::V2,
            None,
            Outcome::Applied,
            "/assistant/provider",
        ),
        // With a template the same failure is reported as a missing template.
        (
            Generation::V1NewFastApi,
            Some("general_chat"),
            Outcome::NotApplied,
            "/template",
        ),
    ] {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let request = RespondRequest {
            template: template.map(Into::into),
            ..request.clone()
        };
        let error = events(&chatter, &at, request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::InvalidRequest, outcome),
            "{generation:?}"
        );
        assert_eq!(error.violations[0].pointer, pointer);
    }
}

#[tokio::test]
async fn input_that_chatter_cannot_hold_is_refused_before_anything_is_sent() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let asked = fake.requests().len();
    for (input, pointer) in [
        (NewMessage::text(Role::System, "s"), "/input/role"),
        (NewMessage::text(Role::User, ""), "/input/parts"),
        (NewMessage::text(Role::User, "a\0b"), "/input/parts"),
        (
            NewMessage::of(
                Role::User,
                vec![Part::text("a"), Part::Reasoning("b".into())],
            ),
            "/input/parts/1",
        ),
        (
            NewMessage {
                client_message_id: Some("c".into()),
                ..NewMessage::text(Role::User, "a")
            },
            "/input/client_message_id",
        ),
    ] {
        let request = RespondRequest {
            input: Some(input),
            ..RespondRequest::default()
        };
        let error = events(&chatter, &at, request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.violations[0].pointer.as_str()),
            (Kind::NotHeld, pointer)
        );
    }
    assert_eq!(fake.requests().len(), asked);
}

#[tokio::test]
async fn without_input_there_is_nothing_to_answer() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let error = events(&chatter, &at, RespondRequest::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NothingToAnswer);
    ask(&chatter, &at, "a").await;
    let error = events(&chatter, &at, RespondRequest::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NothingToAnswer);
    // V2 keeps the question of a failed call; it cannot be answered without being stored again.
    events(&chatter, &at, question("[[empty]]"))
        .await
        .unwrap_err();
    let error = events(&chatter, &at, RespondRequest::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
}

#[tokio::test]
async fn an_answer_in_an_unknown_conversation_is_not_found() {
    for generation in ANSWERING {
        let (_fake, chatter) = pair(generation).await;
        let error = events(&chatter, &missing(), question("hi"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotFound, Outcome::NotApplied)
        );
    }
}

#[tokio::test]
async fn a_stream_cut_before_the_answer_is_stored_fails_with_unknown_outcome() {
    for frames in 2..5 {
        let (fake, chatter) = pair(Generation::V2).await;
        let at = create(&chatter).await;
        fake.inject("POST", "/streaming", Fault::CutStreamAfter(frames));
        let events = events(&chatter, &at, question("one two three"))
            .await
            .unwrap();
        let Some(Event::MessageFailed {
            message: None,
            error,
        }) = events.last()
        else {
            panic!("{events:?}")
        };
        assert_eq!(error.outcome, Outcome::Unknown);
        let opened = names(&events)
            .iter()
            .filter(|name| **name == "part.started")
            .count();
        let closed = names(&events)
            .iter()
            .filter(|name| **name == "part.completed")
            .count();
        assert_eq!(opened, closed);
        ask(&chatter, &at, "and now?").await;
    }
}

#[tokio::test]
async fn a_stream_cut_after_the_answer_was_stored_is_completed_from_the_store() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    // start, start, four tokens, then the frame that says that the answer is stored.
    fake.inject("POST", "/streaming", Fault::CutStreamAfter(7));
    let events = events(&chatter, &at, question("one two three"))
        .await
        .unwrap();
    assert_eq!(completed(&events), all(&chatter, &at).await.last().unwrap());
    assert_eq!(told(&events), "Echo: one two three");
}

#[tokio::test]
async fn after_a_dropped_stream_the_conversation_can_be_written_again() {
    let options = FakeOptions {
        model_delay: Duration::from_millis(20),
        ..FakeOptions::new(Generation::V2)
    };
    let (_fake, chatter) = pair_with(options).await;
    let at = create(&chatter).await;
    let mut stream = chatter
        .respond(&cx(), &at, question("one two three four"))
        .await
        .unwrap();
    stream.next().await.unwrap();
    drop(stream);
    ask(&chatter, &at, "again").await;
}

#[tokio::test]
async fn parallel_chat_calls_collide_on_v1_and_can_be_repeated() {
    let options = FakeOptions {
        model_delay: Duration::from_millis(100),
        ..FakeOptions::new(Generation::V1NewFastApi)
    };
    let (fake, chatter) = pair_with(options).await;
    let at = create(&chatter).await;
    let results =
        futures_util::future::join_all((0..4).map(|_| events(&chatter, &at, question("hi")))).await;
    let done = results.iter().filter(|result| result.is_ok()).count();
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(
            (error.kind, error.outcome, error.is_temporary()),
            (Kind::Busy, Outcome::NotApplied, true)
        );
    }
    assert!(done >= 1);
    assert_eq!(fake.messages(&at.native).len(), 3 * done);
}
