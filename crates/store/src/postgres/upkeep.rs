//! What a serving process does by itself: says that it lives, and forgets what has expired.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::Result;
use conversation::Time;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{HEARTBEAT, Isolation, Shared, wait_for};
use crate::failure::Attempt;
use crate::sql::{Connection, Micros, earlier, params};
use crate::upkeep::{self, SWEEP_AGAIN, SWEEP_INTERVAL};

/// An instance that was silent for so long is forgotten: what it held was taken over or has expired.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// What expires by itself is kept for so long after that.
const EXPIRED_KEPT: Duration = Duration::from_secs(600);

/// The regular work of one process. Ends with it.
pub(super) struct Upkeep {
    shared: Arc<Shared>,
    instance: Box<str>,
    stopping: watch::Sender<bool>,
    _task: JoinHandle<()>,
}

impl Upkeep {
    /// Enters this process, and begins.
    pub(super) fn start(
        shared: Arc<Shared>,
        instance: &str,
        settle_retention: Duration,
    ) -> Result<Self> {
        let (stopping, mut stopped) = watch::channel(false);
        let work = Work {
            shared: shared.clone(),
            instance: instance.into(),
            settle_retention,
        };
        let first = work.clone();
        // Whoever opens the store waits until this process is entered.
        wait_for(&shared.runtime, async move { first.write(beat).await })?;
        let task = shared.runtime.spawn(async move {
            let mut next_sweep = Instant::now();
            loop {
                if Instant::now() >= next_sweep {
                    next_sweep = Instant::now() + work.sweep().await;
                }
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(HEARTBEAT) => {}
                }
                if let Err(error) = work.write(beat).await {
                    tracing::warn!(error = %error, "the store cannot be written at the moment");
                }
            }
        });
        Ok(Self {
            shared,
            instance: instance.into(),
            stopping,
            _task: task,
        })
    }

    /// Ends the work and takes this process out.
    pub(super) async fn end(&self) -> Result<()> {
        self.stopping.send_replace(true);
        let work = Work {
            shared: self.shared.clone(),
            instance: self.instance.clone(),
            settle_retention: Duration::ZERO,
        };
        work.write(|connection, work, _now| {
            connection
                .prepare_cached("DELETE FROM instances WHERE id = ?1")?
                .execute(params![work.instance])?;
            Ok(())
        })
        .await
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stopping.send_replace(true);
    }
}

#[derive(Clone)]
struct Work {
    shared: Arc<Shared>,
    instance: Box<str>,
    settle_retention: Duration,
}

impl Work {
    async fn write<T: Send + 'static>(
        &self,
        write: fn(&Connection, &Self, Time) -> Attempt<T>,
    ) -> Result<T> {
        let work = self.clone();
        let runtime = self.shared.runtime.clone();
        runtime
            .spawn(async move {
                let shared = work.shared.clone();
                let session = shared.session().await?;
                let write = move |connection: &Connection, now| write(connection, &work, now);
                shared
                    .transact(session, Isolation::ReadCommitted, write)
                    .await
            })
            .await
            .unwrap_or_else(|_| Err(crate::store::closed()))
    }

    /// Removes what has expired; when to look again.
    async fn sweep(&self) -> Duration {
        match self.write(sweep).await {
            Ok(true) => SWEEP_AGAIN,
            Ok(false) => SWEEP_INTERVAL,
            Err(error) => {
                tracing::warn!(error = %error, "what has expired could not be removed");
                SWEEP_INTERVAL
            }
        }
    }
}

fn beat(connection: &Connection, work: &Work, now: Time) -> Attempt<()> {
    Ok(upkeep::beat(connection, &work.instance, now)?)
}

/// True where more is left to be removed.
fn sweep(connection: &Connection, work: &Work, now: Time) -> Attempt<bool> {
    let expired = Micros(earlier(now, EXPIRED_KEPT));
    for sql in [
        "DELETE FROM leases WHERE expires_at < ?1",
        "DELETE FROM turns WHERE window_ends_at < ?1",
        "DELETE FROM touches WHERE at < ?1",
    ] {
        connection.prepare_cached(sql)?.execute(params![expired])?;
    }
    connection
        .prepare_cached("DELETE FROM instances WHERE heartbeat_at < ?1")?
        .execute(params![Micros(earlier(now, FORGOTTEN_AFTER))])?;
    Ok(upkeep::sweep(
        connection,
        earlier(now, work.settle_retention),
    )?)
}
