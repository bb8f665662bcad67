//! Conversations that move to another place and stay the same.

use backend::ports::{Change, Directory as _, Kept, NewDirectoryEntry, OverlayState as _};
use backend::{ConversationQuery, Kind, Location, Outcome};
use conversation::{ConversationId, NewConversation};

use crate::home;
use crate::support::{beside, field, kept, kept_rows, open, open_in, principal, seconds};

fn entry(id: ConversationId, native: &str) -> NewDirectoryEntry {
    let new = NewConversation {
        title: Some(native.into()),
        labels: vec!["label".into()],
        ..NewConversation::default()
    };
    NewDirectoryEntry {
        location: Location {
            id,
            backend: "vendor".into(),
            native: native.into(),
            credential: Some("user:acme/ann".into()),
            renamed: false,
        },
        tenant: Some("acme".into()),
        owner: Some("ann".into()),
        document: new.into_conversation(id, "vendor", seconds(1)),
    }
}

fn second(id: ConversationId) -> Location {
    Location {
        credential: Some("session:2".into()),
        renamed: false,
        ..entry(id, "second").location
    }
}

#[tokio::test]
async fn a_rebound_conversation_keeps_its_id_and_owner_and_is_found_at_its_new_place() {
    let (directory, store, state) = open();
    let id = ConversationId::generate();
    let before = entry(id, "first");
    state.insert(before.clone()).await.unwrap();
    state.rebind(&second(id)).await.unwrap();
    // Once more changes nothing.
    state.rebind(&second(id)).await.unwrap();
    drop((state, store));
    let (store, state) = open_in(&directory);
    let found = state.find(id).await.unwrap().unwrap();
    assert_eq!(found.location, second(id));
    assert_eq!(
        (&found.tenant, &found.owner, &found.document),
        (&before.tenant, &before.owner, &before.document)
    );
    assert_eq!(state.find_native("vendor", "first").await.unwrap(), None);
    let there = state.find_native("vendor", "second").await.unwrap();
    assert_eq!(there.unwrap().location.id, id);
    let located = state.locate(id).await.unwrap().unwrap();
    assert_eq!(located.location, second(id));
    // The first home never changes.
    let first = home::beside(&store, "SELECT first_backend, first_native FROM directory");
    assert_eq!(first, [["vendor", "first"]]);
    // Found again at its new place, it is known.
    let again = entry(ConversationId::derive("vendor", "second"), "second");
    assert!(!state.insert(again).await.unwrap());
}

#[tokio::test]
async fn an_entry_that_was_made_for_the_new_place_meanwhile_goes_with_all_that_is_kept_of_it() {
    let (_directory, store, state) = open();
    let (at, other) = (beside("vendor"), beside("vendor"));
    state.insert(entry(at.conversation, "first")).await.unwrap();
    state
        .insert(entry(other.conversation, "second"))
        .await
        .unwrap();
    let title = || vec![Change::Field(field(None, "/title"))];
    state.apply(&at, None, title()).await.unwrap();
    state.apply(&other, None, title()).await.unwrap();
    state.rebind(&second(at.conversation)).await.unwrap();
    assert_eq!(state.find(other.conversation).await.unwrap(), None);
    assert_eq!(kept(&state, &other).await, Kept::default());
    assert_eq!(kept_rows(&store), 2);
    let mut by_label = ConversationQuery::all(10);
    by_label.filter.label = vec!["label".into()];
    let page = state
        .list(&principal("acme", Some("ann"), &[]), &by_label)
        .await
        .unwrap();
    let ids: Vec<_> = page.items.iter().map(|entry| entry.location.id).collect();
    assert_eq!(ids, [at.conversation]);
}

#[tokio::test]
async fn what_is_unknown_or_deleted_is_not_bound_and_nothing_is_replaced() {
    let (_directory, _store, state) = open();
    let (deleted, other) = (ConversationId::generate(), ConversationId::generate());
    state.insert(entry(deleted, "first")).await.unwrap();
    state.insert(entry(other, "second")).await.unwrap();
    state.tombstone(deleted).await.unwrap();
    for id in [deleted, ConversationId::generate()] {
        let error = state.rebind(&second(id)).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotFound, Outcome::NotApplied)
        );
    }
    let found = state.find_native("vendor", "second").await.unwrap();
    assert_eq!(found.unwrap().location.id, other);
    assert!(state.find(deleted).await.unwrap().unwrap().deleted);
}
