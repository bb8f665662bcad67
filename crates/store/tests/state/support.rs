//! What the tests of all ports share.

use backend::ports::{
    Change, Holder, IndexState, Kept, KeptAt, KeptField, Ledger as _, MigrationFilter, MigrationId,
    MigrationRecord, MigrationSpec, NewDirectoryEntry, OverlayState as _, Oversize, Phase,
};
use backend::{Location, Principal, Scope};
use conversation::{
    ConversationId, Digest, MessageId, NewConversation, NewMessage, RawJson, Role, Time,
};
use store::{SealingKey, State, Store};

use crate::home::{self, Home};

pub(crate) fn open() -> (Home, Store, State) {
    let directory = Home::new();
    let (store, state) = open_in(&directory);
    (directory, store, state)
}

pub(crate) fn open_in(directory: &Home) -> (Store, State) {
    let store = directory.open();
    if store.is_shared() {
        // Tests say numbers of leases; here somebody must hold them.
        home::beside(
            &store,
            "INSERT INTO leases (name, fence, expires_at) \
             SELECT 'of tests ' || n, n, 9000000000000000 FROM generate_series(1, 20) n ON CONFLICT DO NOTHING; \
             SELECT setval('lease_fences', greatest(1000, nextval('lease_fences')))",
        );
    }
    let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
    (store, state)
}

pub(crate) fn seconds(seconds: i64) -> Time {
    Time::from_micros(seconds * 1_000_000).unwrap()
}

pub(crate) fn principal(tenant: &str, user: Option<&str>, scopes: &[Scope]) -> Principal {
    Principal {
        tenant: tenant.into(),
        key: "key".into(),
        user: user.map(Into::into),
        scopes: scopes.to_vec(),
    }
}

/// A conversation beside which something is kept.
pub(crate) fn beside(backend: &str) -> KeptAt {
    KeptAt {
        conversation: ConversationId::generate(),
        backend: backend.into(),
    }
}

pub(crate) fn field(message: Option<&MessageId>, pointer: &str) -> KeptField {
    KeptField {
        message: message.cloned(),
        pointer: pointer.into(),
        value: Some(RawJson::string("ours")),
        base: None,
        unexpected: false,
        drift: None,
    }
}

pub(crate) fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

/// A message put into an index at a time, in seconds; of the backend's conversation `native`, where one is given.
pub(crate) fn message(at: &KeptAt, name: &str, time: i64, native: Option<&str>) -> Change {
    let new = NewMessage::text(Role::User, name);
    Change::Message {
        time: seconds(time),
        holder: native.map_or(Holder::Gateway, |native| Holder::Backend(native.into())),
        message: Box::new(new.into_message(id(name), at.conversation, seconds(time))),
    }
}

/// How far an index goes that was read whole.
pub(crate) fn index_of(native: &str) -> IndexState {
    IndexState {
        native: native.into(),
        mark: Some(Digest::of(b"mark")),
        read_at: seconds(100),
        whole_at: seconds(90),
        floor: seconds(50),
    }
}

pub(crate) async fn kept(state: &State, at: &KeptAt) -> Kept {
    let mut kept = state.kept(std::slice::from_ref(at)).await.unwrap();
    assert_eq!(kept.len(), 1);
    kept.remove(0)
}

/// How many rows there are in every table of what is kept beside backends.
pub(crate) fn kept_rows(store: &Store) -> i64 {
    [
        "conversations",
        "fields",
        "messages",
        "bindings",
        "sendings",
        "attachments",
    ]
    .into_iter()
    .map(|table| {
        let sql = format!("SELECT count(*) FROM overlay_{table}");
        home::number(store, &sql)
    })
    .sum()
}

pub(crate) fn home(id: ConversationId, backend: &str, native: &str) -> Location {
    Location {
        id,
        backend: backend.into(),
        native: native.into(),
        credential: None,
        renamed: false,
    }
}

/// A conversation of the tenant `acme` that lives on a backend.
pub(crate) fn entry(at: Location) -> NewDirectoryEntry {
    let document = NewConversation::default().into_conversation(at.id, &at.backend, seconds(1));
    NewDirectoryEntry {
        location: at,
        tenant: Some("acme".into()),
        owner: Some("ann".into()),
        document,
    }
}

/// A migration that was planned.
pub(crate) async fn migration(state: &State, from: &str, to: &str) -> MigrationId {
    let record = migration_record(from, to);
    state.put_migration(&record).await.unwrap();
    record.id
}

pub(crate) fn migration_record(from: &str, to: &str) -> MigrationRecord {
    MigrationRecord {
        id: MigrationId::generate(),
        spec: MigrationSpec {
            from: from.into(),
            to: to.into(),
            filter: MigrationFilter::default(),
            roster: Vec::new(),
            oversize: Oversize::default(),
            parallel: 8,
        },
        phase: Phase::Planned,
        mirror: false,
        holder: None,
        stopped: None,
        notes: serde_json::Map::new(),
        created_at: seconds(1),
        updated_at: seconds(1),
    }
}
