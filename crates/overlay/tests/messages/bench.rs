//! What a test works with: the overlay, the backend below it, and the state beside it.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Directory as _, KeptAt, NewDirectoryEntry, OverlayState as _, Sending};
use backend::{
    Backend, BackendExt as _, Context, Event, FidelityPolicy, Intent, Location, PageRequest,
    Principal, RespondRequest, Result, Scope, Settled, Write,
};
use conversation::{Message, MessageId, NewConversation, NewMessage, Role, Time, text_of};
use futures_util::{StreamExt as _, TryStreamExt as _};
use overlay::{Overlay, OverlaySettings};
use store::{SealingKey, State, Store, StoreConfig};
use tempfile::TempDir;

use crate::chatty::{Chatty, Manner, NAME};

pub(crate) struct Bench {
    pub(crate) overlay: Overlay,
    pub(crate) chatty: Chatty,
    pub(crate) state: Arc<State>,
    _store: (Store, TempDir),
}

pub(crate) fn cx() -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: Some("u".into()),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(30))
}

pub(crate) fn strict() -> Context {
    Context {
        fidelity: FidelityPolicy::Strict,
        ..cx()
    }
}

impl Bench {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::over(Chatty::new(manner))
    }

    pub(crate) fn over(chatty: Chatty) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("state.db"))).unwrap();
        let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let overlay = overlay(&chatty, &state, OverlaySettings::default());
        Self {
            overlay,
            chatty,
            state,
            _store: (store, directory),
        }
    }

    /// Another process over the same state: nothing is in memory.
    pub(crate) fn restarted(&self) -> Overlay {
        overlay(&self.chatty, &self.state, OverlaySettings::default())
    }

    pub(crate) async fn create(&self) -> Location {
        self.create_of(NewConversation::default()).await
    }

    pub(crate) async fn create_of(&self, new: NewConversation) -> Location {
        let made = self.overlay.create_conversation(&cx(), new).await.unwrap();
        let entry = NewDirectoryEntry {
            location: made.location.clone(),
            tenant: Some("t".into()),
            owner: Some("u".into()),
            document: made.conversation,
        };
        self.state.insert(entry).await.unwrap();
        made.location
    }

    /// Where a conversation lives by now.
    pub(crate) async fn home(&self, at: &Location) -> Location {
        let binding = self.state.locate(at.id).await.unwrap().unwrap();
        binding.location
    }

    pub(crate) async fn post(&self, at: &Location, role: Role, text: &str) -> Message {
        let new = NewMessage::text(role, text);
        self.overlay.post_message(&cx(), at, new).await.unwrap()
    }

    pub(crate) async fn import(&self, at: &Location, said: &[(Role, &str, &str)]) -> Vec<Message> {
        let new = said.iter().map(|(role, text, time)| NewMessage {
            sent_at: Some(time.parse().unwrap()),
            ..NewMessage::text(role.clone(), *text)
        });
        let results = self.overlay.import_messages(&cx(), at, new.collect()).await;
        results.unwrap().into_iter().map(Result::unwrap).collect()
    }

    pub(crate) async fn ask(&self, at: &Location, request: RespondRequest) -> Vec<Event> {
        let stream = self.overlay.respond(&cx(), at, request).await.unwrap();
        stream.collect().await
    }

    pub(crate) async fn shown(&self, at: &Location) -> Vec<Message> {
        shown_by(&self.overlay, at).await
    }

    /// The words that are shown.
    pub(crate) async fn texts(&self, at: &Location) -> Vec<String> {
        texts(&self.shown(at).await)
    }

    pub(crate) async fn sendings(&self, at: &Location) -> Vec<Sending> {
        let beside = KeptAt {
            conversation: at.id,
            backend: NAME.into(),
        };
        self.state.sendings(&beside).await.unwrap()
    }
}

fn overlay(chatty: &Chatty, state: &Arc<State>, settings: OverlaySettings) -> Overlay {
    Overlay::new(
        Arc::new(chatty.clone()),
        settings,
        state.clone(),
        state.clone(),
        state.clone(),
    )
}

pub(crate) async fn shown_by(overlay: &Overlay, at: &Location) -> Vec<Message> {
    let cx = cx();
    let walk = overlay.all_messages(&cx, at, PageRequest::first(3));
    walk.try_collect().await.unwrap()
}

pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

pub(crate) fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id.clone()).collect()
}

pub(crate) fn asking(text: &str) -> RespondRequest {
    RespondRequest {
        input: Some(NewMessage::text(Role::User, text)),
        ..RespondRequest::default()
    }
}

#[track_caller]
pub(crate) fn completed(events: &[Event]) -> &Message {
    match events.last() {
        Some(Event::MessageCompleted(message)) => message,
        other => panic!("an answer should end complete, and ended with {other:?}"),
    }
}

/// The intent of a write that was begun a while ago.
pub(crate) fn intent(cx: &Context, at: &Location, write: Write) -> Intent {
    let started_at = Time::now().saturating_add_micros(-1_000_000);
    Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write,
        started_at,
        deadline_at: started_at,
    }
}

/// What became of a write, as another process finds out; twice, because that may happen.
pub(crate) async fn settled(bench: &Bench, intent: &Intent) -> Settled {
    let other = bench.restarted();
    let first = other.settle(&cx(), intent).await.unwrap();
    let second = other.settle(&cx(), intent).await.unwrap();
    assert_eq!(first, second, "settling twice ends the same");
    first
}
