//! A backend that is down: who reads is shown copies with their age, who writes is told at once that nothing was done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::{
    Backend, Context, Error, EventStream, Kind, Layer, Location, Origin, Outcome, Page,
    PageRequest, Precondition, RespondRequest, Result,
};
use conversation::{
    Conversation, ConversationPatch, Message, MessageId, NewConversation, NewMessage, Patch, Role,
};
use overlay::{Overlay, OverlaySettings};

use crate::bench::{Bench, asking, cx, shown_by, texts};
use crate::chatty::{Chatty, Manner};

/// The backend, which fails whatever it is asked.
#[derive(Debug)]
struct Down(Chatty, Error);

#[async_trait]
impl Layer for Down {
    fn below(&self) -> &dyn Backend {
        &self.0
    }

    async fn get_conversation(&self, _: &Context, _: &Location) -> Result<Conversation> {
        Err(self.1.clone())
    }

    async fn list_messages(
        &self,
        _: &Context,
        _: &Location,
        _: &PageRequest,
    ) -> Result<Page<Message>> {
        Err(self.1.clone())
    }

    async fn get_message(&self, _: &Context, _: &Location, _: &MessageId) -> Result<Message> {
        Err(self.1.clone())
    }

    async fn update_conversation(
        &self,
        _: &Context,
        _: &Location,
        _: ConversationPatch,
        _: Option<&Precondition>,
    ) -> Result<Conversation> {
        Err(self.1.clone())
    }

    async fn respond(&self, _: &Context, _: &Location, _: RespondRequest) -> Result<EventStream> {
        Err(self.1.clone())
    }
}

fn away() -> Error {
    Error::new(Kind::Unavailable, "the vendor is away").origin(Origin::Upstream)
}

/// Another process over the same state, for which the backend fails so.
fn down(bench: &Bench, error: Error) -> Overlay {
    let state = &bench.state;
    Overlay::new(
        Arc::new(Down(bench.chatty.clone(), error)),
        OverlaySettings {
            // Whatever the index says, the backend is asked.
            index_max_age: Duration::ZERO,
            ..OverlaySettings::default()
        },
        state.clone(),
        state.clone(),
        state.clone(),
    )
}

/// A conversation with an index: the backend's messages, and one that waits here.
async fn indexed(expires: bool) -> (Bench, Location) {
    let bench = Bench::new(Manner {
        expires,
        ..Manner::default()
    });
    let at = bench.create_of(NewConversation::default()).await;
    bench.ask(&at, asking("one")).await;
    bench.post(&at, Role::User, "waits").await;
    assert_eq!(bench.texts(&at).await, SHOWN);
    (bench, at)
}

const SHOWN: [&str; 3] = ["one", "answer to: one", "waits"];

#[tokio::test]
async fn messages_are_shown_from_their_copies_with_their_age() {
    for error in [
        away(),
        Error::new(Kind::Timeout, "x"),
        Error::new(Kind::UpstreamFailed, "x"),
        Error::new(Kind::RateLimited, "x").origin(Origin::Upstream),
    ] {
        let (bench, at) = indexed(false).await;
        let down = down(&bench, error.clone());
        let reader = cx();
        let page = PageRequest::first(10);
        let page = down.list_messages(&reader, &at, &page).await.unwrap();
        assert_eq!(texts(&page.items), SHOWN, "{error:?}");
        assert!(reader.trace.stale().is_some(), "{error:?}");
        assert_eq!(texts(&shown_by(&down, &at).await), SHOWN, "page by page");
        for message in &page.items {
            let read = down.get_message(&cx(), &at, &message.id).await.unwrap();
            assert_eq!(read, *message);
        }
        // Where the backend is there again, nothing of it was believed.
        assert_eq!(bench.texts(&at).await, SHOWN);
    }
}

#[tokio::test]
async fn a_conversation_is_shown_from_its_copy_where_there_is_one() {
    let (bench, at) = indexed(true).await;
    let reader = cx();
    let read = down(&bench, away()).get_conversation(&reader, &at).await;
    assert_eq!(read.unwrap().id, at.id);
    assert!(reader.trace.stale().is_some());
    let (bench, at) = indexed(false).await;
    let read = down(&bench, away()).get_conversation(&cx(), &at).await;
    assert_eq!(read.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn whoever_wants_it_fresh_or_writes_is_told() {
    let (bench, at) = indexed(true).await;
    let down = down(&bench, away());
    let writer = Context {
        fence: Some(1),
        ..cx()
    };
    let page = PageRequest::first(10);
    for cx in [cx().fresh(), writer] {
        let listed = down.list_messages(&cx, &at, &page).await.unwrap_err();
        assert_eq!(listed.kind, Kind::Unavailable);
        let read = down.get_conversation(&cx, &at).await.unwrap_err();
        assert_eq!((read.kind, cx.trace.stale()), (Kind::Unavailable, None));
    }
}

#[tokio::test]
async fn a_write_fails_at_once_and_has_done_nothing() {
    let (bench, at) = indexed(false).await;
    let down = down(&bench, away());
    let posted = down
        .post_message(&cx(), &at, NewMessage::text(Role::User, "more"))
        .await;
    let patch = ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    };
    let updated = down.update_conversation(&cx(), &at, patch, None).await;
    let answered = down.respond(&cx(), &at, asking("two")).await.map(drop);
    for error in [
        posted.unwrap_err(),
        updated.unwrap_err(),
        answered.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Unavailable, Outcome::NotApplied)
        );
    }
    assert_eq!(bench.texts(&at).await, SHOWN);
}

#[tokio::test]
async fn what_the_backend_says_is_no_reason_for_a_copy() {
    let (bench, at) = indexed(false).await;
    let gone = down(&bench, Error::conversation_not_found());
    let page = PageRequest::first(10);
    let listed = gone.list_messages(&cx(), &at, &page).await.unwrap_err();
    assert_eq!(listed.kind, Kind::NotFound);
}
