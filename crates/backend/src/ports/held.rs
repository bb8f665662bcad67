//! A lease that is held: taken with patience, renewed until it is given back.

use std::sync::Arc;
use std::time::Duration;

use conversation::ConversationId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Lease, Leases};
use crate::{Error, Kind, Result};

/// How long a lease lasts without being renewed: the longest time for which a dead holder blocks others.
const LEASE_TTL: Duration = Duration::from_secs(15);
/// How often a holder renews. Nothing is sent by a holder whose lease ends sooner than that.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a waiter sleeps between attempts: at first, and at most.
const WAIT_FIRST: Duration = Duration::from_millis(5);
const WAIT_MOST: Duration = Duration::from_millis(200);

/// The lease of everybody who writes to a conversation: they come one after the other.
#[must_use]
pub fn conversation_lease(id: ConversationId) -> String {
    format!("conversation/{id}")
}

/// The lease of those who write to a conversation of a backend whose writes are transactions, while a migration follows
/// what is written: each holds it for one write. A switch holds it, so that it comes to an end also where nobody pauses.
#[must_use]
pub fn writing_lease(id: ConversationId) -> String {
    format!("writing/{id}")
}

/// The lease of whoever writes to the copies of a conversation.
#[must_use]
pub fn copy_lease(id: ConversationId) -> String {
    format!("copy/{id}")
}

/// A held lease. Dropping it gives the lease back in the background.
#[derive(Debug)]
pub struct Held {
    leases: Arc<dyn Leases>,
    /// Absent once it was given back.
    lease: Option<Lease>,
    fence: u64,
    lasts: LeaseTerm,
    heartbeat: JoinHandle<()>,
}

/// Until when a held lease surely lasts, for work that is done under it. Cheap to clone; over once the lease is given back.
#[derive(Debug, Clone)]
pub struct LeaseTerm(Arc<watch::Sender<Instant>>);

impl LeaseTerm {
    /// From `since`, the time before the lease was asked for: its own clock began later.
    fn since(since: Instant) -> Self {
        Self(Arc::new(watch::Sender::new(since + LEASE_TTL)))
    }

    fn until(&self) -> Instant {
        *self.0.borrow()
    }

    fn set(&self, until: Instant) {
        self.0.send_replace(until);
    }

    /// True where somebody else may hold the lease by now: nothing may be changed any more that only its holder may change.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until()
    }

    /// Ends when the lease is lost, or could not be renewed in time so that nobody can tell, or was given back.
    pub async fn over(&self) {
        let mut told = self.0.subscribe();
        loop {
            let until = *told.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                // The sender lives as long as this does.
                _ = told.changed() => {}
            }
        }
    }

    /// Holds the lease for longer; false where it was lost.
    async fn renew(&self, leases: &Arc<dyn Leases>, lease: &Lease) -> Result<bool> {
        let since = Instant::now();
        let is_held = leases.renew(lease, LEASE_TTL).await?;
        self.set(if is_held { since + LEASE_TTL } else { since });
        Ok(is_held)
    }
}

impl Held {
    /// Takes a lease, waiting at most `patience` while somebody else holds it.
    ///
    /// # Errors
    /// [`Kind::Busy`] where somebody else holds it all the time.
    pub async fn take(leases: &Arc<dyn Leases>, name: &str, patience: Duration) -> Result<Self> {
        let give_up = Instant::now() + patience;
        let mut wait = WAIT_FIRST;
        loop {
            let since = Instant::now();
            if let Some(lease) = leases.acquire(name, LEASE_TTL).await? {
                return Ok(Self::new(leases.clone(), lease, since));
            }
            if Instant::now() + wait >= give_up {
                return Err(busy());
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MOST);
        }
    }

    fn new(leases: Arc<dyn Leases>, lease: Lease, since: Instant) -> Self {
        let lasts = LeaseTerm::since(since);
        let heartbeat = tokio::spawn(keep(leases.clone(), lease.clone(), lasts.clone()));
        Self {
            leases,
            fence: lease.fence,
            lease: Some(lease),
            lasts,
            heartbeat,
        }
    }

    /// The lease's number, which guards rows of our own.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Until when it lasts, for work that is done under it.
    #[must_use]
    pub fn term(&self) -> LeaseTerm {
        self.lasts.clone()
    }

    /// Makes sure that the lease lasts for one heartbeat more: it is renewed where less is left. To be called right
    /// before something is sent that only its holder may send.
    ///
    /// # Errors
    /// [`Kind::Busy`] where the lease was lost. Nothing may be sent then.
    pub async fn outlast_a_heartbeat(&self) -> Result<()> {
        if self.lasts.until() >= Instant::now() + HEARTBEAT {
            return Ok(());
        }
        let is_held = match &self.lease {
            Some(lease) => self.lasts.renew(&self.leases, lease).await?,
            None => false,
        };
        if is_held { Ok(()) } else { Err(busy()) }
    }

    /// Gives the lease back before the caller goes on: the next one need not wait.
    pub async fn release(mut self) {
        if let Some(lease) = self.lease.take() {
            release(&self.leases, &lease).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heartbeat.abort();
        self.lasts.set(Instant::now());
        if let Some(lease) = self.lease.take() {
            let leases = self.leases.clone();
            tokio::spawn(async move { release(&leases, &lease).await });
        }
    }
}

async fn keep(leases: Arc<dyn Leases>, lease: Lease, lasts: LeaseTerm) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match lasts.renew(&leases, &lease).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(lease.name = %lease.name, "a lease was lost while it was held");
                return;
            }
            Err(error) => {
                tracing::warn!(lease.name = %lease.name, %error, "a lease could not be renewed");
            }
        }
    }
}

async fn release(leases: &Arc<dyn Leases>, lease: &Lease) {
    if let Err(error) = leases.release(lease).await {
        tracing::warn!(lease.name = %lease.name, %error, "a lease could not be given back; it ends by itself");
    }
}

fn busy() -> Error {
    Error::new(
        Kind::Busy,
        "somebody else is writing to this conversation: try again",
    )
    .retry_after(Some(Duration::from_secs(1)))
}
