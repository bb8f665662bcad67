//! The responder behind a backend: what is stored and told of its answers.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend as _, Context, Error, Event, Kind, Located, Location, Order, Outcome, PageRequest,
    RespondRequest,
};
use conversation::{Message, MessageStatus, NewConversation, NewMessage, Role, text_of};
use futures_util::StreamExt as _;
use responders::{Answering, OpenAi, OpenAiConfig};
use serde_json::json;
use store::{Store, StoreConfig};

use crate::fake::{Fake, Reply};
use crate::support::{HELLO, LONG, STOP, USAGE, WORLD, cx, responder, seven_and_two};

/// A conversation whose questions go to a fake server.
struct World {
    fake: Fake,
    backend: Answering,
    at: Location,
    _directory: tempfile::TempDir,
}

impl World {
    async fn start(reply: Reply) -> Self {
        let fake = Fake::start(reply).await;
        let openai = responder(&fake);
        Self::start_with(fake, openai).await
    }

    async fn start_with(fake: Fake, openai: OpenAi) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let backend = Answering::new(Arc::new(store.backend("store")), Arc::new(openai));
        let backend = backend.needing_words();
        let Located { location, .. } = backend
            .create_conversation(&cx(LONG), NewConversation::default())
            .await
            .unwrap();
        Self {
            fake,
            backend,
            at: location,
            _directory: directory,
        }
    }

    /// Asks, and hears all that is told.
    async fn ask(&self, cx: &Context, question: &str) -> Result<Vec<Event>, Error> {
        let request = RespondRequest {
            input: Some(NewMessage::text(Role::User, question)),
            ..RespondRequest::default()
        };
        let events = self.backend.respond(cx, &self.at, request).await?;
        Ok(events.collect().await)
    }

    async fn stored(&self) -> Vec<Message> {
        let page = PageRequest {
            limit: 50,
            order: Order::Asc,
            position: None,
        };
        let page = self.backend.list_messages(&cx(LONG), &self.at, &page).await;
        page.unwrap().items
    }
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

#[tokio::test]
async fn a_streamed_answer_is_told_in_pieces_and_stored_with_its_notes() {
    let world = World::start(Reply::events(&[HELLO, WORLD, STOP, USAGE, "[DONE]"])).await;
    let events = world.ask(&cx(LONG), "question").await.unwrap();
    assert_eq!(
        names(&events),
        [
            "message.started",
            "part.started",
            "part.delta",
            "part.delta",
            "part.completed",
            "message.usage",
            "message.completed"
        ]
    );
    let stored = world.stored().await;
    let answer = &stored[1];
    assert_eq!(text_of(&answer.parts), "Hello");
    assert_eq!(answer.status, MessageStatus::Sent);
    assert_eq!(answer.usage, Some(seven_and_two()));
    assert_eq!(answer.model.as_deref(), Some("small-1"));
    assert_eq!(answer.provider.as_deref(), Some("openai"));
    assert_eq!(answer.finish_reason.as_deref(), Some("stop"));
}

#[tokio::test]
async fn an_answer_in_one_piece_is_stored_like_one_that_was_streamed() {
    let body = r#"{"model":"small-1","choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;
    let whole = World::start(Reply::json(200, body)).await;
    whole.ask(&cx(LONG), "question").await.unwrap();
    let streamed = World::start(Reply::events(&[HELLO, WORLD, STOP, USAGE])).await;
    streamed.ask(&cx(LONG), "question").await.unwrap();
    let [one, other] = [whole.stored().await, streamed.stored().await];
    let told = |message: &Message| {
        (
            text_of(&message.parts),
            message.status.clone(),
            message.usage.clone(),
            message.model.clone(),
            message.finish_reason.clone(),
        )
    };
    assert_eq!(told(&one[1]), told(&other[1]));
}

#[tokio::test]
async fn each_question_brings_the_conversation_before_it() {
    let world = World::start(Reply::events(&[HELLO, WORLD, STOP])).await;
    world.ask(&cx(LONG), "one").await.unwrap();
    world.ask(&cx(LONG), "two").await.unwrap();
    assert_eq!(
        world.fake.seen().body["messages"],
        json!([
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "two"},
        ])
    );
}

#[tokio::test]
async fn any_base_url_is_asked_below_its_path() {
    for (tail, expected) in [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        (
            "/openai/deployments/a",
            "/v1/openai/deployments/a/chat/completions",
        ),
    ] {
        let fake = Fake::start(Reply::events(&[HELLO, STOP])).await;
        let base_url = format!("{}{tail}", fake.base_url());
        let openai = OpenAi::new(OpenAiConfig::new(base_url, "small")).unwrap();
        let world = World::start_with(fake, openai).await;
        world.ask(&cx(LONG), "question").await.unwrap();
        assert_eq!(world.fake.seen().path, expected, "{tail}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_the_question_and_says_so() {
    for (status, kind) in [
        (400, Kind::UpstreamFailed),
        (401, Kind::UpstreamAuth),
        (404, Kind::UpstreamFailed),
        (429, Kind::RateLimited),
        (500, Kind::UpstreamFailed),
        (503, Kind::Unavailable),
        (504, Kind::Timeout),
    ] {
        let world = World::start(Reply::json(status, r#"{"error":"planted words"}"#)).await;
        let error = world.ask(&cx(LONG), "question").await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(error.outcome, Outcome::Applied, "the question is stored");
        assert!(!error.message.contains("planted"), "{error}");
        assert_eq!(world.stored().await.len(), 1);
    }
}

#[tokio::test]
async fn any_template_is_answered() {
    let world = World::start(Reply::events(&[HELLO, WORLD, STOP])).await;
    let request = RespondRequest {
        input: Some(NewMessage::text(Role::User, "question")),
        template: Some("whatever".into()),
        ..RespondRequest::default()
    };
    let events = world.backend.respond(&cx(LONG), &world.at, request).await;
    let events: Vec<Event> = events.unwrap().collect().await;
    assert_eq!(names(&events).last(), Some(&"message.completed"));
    assert_eq!(
        world.fake.seen().body["messages"],
        json!([
            {"role": "system", "content": "[TEMPLATE:whatever]"},
            {"role": "user", "content": "question"},
        ])
    );
    assert_eq!(world.stored().await.len(), 2);
}

#[tokio::test]
async fn a_question_without_words_is_refused_before_it_is_stored() {
    let world = World::start(Reply::events(&[HELLO, WORLD, STOP])).await;
    let error = world.ask(&cx(LONG), "").await.unwrap_err();
    assert_eq!(error.kind, Kind::NothingToAnswer);
    assert_eq!(error.outcome, Outcome::NotApplied);
    assert!(world.stored().await.is_empty());
    // With something said before there is something to answer.
    world.ask(&cx(LONG), "words").await.unwrap();
    world.ask(&cx(LONG), "").await.unwrap();
    assert_eq!(world.stored().await.len(), 4);
}

#[tokio::test]
async fn a_failure_inside_the_stream_ends_the_answer_where_it_is() {
    let failure = r#"{"error":{"message":"planted words","code":"server_error"}}"#;
    for (reply, reason) in [
        (Reply::events(&[HELLO, failure]), "upstream-failed"),
        (Reply::cut_events(&[HELLO]), "unavailable"),
        (Reply::events(&[HELLO, "nonsense"]), "invalid-response"),
    ] {
        let world = World::start(reply).await;
        let events = world.ask(&cx(LONG), "question").await.unwrap();
        assert_eq!(names(&events).last(), Some(&"message.incomplete"));
        let answer = world.stored().await.pop().unwrap();
        assert_eq!(text_of(&answer.parts), "Hel");
        assert_eq!(answer.status, MessageStatus::Incomplete);
        assert_eq!(answer.finish_reason.as_deref(), Some(reason));
    }
    let world = World::start(Reply::events(&[failure])).await;
    let events = world.ask(&cx(LONG), "question").await.unwrap();
    let Some(Event::MessageFailed { error, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(error.outcome, Outcome::Applied);
    assert!(!error.message.contains("planted"), "{error}");
    assert_eq!(world.stored().await.len(), 1, "not a word came");
}

#[tokio::test]
async fn an_answer_without_a_word_is_an_answer() {
    let world = World::start(Reply::events(&[STOP, "[DONE]"])).await;
    let events = world.ask(&cx(LONG), "question").await.unwrap();
    assert_eq!(names(&events).last(), Some(&"message.completed"));
    let answer = world.stored().await.pop().unwrap();
    assert_eq!(text_of(&answer.parts), "");
}

#[tokio::test]
async fn the_deadline_ends_an_answer_that_does_not_end_itself() {
    let world = World::start(Reply::Stalled(format!("data: {HELLO}\n\n"))).await;
    let hasty = cx(Duration::from_secs(2));
    let events = world.ask(&hasty, "question").await.unwrap();
    assert_eq!(names(&events).last(), Some(&"message.incomplete"));
    let answer = world.stored().await.pop().unwrap();
    assert_eq!(text_of(&answer.parts), "Hel");
    assert_eq!(answer.finish_reason.as_deref(), Some("timeout"));
}

#[tokio::test]
async fn the_server_is_left_when_nobody_listens_any_more() {
    let world = World::start(Reply::Stalled(format!("data: {HELLO}\n\n"))).await;
    let request = RespondRequest {
        input: Some(NewMessage::text(Role::User, "question")),
        ..RespondRequest::default()
    };
    let mut events = world
        .backend
        .respond(&cx(LONG), &world.at, request)
        .await
        .unwrap();
    while let Some(event) = events.next().await {
        if matches!(event, Event::PartDelta { .. }) {
            break;
        }
    }
    drop(events);
    world.fake.left().await;
}
