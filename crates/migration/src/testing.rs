//! Two backends in one embedded database, and migrations between them: what tests of this crate stand on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    Directory, Item, ItemState, Ledger, MigrationFilter, MigrationId, MigrationRecord,
    MigrationSpec, NewAttachmentCopy, NewCopy, NewDirectoryEntry, Oversize, Phase, Step,
};
use backend::{Backend, Context, Location, NewAttachment, Principal, Scope};
use conversation::{
    AttachmentId, ConversationId, Digest, Media, Message, MessageId, NewConversation, NewMessage,
    Part, Role, Time, strict_digest, strict_message_digest,
};
use futures_util::TryStreamExt;
use layers::Renamed;
use store::{SealingKey, State, Store, StoreConfig};
use tokio_util::sync::CancellationToken;

use crate::parts::{Endpoint, Ends, Parts, Settings};
use crate::plan::{new_conversation, new_message};
use crate::records::Records;
use crate::run::{Run, Subject};

pub(crate) mod changed;
pub(crate) mod following;

pub(crate) use changed::Changed;
pub(crate) use following::{Counted, Quiet, jump};

/// Two backends, `old` and `new`, in one database.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) state: State,
    pub(crate) parts: Parts,
    directory: Arc<tempfile::TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::in_directory(Arc::new(tempfile::tempdir().unwrap()))
    }

    fn in_directory(directory: Arc<tempfile::TempDir>) -> Self {
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
        let shared = Arc::new(state.clone());
        let end = |name: &str| Endpoint {
            stack: Arc::new(Renamed::new(Arc::new(store.backend(name)), shared.clone())),
            requests_per_minute: None,
            discovers: false,
        };
        let parts = Parts {
            ends: Ends::new(BTreeMap::from([
                ("old".into(), end("old")),
                ("new".into(), end("new")),
            ])),
            ledger: shared.clone(),
            intents: shared.clone(),
            directory: shared.clone(),
            leases: shared.clone(),
            overlay_state: shared.clone(),
            erasure: shared,
            settings: Settings {
                mirror_delay: Duration::from_millis(1),
                ..Settings::default()
            },
        };
        Self {
            store,
            state,
            parts,
            directory,
        }
    }

    /// The database's file, once the database is closed.
    pub(crate) fn file(&self) -> PathBuf {
        self.store.path().unwrap().to_owned()
    }

    /// The same database, closed and opened again, with what `between` does to its file.
    pub(crate) async fn reopened(self, between: impl FnOnce(PathBuf)) -> Self {
        let (file, directory) = (self.file(), self.directory.clone());
        self.store.close().await.unwrap();
        drop(self);
        between(file);
        Self::in_directory(directory)
    }

    pub(crate) fn end(&self, name: &str) -> Arc<dyn Backend> {
        self.parts.ends.get(name).unwrap().stack
    }

    /// Puts another backend in the place of one, made of what is there.
    pub(crate) fn wrap(
        &mut self,
        name: &str,
        wrap: impl FnOnce(Arc<dyn Backend>) -> Arc<dyn Backend>,
    ) {
        let mut end = self.parts.ends.get(name).unwrap();
        end.stack = wrap(end.stack);
        self.parts.ends.put(name, end);
    }

    /// A migration from `old` to `new` that is noted in the ledger.
    pub(crate) async fn migration(&self) -> Run {
        self.migration_of(spec()).await
    }

    pub(crate) async fn migration_of(&self, spec: MigrationSpec) -> Run {
        let record = MigrationRecord {
            id: MigrationId::generate(),
            spec: spec.clone(),
            phase: Phase::Planned,
            mirror: false,
            holder: None,
            stopped: None,
            notes: serde_json::Map::new(),
            created_at: Time::now(),
            updated_at: Time::now(),
        };
        self.state.put_migration(&record).await.unwrap();
        self.run(record.id, spec)
    }

    /// A noted migration at work.
    pub(crate) fn run(&self, migration: MigrationId, spec: MigrationSpec) -> Run {
        Run {
            from: self.parts.ends.get(&spec.from).unwrap(),
            to: self.parts.ends.get(&spec.to).unwrap(),
            parts: Arc::new(self.parts.clone()),
            migration,
            spec: Arc::new(spec),
            records: Arc::new(Records::new(
                self.parts.ledger.clone(),
                self.parts.leases.clone(),
            )),
            paces: Arc::default(),
            traffic: None,
            progress: None,
            stop: CancellationToken::new(),
        }
    }

    /// A conversation on `old`, owned by Ada of `acme`.
    pub(crate) async fn conversation(&self, new: NewConversation) -> Location {
        let located = self.end("old").create_conversation(&cx(), new).await;
        let located = located.unwrap();
        let entry = NewDirectoryEntry {
            location: located.location.clone(),
            tenant: Some("acme".into()),
            owner: Some("ada".into()),
            document: located.conversation,
        };
        self.state.insert(entry).await.unwrap();
        located.location
    }

    /// A conversation on `old` with so many messages, a second apart, the first at second 1,000.
    pub(crate) async fn talk(&self, messages: usize) -> Location {
        let at = self.conversation(NewConversation::default()).await;
        let said: Vec<NewMessage> = (0..messages)
            .map(|number| said(number, &format!("words number {number}")))
            .collect();
        self.say(&at, said).await;
        at
    }

    /// Imports messages at the place; their ids there.
    pub(crate) async fn say(&self, at: &Location, said: Vec<NewMessage>) -> Vec<MessageId> {
        let mut ids = Vec::new();
        for some in said.chunks(200) {
            let stored = self
                .end(&at.backend)
                .import_messages(&cx(), at, some.to_vec())
                .await
                .unwrap();
            ids.extend(stored.into_iter().map(|one| one.unwrap().id));
        }
        ids
    }

    /// A file of the conversation.
    pub(crate) async fn file_of(&self, at: &Location, bytes: &str) -> AttachmentId {
        let new = NewAttachment {
            name: Some("notes.txt".into()),
            media_type: "text/plain".into(),
            message_id: None,
            bytes: bytes.to_owned().into(),
        };
        let stored = self.end(&at.backend).put_attachment(&cx(), at, new).await;
        stored.unwrap().id
    }

    /// All messages at a place.
    pub(crate) async fn messages(&self, at: &Location) -> Vec<Message> {
        use backend::BackendExt as _;
        let first = backend::PageRequest::first(200);
        let end = self.end(&at.backend);
        let cx = cx();
        let all: Vec<Message> = end
            .all_messages(&cx, at, first)
            .try_collect()
            .await
            .unwrap();
        all
    }

    /// Copies a conversation by hand, as a copy does: create, import, attachments, and the step in the ledger.
    pub(crate) async fn copy(&self, run: &Run, from: &Location) -> Location {
        let copying = |public_id| Context {
            copying: true,
            public_id,
            ..cx()
        };
        let source = &run.from.stack;
        let target = &run.to.stack;
        let conversation = source.get_conversation(&cx(), from).await.unwrap();
        let own = strict_digest(&conversation);
        let made = target
            .create_conversation(&copying(Some(from.id)), new_conversation(conversation))
            .await
            .unwrap();
        let at = made.location;
        let copy_at = run.copy_at(from.id);
        let ledger = &run.parts.ledger;
        let place = Step {
            place: Some(at.clone()),
            own: Some(own),
            ..Step::default()
        };
        ledger
            .record(run.migration, &copy_at, &place)
            .await
            .unwrap();
        let messages = self.messages(from).await;
        for message in &messages {
            for id in crate::compare::stored(message) {
                let content = source.open_attachment(&cx(), from, id).await.unwrap();
                let sha256 = Digest::of(&content.bytes);
                let new = NewAttachment {
                    name: content.name,
                    media_type: content.media_type,
                    message_id: None,
                    bytes: content.bytes,
                };
                let put = target.put_attachment(&copying(None), &at, new).await;
                let step = Step {
                    attachments: vec![NewAttachmentCopy {
                        public: id.clone(),
                        native: put.unwrap().id,
                        sha256,
                    }],
                    ..Step::default()
                };
                ledger.record(run.migration, &copy_at, &step).await.unwrap();
            }
        }
        for some in messages.chunks(200) {
            let new = some.iter().cloned().map(new_message).collect();
            let stored = target.import_messages(&copying(None), &at, new).await;
            let copied = some
                .iter()
                .zip(stored.unwrap())
                .map(|(message, stored)| NewCopy {
                    public: message.id.clone(),
                    native: stored.unwrap().id,
                    digest: strict_message_digest(message),
                });
            let step = Step {
                copied: copied.collect(),
                ..Step::default()
            };
            ledger.record(run.migration, &copy_at, &step).await.unwrap();
        }
        self.item(run, from.id, ItemState::Copied).await;
        ledger
            .place(&backend::ports::PlaceQuery {
                conversation: from.id,
                backend: at.backend,
            })
            .await
            .unwrap()
            .unwrap()
            .0
    }

    /// Notes an item of the migration.
    pub(crate) async fn item(&self, run: &Run, conversation: ConversationId, state: ItemState) {
        let item = Item {
            conversation,
            state,
            mark: None,
            messages: 0,
            bytes: 0,
            sign: None,
            source: None,
            target: None,
        };
        let items = [item];
        self.state.put_items(run.migration, &items).await.unwrap();
    }
}

/// All conversations of `old`, to `new`, two at a time.
pub(crate) fn spec() -> MigrationSpec {
    MigrationSpec {
        from: "old".into(),
        to: "new".into(),
        filter: MigrationFilter::default(),
        roster: Vec::new(),
        oversize: Oversize::Refuse,
        parallel: 2,
    }
}

/// Ada of `acme`, with every right.
pub(crate) fn cx() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "test".into(),
        user: Some("ada".into()),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(30))
}

/// Whose a conversation is.
pub(crate) async fn subject(run: &Run, at: &Location) -> Subject {
    run.subject(at.id).await.unwrap()
}

/// A message said at so many seconds after second 1,000.
pub(crate) fn said(second: usize, text: &str) -> NewMessage {
    let mut new = NewMessage::text(Role::User, text);
    let second = i64::try_from(second).unwrap();
    new.sent_at = Time::from_micros((1_000 + second) * 1_000_000).ok();
    new
}

/// A message with a file.
pub(crate) fn shown(second: usize, file: &AttachmentId) -> NewMessage {
    let mut new = said(second, "a file");
    new.parts.push(Part::File(Media {
        attachment_id: Some(file.clone()),
        name: Some("notes.txt".into()),
        ..Media::default()
    }));
    new
}
