//! A backend for tests that does what it is told, call after call, and remembers what it was asked. It touches nothing
//! outside of tokio's clock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::{
    Backend, BackendInfo, Capabilities, Context, Enumerates, Error, Event, EventStream, Intent,
    Kind, Layer, Located, Location, Origin, Page, PageRequest, Principal, RespondRequest, Result,
    Settled, Upstream,
};
use conversation::{
    Conversation, ConversationId, ConversationPatch, Message, MessageId, NewConversation,
    NewMessage, Role, Time,
};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep};

/// What one call does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Works,
    Fails(Error),
    /// It never answers.
    Hangs,
    /// It takes so long before it does what follows.
    Takes(Duration, Box<Step>),
}

#[derive(Debug)]
pub(crate) struct Scripted {
    info: BackendInfo,
    enumerates: Enumerates,
    steps: Mutex<VecDeque<Step>>,
    /// What every call does that has no step of its own.
    always: Mutex<Step>,
    /// How answers end that have begun.
    late: Mutex<Option<Error>>,
    sent: Mutex<Vec<Instant>>,
    running: AtomicUsize,
    most: AtomicUsize,
    /// Counts the answers, so that each differs.
    title: AtomicUsize,
}

/// A call that runs.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self::enumerating(Enumerates::Account, steps))
    }

    /// One whose lists are those of an end user.
    pub(crate) fn of_users(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self::enumerating(Enumerates::User, steps))
    }

    fn enumerating(enumerates: Enumerates, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            enumerates,
            info: BackendInfo {
                name: "vendor".into(),
                kind: "test".into(),
            },
            steps: Mutex::new(steps.into_iter().collect()),
            always: Mutex::new(Step::Works),
            late: Mutex::default(),
            sent: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            title: AtomicUsize::new(0),
        }
    }

    pub(crate) fn always(&self, step: Step) {
        *self.always.lock().unwrap() = step;
    }

    /// From now on answers begin and fail so.
    pub(crate) fn fails_late(&self, error: Option<Error>) {
        *self.late.lock().unwrap() = error;
    }

    /// When each call was made.
    pub(crate) fn sent(&self) -> Vec<Instant> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// The most calls that ran at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    async fn act(&self) -> Result<usize> {
        self.sent.lock().unwrap().push(Instant::now());
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let _running = Running(&self.running);
        let next = self.steps.lock().unwrap().pop_front();
        let mut step = next.unwrap_or_else(|| self.always.lock().unwrap().clone());
        loop {
            match step {
                Step::Works => return Ok(self.title.fetch_add(1, Ordering::SeqCst)),
                Step::Fails(error) => return Err(error),
                Step::Hangs => std::future::pending().await,
                Step::Takes(time, then) => {
                    sleep(time).await;
                    step = *then;
                }
            }
        }
    }
}

#[async_trait]
impl Layer for Scripted {
    fn below(&self) -> &dyn Backend {
        unreachable!("nothing else is called")
    }

    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            enumerates: self.enumerates,
            ..Capabilities::default()
        }
    }

    async fn create_conversation(&self, _: &Context, new: NewConversation) -> Result<Located> {
        self.act().await?;
        let location = at("made");
        let conversation = new.into_conversation(location.id, "vendor", Time::now());
        Ok(Located {
            location,
            conversation,
        })
    }

    async fn get_conversation(&self, _: &Context, at: &Location) -> Result<Conversation> {
        let number = self.act().await?;
        Ok(conversation(at, number))
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> stream::BoxStream<'a, (usize, Result<Conversation>)> {
        backend::each_conversation(self, cx, at)
    }

    async fn update_conversation(
        &self,
        _: &Context,
        at: &Location,
        _: ConversationPatch,
        _: Option<&backend::Precondition>,
    ) -> Result<Conversation> {
        let number = self.act().await?;
        Ok(conversation(at, number))
    }

    async fn list_messages(
        &self,
        _: &Context,
        at: &Location,
        _: &PageRequest,
    ) -> Result<Page<Message>> {
        let number = self.act().await?;
        Ok(Page {
            items: vec![message(at, number)],
            ..Page::default()
        })
    }

    async fn get_message(&self, _: &Context, at: &Location, _: &MessageId) -> Result<Message> {
        let number = self.act().await?;
        Ok(message(at, number))
    }

    async fn import_messages(
        &self,
        _: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let one = self.act().await;
        let told = |number: &usize| message(at, *number);
        Ok(messages
            .iter()
            .map(|_| one.as_ref().map(told).map_err(Error::clone))
            .collect())
    }

    async fn post_message(&self, _: &Context, at: &Location, _: NewMessage) -> Result<Message> {
        let number = self.act().await?;
        Ok(message(at, number))
    }

    async fn settle(&self, _: &Context, _: &Intent) -> Result<Settled> {
        self.act().await.map(|_| Settled::Unknown)
    }

    /// An answer begins, and ends a second later: with this failure where there is one.
    async fn respond(&self, _: &Context, at: &Location, _: RespondRequest) -> Result<EventStream> {
        let late = self.late.lock().unwrap().clone();
        let number = self.act().await?;
        let answer = message(at, number);
        let begun = Event::MessageStarted {
            id: None,
            input: None,
        };
        let ended = stream::once(async move {
            sleep(Duration::from_secs(1)).await;
            match late {
                Some(error) => Event::MessageFailed {
                    message: None,
                    error,
                },
                None => Event::MessageCompleted(Box::new(answer)),
            }
        });
        Ok(stream::iter([begun]).chain(ended).boxed())
    }
}

fn conversation(at: &Location, number: usize) -> Conversation {
    let new = NewConversation {
        title: Some(number.to_string().into()),
        ..NewConversation::default()
    };
    new.into_conversation(at.id, "vendor", Time::now())
}

fn message(at: &Location, number: usize) -> Message {
    let new = NewMessage::text(Role::User, number.to_string());
    new.into_message(MessageId::generate(), at.id, Time::now())
}

/// Where a conversation lives.
pub(crate) fn at(native: &str) -> Location {
    Location {
        id: ConversationId::from_bits(7),
        backend: "vendor".into(),
        native: native.into(),
        credential: None,
        renamed: false,
    }
}

/// A call of somebody who waits so long.
pub(crate) fn cx(wait: Duration) -> Context {
    cx_of("acme", None, wait)
}

pub(crate) fn cx_of(tenant: &str, user: Option<&str>, wait: Duration) -> Context {
    let principal = Principal {
        tenant: tenant.into(),
        key: "k".into(),
        user: user.map(Into::into),
        scopes: Vec::new(),
    };
    let cx = Context::new(Arc::new(principal), "r", wait);
    Context {
        // The paused clock may be far from the real one.
        deadline: (Instant::now() + wait).into_std(),
        ..cx
    }
}

/// The vendor is away, and nothing was done.
pub(crate) fn away() -> Error {
    Error::new(Kind::Unavailable, "the vendor is away").origin(Origin::Upstream)
}

/// The vendor failed, and nobody knows.
pub(crate) fn failed() -> Error {
    Error::new(Kind::UpstreamFailed, "the vendor failed").upstream(Upstream {
        status: Some(500),
        ..Upstream::default()
    })
}

/// The vendor wants no calls, for so long.
pub(crate) fn too_many(seconds: Option<u64>) -> Error {
    Error::new(Kind::RateLimited, "too many")
        .origin(Origin::Upstream)
        .retry_after(seconds.map(Duration::from_secs))
}
