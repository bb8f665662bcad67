//! Conversations on their way out of an archive to a vendor, which is a store of its own here.

use std::sync::Arc;

use backend::ports::{Directory as _, Ledger as _, RosterEntry};
use backend::{ConversationQuery, Kind, Location};
use conversation::{ConversationId, NewConversation, RunningDigest, Time};
use layers::Renamed;

use crate::archive::{ConversationLine, EndLine, Outcome, Target};
use crate::service::Migrations;
use crate::testing::{World, cx};

/// A world whose backend `new` is a vendor, and that vendor.
fn world() -> (World, World) {
    let (mut world, vendor) = (World::new(), World::new());
    let below = Arc::new(vendor.store.backend("new"));
    let names = Arc::new(world.state.clone());
    world.wrap("new", |_| Arc::new(Renamed::new(below, names)));
    (world, vendor)
}

fn line() -> ConversationLine {
    let new = NewConversation {
        title: Some("kept".into()),
        ..NewConversation::default()
    };
    let made_at = Time::from_micros(1_000_000_000).unwrap();
    let document = new.into_conversation(ConversationId::generate(), "elsewhere", made_at);
    ConversationLine::of(&document, Some("acme".into()), Some("ada".into()))
}

async fn place(world: &World, id: ConversationId) -> Location {
    let mut places = world.state.places(id).await.unwrap();
    assert_eq!(places.len(), 1, "{places:?}");
    places.remove(0)
}

/// How many conversations lists show.
async fn listed(world: &World) -> usize {
    let query = ConversationQuery::all(10);
    let page = world.state.list(&cx().principal, &query).await.unwrap();
    page.items.len()
}

#[tokio::test]
async fn an_import_that_never_ends_is_found_by_the_erasure_of_its_owner() {
    let (world, _vendor) = world();
    let migrations = Migrations::new(world.parts.clone());
    let line = line();
    let begun = migrations.restore("new", &line).await.unwrap();
    assert_eq!((begun.outcome, begun.written), (Outcome::Begun, true));
    assert_eq!(listed(&world).await, 0);
    let at = place(&world, line.id).await;

    let ada = RosterEntry {
        tenant: "acme".into(),
        user: "ada".into(),
    };
    let receipt = migrations.erase(&ada).await.unwrap().unwrap();
    assert!(receipt.is_complete, "{receipt:#?}");
    assert_eq!(receipt.conversations.len(), 1, "{receipt:#?}");
    let left = world.end("new").get_conversation(&cx(), &at).await;
    assert_eq!(left.unwrap_err().kind, Kind::NotFound);
    let again = migrations.restore("new", &line).await.unwrap_err();
    assert_eq!(again.kind, Kind::Conflict, "{again}");
}

#[tokio::test]
async fn lists_show_what_has_come_to_its_end_with_the_time_at_which_it_was_made() {
    let (world, _vendor) = world();
    let migrations = Migrations::new(world.parts.clone());
    let line = line();
    migrations.restore("new", &line).await.unwrap();
    let again = migrations.restore("new", &line).await.unwrap();
    assert_eq!((again.outcome, again.written), (Outcome::Begun, false));
    let target = Target {
        conversation: line.id,
        backend: "new".into(),
        tenant: line.tenant.clone(),
        owner: line.owner.clone(),
    };
    let mut digest = RunningDigest::default();
    digest.add(line.digest);
    let end = EndLine {
        id: line.id,
        messages: 0,
        digest: digest.finish(),
        is_whole: true,
    };
    migrations.restore_end(&target, &end).await.unwrap();
    assert_eq!(listed(&world).await, 1);
    let at = place(&world, line.id).await;
    let shown = world.end("new").get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(shown.created_at, line.created_at);
}
