//! Several processes over one state: each goes on with what another one left, and what one runs can be stopped at any.
//!
//! Leases say who runs what: `migration/<id>` a job, `watch/<id>` a mirror or a drain. What replicas must know of each
//! other's work stands in the record: which job is under way, how far it is, and that somebody wants it to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Held, MigrationId, MigrationRecord, Phase};
use backend::{Kind, Result};
use tokio::time::{Instant, MissedTickBehavior};

use crate::fenced::Fenced;
use crate::jobs::{By, Noted, STOP_PATIENCE, Why};
use crate::parts::Parts;
use crate::records::{note, set_note};
use crate::run::Run;
use crate::service::Service;
use crate::status::{Job, JobKind, Progress};

/// The note of a record by which another replica asks the one that runs the job to stop it.
pub(crate) const WISH: &str = "wish";
/// The note of a record by which the one that runs the job tells how far it is.
pub(crate) const PROGRESS: &str = "progress";

/// How often a replica looks after what it runs itself.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// In one of so many rounds it notes how far its jobs are.
const NOTE_IN: u64 = 2;
/// In one of so many rounds it looks for what others left. With the time for which a dead one's lease lasts that is twenty
/// seconds at the most.
const TAKE_UP_IN: u64 = 5;
/// How often it is looked whether a job has stopped that another replica runs.
const STOP_LOOK: Duration = Duration::from_millis(250);

/// What failed when it was last tried: the log is told once, and not every second.
#[derive(Debug, Default)]
struct Failing(HashMap<Option<MigrationId>, Kind>);

impl Failing {
    /// True where it fails, and did not before, or for another reason.
    fn is_news<T>(&mut self, of: Option<MigrationId>, tried: &Result<T>) -> bool {
        match tried {
            Ok(_) => {
                self.0.remove(&of);
                false
            }
            Err(error) => self.0.insert(of, error.kind) != Some(error.kind),
        }
    }
}

impl Service {
    /// True where several processes serve from the state at once.
    pub(crate) fn is_shared(&self) -> bool {
        self.parts.settings.is_shared
    }

    /// Looks after this replica's share from now on; where `takes_up`, also after what others leave.
    pub(crate) fn begin_tending(self: &Arc<Self>, takes_up: bool) {
        let service = self.clone();
        let task = tokio::spawn(async move { service.tend(takes_up).await });
        // Whoever is started twice is refused before.
        let _ = self.tending.set(task.abort_handle());
    }

    pub(crate) fn stop_tending(&self) {
        if let Some(tending) = self.tending.get() {
            tending.abort();
        }
    }

    async fn tend(self: Arc<Self>, takes_up: bool) {
        let mut failing = Failing::default();
        let mut ticks = tokio::time::interval(TEND_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 1_u64.. {
            ticks.tick().await;
            let mut ids = self.jobs.ids();
            ids.extend(self.watches.ids());
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                let tended = self.tend_one(id, round).await;
                if failing.is_news(Some(id), &tended)
                    && let Err(error) = tended
                {
                    tracing::warn!(migration = %id, %error, "a migration that runs here could not be looked after");
                }
            }
            if takes_up && round.is_multiple_of(TAKE_UP_IN) {
                self.take_up_what_is_left(&mut failing).await;
            }
        }
    }

    /// Does what other replicas wish of a migration that runs here, and tells them how far it is.
    async fn tend_one(self: &Arc<Self>, id: MigrationId, round: u64) -> Result<()> {
        let record = self.records.get(id).await?;
        if let Some(job) = self.jobs.job(id) {
            if let Some(why) = note::<Why>(&record, WISH) {
                self.jobs.ask(id, why);
            }
            if round.is_multiple_of(NOTE_IN)
                && note(&record, PROGRESS).as_ref() != Some(&job.progress)
            {
                self.note_progress(id, &job).await?;
            }
        }
        if self.watches.is_other(&record) {
            // A task of its own: what a watch has begun is brought to its end first.
            let service = self.clone();
            tokio::spawn(async move {
                if let Err(error) = service.watch_left(&record).await {
                    tracing::warn!(migration = %record.id, %error, "who watches a migration could not be changed");
                }
            });
        }
        Ok(())
    }

    async fn note_progress(&self, id: MigrationId, job: &Job) -> Result<()> {
        let noting = self.records.edit(id, |record| {
            // It may have ended meanwhile, and another one have begun elsewhere.
            let is_same =
                note::<Noted>(record, "job").is_some_and(|noted| noted.since == job.since);
            match is_same {
                true => set_note(record, PROGRESS, &job.progress),
                false => Ok(()),
            }
        });
        noting.await.map(drop)
    }

    async fn take_up_what_is_left(self: &Arc<Self>, failing: &mut Failing) {
        let all = self.parts.ledger.migrations().await;
        if failing.is_news(None, &all)
            && let Err(error) = &all
        {
            tracing::warn!(%error, "migrations that another replica left could not be looked for");
        }
        for record in all.unwrap_or_default() {
            let taken = self.take_up(&record).await;
            if failing.is_news(Some(record.id), &taken)
                && let Err(error) = taken
            {
                tracing::warn!(migration = %record.id, %error, "a migration could not go on, and is tried again");
            }
        }
    }

    /// Goes on with every migration that is to go on and that nobody runs.
    ///
    /// # Errors
    /// Where the state cannot be asked. One that cannot go on is told in the log.
    pub(crate) async fn take_up_all(self: &Arc<Self>) -> Result<()> {
        for record in self.parts.ledger.migrations().await? {
            if let Err(error) = self.take_up(&record).await {
                tracing::warn!(migration = %record.id, %error, "a migration could not go on");
            }
        }
        Ok(())
    }

    async fn take_up(self: &Arc<Self>, record: &MigrationRecord) -> Result<()> {
        let id = record.id;
        if self.watches.is_wanted_and_not_here(record) {
            self.watch_left(record).await?;
        }
        let Some(noted) = note::<Noted>(record, "job") else {
            return Ok(());
        };
        if self.jobs.kind(id).is_some() {
            return Ok(());
        }
        let begun = self.begin(id, noted.kind, By::Itself, |record| {
            let now = note::<Noted>(record, "job");
            if now.is_none_or(|now| now.since != noted.since) {
                return Err(backend::Error::new(
                    Kind::Conflict,
                    "it has ended meanwhile",
                ));
            }
            if noted.kind == JobKind::Copy {
                record.phase = Phase::Copying;
            }
            Ok(())
        });
        match begun.await {
            Ok(()) => {
                tracing::info!(migration = %id, job = noted.kind.word(), "a migration's job goes on here");
                Ok(())
            }
            // Somebody runs it.
            Err(error) if error.kind == Kind::Conflict => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A run under a lease: where others may take over, nothing is written once it is over.
    pub(crate) fn within(&self, run: Run, held: &Held) -> Run {
        if !self.is_shared() {
            return run;
        }
        let term = held.term();
        let ledger = Fenced::new(run.parts.ledger.clone(), term.clone());
        Run {
            parts: Arc::new(Parts {
                ledger: Arc::new(ledger),
                ..(*run.parts).clone()
            }),
            records: Arc::new(run.records.within(term)),
            ..run
        }
    }

    /// What kind of job of a migration runs, here or elsewhere.
    pub(crate) fn runs(&self, record: &MigrationRecord) -> Option<JobKind> {
        let elsewhere = || self.job_elsewhere(record).map(|job| job.kind);
        self.jobs.kind(record.id).or_else(elsewhere)
    }

    /// The job that another replica runs, as it noted it.
    pub(crate) fn job_elsewhere(&self, record: &MigrationRecord) -> Option<Job> {
        if !self.is_shared() {
            return None;
        }
        let noted: Noted = note(record, "job")?;
        Some(Job {
            kind: noted.kind,
            since: noted.since,
            progress: note::<Progress>(record, PROGRESS).unwrap_or_default(),
        })
    }

    /// Takes over a job of this kind that a service began by itself, here or elsewhere; true where there was one.
    pub(crate) async fn claim(&self, id: MigrationId, kind: JobKind) -> Result<bool> {
        if self.jobs.claim(id, kind) {
            return Ok(true);
        }
        let free = |record: &MigrationRecord| {
            note::<Noted>(record, "job").filter(|noted| noted.is_free && noted.kind == kind)
        };
        if !self.is_shared() || free(&self.records.get(id).await?).is_none() {
            return Ok(false);
        }
        let mut is_claimed = false;
        let claiming = self.records.edit(id, |record| match free(record) {
            Some(noted) => {
                is_claimed = true;
                let is_free = false;
                set_note(record, "job", &Noted { is_free, ..noted })
            }
            None => Ok(()),
        });
        claiming.await?;
        Ok(is_claimed)
    }

    /// Stops a migration's job wherever it runs, and waits for its end.
    pub(crate) async fn stop_job(&self, id: MigrationId, why: Why) -> Result<()> {
        if !self.is_shared() || self.jobs.kind(id).is_some() {
            self.jobs.stop(id, why).await;
            return Ok(());
        }
        let Some(asked) = note::<Noted>(&self.records.get(id).await?, "job") else {
            return Ok(());
        };
        // The same one also where another replica took it over. A later job is not meant.
        let is_meant = |record: &MigrationRecord| {
            note::<Noted>(record, "job").is_some_and(|job| {
                job.since == asked.since || (job.is_free && job.kind == asked.kind)
            })
        };
        let give_up = Instant::now() + STOP_PATIENCE;
        loop {
            let record = self.records.get(id).await?;
            if !is_meant(&record) {
                return Ok(());
            }
            match self.hold(id).await {
                // Whoever ran it is dead, or has left it for the next one.
                Ok(held) => {
                    let left = self.records.edit(id, |record| {
                        // It may have ended since it was read.
                        if is_meant(record) {
                            for note in ["job", WISH, PROGRESS] {
                                record.notes.remove(note);
                            }
                            record.holder = None;
                        }
                        Ok(())
                    });
                    let left = left.await;
                    held.release().await;
                    return left.map(drop);
                }
                Err(error) if error.kind == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
            if note::<Why>(&record, WISH) != Some(why) {
                let wishing = self.records.edit(id, |record| match is_meant(record) {
                    true => set_note(record, WISH, &why),
                    false => Ok(()),
                });
                wishing.await?;
            }
            if Instant::now() >= give_up {
                // One that takes longer ends as it was asked to, only later.
                return Ok(());
            }
            tokio::time::sleep(STOP_LOOK).await;
        }
    }
}
