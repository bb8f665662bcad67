//! What facades share, over a router and a store on a real file.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Directory as _, FacadeState as _, NewDirectoryEntry};
use backend::{Backend, Kind, Location, Principal, Scope};
use conversation::{
    Conversation, ConversationId, Message, MessageId, NewConversation, NewMessage, Role, Time,
    text_of,
};
use facadekit::{
    Caller, Detached, FacadeLimits, FacadeParts, MessageSpelling, Messages, RequestId, Spelling,
    hash48,
};
use keys::KeyCheck;
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig};

struct World {
    parts: FacadeParts,
    state: Arc<State>,
    caller: Caller,
    _directory: tempfile::TempDir,
}

fn limits() -> FacadeLimits {
    FacadeLimits {
        body_bytes_max: 1_000,
        attachment_bytes_max: 1_000,
        json_depth_max: 16,
        body_timeout: Duration::from_secs(30),
        request_timeout: Duration::from_secs(30),
        respond_timeout: Duration::from_secs(30),
    }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("test.db"))).unwrap();
        let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let stack: Arc<dyn Backend> = Arc::new(store.backend("store"));
        let router = Router::new(
            vec![Slot::new(stack, Discovery::Off, None)],
            RouterSettings::new("store"),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let parts = FacadeParts {
            backend: Arc::new(router.unwrap()),
            directory: state.clone(),
            state: state.clone(),
            credentials: state.clone(),
            leases: state.clone(),
            turns: state.clone(),
            keys: KeyCheck::new(state.clone()),
            own: [Box::from("vendor")].into(),
            limits: limits(),
            detached: Detached::default(),
        };
        let principal = Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: None,
            scopes: Scope::ALL.to_vec(),
        };
        Self {
            parts,
            state,
            caller: Caller::new(Arc::new(principal)),
            _directory: directory,
        }
    }

    async fn conversation(&self) -> Conversation {
        let cx = self.caller.context(Duration::from_secs(30));
        let new = NewConversation::default();
        let made = self.parts.backend.create_conversation(&cx, new).await;
        made.unwrap().conversation
    }

    /// A conversation with so many messages: `0`, `1`, …
    async fn talk(&self, messages: usize) -> Location {
        let cx = self.caller.context(Duration::from_secs(30));
        let at = Location::unresolved(self.conversation().await.id);
        let new = (0..messages)
            .map(|number| NewMessage {
                sent_at: Time::from_micros(1_000_000_000_000 + 1_000 * number as i64).ok(),
                ..NewMessage::text(Role::User, number.to_string())
            })
            .collect();
        let stored = self.parts.backend.import_messages(&cx, &at, new).await;
        assert!(stored.unwrap().into_iter().all(|one| one.is_ok()));
        at
    }

    /// Notes a conversation that a vendor has, as discovery does.
    async fn of_a_vendor(&self, backend: &str, native: &str) -> Conversation {
        let id = ConversationId::derive(backend, native);
        let document = NewConversation::default().into_conversation(id, backend, Time::now());
        let entry = NewDirectoryEntry {
            location: Location {
                id,
                backend: backend.into(),
                native: native.into(),
                credential: None,
                renamed: false,
            },
            tenant: Some("acme".into()),
            owner: None,
            document: document.clone(),
        };
        assert!(self.state.insert(entry).await.unwrap());
        document
    }
}

/// A spelling that has to be noted.
const NOTED: Spelling = Spelling {
    facade: "vendor",
    spell: |id, created_at| {
        let millis = created_at.as_millis();
        format!("{millis}-{:012x}", hash48(&id.to_string()))
    },
    read: None,
};

/// A spelling that holds the whole id.
const READ: Spelling = Spelling {
    facade: "other",
    spell: |id, _| format!("x{id}"),
    read: Some(|spelled| spelled.strip_prefix('x')?.parse().ok()),
};

#[tokio::test]
async fn a_noted_id_is_the_same_every_time_and_leads_back() {
    let world = World::new();
    let (one, two) = (world.conversation().await, world.conversation().await);
    let parts = &world.parts;
    // Nobody was shown it yet.
    let computed = (NOTED.spell)(one.id, one.created_at);
    assert_eq!(NOTED.read(parts, &computed).await.unwrap(), None);
    let spelled = NOTED.spelled(parts, &[&one, &two]).await.unwrap();
    assert_eq!(spelled[0], computed);
    assert_ne!(spelled[0], spelled[1]);
    assert_eq!(NOTED.spelled_one(parts, &one).await.unwrap(), spelled[0]);
    for (spelled, conversation) in spelled.iter().zip([&one, &two]) {
        let read = NOTED.read(parts, spelled).await.unwrap();
        assert_eq!(read, Some(conversation.id));
    }
    assert_eq!(READ.read(parts, &spelled[0]).await.unwrap(), None);
}

#[tokio::test]
async fn an_id_that_holds_everything_is_not_noted() {
    let world = World::new();
    let one = world.conversation().await;
    let parts = &world.parts;
    let spelled = READ.spelled_one(parts, &one).await.unwrap();
    assert_eq!(READ.read(parts, &spelled).await.unwrap(), Some(one.id));
    let noted = world.state.spelled("other", &spelled).await;
    assert_eq!(noted.unwrap(), None);
    assert_eq!(READ.read(parts, "y").await.unwrap(), None);
}

#[tokio::test]
async fn what_first_lived_at_the_facades_vendor_has_the_id_that_it_had_there() {
    let world = World::new();
    let own = world.of_a_vendor("vendor", "native-1").await;
    let others = world.of_a_vendor("elsewhere", "native-1").await;
    let parts = &world.parts;
    let spelled = NOTED.spelled(parts, &[&own, &others]).await.unwrap();
    assert_eq!(spelled[0], "native-1");
    assert_ne!(spelled[1], "native-1");
    let moved = Location {
        id: own.id,
        backend: "elsewhere".into(),
        native: "native-2".into(),
        credential: None,
        renamed: true,
    };
    world.state.rebind(&moved).await.unwrap();
    assert_eq!(NOTED.spelled_one(parts, &own).await.unwrap(), "native-1");
    let read = async |spelled: &str| NOTED.read(parts, spelled).await.unwrap();
    assert_eq!(read("native-1").await, Some(own.id));
    assert_eq!(read("native-2").await, None);
    assert_eq!(read(&spelled[1]).await, Some(others.id));
}

fn numbers(messages: &[Message]) -> Vec<usize> {
    let number = |one: &Message| text_of(&one.parts).parse().unwrap();
    messages.iter().map(number).collect()
}

#[tokio::test]
async fn messages_are_read_from_any_number() {
    let world = World::new();
    let at = world.talk(450).await;
    let cx = world.caller.context(Duration::from_secs(60));
    let messages = Messages::new(world.parts.backend.clone());
    for (skip, limit, wanted) in [
        (0, 3, 0..3),
        (3, 3, 3..6),
        (300, 250, 300..450),
        (199, 2, 199..201),
        // By now it is known where this begins.
        (6, 400, 6..406),
        (406, 100, 406..450),
        (449, 1, 449..450),
    ] {
        let found = messages.by_number(&cx, &at, skip, limit).await.unwrap();
        assert_eq!(numbers(&found), wanted.collect::<Vec<_>>(), "{skip}");
    }
    for beyond in [450, 451, 100_000, u64::MAX] {
        let found = messages.by_number(&cx, &at, beyond, 10).await.unwrap();
        assert_eq!(numbers(&found), [0; 0], "{beyond}");
    }
    assert_eq!(messages.by_number(&cx, &at, 5, 0).await.unwrap(), []);
}

/// A spelling from which the message's own id cannot be told, by time and hash.
const BY_TIME: MessageSpelling = MessageSpelling {
    spell: |message| {
        let millis = message.sent_at.as_millis();
        format!("{millis}-{}", hash48(message.id.as_str()))
    },
    read: |_| None,
    time_ms: |spelled| spelled.split_once('-')?.0.parse().ok(),
};

#[tokio::test]
async fn a_message_is_found_by_an_id_that_only_the_facade_has() {
    let world = World::new();
    let at = world.talk(450).await;
    let cx = world.caller.context(Duration::from_secs(60));
    let all = Messages::new(world.parts.backend.clone());
    let all = all.by_number(&cx, &at, 0, 450).await.unwrap();
    let spelled: HashSet<String> = all.iter().map(BY_TIME.spell).collect();
    assert_eq!(spelled.len(), 450);
    // Each by a facade that remembers nothing, and again by the same one.
    for wanted in [&all[0], &all[225], &all[449]] {
        let messages = Messages::new(world.parts.backend.clone());
        let spelled = (BY_TIME.spell)(wanted);
        for _ in 0..2 {
            let found = messages.find(&cx, &at, &BY_TIME, &spelled).await.unwrap();
            assert_eq!(found.id, wanted.id);
        }
    }
    let messages = Messages::new(world.parts.backend.clone());
    let other = world.talk(1).await;
    for (at, spelled) in [
        (&at, "1000000000-1".to_owned()),
        (&at, "no time at all".to_owned()),
        // Of another conversation.
        (&other, (BY_TIME.spell)(&all[225])),
    ] {
        let error = messages.find(&cx, at, &BY_TIME, &spelled).await;
        assert_eq!(error.unwrap_err().kind, Kind::NotFound, "{spelled}");
    }
}

#[tokio::test]
async fn a_message_that_was_deleted_is_found_by_no_id() {
    let world = World::new();
    let at = world.talk(3).await;
    let cx = world.caller.context(Duration::from_secs(60));
    let messages = Messages::new(world.parts.backend.clone());
    let own = MessageSpelling {
        spell: |message| message.id.to_string(),
        read: |spelled| spelled.parse::<MessageId>().ok(),
        time_ms: |_| None,
    };
    let first = messages.by_number(&cx, &at, 0, 1).await.unwrap().remove(0);
    for spelling in [&BY_TIME, &own] {
        let spelled = (spelling.spell)(&first);
        let found = messages.find(&cx, &at, spelling, &spelled).await.unwrap();
        assert_eq!(found.id, first.id);
    }
    let backend = &world.parts.backend;
    backend
        .delete_message(&cx, &at, &first.id, None)
        .await
        .unwrap();
    for spelling in [&BY_TIME, &own] {
        let spelled = (spelling.spell)(&first);
        let error = messages.find(&cx, &at, spelling, &spelled).await;
        assert_eq!(error.unwrap_err().kind, Kind::NotFound, "{spelled}");
    }
}

#[test]
fn a_caller_acts_for_users_only_where_the_key_may() {
    let caller = |user: Option<&str>, scopes: &[Scope]| {
        Caller::new(Arc::new(Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: user.map(Into::into),
            scopes: scopes.to_vec(),
        }))
    };
    let free = caller(None, &[Scope::ActAs]).acting_for("ann").unwrap();
    assert_eq!(free.principal.user.as_deref(), Some("ann"));
    assert!(caller(None, &[Scope::Write]).acting_for("ann").is_none());
    assert!(caller(Some("ann"), &[]).acting_for("ann").is_some());
    let other = caller(Some("bob"), &[Scope::ActAs]);
    assert!(other.acting_for("ann").is_none());
}

#[test]
fn a_caller_has_the_name_and_the_headers_of_its_request() {
    let principal = Principal {
        tenant: "acme".into(),
        key: "k".into(),
        user: None,
        scopes: vec![Scope::ActAs],
    };
    let (mut request, ()) = http::Request::builder()
        .header("x-region", "eu")
        .header("dragoman-backend", "other")
        .header("authorization", "Bearer secret")
        .body(())
        .unwrap()
        .into_parts();
    request.extensions.insert(RequestId("named".into()));
    let caller = Caller::new(Arc::new(principal)).in_request(&request);
    let cx = caller.acting_for("ann").unwrap().context(Duration::ZERO);
    assert_eq!(&*cx.request_id, "named");
    // Rules may look at headers. None chooses a backend, and no secret is among them.
    let hints: Vec<_> = cx
        .route
        .headers
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(hints, [("dragoman-backend", "other"), ("x-region", "eu")]);
    assert_eq!(cx.route.backend, None);
}
