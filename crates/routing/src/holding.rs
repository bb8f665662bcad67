//! Holding a conversation's lease while it is written, so that writers come one after the other.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Lease, Leases};
use backend::{Context, Error, Kind, Result};
use conversation::ConversationId;
use tokio::task::JoinHandle;

/// How long a lease lasts without being renewed: the longest time for which a dead holder blocks others.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(15);
/// How often a holder renews.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a waiter sleeps between attempts: at first, and at most.
const WAIT_FIRST: Duration = Duration::from_millis(5);
const WAIT_MOST: Duration = Duration::from_millis(200);

/// A held lease, renewed until it is given back. Dropping it gives it back in the background.
pub(crate) struct Holding {
    leases: Arc<dyn Leases>,
    /// Absent once it was given back.
    lease: Option<Lease>,
    heartbeat: JoinHandle<()>,
}

impl Holding {
    /// Takes the lease of a conversation, waiting until the caller's deadline.
    ///
    /// # Errors
    /// [`Kind::Busy`] where somebody else holds it all the time.
    pub(crate) async fn conversation(
        leases: &Arc<dyn Leases>,
        cx: &Context,
        id: ConversationId,
    ) -> Result<Self> {
        let name = format!("conversation/{id}");
        let mut wait = WAIT_FIRST;
        loop {
            if let Some(lease) = leases.acquire(&name, LEASE_TTL).await? {
                return Ok(Self::held(leases.clone(), lease));
            }
            if cx.remaining() <= wait {
                return Err(Error::new(
                    Kind::Busy,
                    "somebody else is writing to this conversation: try again",
                )
                .retry_after(Some(Duration::from_secs(1))));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MOST);
        }
    }

    fn held(leases: Arc<dyn Leases>, lease: Lease) -> Self {
        let renewing = (leases.clone(), lease.clone());
        let heartbeat = tokio::spawn(async move {
            let (leases, lease) = renewing;
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                match leases.renew(&lease, LEASE_TTL).await {
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
        });
        Self {
            leases,
            lease: Some(lease),
            heartbeat,
        }
    }

    /// Gives the lease back before the caller goes on, so that the next writer need not wait.
    pub(crate) async fn give_back(mut self) {
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

async fn release(leases: &Arc<dyn Leases>, lease: &Lease) {
    if let Err(error) = leases.release(lease).await {
        tracing::warn!(lease.name = %lease.name, %error, "a lease could not be given back; it ends by itself");
    }
}
