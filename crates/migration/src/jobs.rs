//! Jobs: one of a migration at a time, each a task that can be stopped and that leaves the truth in the record.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use backend::ports::{Held, MigrationId, MigrationRecord};
use backend::{Error, Kind, Result};
use conversation::Time;
use futures_util::future::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::progress::Counters;
use crate::records::{note, set_note};
use crate::replicas::{PROGRESS, WISH};
use crate::run::Run;
use crate::service::Service;
use crate::status::{Job, JobKind};
use crate::work::{Done, work};

/// How long whoever stops a job waits for its end: a write that is on its way is brought to an end first.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// Who begins a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Somebody who asked for it.
    Operator,
    /// The service: after a restart, or for a mirror. Whoever asks for the same job is given this one.
    Itself,
}

/// Why a job is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Pause,
    Cancel,
    /// The process ends; the next one goes on.
    Shutdown,
}

/// What becomes of a job that is not waited for any more.
enum Ended {
    /// It ended by itself, or was stopped.
    Worked(Result<Done>),
    /// Its lease was lost: whoever has it by now goes on, and this process changes nothing more.
    Lost,
}

/// The job that is under way, as the record notes it: whoever finds it there goes on with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) kind: JobKind,
    pub(crate) since: Time,
    /// True where the service began it, and nobody asked for it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_free: bool,
}

/// The jobs of this process.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    running: Mutex<HashMap<MigrationId, Running>>,
    begun: AtomicU64,
}

#[derive(Debug)]
struct Running {
    /// Tells it from a later job of the same migration.
    number: u64,
    noted: Noted,
    counters: Arc<Counters>,
    stop: CancellationToken,
    why: Arc<OnceLock<Why>>,
    ended: CancellationToken,
    abort: AbortHandle,
}

impl Jobs {
    fn running(&self) -> MutexGuard<'_, HashMap<MigrationId, Running>> {
        // The map is whole after every step.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What runs of a migration.
    pub(crate) fn job(&self, id: MigrationId) -> Option<Job> {
        self.running().get(&id).map(|running| Job {
            kind: running.noted.kind,
            since: running.noted.since,
            progress: running.counters.snapshot(),
        })
    }

    /// What kind of job runs.
    pub(crate) fn kind(&self, id: MigrationId) -> Option<JobKind> {
        self.running().get(&id).map(|running| running.noted.kind)
    }

    /// Takes over a job of this kind that the service began by itself; true where there was one.
    pub(crate) fn claim(&self, id: MigrationId, kind: JobKind) -> bool {
        match self.running().get_mut(&id) {
            Some(running) if running.noted.is_free && running.noted.kind == kind => {
                running.noted.is_free = false;
                true
            }
            _ => false,
        }
    }

    /// The migrations of which a job runs here.
    pub(crate) fn ids(&self) -> Vec<MigrationId> {
        self.running().keys().copied().collect()
    }

    /// Asks a migration's job to stop, where one runs here.
    pub(crate) fn ask(&self, id: MigrationId, why: Why) {
        if let Some(running) = self.running().get(&id) {
            running.ask(why);
        }
    }

    /// Stops a migration's job, and waits for its end.
    pub(crate) async fn stop(&self, id: MigrationId, why: Why) {
        let ended = self.running().get(&id).map(|running| running.ask(why));
        if let Some(ended) = ended {
            // One that takes longer ends as it was asked to, only later.
            let _ = tokio::time::timeout(STOP_PATIENCE, ended.cancelled()).await;
        }
    }

    /// Stops every job, and waits for their ends.
    pub(crate) async fn stop_all(&self) {
        let asked: Vec<CancellationToken> = self
            .running()
            .values()
            .map(|running| running.ask(Why::Shutdown))
            .collect();
        for ended in asked {
            let _ = tokio::time::timeout(STOP_PATIENCE, ended.cancelled()).await;
        }
    }

    /// Ends every job on the spot.
    pub(crate) fn abort(&self) {
        for running in self.running().values() {
            running.abort.abort();
        }
    }

    fn remove(&self, id: MigrationId, number: u64) {
        let mut running = self.running();
        if running.get(&id).is_some_and(|job| job.number == number) {
            running.remove(&id);
        }
    }
}

impl Running {
    fn ask(&self, why: Why) -> CancellationToken {
        // Whoever asked first is obeyed.
        let _ = self.why.set(why);
        self.stop.cancel();
        self.ended.clone()
    }
}

/// The lease of whoever runs a job of a migration.
fn lease(id: MigrationId) -> String {
    format!("migration/{id}")
}

impl Service {
    /// Takes the lease of a migration's jobs.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where a job of it runs: the words say who runs it.
    pub(crate) async fn hold(&self, id: MigrationId) -> Result<Held> {
        let taken = Held::take(&self.parts.leases, &lease(id), Duration::ZERO).await;
        match taken {
            Err(error) if error.kind == Kind::Busy => {
                let record = self.records.get(id).await?;
                let holder = record.holder.as_deref().unwrap_or("another process");
                let noted = note::<Noted>(&record, "job").map(|job| job.kind);
                let kind = self.jobs.kind(id).or(noted).map_or("a job", JobKind::words);
                Err(Error::new(
                    Kind::Conflict,
                    format!("{kind} of this migration is run by {holder}: wait for its end"),
                ))
            }
            taken => taken,
        }
    }

    /// Begins a job, where `change` allows it and notes it.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where another one runs.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        id: MigrationId,
        kind: JobKind,
        by: By,
        change: impl FnOnce(&mut MigrationRecord) -> Result<()> + Send,
    ) -> Result<()> {
        if self.traffic.get().is_none() {
            return Err(Error::new(
                Kind::Unavailable,
                "migrations are not started yet: try again",
            ));
        }
        let held = self.hold(id).await?;
        match self.begin_held(id, kind, by, &held, change).await {
            Ok((run, noted)) => {
                self.spawn(run, noted, held);
                Ok(())
            }
            Err(error) => {
                held.release().await;
                Err(error)
            }
        }
    }

    async fn begin_held(
        self: &Arc<Self>,
        id: MigrationId,
        kind: JobKind,
        by: By,
        held: &Held,
        change: impl FnOnce(&mut MigrationRecord) -> Result<()> + Send,
    ) -> Result<(Run, Noted)> {
        let noted = Noted {
            kind,
            since: Time::now(),
            is_free: by == By::Itself,
        };
        let record = self.records.get(id).await?;
        let counters = Arc::new(Counters::default());
        let run = self.run(&record, Some(counters), CancellationToken::new())?;
        let run = self.within(run, held);
        let record = self
            .records
            .edit(id, |record| {
                change(record)?;
                record.holder = Some(self.parts.settings.holder.clone());
                record.stopped = None;
                for note in [WISH, PROGRESS] {
                    record.notes.remove(note);
                }
                set_note(record, "job", &noted)
            })
            .await?;
        // A mirror follows before the copy reads, and ends before a switch writes.
        self.watch(&record).await?;
        held.outlast_a_heartbeat().await?;
        Ok((run, noted))
    }

    fn spawn(self: &Arc<Self>, run: Run, noted: Noted, held: Held) {
        let counters = run.progress.clone().unwrap_or_default();
        let number = self.jobs.begun.fetch_add(1, Ordering::Relaxed);
        let why = Arc::new(OnceLock::new());
        let ended = CancellationToken::new();
        let stop = run.stop.clone();
        let id = run.migration;
        let mut running = self.jobs.running();
        let (service, because, over) = (self.clone(), why.clone(), ended.clone());
        let (kind, job) = (noted.kind, noted.clone());
        let task = tokio::spawn(async move {
            tracing::info!(migration = %id, job = kind.word(), "a migration's job began");
            let ended = service.work_while_held(&run, kind, &held).await;
            match ended {
                Ended::Worked(worked) => {
                    let why = because.get().copied();
                    service.note_end(&run, &job, worked, why).await;
                }
                Ended::Lost => {
                    tracing::warn!(migration = %id, job = kind.word(), "the lease of a migration's job was lost: another replica goes on with it");
                }
            }
            held.release().await;
            service.jobs.remove(id, number);
            over.cancel();
        });
        running.insert(
            id,
            Running {
                number,
                noted,
                counters,
                stop,
                why,
                ended,
                abort: task.abort_handle(),
            },
        );
    }

    /// Works until the end, or until the lease is lost: then the work is left where it stands, as by a crash. What it had
    /// begun to send is noted, and whoever goes on finds out what became of it.
    async fn work_while_held(self: &Arc<Self>, run: &Run, kind: JobKind, held: &Held) -> Ended {
        let id = run.migration;
        let work = AssertUnwindSafe(work(self, run, kind)).catch_unwind();
        let term = held.term();
        let worked = tokio::select! {
            biased;
            () = term.over(), if self.is_shared() => return Ended::Lost,
            worked = work => worked,
        };
        let worked = worked.unwrap_or_else(|_| {
            tracing::error!(migration = %id, job = kind.word(), "a migration's job panicked");
            Err(Error::new(
                Kind::Internal,
                "the job met a defect of ours, which the log tells: start it again, it goes on where it stopped",
            ))
        });
        match self.is_shared() && held.outlast_a_heartbeat().await.is_err() {
            true => Ended::Lost,
            false => Ended::Worked(worked),
        }
    }
}
