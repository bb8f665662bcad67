//! Live cut-over: callers go on all the time, none of them fails, and nothing is lost, doubled or mixed.

use backend::ports::{ItemState, Phase};
use migration::Status;

use crate::load::{Book, Load, assert_as_told};
use crate::world::{Sides, World, spec};

/// Conversations of so many messages before the migration.
async fn begun(sides: Sides) -> (World, crate::world::Gateway, Book) {
    let world = World::new(sides);
    let gateway = world.start().await;
    let book = Book::default();
    for messages in [0, 1, 7, 30, 60] {
        let id = gateway.converse(messages).await;
        book.learn(&gateway, id).await;
    }
    (world, gateway, book)
}

fn in_state(status: &Status, state: ItemState) -> u64 {
    let those = status.items.iter().filter(|tally| tally.state == state);
    those.map(|tally| tally.conversations).sum()
}

async fn there_and_back(sides: Sides) {
    let (_world, gateway, book) = begun(sides).await;
    let load = Load::begin(&gateway, &book);
    load.passes(50).await;
    let id = gateway.planned(spec()).await;
    gateway.copied(id, true).await;
    load.passes(100).await;
    let status = gateway.switched(id).await;
    assert!(in_state(&status, ItemState::Switched) >= 5);
    // What was being made at the old home meanwhile follows a moment later.
    crate::commands::until(async || {
        let status = gateway.migrations.status(id).await.unwrap();
        in_state(&status, ItemState::Pending) == 0
    })
    .await;
    load.passes(200).await;
    for one in book.ids() {
        assert_eq!(&*gateway.home(one).await, "new");
    }
    gateway.rolled_back(id).await;
    load.passes(200).await;
    for one in book.ids() {
        assert_eq!(&*gateway.home(one).await, "old");
    }
    load.end().await;
    assert_as_told(&gateway, &book).await;
    gateway.migrations.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_stores_there_and_back() {
    there_and_back(Sides::Stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_vendor_and_back() {
    there_and_back(Sides::FromVendor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_vendor_and_back() {
    there_and_back(Sides::ToVendor).await;
}

/// A second migration to the same target moves what a rollback brought back, and doubles nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_back_and_there_again() {
    let (_world, gateway, book) = begun(Sides::ToVendor).await;
    let load = Load::begin(&gateway, &book);
    let id = gateway.planned(spec()).await;
    gateway.copied(id, false).await;
    gateway.switched(id).await;
    load.passes(100).await;
    gateway.rolled_back(id).await;
    gateway.migrations.finish(id).await.unwrap();
    load.end().await;
    assert_as_told(&gateway, &book).await;
    let id = gateway.planned(spec()).await;
    gateway.copied(id, false).await;
    gateway.switched(id).await;
    let status = gateway.migrations.finish(id).await.unwrap();
    assert_eq!(status.record.phase, Phase::Finished);
    assert_as_told(&gateway, &book).await;
    gateway.migrations.stop().await;
}
