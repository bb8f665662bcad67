//! Conversations that are bound to another backend, also one of this database.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    CopyAt, Directory as _, Item, ItemState, Ledger as _, MigrationId, PlaceQuery, RouteOverride,
    RouteOverrides as _, Step, Switching,
};
use backend::{
    Backend, Context, ConversationQuery, Intent, Kind, Located, Location, NewAttachment, Outcome,
    PageRequest, Settled, Write,
};
use conversation::{
    Activity, ActivityKind, ConversationPatch, Digest, MessagePatch, NewConversation, NewMessage,
    Participant, Role, Time,
};
use store::{State, Store, StoreBackend};

use crate::support::{entry, home, migration, open, open_in, principal, seconds};

fn context() -> Context {
    let principal = principal("acme", Some("ann"), &[]);
    Context::new(Arc::new(principal), "request", Duration::from_secs(30))
}

/// How a copy of a conversation is written.
fn copying(of: &Location) -> Context {
    Context {
        copying: true,
        public_id: Some(of.id),
        ..context()
    }
}

async fn create(backend: &StoreBackend, cx: &Context) -> Located {
    let new = NewConversation {
        title: Some("title".into()),
        ..NewConversation::default()
    };
    backend.create_conversation(cx, new).await.unwrap()
}

/// A conversation of one embedded backend and its copy at another one.
struct Copied {
    state: State,
    migration: MigrationId,
    from: StoreBackend,
    to: StoreBackend,
    here: Location,
    there: Location,
}

async fn copied(store: &Store, state: &State) -> Copied {
    let (from, to) = (store.backend("a"), store.backend("b"));
    let here = create(&from, &context()).await.location;
    let there = create(&to, &copying(&here)).await.location;
    let migration = migration(state, "a", "b").await;
    let at = CopyAt {
        conversation: here.id,
        from: "a".into(),
        to: "b".into(),
    };
    let step = Step {
        place: Some(there.clone()),
        own: Some(Digest::of(b"own")),
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    Copied {
        state: state.clone(),
        migration,
        from,
        to,
        here,
        there,
    }
}

impl Copied {
    async fn updated_at(&self) -> Time {
        let read = self.from.get_conversation(&context(), &self.here).await;
        read.unwrap().updated_at
    }

    async fn say(&self) {
        let words = NewMessage::text(Role::User, "words");
        self.from
            .post_message(&context(), &self.here, words)
            .await
            .unwrap();
    }

    fn switching(&self, unchanged_since: Option<Time>) -> Switching {
        Switching {
            migration: self.migration,
            to: self.there.clone(),
            from: self.here.clone(),
            unchanged_since,
            route: None,
            state: ItemState::Switched,
        }
    }

    async fn switch(&self) {
        let switching = self.switching(Some(self.updated_at().await));
        assert!(self.state.switch(&switching).await.unwrap());
    }
}

#[tokio::test]
async fn a_copy_has_the_public_id_and_a_native_id_of_its_own() {
    let (_directory, store, state) = open();
    let Copied {
        from,
        to,
        here,
        there,
        ..
    } = copied(&store, &state).await;
    assert_eq!(there.id, here.id);
    assert_ne!(there.native, here.native);
    assert!(there.renamed && !here.renamed);
    let read = to.get_conversation(&context(), &there).await.unwrap();
    assert_eq!(read.id, here.id);
    // One entry, at its home.
    let page = state
        .list(
            &principal("acme", Some("ann"), &[]),
            &ConversationQuery::all(10),
        )
        .await
        .unwrap();
    let homes: Vec<Location> = page.items.into_iter().map(|entry| entry.location).collect();
    assert_eq!(homes, std::slice::from_ref(&here));
    // Whoever looks through the backend sees whose copy it is; a second one may be made beside it.
    let again = create(&to, &copying(&here)).await.location;
    assert_ne!(again.native, there.native);
    let page = to
        .list_conversations(&context(), &ConversationQuery::all(10))
        .await
        .unwrap();
    let listed: Vec<Location> = page.page.items.into_iter().map(|it| it.location).collect();
    assert_eq!(listed, [there, again]);
    let page = from
        .list_conversations(&context(), &ConversationQuery::all(10))
        .await
        .unwrap();
    assert_eq!(page.page.items[0].location, here);
}

#[tokio::test]
async fn a_create_of_a_copy_settles_with_its_public_id() {
    let (directory, store, state) = open();
    let here = create(&store.backend("a"), &context()).await.location;
    let cx = copying(&here);
    let made = create(&store.backend("b"), &cx).await;
    drop((state, store));
    let (store, _state) = open_in(&directory);
    let intent = Intent {
        id: cx.intent,
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let settled = store.backend("b").settle(&cx, &intent).await.unwrap();
    let Settled::Applied(backend::Applied::Conversation(found)) = settled else {
        panic!("{settled:?}");
    };
    assert_eq!(*found, made);
}

#[tokio::test]
async fn a_switch_binds_and_notes_everything_at_once() {
    let (directory, store, state) = open();
    let copied = copied(&store, &state).await;
    let route = RouteOverride {
        migration: copied.migration,
        from: "a".into(),
        to: "b".into(),
        tenant: None,
        since: seconds(5),
    };
    let switching = Switching {
        route: Some(route.clone()),
        ..copied.switching(None)
    };
    assert!(state.switch(&switching).await.unwrap());
    let (migration, here, there) = (copied.migration, copied.here.clone(), copied.there.clone());
    drop((copied, state, store));
    let (store, state) = open_in(&directory);
    let entry = state.find(here.id).await.unwrap().unwrap();
    assert_eq!(entry.location, there);
    assert_eq!(&*entry.document.backend, "b");
    assert_eq!(
        state.locate(here.id).await.unwrap().unwrap().location,
        there
    );
    // It is still found where it lived.
    let before = state.find_native("a", &here.native).await.unwrap();
    assert_eq!(before.unwrap().location, there);
    assert_eq!(state.overrides().await.unwrap(), [route]);
    let item = state.item(migration, here.id).await.unwrap();
    assert!(matches!(
        item,
        Some(Item {
            state: ItemState::Switched,
            ..
        })
    ));
    // Nothing is known of own fields where somebody may have changed them.
    for backend in ["a", "b"] {
        let query = PlaceQuery {
            conversation: here.id,
            backend: backend.into(),
        };
        let (place, own) = state.place(&query).await.unwrap().unwrap();
        assert!(place.renamed);
        assert_eq!(own, None);
    }
    // Said once more it changes nothing; the way back is another one.
    assert!(state.switch(&switching).await.unwrap());
    let back = Switching {
        to: Location {
            renamed: true,
            ..here.clone()
        },
        from: there,
        route: None,
        state: ItemState::Copied,
        ..switching
    };
    assert!(state.switch(&back).await.unwrap());
    let home = state.locate(here.id).await.unwrap().unwrap().location;
    assert_eq!((&*home.backend, home.renamed), ("a", true));
    let words = NewMessage::text(Role::User, "words");
    store
        .backend("a")
        .post_message(&context(), &home, words)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_conversation_that_changed_since_it_was_copied_is_not_bound() {
    let (_directory, store, state) = open();
    let copied = copied(&store, &state).await;
    for round in 0..20 {
        let before = copied.updated_at().await;
        copied.say().await;
        assert!(
            !state.switch(&copied.switching(Some(before))).await.unwrap(),
            "{round}"
        );
    }
    let home = state.locate(copied.here.id).await.unwrap().unwrap();
    assert_eq!(home.location, copied.here);
    assert_eq!(
        state.item(copied.migration, copied.here.id).await.unwrap(),
        None
    );
    // Nothing is closed.
    copied.say().await;
    copied.switch().await;
}

#[tokio::test]
async fn one_that_lives_elsewhere_by_now_is_not_bound_and_one_that_was_deleted_is_not_found() {
    let (_directory, store, state) = open();
    let copied = copied(&store, &state).await;
    let elsewhere = Switching {
        from: home(copied.here.id, "a", "another"),
        ..copied.switching(None)
    };
    assert!(!state.switch(&elsewhere).await.unwrap());
    state.tombstone(copied.here.id).await.unwrap();
    let error = state.switch(&copied.switching(None)).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn the_place_of_another_conversation_is_not_taken() {
    let (_directory, store, state) = open();
    let copied = copied(&store, &state).await;
    let other = entry(home(conversation::ConversationId::generate(), "b", "taken"));
    state.insert(other.clone()).await.unwrap();
    let switching = Switching {
        to: home(copied.here.id, "b", "taken"),
        ..copied.switching(None)
    };
    let error = state.switch(&switching).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Conflict, Outcome::NotApplied)
    );
    let home = state.locate(copied.here.id).await.unwrap().unwrap();
    assert_eq!(home.location, copied.here);
}

#[tokio::test]
async fn only_copies_are_written_where_a_conversation_lived() {
    let (_directory, store, state) = open();
    let copied = copied(&store, &state).await;
    let (backend, at) = (&copied.from, &copied.here);
    let words = || NewMessage::text(Role::User, "words");
    let cx = context();
    let said = backend.post_message(&cx, at, words()).await.unwrap();
    copied.switch().await;
    let patch = |title: &str| -> ConversationPatch {
        serde_json::from_value(serde_json::json!({ "title": title })).unwrap()
    };
    let message_patch = || -> MessagePatch {
        serde_json::from_value(serde_json::json!({ "subject": "new" })).unwrap()
    };
    let file = || NewAttachment {
        name: None,
        media_type: "text/plain".into(),
        bytes: "bytes".into(),
        message_id: None,
    };
    let read = Activity {
        activity: ActivityKind::Read,
        participant_id: None,
    };
    let refusals = [
        backend
            .update_conversation(&cx, at, patch("new"), None)
            .await
            .err(),
        backend.delete_conversation(&cx, at, None).await.err(),
        backend.post_message(&cx, at, words()).await.err(),
        backend.import_messages(&cx, at, vec![words()]).await.err(),
        backend
            .update_message(&cx, at, &said.id, message_patch(), None)
            .await
            .err(),
        backend.delete_message(&cx, at, &said.id, None).await.err(),
        backend.rate_message(&cx, at, &said.id, 4.0).await.err(),
        backend
            .add_participants(&cx, at, vec![Participant::default()])
            .await
            .err(),
        backend.remove_participant(&cx, at, "one").await.err(),
        backend.put_attachment(&cx, at, file()).await.err(),
        backend.send_activity(&cx, at, read).await.err(),
    ];
    for (index, error) in refusals.into_iter().enumerate() {
        let error = error.unwrap();
        assert_eq!(error.kind, Kind::Moved, "{index}");
        assert_eq!(error.outcome, Outcome::NotApplied);
        assert!(error.is_temporary());
    }
    // Reading goes on, and copies are written.
    let page = backend
        .list_messages(&cx, at, &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items, std::slice::from_ref(&said));
    let cx = copying(at);
    backend
        .import_messages(&cx, at, vec![words()])
        .await
        .unwrap();
    backend
        .update_conversation(&cx, at, patch("new"), None)
        .await
        .unwrap();
    backend
        .delete_message(&cx, at, &said.id, None)
        .await
        .unwrap();
    backend.delete_conversation(&cx, at, None).await.unwrap();
    // What is deleted at an old home lives on at the new one.
    let home = state.locate(at.id).await.unwrap().unwrap();
    assert!(!home.deleted);
    copied
        .to
        .post_message(&context(), &copied.there, words())
        .await
        .unwrap();
}
