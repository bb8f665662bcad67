//! Leases: in memory where one process serves, in the database where several do.
//!
//! One process at a time serves from a SQLite file, so a lease that its process took into its grave is free. On the disk
//! it would cost each write to a vendor two commits more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend::ports::{Lease, Leases};
use backend::{Error, Kind, Result};
use conversation::Time;

use super::State;
use crate::failure::Attempt;
use crate::sql::{Connection, LOCKED, params};

/// Refuses what is written under a lease that somebody else has taken since: nobody does before this transaction ends.
/// Where one process serves, its memory tells the holder before.
pub(crate) fn check_fence(connection: &Connection, fence: Option<u64>) -> Attempt<()> {
    let Some(fence) = fence.filter(|_| connection.is_shared()) else {
        return Ok(());
    };
    let is_held = connection
        .prepare_cached(&format!("SELECT 1 FROM leases WHERE fence = ?1{LOCKED}"))?
        .exists(params![fence])?;
    if is_held {
        return Ok(());
    }
    Err(outdated().into())
}

/// Somebody else changes the conversation by now.
pub(crate) fn outdated() -> Error {
    Error::new(
        Kind::Busy,
        "the conversation was changed under a newer lease",
    )
}

/// The leases of one serving process. Bounded by the writes in work: what expired is forgotten when it is met, or when
/// the number of leases has doubled.
#[derive(Debug, Default)]
pub(crate) struct HeldLeases(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    by_name: HashMap<Box<str>, Holder>,
    last_fence: u64,
    /// At so many leases the expired ones are looked for.
    crowded_at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    fence: u64,
    expires_at: Instant,
}

/// The least number of leases at which expired ones are looked for.
const CROWDED_AT_LEAST: usize = 1_024;

impl HeldLeases {
    fn lock(&self) -> MutexGuard<'_, Held> {
        // Every change below is a single step, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn live(&self, name: &str) -> Option<Holder> {
        let holder = self.by_name.get(name).copied()?;
        (holder.expires_at > Instant::now()).then_some(holder)
    }

    /// Grows with every holder, across restarts too, because it is never below the time in microseconds.
    fn next_fence(&mut self) -> u64 {
        let now = u64::try_from(Time::now().as_micros()).unwrap_or_default();
        self.last_fence = now.max(self.last_fence + 1);
        self.last_fence
    }

    fn make_room(&mut self) {
        if self.by_name.len() >= self.crowded_at.max(CROWDED_AT_LEAST) {
            let now = Instant::now();
            self.by_name.retain(|_, holder| holder.expires_at > now);
            self.crowded_at = self.by_name.len() * 2;
        }
    }
}

#[async_trait]
impl Leases for State {
    async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        if let Some(postgres) = self.store.postgres() {
            return postgres.acquire(name, ttl).await;
        }
        let mut held = self.store.leases().lock();
        if held.live(name).is_some() {
            return Ok(None);
        }
        held.make_room();
        let fence = held.next_fence();
        let expires_at = Instant::now() + ttl;
        held.by_name
            .insert(name.into(), Holder { fence, expires_at });
        let name = name.into();
        Ok(Some(Lease { name, fence }))
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        if let Some(postgres) = self.store.postgres() {
            return postgres.renew(lease, ttl).await;
        }
        let mut held = self.store.leases().lock();
        let is_held = held
            .live(&lease.name)
            .is_some_and(|holder| holder.fence == lease.fence);
        if is_held && let Some(holder) = held.by_name.get_mut(&lease.name) {
            holder.expires_at = Instant::now() + ttl;
        }
        Ok(is_held)
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        if let Some(postgres) = self.store.postgres() {
            return postgres.release(lease).await;
        }
        let mut held = self.store.leases().lock();
        let is_theirs = held
            .by_name
            .get(&lease.name)
            .is_some_and(|holder| holder.fence == lease.fence);
        if is_theirs {
            held.by_name.remove(&lease.name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_leases_do_not_pile_up() {
        let mut held = Held::default();
        for number in 0..10 * CROWDED_AT_LEAST {
            held.make_room();
            let holder = Holder {
                fence: held.next_fence(),
                expires_at: Instant::now(),
            };
            held.by_name.insert(number.to_string().into(), holder);
        }
        assert!(held.by_name.len() <= CROWDED_AT_LEAST);
    }
}
