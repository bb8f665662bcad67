//! What becomes of an answer that fails, breaks off, or that nobody waits for.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{
    Applied, Backend, Context, Error, Event, EventStream, History, Intent, Kind, Located, Location,
    Order, Outcome, PageRequest, Principal, RespondRequest, Result, Settled, Write,
};
use conversation::{Message, MessageStatus, NewConversation, NewMessage, Role, Time, text_of};
use futures_util::stream::{self, BoxStream, StreamExt};
use responders::{Answering, Echo};
use store::{Store, StoreConfig};

/// How a scripted answer goes on after its first words.
#[derive(Debug, Clone, Copy)]
enum Script {
    FailsAtOnce,
    FailsBeforeAnyWord,
    BreaksOff,
    NeverEnds,
}

#[derive(Debug)]
struct Scripted(Script);

#[async_trait]
impl Responder for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn answer(
        &self,
        _cx: &Context,
        _turn: Turn,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let failure =
            || Error::new(Kind::UpstreamFailed, "the model failed").outcome(Outcome::NotApplied);
        let words = || stream::iter([Ok("some ".to_owned()), Ok("words".to_owned())]);
        Ok(match self.0 {
            Script::FailsAtOnce => return Err(failure()),
            Script::FailsBeforeAnyWord => stream::iter([Err(failure())]).boxed(),
            Script::BreaksOff => words().chain(stream::iter([Err(failure())])).boxed(),
            Script::NeverEnds => words().chain(stream::pending()).boxed(),
        })
    }
}

struct World {
    backend: Answering,
    inner: Arc<dyn Backend>,
    at: Location,
    _directory: tempfile::TempDir,
}

fn cx(timeout: Duration) -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: None,
        scopes: Vec::new(),
    };
    Context::new(Arc::new(principal), "test", timeout)
}

const LONG: Duration = Duration::from_secs(30);

async fn world(responder: impl Responder) -> World {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    let inner: Arc<dyn Backend> = Arc::new(store.backend("store"));
    let backend = Answering::new(inner.clone(), Arc::new(responder));
    let Located { location, .. } = backend
        .create_conversation(&cx(LONG), NewConversation::default())
        .await
        .unwrap();
    World {
        backend,
        inner,
        at: location,
        _directory: directory,
    }
}

impl World {
    async fn ask(&self, cx: &Context) -> Result<EventStream> {
        let input = Some(NewMessage::text(Role::User, "question"));
        self.backend
            .respond(
                cx,
                &self.at,
                RespondRequest {
                    input,
                    ..RespondRequest::default()
                },
            )
            .await
    }

    async fn messages(&self) -> Vec<Message> {
        let page = PageRequest {
            limit: 50,
            order: Order::Asc,
            position: None,
        };
        self.backend
            .list_messages(&cx(LONG), &self.at, &page)
            .await
            .unwrap()
            .items
    }

    /// Waits until there are `count` messages; a hang is caught by the test's own patience.
    async fn messages_when(&self, count: usize) -> Vec<Message> {
        for _ in 0..1_000 {
            let messages = self.messages().await;
            if messages.len() >= count {
                return messages;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there never were {count} messages");
    }
}

#[tokio::test]
async fn a_failure_before_the_first_word_stores_no_answer() {
    let at_once = world(Scripted(Script::FailsAtOnce)).await;
    // The question is stored by then: whoever repeats the request would say it twice.
    let failed = (Kind::UpstreamFailed, Outcome::Applied);
    let error = at_once.ask(&cx(LONG)).await.err().unwrap();
    assert_eq!((error.kind, error.outcome), failed);

    let before_any_word = world(Scripted(Script::FailsBeforeAnyWord)).await;
    let events: Vec<Event> = before_any_word
        .ask(&cx(LONG))
        .await
        .unwrap()
        .collect()
        .await;
    let Some(Event::MessageFailed {
        message: None,
        error,
    }) = events.last()
    else {
        panic!("{events:?}")
    };
    assert_eq!((error.kind, error.outcome), failed);

    for world in [at_once, before_any_word] {
        let roles: Vec<Role> = world
            .messages()
            .await
            .into_iter()
            .map(|message| message.role)
            .collect();
        assert_eq!(
            roles,
            [Role::User],
            "the question stays, so that it can be answered later"
        );
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_stored_as_incomplete() {
    for script in [Script::BreaksOff, Script::NeverEnds] {
        let world = world(Scripted(script)).await;
        let events: Vec<Event> = world
            .ask(&cx(Duration::from_millis(300)))
            .await
            .unwrap()
            .collect()
            .await;
        let Some(Event::MessageIncomplete(told)) = events.last() else {
            panic!("{script:?}: {events:?}")
        };
        let stored = world.messages().await.pop().unwrap();
        assert_eq!(
            (&stored, stored.status.clone()),
            (&**told, MessageStatus::Incomplete),
            "{script:?}"
        );
        assert_eq!(text_of(&stored.parts), "some words");
    }
}

#[tokio::test]
async fn what_arrived_is_stored_when_nobody_waits_any_more() {
    let world = world(Scripted(Script::NeverEnds)).await;
    let mut events = world.ask(&cx(Duration::from_secs(2))).await.unwrap();
    while let Some(event) = events.next().await {
        if matches!(event, Event::PartDelta { .. }) {
            break;
        }
    }
    drop(events);
    let answer = world.messages_when(2).await.pop().unwrap();
    assert_eq!(answer.status, MessageStatus::Incomplete);
    assert!(text_of(&answer.parts).starts_with("some "), "{answer:?}");
}

#[tokio::test]
async fn an_incomplete_answer_leaves_its_question_unanswered() {
    let world = world(Scripted(Script::BreaksOff)).await;
    let _events: Vec<Event> = world.ask(&cx(LONG)).await.unwrap().collect().await;
    let again = world
        .backend
        .respond(&cx(LONG), &world.at, RespondRequest::default())
        .await;
    assert!(again.is_ok(), "{:?}", again.err());
}

#[tokio::test]
async fn a_repeated_request_stores_its_input_once() {
    let world = world(Echo).await;
    let first = cx(LONG);
    // The process dies after the input was stored: the same intent runs again.
    let failing = Answering::new(world.inner.clone(), Arc::new(Scripted(Script::FailsAtOnce)));
    let input = Some(NewMessage::text(Role::User, "question"));
    let request = RespondRequest {
        input,
        ..RespondRequest::default()
    };
    assert!(
        failing
            .respond(&first, &world.at, request.clone())
            .await
            .is_err()
    );
    let events: Vec<Event> = world
        .backend
        .respond(&first, &world.at, request)
        .await
        .unwrap()
        .collect()
        .await;
    assert!(
        matches!(events.last(), Some(Event::MessageCompleted(_))),
        "{events:?}"
    );
    let texts: Vec<String> = world
        .messages()
        .await
        .iter()
        .map(|message| text_of(&message.parts))
        .collect();
    assert_eq!(texts, ["question", "echo: question"]);
}

/// Notes what it is told, and answers nothing but that.
#[derive(Debug, Default)]
struct Listening(Arc<Mutex<Vec<Vec<String>>>>);

#[async_trait]
impl Responder for Listening {
    fn name(&self) -> &str {
        "listening"
    }

    async fn answer(
        &self,
        _cx: &Context,
        turn: Turn,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let texts = turn.messages.iter();
        let texts = texts.map(|message| text_of(&message.parts)).collect();
        self.0.lock().unwrap().push(texts);
        Ok(stream::iter([Ok("heard".to_owned())]).boxed())
    }
}

#[tokio::test]
async fn a_context_decides_what_a_responder_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let world = world(Listening(told.clone())).await;
    let asked = async |context| {
        let request = RespondRequest {
            input: Some(NewMessage::text(Role::User, "question")),
            context,
            ..RespondRequest::default()
        };
        let answer = world.backend.respond(&cx(LONG), &world.at, request).await;
        let _events: Vec<Event> = answer.unwrap().collect().await;
        told.lock().unwrap().pop().unwrap()
    };
    assert_eq!(asked(None).await, ["question"]);
    assert_eq!(asked(None).await, ["question", "heard", "question"]);
    assert_eq!(asked(Some(History::None)).await, ["question"]);
    // "heard" has five characters, so two tokens hold it and not the question before it.
    let transcript = Some(History::Transcript { max_tokens: 2 });
    assert_eq!(asked(transcript).await, ["heard", "question"]);
}

#[tokio::test]
async fn an_answer_is_settled_behind_its_question() {
    let world = world(Echo).await;
    let settled = async |intent: &Intent| world.backend.settle(&cx(LONG), intent).await.unwrap();
    let noted = |cx: &Context, input: Option<NewMessage>| Intent {
        id: cx.intent,
        location: Some(world.at.clone()),
        write: Write::Respond(RespondRequest {
            input,
            ..RespondRequest::default()
        }),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let question = || Some(NewMessage::text(Role::User, "question"));

    let never = noted(&cx(LONG), question());
    assert_eq!(settled(&never).await, Settled::NotApplied);

    // The process dies after the question was stored.
    let asking = cx(LONG);
    let begun = noted(&asking, question());
    let failing = Answering::new(world.inner.clone(), Arc::new(Scripted(Script::FailsAtOnce)));
    let request = RespondRequest {
        input: question(),
        ..RespondRequest::default()
    };
    assert!(
        failing
            .respond(&asking, &world.at, request.clone())
            .await
            .is_err()
    );
    assert_eq!(world.messages().await.len(), 1);
    assert_eq!(
        settled(&begun).await,
        Settled::NotApplied,
        "who asks again finds the question, and has it answered"
    );

    let answer = world.backend.respond(&asking, &world.at, request).await;
    let events: Vec<Event> = answer.unwrap().collect().await;
    let Some(Event::MessageCompleted(told)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        settled(&begun).await,
        Settled::Applied(Applied::Message(told.clone()))
    );
    assert_eq!(world.messages().await.len(), 2);
}
