//! Steps of a copy: all or nothing, beside what others do with the conversation meanwhile.

use backend::ports::{
    Change, CopyAt, Directory, IntentRecord, IntentState, Intents, Item, ItemState, Kept, KeptAt,
    Ledger as _, MigrationId, NewCopy, OverlayState as _, PlaceQuery, Sign, Step,
};
use backend::{Intent, Kind, Location, Outcome, Write};
use conversation::{ConversationId, Digest, NewConversation};
use store::State;
use uuid::Uuid;

use crate::support::{entry, field, home, id, kept, migration, open, open_in, principal, seconds};

fn at(conversation: ConversationId) -> CopyAt {
    CopyAt {
        conversation,
        from: "a".into(),
        to: "b".into(),
    }
}

fn there(conversation: ConversationId, native: &str) -> Location {
    Location {
        renamed: true,
        ..home(conversation, "b", native)
    }
}

fn of(conversation: ConversationId, backend: &str) -> PlaceQuery {
    PlaceQuery {
        conversation,
        backend: backend.into(),
    }
}

fn intent(conversation: ConversationId, migration: MigrationId) -> IntentRecord {
    IntentRecord {
        intent: Intent {
            id: Uuid::now_v7(),
            location: None,
            write: Write::CreateConversation(NewConversation::default()),
            started_at: seconds(1),
            deadline_at: seconds(2),
        },
        backend: "b".into(),
        principal: principal("acme", None, &[]),
        request_id: "request".into(),
        copying: true,
        strict: false,
        public_id: Some(conversation),
        beside: false,
        migration: Some(migration),
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    }
}

fn message(public: &str, native: &str) -> NewCopy {
    NewCopy {
        public: id(public),
        native: id(native),
        digest: Digest::of(b"words"),
    }
}

async fn known(state: &State) -> ConversationId {
    let conversation = ConversationId::generate();
    let at = home(conversation, "a", &conversation.to_string());
    state.insert(entry(at)).await.unwrap();
    conversation
}

#[tokio::test]
async fn a_step_ends_one_write_and_begins_the_next() {
    let (directory, store, state) = open();
    let conversation = known(&state).await;
    let migration = migration(&state, "a", "b").await;
    let (create, import) = (
        intent(conversation, migration),
        intent(conversation, migration),
    );
    let at = at(conversation);
    let begin = Step {
        begun: Some(create.clone()),
        ..Step::default()
    };
    state.record(migration, &at, &begin).await.unwrap();
    assert!(
        Intents::find(&state, create.intent.id)
            .await
            .unwrap()
            .is_some()
    );
    let step = Step {
        place: Some(there(conversation, "1")),
        own: Some(Digest::of(b"own")),
        copied: vec![message("a1", "b1")],
        ended: vec![create.intent.id],
        begun: Some(import.clone()),
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert_eq!(Intents::find(&state, create.intent.id).await.unwrap(), None);
    assert_eq!(
        Intents::find(&state, import.intent.id).await.unwrap(),
        Some(import.clone())
    );
    let (place, own) = state.place(&of(conversation, "b")).await.unwrap().unwrap();
    assert_eq!(place, there(conversation, "1"));
    assert_eq!(own, Some(Digest::of(b"own")));
    let copied = state.copied(&at, &[id("a1")]).await.unwrap();
    assert_eq!(copied[0].as_ref().unwrap().digest, Digest::of(b"words"));
    // The home is a place too, and its ids are the public ones.
    let places = state.places(conversation).await.unwrap();
    let backends: Vec<_> = places
        .iter()
        .map(|place| (&*place.backend, place.renamed))
        .collect();
    assert_eq!(backends.len(), 2);
    assert!(backends.contains(&("a", false)) && backends.contains(&("b", true)));
    // A message that is written again has another id there.
    let again = Step {
        dropped: vec![id("a1")],
        copied: vec![message("a1", "b9")],
        ended: vec![import.intent.id],
        ..Step::default()
    };
    state.record(migration, &at, &again).await.unwrap();
    assert!(
        state
            .is_copy(&of(conversation, "b"), &id("b9"))
            .await
            .unwrap()
    );
    assert!(
        !state
            .is_copy(&of(conversation, "b"), &id("b1"))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn the_home_is_a_place_before_anything_was_copied() {
    let (_directory, _store, state) = open();
    let conversation = known(&state).await;
    let (place, own) = state.place(&of(conversation, "a")).await.unwrap().unwrap();
    assert_eq!((&*place.backend, place.renamed, own), ("a", false, None));
    assert_eq!(state.places(conversation).await.unwrap(), [place]);
    assert_eq!(state.place(&of(conversation, "b")).await.unwrap(), None);
}

#[tokio::test]
async fn a_copy_is_never_adopted() {
    let (_directory, _store, state) = open();
    let conversation = known(&state).await;
    let migration = migration(&state, "a", "b").await;
    let step = Step {
        place: Some(there(conversation, "1")),
        ..Step::default()
    };
    state
        .record(migration, &at(conversation), &step)
        .await
        .unwrap();
    let found = ConversationId::derive("b", "1");
    assert!(!state.insert(entry(home(found, "b", "1"))).await.unwrap());
    // It is the conversation, which lives elsewhere.
    let entry = state.find_native("b", "1").await.unwrap().unwrap();
    assert_eq!(entry.location.id, conversation);
    assert_eq!(&*entry.location.backend, "a");
    assert_eq!(Directory::find(&state, found).await.unwrap(), None);
    // Also once it is deleted.
    state.tombstone(conversation).await.unwrap();
    let entry = state.find_native("b", "1").await.unwrap().unwrap();
    assert!(entry.deleted);
}

#[tokio::test]
async fn what_discovery_made_of_a_copy_meanwhile_goes_with_all_that_is_kept_of_it() {
    let (_directory, _store, state) = open();
    let conversation = known(&state).await;
    let migration = migration(&state, "a", "b").await;
    let ghost = ConversationId::derive("b", "1");
    state.insert(entry(home(ghost, "b", "1"))).await.unwrap();
    let beside = KeptAt {
        conversation: ghost,
        backend: "b".into(),
    };
    let title = vec![Change::Field(field(None, "/title"))];
    state.apply(&beside, None, title).await.unwrap();
    let item = Item {
        conversation: ghost,
        state: ItemState::Pending,
        mark: None,
        messages: 3,
        bytes: 4,
        sign: None,
        source: None,
        target: None,
    };
    state.add_items(migration, &[item]).await.unwrap();
    let step = Step {
        place: Some(there(conversation, "1")),
        ..Step::default()
    };
    state
        .record(migration, &at(conversation), &step)
        .await
        .unwrap();
    assert_eq!(Directory::find(&state, ghost).await.unwrap(), None);
    assert_eq!(kept(&state, &beside).await, Kept::default());
    let item = state.item(migration, ghost).await.unwrap().unwrap();
    assert_eq!(item.state, ItemState::Deleted);
}

#[tokio::test]
async fn a_place_of_another_conversation_is_refused_and_nothing_is_noted() {
    let (_directory, _store, state) = open();
    let (one, two) = (known(&state).await, known(&state).await);
    let migration = migration(&state, "a", "b").await;
    let made_here = ConversationId::generate();
    state
        .insert(entry(home(made_here, "b", "own")))
        .await
        .unwrap();
    let step = |conversation, native| Step {
        place: Some(there(conversation, native)),
        copied: vec![message("a1", "b1")],
        ..Step::default()
    };
    state
        .record(migration, &at(one), &step(one, "1"))
        .await
        .unwrap();
    for native in ["1", "own"] {
        let error = state
            .record(migration, &at(two), &step(two, native))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Conflict, Outcome::NotApplied)
        );
    }
    assert_eq!(state.place(&of(two, "b")).await.unwrap(), None);
    assert_eq!(state.copied_count(&at(two)).await.unwrap(), 0);
    assert!(Directory::find(&state, made_here).await.unwrap().is_some());
}

#[tokio::test]
async fn a_copy_that_was_made_anew_holds_nothing_yet() {
    let (_directory, _store, state) = open();
    let conversation = known(&state).await;
    let migration = migration(&state, "a", "b").await;
    let at = at(conversation);
    let step = Step {
        place: Some(there(conversation, "1")),
        own: Some(Digest::of(b"own")),
        copied: vec![message("a1", "b1")],
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    // Noted once more it is the same.
    let again = Step {
        place: step.place.clone(),
        ..Step::default()
    };
    state.record(migration, &at, &again).await.unwrap();
    assert_eq!(state.copied_count(&at).await.unwrap(), 1);
    let anew = Step {
        place: Some(there(conversation, "2")),
        ..Step::default()
    };
    state.record(migration, &at, &anew).await.unwrap();
    assert_eq!(state.copied_count(&at).await.unwrap(), 0);
    let (place, own) = state.place(&of(conversation, "b")).await.unwrap().unwrap();
    assert_eq!((&*place.native, own), ("2", None));
}

#[tokio::test]
async fn a_deleted_conversation_gets_no_more_writes_but_its_copy_is_known() {
    let (_directory, _store, state) = open();
    let conversation = known(&state).await;
    let migration = migration(&state, "a", "b").await;
    let at = at(conversation);
    let create = intent(conversation, migration);
    state.begin(&create).await.unwrap();
    state.tombstone(conversation).await.unwrap();
    let next = intent(conversation, migration);
    let step = Step {
        place: Some(there(conversation, "1")),
        copied: vec![message("a1", "b1")],
        ended: vec![create.intent.id],
        begun: Some(next.clone()),
        ..Step::default()
    };
    let error = state.record(migration, &at, &step).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(Intents::find(&state, create.intent.id).await.unwrap(), None);
    assert_eq!(Intents::find(&state, next.intent.id).await.unwrap(), None);
    assert!(state.place(&of(conversation, "b")).await.unwrap().is_some());
    assert_eq!(state.copied_count(&at).await.unwrap(), 0);
}

#[tokio::test]
async fn a_copy_takes_back_what_a_check_said() {
    let (_directory, _store, state) = open();
    let conversation = known(&state).await;
    let migration = migration(&state, "a", "b").await;
    let item = Item {
        conversation,
        state: ItemState::Copied,
        mark: None,
        messages: 3,
        bytes: 4,
        sign: Some(Sign::Same),
        source: Some(Digest::of(b"source")),
        target: Some(Digest::of(b"source")),
    };
    state
        .put_items(migration, std::slice::from_ref(&item))
        .await
        .unwrap();
    let at = at(conversation);
    state
        .record(migration, &at, &Step::default())
        .await
        .unwrap();
    assert_eq!(
        state.item(migration, conversation).await.unwrap(),
        Some(item.clone())
    );
    let step = Step {
        copied: vec![message("a1", "b1")],
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    let unchecked = Item {
        sign: None,
        source: None,
        target: None,
        ..item
    };
    assert_eq!(
        state.item(migration, conversation).await.unwrap(),
        Some(unchecked)
    );
}

#[tokio::test]
async fn a_source_that_is_no_backend_is_no_place_and_what_came_from_it_is_known() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::generate();
    let migration = MigrationId::generate();
    let at = CopyAt {
        conversation,
        from: "archive".into(),
        to: "b".into(),
    };
    let step = Step {
        place: Some(there(conversation, "1")),
        copied: vec![message("a1", "b1")],
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    assert_eq!(
        state.place(&of(conversation, "archive")).await.unwrap(),
        None
    );
    assert_eq!(
        state.places(conversation).await.unwrap(),
        [there(conversation, "1")]
    );
    let back = CopyAt {
        from: at.to.clone(),
        to: at.from.clone(),
        ..at
    };
    assert!(state.copied(&back, &[id("a1")]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_restored_conversation_lives_at_its_place_under_ids_of_an_earlier_home() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::generate();
    let step = Step {
        place: Some(there(conversation, "1")),
        copied: vec![message("a1", "b1")],
        ..Step::default()
    };
    let at = CopyAt {
        from: "archive".into(),
        ..at(conversation)
    };
    state
        .record(MigrationId::generate(), &at, &step)
        .await
        .unwrap();
    let made = state.insert(entry(there(conversation, "1"))).await.unwrap();
    assert!(made);
    let home = state.locate(conversation).await.unwrap().unwrap().location;
    assert_eq!(home, there(conversation, "1"));
    assert_eq!(state.places(conversation).await.unwrap(), [home]);
    // What another one is copied to is no place for it.
    let other = ConversationId::generate();
    assert!(!state.insert(entry(there(other, "1"))).await.unwrap());
}
