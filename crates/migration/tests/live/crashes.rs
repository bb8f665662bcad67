//! A gateway that dies at any moment, under load: the next one goes on, and nothing that was acknowledged is lost,
//! doubled or mixed.

use std::time::Duration;

use backend::ports::{MigrationId, Phase};
use conversation::Time;
use tokio_util::task::AbortOnDropHandle;

use crate::load::{Book, Load, assert_as_told, settle_doubts};
use crate::world::{Gateway, Sides, World, spec};

/// So often a gateway is killed.
const KILLS: u64 = 20;

/// A life of a gateway: dropped, everything that runs in it ends in the middle of whatever it does.
fn life() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// What an operator does next with a migration that was interrupted: the same command again.
async fn again(gateway: &Gateway, id: MigrationId) {
    let status = gateway.migrations.status(id).await.unwrap();
    let migrations = &gateway.migrations;
    let commanded = match status.record.phase {
        Phase::Planned | Phase::Copying | Phase::Paused => {
            migrations.copy(id, Default::default()).await
        }
        Phase::Copied | Phase::Switching => migrations.switch(id, Default::default()).await,
        Phase::Switched | Phase::RollingBack => migrations.rollback(id).await,
        _ => return,
    };
    if let Err(error) = commanded {
        assert_eq!(error.kind, backend::Kind::Conflict, "{error}");
    }
}

/// Kills the gateway again and again while a migration goes there and back, until it is back. Each kill comes a little
/// later than the one before, so that they come in the middle of everything.
fn killed_there_and_back(sides: Sides, seed: u64) {
    let world = World::new(sides);
    let book = Book::default();
    let first = life();
    let id = first.block_on(async {
        let gateway = world.start().await;
        for messages in [0, 3, 40] {
            let id = gateway.converse(messages).await;
            book.learn(&gateway, id).await;
        }
        let id = gateway.planned(spec()).await;
        gateway.migrations.stop().await;
        id
    });
    drop(first);
    let mut kills = 0_u64;
    loop {
        let runtime = life();
        let is_back = runtime.block_on(async {
            let gateway = world.start().await;
            // Whatever the last life left open is settled as the server does it.
            let far = Time::now().saturating_add_micros(3_600_000_000);
            gateway.router.recover(far).await.unwrap();
            settle_doubts(&gateway, &book).await;
            if kills == KILLS {
                // Nobody kills it any more: the same commands bring it to its end. What could not be settled at the start,
                // because a job held the conversation, is tried again, as the server does.
                let router = gateway.router.clone();
                let _recovering = AbortOnDropHandle::new(tokio::spawn(async move {
                    loop {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                        router.recover(far).await.unwrap();
                    }
                }));
                let back = async || {
                    let status = gateway.end_of_job(id).await;
                    gateway.expect(&status, status.record.phase).await;
                    status.record.phase == Phase::RolledBack
                };
                while !back().await {
                    again(&gateway, id).await;
                }
                assert_as_told(&gateway, &book).await;
                for one in book.ids() {
                    assert_eq!(&*gateway.home(one).await, "old", "{one}");
                }
                return true;
            }
            let _load = Load::begin(&gateway, &book);
            let lasts = Duration::from_millis(20 + (kills * 37 + seed * 13) % 400);
            let until = tokio::time::Instant::now() + lasts;
            while tokio::time::Instant::now() < until {
                again(&gateway, id).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            false
        });
        // As by `kill -9`: tasks end where they are, nothing is brought to an end.
        runtime.shutdown_timeout(Duration::from_secs(60));
        if is_back {
            return;
        }
        kills += 1;
    }
}

#[test]
fn killed_between_stores() {
    killed_there_and_back(Sides::Stores, 1);
}

#[test]
fn killed_from_a_vendor() {
    killed_there_and_back(Sides::FromVendor, 2);
}

#[test]
fn killed_to_a_vendor() {
    killed_there_and_back(Sides::ToVendor, 3);
}
