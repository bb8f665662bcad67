//! Who writes, for tests: a router at which nothing happens, leases that are counted, and time that jumps.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Lease, Leases, Touch, Traffic};
use backend::{Principal, Result};
use tokio::sync::broadcast;

/// A router at which nothing happens, and that finds nothing new.
#[derive(Debug)]
pub(crate) struct Quiet(broadcast::Sender<Touch>);

impl Quiet {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(broadcast::Sender::new(64)))
    }
}

#[async_trait]
impl Traffic for Quiet {
    fn follow(&self) -> broadcast::Receiver<Touch> {
        self.0.subscribe()
    }

    async fn look_through(&self, _: &str, _: &Arc<Principal>) -> Result<()> {
        Ok(())
    }
}

/// Leases that tell how often one was taken and whether it is held, and that can be lost.
#[derive(Debug)]
pub(crate) struct Counted {
    below: Arc<dyn Leases>,
    held: Mutex<HashMap<Box<str>, Count>>,
    is_lost: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    taken: u64,
    is_held: bool,
}

impl Counted {
    pub(crate) fn new(below: Arc<dyn Leases>) -> Arc<Self> {
        Arc::new(Self {
            below,
            held: Mutex::default(),
            is_lost: AtomicBool::new(false),
        })
    }

    /// How often a lease was taken.
    pub(crate) fn taken(&self, name: &str) -> u64 {
        let held = self.held.lock().unwrap();
        held.get(name).copied().unwrap_or_default().taken
    }

    /// True where somebody holds it now.
    pub(crate) fn is_held(&self, name: &str) -> bool {
        let held = self.held.lock().unwrap();
        held.get(name).copied().unwrap_or_default().is_held
    }

    /// From now on no lease can be renewed.
    pub(crate) fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    fn note(&self, name: &str, is_held: bool) {
        let mut held = self.held.lock().unwrap();
        let count = held.entry(name.into()).or_default();
        count.taken += u64::from(is_held);
        count.is_held = is_held;
    }
}

#[async_trait]
impl Leases for Counted {
    async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        let lease = self.below.acquire(name, ttl).await?;
        if lease.is_some() {
            self.note(name, true);
        }
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        if self.is_lost.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.below.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.note(&lease.name, false);
        self.below.release(lease).await
    }
}

/// So much time passes at once, as for a process that stood still. What waited for it is done on return.
pub(crate) async fn jump(time: Duration) {
    others_go_on().await;
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    others_go_on().await;
}

/// Tasks that can go on do, until they wait.
async fn others_go_on() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
