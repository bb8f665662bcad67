//! What a test works with: the overlay, the backend below it, and the state beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{
    Change, DriftQuery, DriftedField, Indexed, Kept, KeptAt, KeptField, KeptMessage, KeptPage,
    OverlayState, Sending,
};
use backend::{
    Backend as _, Context, FidelityPolicy, Intent, Location, Page, Principal, Result, Scope, Write,
};
use conversation::{Conversation, ConversationPatch, MessageId, NewConversation, Time};
use overlay::{Overlay, OverlaySettings};
use store::{SealingKey, State, Store, StoreConfig};
use tempfile::TempDir;

use crate::below::Below;

/// The state, with a count of the queries for what is kept of conversations.
#[derive(Debug)]
pub(crate) struct Counted {
    inner: State,
    kept: AtomicUsize,
}

#[async_trait]
impl OverlayState for Counted {
    async fn kept(&self, at: &[KeptAt]) -> Result<Vec<Kept>> {
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.inner.kept(at).await
    }

    async fn message_fields(&self, at: &KeptAt, ids: &[MessageId]) -> Result<Vec<KeptField>> {
        self.inner.message_fields(at, ids).await
    }

    async fn messages(&self, at: &KeptAt, page: &KeptPage) -> Result<Vec<KeptMessage>> {
        self.inner.messages(at, page).await
    }

    async fn message(&self, at: &KeptAt, id: &MessageId) -> Result<Option<KeptMessage>> {
        self.inner.message(at, id).await
    }

    async fn hidden(&self, at: &KeptAt, from: Time, limit: usize) -> Result<Vec<KeptMessage>> {
        self.inner.hidden(at, from, limit).await
    }

    async fn index(&self, at: &KeptAt) -> Result<Vec<Indexed>> {
        self.inner.index(at).await
    }

    async fn sendings(&self, at: &KeptAt) -> Result<Vec<Sending>> {
        self.inner.sendings(at).await
    }

    async fn apply(&self, at: &KeptAt, fence: Option<u64>, changes: Vec<Change>) -> Result<()> {
        self.inner.apply(at, fence, changes).await
    }

    async fn drifted(&self, query: &DriftQuery) -> Result<Page<DriftedField>> {
        self.inner.drifted(query).await
    }
}

/// What a test works with.
pub(crate) struct Bench {
    pub(crate) overlay: Overlay,
    pub(crate) below: Arc<Below>,
    state: Arc<Counted>,
    over: State,
    _stores: (Store, Store, TempDir),
}

impl Bench {
    /// An overlay over a backend that `change` makes hold less.
    pub(crate) fn new(change: impl FnOnce(&mut Below)) -> Self {
        Self::with(OverlaySettings::default(), change)
    }

    pub(crate) fn with(settings: OverlaySettings, change: impl FnOnce(&mut Below)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &str| Store::open(StoreConfig::at(directory.path().join(name))).unwrap();
        let (vendor, own) = (open("vendor.db"), open("own.db"));
        let over = own.state(&SealingKey::from_bytes([7; 32])).unwrap();
        let mut below = Below::new(vendor.backend("below"));
        change(&mut below);
        let below = Arc::new(below);
        let state = Arc::new(Counted {
            inner: over.clone(),
            kept: AtomicUsize::new(0),
        });
        let overlay = overlay(&below, &state, &over, settings);
        Self {
            overlay,
            below,
            state,
            over,
            _stores: (vendor, own, directory),
        }
    }

    /// The same, with nothing in memory.
    pub(crate) fn restarted(&self, settings: OverlaySettings) -> Overlay {
        overlay(&self.below, &self.state, &self.over, settings)
    }

    /// One of several processes over the same state.
    pub(crate) fn replica(&self) -> Overlay {
        self.restarted(OverlaySettings::default())
            .shared(Arc::new(self.over.clone()))
    }

    /// How often it was asked what is kept, since the last time this was asked.
    pub(crate) fn queries(&self) -> usize {
        self.state.kept.swap(0, Ordering::Relaxed)
    }

    pub(crate) async fn create(&self, json: &str) -> Location {
        let created = self
            .overlay
            .create_conversation(&cx(), new(json))
            .await
            .unwrap();
        created.location
    }

    pub(crate) async fn get(&self, at: &Location) -> Conversation {
        self.overlay
            .get_conversation(&cx().fresh(), at)
            .await
            .unwrap()
    }

    pub(crate) async fn update(&self, at: &Location, json: &str) -> Conversation {
        self.overlay
            .update_conversation(&cx(), at, patch(json), None)
            .await
            .unwrap()
    }

    /// A change past the gateway.
    pub(crate) async fn changed_there(&self, at: &Location, json: &str) {
        self.below
            .store
            .update_conversation(&cx(), at, patch(json), None)
            .await
            .unwrap();
    }

    /// The rows that are kept of a conversation.
    pub(crate) async fn rows(&self, at: &Location) -> Vec<KeptField> {
        let mut kept = self.over.kept(&[beside(at)]).await.unwrap();
        kept.pop().unwrap().fields
    }

    /// The rows that are kept of a message.
    pub(crate) async fn message_rows(&self, at: &Location, id: &MessageId) -> Vec<KeptField> {
        let ids = std::slice::from_ref(id);
        self.over.message_fields(&beside(at), ids).await.unwrap()
    }

    /// The index of a conversation's messages.
    pub(crate) async fn index(&self, at: &Location) -> Vec<Indexed> {
        self.over.index(&beside(at)).await.unwrap()
    }

    pub(crate) async fn drifted(&self, at: &Location) -> Vec<KeptField> {
        let query = DriftQuery {
            conversation: Some(at.id),
            limit: 100,
            ..DriftQuery::default()
        };
        let page = self.over.drifted(&query).await.unwrap();
        page.items
            .into_iter()
            .map(|drifted| drifted.field)
            .collect()
    }
}

fn beside(at: &Location) -> KeptAt {
    KeptAt {
        conversation: at.id,
        backend: "below".into(),
    }
}

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

fn overlay(
    below: &Arc<Below>,
    state: &Arc<Counted>,
    over: &State,
    settings: OverlaySettings,
) -> Overlay {
    let over = Arc::new(over.clone());
    Overlay::new(below.clone(), settings, state.clone(), over.clone(), over)
}

pub(crate) fn new(json: &str) -> NewConversation {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn patch(json: &str) -> ConversationPatch {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn cx() -> Context {
    cx_of("ann")
}

pub(crate) fn cx_of(user: &str) -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "key".into(),
        user: Some(user.into()),
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

/// The fields whose fates were told, each as `pointer`, with `!` where it was unexpected and `~` where it drifted.
pub(crate) fn told(cx: &Context) -> Vec<String> {
    let fates = cx.trace.fates().into_iter().map(|(_, fate)| {
        let marks = [(fate.unexpected, "!"), (fate.drifted, "~")];
        let marks: String = marks
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, mark)| mark)
            .collect();
        format!("{}{marks}", fate.pointer)
    });
    fates.collect()
}
