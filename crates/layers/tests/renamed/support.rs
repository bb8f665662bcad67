//! What a test works with: a store, the layer over it, and names.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Context, Location, PageRequest, Principal, Scope};
use conversation::{
    InReplyTo, Message, MessageId, NewConversation, NewMessage, ReplyKind, Role, text_of,
};
use layers::Renamed;
use responders::{Answering, Echo};
use store::{Store, StoreConfig};
use tempfile::TempDir;

use crate::names::Noted;

pub(crate) struct Bench {
    pub(crate) renamed: Renamed,
    /// The backend below, which knows native ids only.
    pub(crate) below: Arc<dyn Backend>,
    pub(crate) names: Arc<Noted>,
    _files: (Store, TempDir),
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

pub(crate) fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

pub(crate) fn text(message: &Message) -> String {
    text_of(&message.parts)
}

/// Something that answers a message.
pub(crate) fn reply(to: &str, words: &str) -> NewMessage {
    NewMessage {
        in_reply_to: Some(InReplyTo {
            id: id(to),
            kind: ReplyKind::Reply,
        }),
        ..NewMessage::text(Role::User, words)
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::over(|store| store)
    }

    pub(crate) fn over(stack: impl FnOnce(Arc<dyn Backend>) -> Arc<dyn Backend>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(files.path().join("state.db"))).unwrap();
        let below = stack(Arc::new(store.backend("below")));
        let below: Arc<dyn Backend> = Arc::new(Answering::new(below, Arc::new(Echo)));
        let names = Arc::new(Noted::default());
        Self {
            renamed: Renamed::new(below.clone(), names.clone()),
            below,
            names,
            _files: (store, files),
        }
    }

    /// A conversation that is a copy.
    pub(crate) async fn create(&self) -> Location {
        let new = NewConversation::default();
        let made = self.renamed.create_conversation(&cx(), new).await.unwrap();
        Location {
            renamed: true,
            ..made.location
        }
    }

    /// Something said below, with its native id.
    pub(crate) async fn said(&self, at: &Location, words: &str) -> MessageId {
        let new = NewMessage::text(Role::User, words);
        self.below.post_message(&cx(), at, new).await.unwrap().id
    }

    /// Something said below, which callers know by another id.
    pub(crate) async fn copied(&self, at: &Location, public: &str, words: &str) -> MessageId {
        let native = self.said(at, words).await;
        self.names.note(public, native.as_str());
        native
    }

    pub(crate) async fn shown(&self, at: &Location) -> Vec<Message> {
        let page = PageRequest::first(1_000);
        let page = self.renamed.list_messages(&cx(), at, &page).await;
        page.unwrap().items
    }
}
