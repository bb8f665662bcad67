//! Several gateways over one state: what one writes another one's migration hears of, what one runs can be stopped at
//! any, and what one leaves another one goes on with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Lease, Leases, Ledger as _, MigrationId, Phase, PlaceQuery, Touch, Touches};
use backend::{PageRequest, Result};
use conversation::{ConversationId, text_of};
use migration::{CopyOptions, JobKind};
use store::Store;

use crate::commands::until;
use crate::load::{Book, Load, assert_as_told};
use crate::world::{Gateway, Replica, Sides, World, cx, spec};

/// The table of a shared database.
#[derive(Debug, Default)]
struct Table(Mutex<BTreeMap<u64, Touch>>);

#[async_trait]
impl Touches for Table {
    fn is_shared(&self) -> bool {
        true
    }

    async fn touch(&self, touch: &Touch) -> Result<u64> {
        let mut table = self.0.lock().unwrap();
        let number = table.len() as u64 + 1;
        table.insert(number, touch.clone());
        Ok(number)
    }

    async fn since(&self, after: u64, limit: usize) -> Result<Vec<(u64, Touch)>> {
        let table = self.0.lock().unwrap();
        let found = table.range(after + 1..).take(limit);
        Ok(found
            .map(|(number, touch)| (*number, touch.clone()))
            .collect())
    }

    async fn newest(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }
}

/// The leases of a replica that can be cut off: then they end at once for everybody else, and it is told when it renews.
#[derive(Debug)]
struct Cuttable {
    below: Arc<dyn Leases>,
    /// Absent once it is cut off.
    held: Mutex<Option<Vec<Lease>>>,
}

impl Cuttable {
    async fn cut_off(&self) {
        let held = self.held.lock().unwrap().take().unwrap();
        for lease in held {
            self.below.release(&lease).await.unwrap();
        }
    }

    fn is_cut_off(&self) -> bool {
        self.held.lock().unwrap().is_none()
    }
}

#[async_trait]
impl Leases for Cuttable {
    async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        if self.is_cut_off() {
            return Ok(None);
        }
        let lease = self.below.acquire(name, ttl).await?;
        if let (Some(lease), Some(held)) = (&lease, &mut *self.held.lock().unwrap()) {
            held.push(lease.clone());
        }
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        self.below.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.below.release(lease).await
    }
}

/// What replicas share.
struct Shared {
    world: World,
    store: Store,
    replica: Replica,
}

impl Shared {
    fn new(sides: Sides) -> Self {
        Self::with(sides, None)
    }

    /// Where each replica's migrations ask a backend so often.
    fn with(sides: Sides, requests_per_minute: Option<u64>) -> Self {
        let world = World::new(sides);
        let store = world.open();
        let replica = Replica {
            touches: Some(Arc::new(Table::default())),
            requests_per_minute,
            leases: None,
        };
        Self {
            world,
            store,
            replica,
        }
    }

    async fn start(&self) -> Gateway {
        let gateway = self.world.gateway(&self.store, &self.replica);
        let traffic = gateway.router.clone();
        gateway.migrations.start(traffic).await.unwrap();
        gateway
    }
}

async fn phase(gateway: &Gateway, id: MigrationId) -> Phase {
    let status = gateway.migrations.status(id).await.unwrap();
    status.record.phase
}

/// The texts of a conversation's copy, read past the gateway.
async fn copy(gateway: &Gateway, id: ConversationId) -> Vec<String> {
    let query = PlaceQuery {
        conversation: id,
        backend: "new".into(),
    };
    let Some((place, _)) = gateway.state.place(&query).await.unwrap() else {
        return Vec::new();
    };
    let page = PageRequest::first(200);
    let page = gateway.new.list_messages(&cx(), &place, &page).await;
    let messages = page.map_or_else(|_| Vec::new(), |page| page.items);
    messages.iter().map(|one| text_of(&one.parts)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_writes_the_mirror_of_another_one_copies() {
    for sides in Sides::ALL {
        let shared = Shared::new(sides);
        let (a, b) = (shared.start().await, shared.start().await);
        let id = a.converse(2).await;
        let migration = a.planned(spec()).await;
        a.copied(migration, true).await;
        b.say(id, "at the other one").await;
        let wanted = ["before 0", "before 1", "at the other one"];
        until(async || copy(&a, id).await == wanted).await;
        // The mirror goes on where the replica is that stays.
        a.migrations.stop().await;
        b.say(id, "when one has gone").await;
        until(async || copy(&b, id).await.last().map(String::as_str) == Some("when one has gone"))
            .await;
        b.migrations.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_at_one_replica_loses_nothing_that_is_written_at_another() {
    for sides in Sides::ALL {
        let shared = Shared::new(sides);
        let (a, b) = (shared.start().await, shared.start().await);
        let book = Book::default();
        for messages in [1, 3, 20] {
            let id = a.converse(messages).await;
            book.learn(&a, id).await;
        }
        let migration = a.planned(spec()).await;
        a.copied(migration, true).await;
        let load = Load::begin(&b, &book);
        load.passes(20).await;
        // At the replica whose mirror does not run, which must have ended before.
        b.switched(migration).await;
        load.passes(20).await;
        a.rolled_back(migration).await;
        load.end().await;
        for gateway in [&a, &b] {
            assert_as_told(gateway, &book).await;
        }
        for gateway in [a, b] {
            gateway.migrations.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_seen_and_stopped_at_every_replica() {
    // So slow that nobody sees its end by itself.
    let shared = Shared::with(Sides::ToVendor, Some(120));
    let (a, b) = (shared.start().await, shared.start().await);
    for _ in 0..40 {
        a.converse(1).await;
    }
    let id = a.planned(spec()).await;
    a.migrations.copy(id, CopyOptions::default()).await.unwrap();
    let job = b.migrations.status(id).await.unwrap().job.unwrap();
    assert_eq!(job.kind, JobKind::Copy);
    until(async || {
        let job = b.migrations.status(id).await.unwrap().job.unwrap();
        job.progress.messages > 0
    })
    .await;
    let refused = b.migrations.copy(id, CopyOptions::default()).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("a copy") && refused.contains("a test"),
        "{refused}"
    );

    let status = b.migrations.pause(id).await.unwrap();
    assert_eq!((status.record.phase, &status.job), (Phase::Paused, &None));
    let status = a.migrations.status(id).await.unwrap();
    assert_eq!((status.record.phase, &status.job), (Phase::Paused, &None));
    assert!(status.last.unwrap().progress.messages > 0);

    b.migrations.copy(id, CopyOptions::default()).await.unwrap();
    let status = a.migrations.cancel(id).await.unwrap();
    assert_eq!((status.record.phase, status.job), (Phase::Cancelled, None));
    assert!(b.migrations.status(id).await.unwrap().job.is_none());
    for gateway in [a, b] {
        gateway.migrations.stop().await;
    }
}

#[test]
fn what_a_killed_replica_ran_another_one_goes_on_with() {
    let shared = Shared::with(Sides::ToVendor, Some(600));
    let life = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (life(), life());
    let b = second.block_on(shared.start());
    let (a, id) = first.block_on(async {
        let a = shared.start().await;
        for _ in 0..12 {
            a.converse(1).await;
        }
        let id = a.planned(spec()).await;
        a.migrations
            .copy(id, CopyOptions { mirror: true })
            .await
            .unwrap();
        until(async || {
            let job = a.migrations.status(id).await.unwrap().job.unwrap();
            job.progress.messages > 0
        })
        .await;
        (a, id)
    });
    // As by `kill -9`: nothing is brought to an end, and no lease is given back.
    first.shutdown_background();
    std::mem::forget(a);
    second.block_on(async {
        assert_eq!(phase(&b, id).await, Phase::Copying);
        until(async || phase(&b, id).await == Phase::Copied).await;
        // Its mirror as well.
        let new = b.converse(2).await;
        until(async || copy(&b, new).await.len() == 2).await;
        let checked = b.checked(id).await;
        assert_eq!(
            (checked.same, checked.missing, checked.different),
            (13, 0, 0)
        );
        b.migrations.stop().await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lost_its_leases_stops_and_another_one_goes_on() {
    let shared = Shared::with(Sides::ToVendor, Some(600));
    let leases = Arc::new(Cuttable {
        below: Arc::new(
            shared
                .store
                .state(&store::SealingKey::from_bytes([7; 32]))
                .unwrap(),
        ),
        held: Mutex::new(Some(Vec::new())),
    });
    let cuttable = Replica {
        leases: Some(leases.clone()),
        ..shared.replica.clone()
    };
    let a = shared.world.gateway(&shared.store, &cuttable);
    a.migrations.start(a.router.clone()).await.unwrap();
    for _ in 0..12 {
        a.converse(1).await;
    }
    let id = a.planned(spec()).await;
    a.migrations.copy(id, CopyOptions::default()).await.unwrap();
    until(async || {
        let job = a.migrations.status(id).await.unwrap().job.unwrap();
        job.progress.messages > 0
    })
    .await;
    leases.cut_off().await;
    let b = shared.start().await;
    assert_eq!(phase(&b, id).await, Phase::Copying);
    until(async || phase(&b, id).await == Phase::Copied).await;
    // It notes no end of its own job over that.
    let status = b.end_of_job(id).await;
    assert_eq!(
        (status.record.stopped.as_deref(), &status.job),
        (None, &None)
    );
    let checked = b.checked(id).await;
    assert_eq!(
        (checked.same, checked.missing, checked.different),
        (12, 0, 0)
    );
    for gateway in [a, b] {
        gateway.migrations.stop().await;
    }
}
