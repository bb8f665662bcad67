//! What is held while a conversation is written: its lease, so that writers come one after the other, and the note of
//! the write, so that it is settled where its end stays unknown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend::ports::{IntentRecord, Intents, Lease, Leases};
use backend::{Error, Kind, Outcome, Result};
use conversation::ConversationId;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

/// How long a lease lasts without being renewed: the longest time for which a dead holder blocks others.
const LEASE_TTL: Duration = Duration::from_secs(15);
/// How often a holder renews. Nothing is sent by a holder whose lease ends sooner than that.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a waiter sleeps between attempts: at first, and at most.
const WAIT_FIRST: Duration = Duration::from_millis(5);
const WAIT_MOST: Duration = Duration::from_millis(200);

/// The lease of everybody who writes to a conversation.
pub(crate) fn of_conversation(id: ConversationId) -> String {
    format!("conversation/{id}")
}

/// The lease of whoever makes or looks for the conversation of a create.
pub(crate) fn of_create(intent: Uuid) -> String {
    format!("intent/{intent}")
}

/// A held lease, renewed until it is given back, and the write that is noted under it. Dropping it gives the lease back
/// in the background and leaves the note: what became of the write is not known then.
pub(crate) struct Holding {
    leases: Arc<dyn Leases>,
    /// Absent once it was given back.
    lease: Option<Lease>,
    fence: u64,
    lasts: Lasts,
    heartbeat: JoinHandle<()>,
    noted: Option<(Arc<dyn Intents>, Uuid)>,
}

/// Until when a lease surely lasts, as its holder and its heartbeat know.
#[derive(Clone)]
struct Lasts(Arc<Mutex<Instant>>);

impl Lasts {
    /// From `since`, the time before the lease was asked for: its own clock began later.
    fn since(since: Instant) -> Self {
        Self(Arc::new(Mutex::new(since + LEASE_TTL)))
    }

    fn until(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Holds the lease for longer; false where it was lost.
    async fn renew(&self, leases: &Arc<dyn Leases>, lease: &Lease) -> Result<bool> {
        let since = Instant::now();
        let is_held = leases.renew(lease, LEASE_TTL).await?;
        self.set(if is_held { since + LEASE_TTL } else { since });
        Ok(is_held)
    }
}

impl Holding {
    /// Takes a lease, waiting at most `patience`.
    ///
    /// # Errors
    /// [`Kind::Busy`] where somebody else holds it all the time.
    pub(crate) async fn take(
        leases: &Arc<dyn Leases>,
        name: &str,
        patience: Duration,
    ) -> Result<Self> {
        let give_up = Instant::now() + patience;
        let mut wait = WAIT_FIRST;
        loop {
            let since = Instant::now();
            if let Some(lease) = leases.acquire(name, LEASE_TTL).await? {
                return Ok(Self::held(leases.clone(), lease, since));
            }
            if Instant::now() + wait >= give_up {
                return Err(busy());
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MOST);
        }
    }

    fn held(leases: Arc<dyn Leases>, lease: Lease, since: Instant) -> Self {
        let lasts = Lasts::since(since);
        let heartbeat = tokio::spawn(keep(leases.clone(), lease.clone(), lasts.clone()));
        Self {
            leases,
            fence: lease.fence,
            lease: Some(lease),
            lasts,
            heartbeat,
            noted: None,
        }
    }

    /// The lease's number, which guards rows of our own.
    pub(crate) fn fence(&self) -> u64 {
        self.fence
    }

    /// Notes a write that is about to be sent, and makes sure that the lease outlasts the sending.
    ///
    /// # Errors
    /// That of the state, or [`Kind::Busy`] where the lease was lost meanwhile. Nothing was sent then, and nothing may be.
    pub(crate) async fn note(
        &mut self,
        intents: &Arc<dyn Intents>,
        record: &IntentRecord,
    ) -> Result<()> {
        intents
            .begin(record)
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        if let Err(error) = self.outlast_a_heartbeat().await {
            forget(intents, record.intent.id).await;
            return Err(error);
        }
        self.noted = Some((intents.clone(), record.intent.id));
        Ok(())
    }

    /// Renews the lease where less than one heartbeat of it is left.
    async fn outlast_a_heartbeat(&self) -> Result<()> {
        if self.lasts.until() >= Instant::now() + HEARTBEAT {
            return Ok(());
        }
        let is_held = match &self.lease {
            Some(lease) => self.lasts.renew(&self.leases, lease).await?,
            None => false,
        };
        if is_held { Ok(()) } else { Err(busy()) }
    }

    /// Forgets the write where its end is known, and gives the lease back, before the caller goes on: the next writer
    /// need not wait.
    pub(crate) async fn end(mut self, is_known: bool) {
        if let Some((intents, id)) = self.noted.take()
            && is_known
        {
            forget(&intents, id).await;
        }
        if let Some(lease) = self.lease.take() {
            release(&self.leases, &lease).await;
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.heartbeat.abort();
        if let Some(lease) = self.lease.take() {
            let leases = self.leases.clone();
            tokio::spawn(async move { release(&leases, &lease).await });
        }
    }
}

/// True where nothing is left to be found out or finished after this failure, because nothing was done. What was done and
/// then failed, wherever it failed, may lack what follows the backend's answer: recovery settles it and finishes that.
pub(crate) fn is_known(error: &Error) -> bool {
    error.outcome == Outcome::NotApplied
}

async fn keep(leases: Arc<dyn Leases>, lease: Lease, lasts: Lasts) {
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

async fn forget(intents: &Arc<dyn Intents>, id: Uuid) {
    if let Err(error) = intents.end(id).await {
        tracing::warn!(intent = %id, %error, "a write that has ended is still noted; it will be settled once more");
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
