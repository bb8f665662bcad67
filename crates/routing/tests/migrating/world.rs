//! A router over two backends between which conversations move.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{
    CopyAt, IntentQuery, IntentRecord, Intents as _, Item, ItemState, Ledger as _, MigrationFilter,
    MigrationId, MigrationRecord, MigrationSpec, Names as _, NewCopy, Oversize, Phase, PlaceQuery,
    RouteOverride, RouteOverrides, Step, Switching,
};
use backend::{
    Backend, BackendExt as _, Context, Error, Intent, Kind, Location, PageRequest, Principal,
    Result, Write,
};
use conversation::{
    ConversationId, Digest, Message, MessageId, NewConversation, NewMessage, Role, Time, text_of,
};
use futures_util::TryStreamExt as _;
use layers::Renamed;
use routing::{Discovery, Recovered, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig};

use crate::line::Line;

/// What a backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    /// A store of the gateway's own database, whose writes are transactions.
    Embedded,
    /// A store of its own, whose writers hold the conversation's lease.
    Vendor,
}

/// The backends `a`, to which the rules lead, and `b`.
pub(crate) struct World {
    pub(crate) router: Arc<Router>,
    pub(crate) a: Arc<Line>,
    pub(crate) b: Arc<Line>,
    pub(crate) state: Arc<State>,
    pub(crate) births: Arc<Births>,
    /// The migration from `a` to `b`.
    pub(crate) migration: MigrationId,
    _files: tempfile::TempDir,
}

/// Route overrides that can fail to note who was born.
#[derive(Debug)]
pub(crate) struct Births {
    state: Arc<State>,
    fails: Mutex<bool>,
}

impl Births {
    pub(crate) fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }
}

#[async_trait]
impl RouteOverrides for Births {
    async fn overrides(&self) -> Result<Vec<RouteOverride>> {
        self.state.overrides().await
    }

    async fn born(&self, migration: MigrationId, conversation: ConversationId) -> Result<()> {
        if *self.fails.lock().unwrap() {
            return Err(Error::new(Kind::Internal, "the disk is full"));
        }
        self.state.born(migration, conversation).await
    }
}

pub(crate) fn cx() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "k".into(),
        user: Some("ann".into()),
        scopes: Vec::new(),
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(30))
}

/// A caller who wishes this backend.
pub(crate) fn wishing(backend: &str) -> Context {
    let mut cx = cx();
    Arc::make_mut(&mut cx.route).backend = Some(backend.into());
    cx
}

pub(crate) fn said(words: &str) -> NewMessage {
    NewMessage::text(Role::User, words)
}

/// The write of `cx`, for whoever repeats it.
pub(crate) fn intent(cx: &Context, at: Option<&Location>, write: Write) -> Intent {
    let now = Time::now();
    Intent {
        id: cx.intent,
        location: at.cloned(),
        write,
        started_at: now,
        deadline_at: now,
    }
}

fn record() -> MigrationRecord {
    let now = Time::now();
    MigrationRecord {
        id: MigrationId::generate(),
        spec: MigrationSpec {
            from: "a".into(),
            to: "b".into(),
            filter: MigrationFilter::default(),
            roster: Vec::new(),
            oversize: Oversize::default(),
            parallel: 1,
        },
        phase: Phase::Copied,
        mirror: false,
        holder: None,
        stopped: None,
        notes: serde_json::Map::new(),
        created_at: now,
        updated_at: now,
    }
}

impl World {
    pub(crate) async fn new(a: Is, b: Is) -> Self {
        let files = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let path = files.path().join(name).join("dragoman.db");
            Store::open(StoreConfig::at(path)).unwrap()
        };
        let own = open("gateway");
        let state = Arc::new(own.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let line = |name: &str, is: Is| {
            let store = match is {
                Is::Embedded => own.backend(name),
                Is::Vendor => open(name).backend(name),
            };
            Arc::new(Line::new(Arc::new(store), is == Is::Embedded))
        };
        let (a, b) = (line("a", a), line("b", b));
        let births = Arc::new(Births {
            state: state.clone(),
            fails: Mutex::new(false),
        });
        let router = router(&[&a, &b], &state, births.clone());
        let record = record();
        state.put_migration(&record).await.unwrap();
        Self {
            router: Arc::new(router),
            a,
            b,
            state,
            births,
            migration: record.id,
            _files: files,
        }
    }

    /// A conversation with these messages, made by a caller.
    pub(crate) async fn conversation(&self, words: &[&str]) -> Location {
        let made = self.create(&cx()).await.unwrap();
        let at = Location::unresolved(made.id);
        for words in words {
            self.say(&at, words).await;
        }
        at
    }

    pub(crate) async fn say(&self, at: &Location, words: &str) -> Message {
        let posted = self.router.post_message(&cx(), at, said(words)).await;
        posted.unwrap()
    }

    /// Leads new conversations from one backend to another.
    pub(crate) async fn lead(&self, from: &str, to: &str) {
        let route = RouteOverride {
            migration: self.migration,
            from: from.into(),
            to: to.into(),
            tenant: None,
            since: Time::now(),
        };
        self.state.begin_override(&route).await.unwrap();
    }

    /// What is needed to switch a conversation, in a future that needs nothing else.
    pub(crate) fn switching(&self, at: &Location) -> impl Future<Output = ()> + Send + 'static {
        self.moving(at, &self.a, &self.b)
    }

    /// What is needed to bring it back.
    pub(crate) fn switching_back(
        &self,
        at: &Location,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.moving(at, &self.b, &self.a)
    }

    fn moving(
        &self,
        at: &Location,
        from: &Arc<Line>,
        to: &Arc<Line>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (state, migration, id) = (self.state.clone(), self.migration, at.id);
        let (from, to) = (from.clone(), to.clone());
        async move { switch(&state, migration, id, &from, &to).await }
    }

    /// The place of a conversation at a backend.
    pub(crate) async fn place(&self, id: ConversationId, backend: &str) -> Option<Location> {
        let places = self.state.places(id).await.unwrap();
        places.into_iter().find(|place| &*place.backend == backend)
    }

    /// Another router over the same state, as after a start without the backend `b`.
    pub(crate) fn without_b(&self) -> Router {
        router(&[&self.a], &self.state, self.births.clone())
    }

    /// A conversation made by whoever calls with `cx`.
    pub(crate) async fn create(&self, cx: &Context) -> Result<Location> {
        let new = NewConversation::default();
        let made = self.router.create_conversation(cx, new).await?;
        Ok(made.location)
    }

    /// By which ids callers know its messages.
    pub(crate) async fn ids(&self, at: &Location) -> Vec<MessageId> {
        let cx = cx();
        let messages = self.router.all_messages(&cx, at, PageRequest::first(50));
        let messages: Vec<Message> = messages.try_collect().await.unwrap();
        messages.into_iter().map(|one| one.id).collect()
    }

    pub(crate) async fn texts(&self, at: &Location) -> Vec<String> {
        let cx = cx();
        let messages = self.router.all_messages(&cx, at, PageRequest::first(50));
        let messages: Vec<Message> = messages.try_collect().await.unwrap();
        messages.iter().map(|one| text_of(&one.parts)).collect()
    }

    /// Whether the migration holds a conversation as one that was born of its override.
    pub(crate) async fn is_born(&self, id: ConversationId) -> bool {
        let item = self.state.item(self.migration, id).await.unwrap();
        matches!(
            item,
            Some(Item {
                state: ItemState::Born,
                ..
            })
        )
    }

    /// The writes whose end is not known.
    pub(crate) async fn noted(&self) -> Vec<IntentRecord> {
        let query = IntentQuery {
            limit: 100,
            ..IntentQuery::default()
        };
        self.state.list(&query).await.unwrap().items
    }

    /// Recovers as if minutes had passed.
    pub(crate) async fn recover(&self) -> Recovered {
        let now = Time::now().saturating_add_micros(120_000_000);
        self.router.recover(now).await.unwrap()
    }

    /// How many conversations a backend holds.
    pub(crate) async fn held_by(&self, line: &Line) -> usize {
        let query = backend::ConversationQuery::all(50);
        let listed = line.list_conversations(&cx(), &query).await;
        listed.unwrap().page.items.len()
    }
}

/// Over these backends, of which the first is the default one.
fn router(lines: &[&Arc<Line>], state: &Arc<State>, births: Arc<Births>) -> Router {
    let slots = lines.iter().map(|line| {
        let stack = Renamed::new(Arc::clone(line) as Arc<dyn Backend>, state.clone());
        Slot::new(Arc::new(stack), Discovery::Off, None)
    });
    let settings = RouterSettings::new(&lines[0].info().name);
    let router = Router::new(
        slots.collect(),
        settings,
        state.clone(),
        state.clone(),
        state.clone(),
    );
    router.unwrap().following(births, state.clone())
}

/// Copies what is not there yet of a conversation from one backend to the other, and binds it there.
async fn switch(state: &State, migration: MigrationId, id: ConversationId, a: &Line, b: &Line) {
    let at = CopyAt {
        conversation: id,
        from: a.info().name.clone(),
        to: b.info().name.clone(),
    };
    let places = state.places(id).await.unwrap();
    let place = |backend: &str| places.iter().find(|place| &*place.backend == backend);
    let from = place(&at.from).unwrap().clone();
    let making = Context {
        copying: true,
        public_id: Some(id),
        ..cx()
    };
    let mut to = match place(&at.to) {
        Some(to) => to.clone(),
        None => {
            let new = NewConversation::default();
            b.create_conversation(&making, new).await.unwrap().location
        }
    };
    (to.id, to.renamed) = (id, true);
    let page = PageRequest::first(50);
    let read = a.list_messages(&cx(), &from, &page).await.unwrap().items;
    let natives: Vec<MessageId> = read.iter().map(|message| message.id.clone()).collect();
    let named = PlaceQuery {
        conversation: id,
        backend: at.from.clone(),
    };
    let named = state.message_publics(&named, &natives).await.unwrap();
    let publics = named.into_iter().zip(natives);
    let publics: Vec<MessageId> = publics.map(|(name, id)| name.unwrap_or(id)).collect();
    let copied = state.copied(&at, &publics).await.unwrap();
    let is_missing = copied.into_iter().map(|copied| copied.is_none());
    let (publics, missing): (Vec<MessageId>, Vec<Message>) = publics
        .into_iter()
        .zip(read)
        .zip(is_missing)
        .filter_map(|(message, is_missing)| is_missing.then_some(message))
        .unzip();
    let new = missing.into_iter().map(|message| NewMessage {
        sent_at: Some(message.sent_at),
        parts: message.parts,
        ..NewMessage::text(message.role, "")
    });
    let writing = Context {
        copying: true,
        ..cx()
    };
    let written = b.import_messages(&writing, &to, new.collect()).await;
    let copied = publics.into_iter().zip(written.unwrap());
    let step = Step {
        place: Some(to.clone()),
        copied: copied
            .map(|(public, written)| NewCopy {
                public,
                native: written.unwrap().id,
                digest: Digest::of(b""),
            })
            .collect(),
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    let switching = Switching {
        migration,
        to,
        from,
        unchanged_since: None,
        route: None,
        state: ItemState::Switched,
    };
    assert!(state.switch(&switching).await.unwrap());
}
