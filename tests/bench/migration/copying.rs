//! What the child processes do: a database filled, and a migration run on it to its end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend::ports::{MigrationFilter, MigrationId, MigrationSpec, Oversize, Touch, Traffic};
use backend::{Backend, Context, Principal, Scope};
use conversation::{Handle, NewConversation, NewMessage, Participant, Role, Side};
use convore::{Convore, ConvoreConfig};
use layers::Renamed;
use migration::{CopyOptions, Endpoint, Ends, Migrations, Parts, Settings, Status};
use overlay::{Overlay, OverlaySettings};
use store::{SealingKey, State, Store, StoreConfig};

use tokio::sync::broadcast;

use crate::fake::FakeConvore;
use crate::{AT_ONCE, MESSAGES_EACH, Outcome};

const SOURCE: &str = "source";
const TARGET: &str = "target";
/// Messages that are written at once while a database is filled.
const SEEDED_AT_ONCE: usize = 500;
/// Pause between two looks at a job.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// How long one call may take; generous, because nothing here is measured by it.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Nobody uses the conversations while they are copied.
#[derive(Debug)]
struct Quiet(broadcast::Sender<Touch>);

#[async_trait]
impl Traffic for Quiet {
    fn follow(&self) -> broadcast::Receiver<Touch> {
        self.0.subscribe()
    }

    async fn look_through(&self, _: &str, _: &Arc<Principal>) -> backend::Result<()> {
        Ok(())
    }
}

/// Fills a new database with conversations of one backend.
pub(crate) async fn seed(file: &Path, messages: usize) -> Outcome<()> {
    let store = Store::open(StoreConfig::at(file))?;
    // The tables of the state too.
    drop(store.state(&SealingKey::from_bytes([7; 32]))?);
    let backend = store.backend(SOURCE);
    let principal = Principal {
        tenant: "bench".into(),
        key: "bench".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    let cx = Context::new(Arc::new(principal), "bench", CALL_LIMIT);
    let customer = Participant {
        id: Some("bo".into()),
        side: Some(Side::Customer),
        name: Some("Bo".into()),
        handles: vec![Handle {
            kind: "email".into(),
            value: "bo@example.test".into(),
        }],
        ..Participant::default()
    };
    let mut left = messages;
    while left > 0 {
        let new = NewConversation {
            participants: vec![customer.clone()],
            ..NewConversation::default()
        };
        let at = backend.create_conversation(&cx, new).await?.location;
        let mut here = left.min(MESSAGES_EACH);
        left -= here;
        while here > 0 {
            let count = here.min(SEEDED_AT_ONCE);
            here -= count;
            let said = NewMessage {
                author: Some(customer.clone()),
                ..NewMessage::text(Role::User, "t".repeat(300))
            };
            for written in backend.import_messages(&cx, &at, vec![said; count]).await? {
                written?;
            }
        }
    }
    store.close().await?;
    Ok(())
}

/// Copies to another backend of the same database, and prints how many messages in how many seconds.
pub(crate) async fn to_store(config: StoreConfig) -> Outcome<()> {
    let store = Store::open(config)?;
    let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32]))?);
    let target = Arc::new(store.backend(TARGET));
    copy(&store, &state, target).await
}

/// Copies to the vendor at this address, and prints how many messages in how many seconds.
pub(crate) async fn to_vendor(file: &Path, address: &str) -> Outcome<()> {
    let store = Store::open(StoreConfig::at(file))?;
    let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32]))?);
    let config = ConvoreConfig::new(address, FakeConvore::KEY, FakeConvore::CHANNEL);
    let target = Overlay::new(
        Arc::new(Convore::new(TARGET, &config)?),
        OverlaySettings::default(),
        Arc::clone(&state) as _,
        Arc::clone(&state) as _,
        Arc::clone(&state) as _,
    );
    copy(&store, &state, Arc::new(target)).await
}

async fn copy(store: &Store, state: &Arc<State>, target: Arc<dyn Backend>) -> Outcome<()> {
    let end = |below: Arc<dyn Backend>| Endpoint {
        stack: Arc::new(Renamed::new(below, Arc::clone(state) as _)),
        requests_per_minute: None,
        discovers: false,
    };
    let source: Arc<dyn Backend> = Arc::new(store.backend(SOURCE));
    let migrations = Migrations::new(Parts {
        ends: Ends::new(BTreeMap::from([
            (SOURCE.into(), end(source)),
            (TARGET.into(), end(target)),
        ])),
        ledger: Arc::clone(state) as _,
        intents: Arc::clone(state) as _,
        directory: Arc::clone(state) as _,
        leases: Arc::clone(state) as _,
        overlay_state: Arc::clone(state) as _,
        erasure: Arc::clone(state) as _,
        settings: Settings::default(),
    });
    migrations
        .start(Arc::new(Quiet(broadcast::Sender::new(1))))
        .await?;
    let planned = migrations
        .plan(MigrationSpec {
            from: SOURCE.into(),
            to: TARGET.into(),
            filter: MigrationFilter::default(),
            roster: Vec::new(),
            oversize: Oversize::default(),
            parallel: u32::try_from(AT_ONCE)?,
        })
        .await?;
    let id = planned.record.id;
    ended(&migrations, id).await?;
    let started = Instant::now();
    migrations.copy(id, CopyOptions::default()).await?;
    let status = ended(&migrations, id).await?;
    let seconds = started.elapsed().as_secs_f64();
    let written = status.last.map_or(0, |job| job.progress.written);
    println!("{written} {seconds}");
    migrations.stop().await;
    store.close().await?;
    Ok(())
}

/// Waits for the end of what runs.
async fn ended(migrations: &Migrations, id: MigrationId) -> Outcome<Status> {
    loop {
        let status = migrations.status(id).await?;
        if status.job.is_none() {
            return match &status.record.stopped {
                Some(why) => Err(why.to_string().into()),
                None => Ok(status),
            };
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
