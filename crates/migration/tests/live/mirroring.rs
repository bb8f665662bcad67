//! The mirror, shadow reads, and the drain: what is written is at the other side a moment later.

use backend::ports::{Directory as _, ItemQuery, ItemState, Ledger as _, PlaceQuery};
use backend::{Backend as _, Kind, Location};
use conversation::{ConversationId, NewMessage, Role, text_of};
use migration::SwitchOptions;

use crate::commands::until;
use crate::load::walk;
use crate::world::{Gateway, Sides, World, cx, spec};

/// The texts of a conversation's copy, read past the gateway.
async fn copy(gateway: &Gateway, id: ConversationId) -> Option<Vec<String>> {
    let query = PlaceQuery {
        conversation: id,
        backend: "new".into(),
    };
    let (place, _) = gateway.state.place(&query).await.unwrap()?;
    let page = backend::PageRequest::first(200);
    match gateway.new.list_messages(&cx(), &place, &page).await {
        Ok(page) => Some(page.items.iter().map(|one| text_of(&one.parts)).collect()),
        Err(error) => {
            assert_eq!(error.kind, Kind::NotFound);
            None
        }
    }
}

#[tokio::test]
async fn writes_are_copied_as_they_happen() {
    for sides in Sides::ALL {
        let world = World::new(sides);
        let gateway = world.start().await;
        let id = gateway.converse(3).await;
        let at = Location::unresolved(id);
        let migration = gateway.planned(spec()).await;
        gateway.copied(migration, true).await;
        let said = gateway.say(id, "later").await;
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        let before = ["before 0", "before 1", "before 2"];
        let wanted = texts(&[&before[..], &["later"]].concat());
        until(async || copy(&gateway, id).await == wanted).await;
        let router = &gateway.router;
        router
            .delete_message(&cx(), &at, &said.id, None)
            .await
            .unwrap();
        until(async || copy(&gateway, id).await == texts(&before)).await;
        // A new one belongs to the migration, a deleted one no more.
        let new = gateway.converse(2).await;
        until(async || copy(&gateway, new).await == texts(&before[..2])).await;
        router.delete_conversation(&cx(), &at, None).await.unwrap();
        until(async || copy(&gateway, id).await.is_none()).await;
        until(async || {
            let query = ItemQuery {
                states: vec![ItemState::Deleted],
                limit: 9,
                ..ItemQuery::default()
            };
            let items = gateway.migrations.items(migration, &query).await.unwrap();
            items.iter().any(|item| item.conversation == id)
        })
        .await;
        gateway.migrations.stop().await;
    }
}

#[tokio::test]
async fn a_switch_is_refused_where_too_many_reads_differed() {
    let world = World::new(Sides::ToVendor);
    let gateway = world.start().await;
    let id = gateway.converse(5).await;
    let at = Location::unresolved(id);
    let migration = gateway.planned(spec()).await;
    gateway.copied(migration, true).await;
    let shadow = async || {
        gateway.router.get_conversation(&cx(), &at).await.unwrap();
        let status = gateway.migrations.status(migration).await.unwrap();
        status.shadow.unwrap_or_default()
    };
    until(async || shadow().await.compared >= 3).await;
    assert_eq!(shadow().await.mismatched, 0);
    // Somebody says something at the target itself: no copy makes both sides equal.
    let query = PlaceQuery {
        conversation: id,
        backend: "new".into(),
    };
    let (place, _) = gateway.state.place(&query).await.unwrap().unwrap();
    let new = NewMessage::text(Role::User, "not ours");
    gateway.new.post_message(&cx(), &place, new).await.unwrap();
    until(async || shadow().await.mismatched >= 1).await;
    let refused = gateway
        .migrations
        .switch(migration, SwitchOptions::default())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.message.contains("differed"), "{refused}");
    gateway.migrations.stop().await;
}

#[tokio::test]
async fn what_arrives_at_the_old_home_is_carried_over_until_the_end() {
    let world = World::new(Sides::FromVendor);
    let gateway = world.start().await;
    let id = gateway.converse(3).await;
    let old = gateway.state.locate(id).await.unwrap().unwrap().location;
    let migration = gateway.planned(spec()).await;
    gateway.copied(migration, false).await;
    gateway.switched(migration).await;
    gateway.say(id, "at the new home").await;
    // A customer still writes to the vendor itself, in an old conversation and in a new one.
    let late = NewMessage::text(Role::User, "at the old home");
    gateway.old.post_message(&cx(), &old, late).await.unwrap();
    let made = gateway
        .old
        .create_conversation(&cx(), conversation::NewConversation::default())
        .await
        .unwrap();
    let first = NewMessage::text(Role::User, "hello");
    gateway
        .old
        .post_message(&cx(), &made.location, first)
        .await
        .unwrap();
    let texts = async |id| -> Vec<String> {
        let messages = walk(&gateway.router, id, 50).await.unwrap_or_default();
        messages.iter().map(|one| text_of(&one.parts)).collect()
    };
    until(async || texts(id).await.len() == 5).await;
    until(async || {
        let found = gateway
            .state
            .find_native("old", &made.location.native)
            .await;
        found
            .unwrap()
            .is_some_and(|entry| &*entry.location.backend == "new")
    })
    .await;
    assert_eq!(texts(made.location.id).await, ["hello"]);
    until(async || {
        let status = gateway.migrations.status(migration).await.unwrap();
        status.drain.is_some_and(|drain| drain.conversations == 1)
    })
    .await;
    // Back again, with both.
    gateway.rolled_back(migration).await;
    let mut back = texts(id).await;
    back.sort();
    assert_eq!(
        back,
        [
            "at the new home",
            "at the old home",
            "before 0",
            "before 1",
            "before 2"
        ]
    );
    let status = gateway.migrations.status(migration).await.unwrap();
    assert_eq!(status.drain.unwrap().messages, 1);
    gateway.migrations.stop().await;
}
