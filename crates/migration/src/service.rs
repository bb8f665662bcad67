//! Migrations as operators use them.

use std::sync::{Arc, OnceLock};

use backend::ports::{
    Finding, Item, ItemQuery, MigrationId, MigrationRecord, MigrationSpec, Phase, Traffic,
};
use backend::{Error, Kind, Result};
use conversation::Time;
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::jobs::{By, Jobs, Noted, Why};
use crate::pace::Paces;
use crate::parts::{Endpoint, Parts};
use crate::phases::Command;
use crate::progress::Counters;
use crate::records::{Records, note};
use crate::run::Run;
use crate::status::{JobKind, Plan, ShadowSummary, Status};
use crate::watches::Watches;
use crate::{plan, specification};

/// How a copy goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CopyOptions {
    /// From now on until the switch, what is written to the conversations at the source is copied as it happens. Once
    /// asked for, it stays.
    pub mirror: bool,
}

/// When a switch is allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchOptions {
    /// So many compared reads may have differed.
    pub max_mismatches: u64,
}

/// Migrations. Cheap to clone; with the last clone goes whatever runs, and the next start goes on with it.
#[derive(Debug, Clone)]
pub struct Migrations(Arc<Owner>);

/// Ends the work with its last user. Whatever works holds the service, so the service cannot.
#[derive(Debug)]
struct Owner(Arc<Service>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop_tending();
        self.0.jobs.abort();
        self.0.watches.abort();
    }
}

/// What jobs and watches share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) parts: Arc<Parts>,
    pub(crate) records: Arc<Records>,
    pub(crate) jobs: Jobs,
    pub(crate) watches: Watches,
    pub(crate) traffic: OnceLock<Arc<dyn Traffic>>,
    /// What looks after this replica's share, where there are others.
    pub(crate) tending: OnceLock<AbortHandle>,
    paces: Arc<Paces>,
}

impl Service {
    /// A migration at work.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where one of its backends is not configured any more.
    pub(crate) fn run(
        &self,
        record: &MigrationRecord,
        progress: Option<Arc<Counters>>,
        stop: CancellationToken,
    ) -> Result<Run> {
        let end = |name: &str| -> Result<Endpoint> {
            self.parts.ends.get(name).ok_or_else(|| {
                Error::new(
                    Kind::Unavailable,
                    format!(
                        "backend `{name}` is not configured any more: configure it and start again"
                    ),
                )
            })
        };
        Ok(Run {
            parts: self.parts.clone(),
            migration: record.id,
            spec: Arc::new(record.spec.clone()),
            from: end(&record.spec.from)?,
            to: end(&record.spec.to)?,
            records: self.records.clone(),
            paces: self.paces.clone(),
            traffic: self.traffic.get().cloned(),
            progress,
            stop,
        })
    }

    /// The record of a migration, and everything that is known of it.
    ///
    /// Memory is read before the record: a job or a watch leaves memory after its end is noted, so what is gone from memory
    /// here is in the record. The other way round, a job that ends in between would be in neither. One that begins in
    /// between is told as well, so that nobody takes a record that it changed for that of an ended one.
    async fn status(&self, id: MigrationId) -> Result<Status> {
        let job = self.jobs.job(id);
        let shadow = self.watches.shadow(id);
        let mut record = self.records.get(id).await?;
        let items = self.parts.ledger.tally(id).await?;
        let shadow = shadow.or_else(|| note::<ShadowSummary>(&record, "shadow"));
        let status = Status {
            job: job
                .or_else(|| self.jobs.job(id))
                .or_else(|| self.job_elsewhere(&record)),
            last: note(&record, "last"),
            items,
            plan: note(&record, "plan"),
            check: note(&record, "check"),
            shadow,
            drain: note(&record, "drain"),
            record: {
                record.notes.clear();
                record
            },
        };
        Ok(status)
    }
}

impl Migrations {
    /// Migrations over `parts`. Nothing runs before [`Migrations::start`].
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let parts = Arc::new(parts);
        let service = Service {
            records: Arc::new(Records::new(parts.ledger.clone(), parts.leases.clone())),
            parts,
            jobs: Jobs::default(),
            watches: Watches::default(),
            traffic: OnceLock::new(),
            tending: OnceLock::new(),
            paces: Arc::default(),
        };
        Self(Arc::new(Owner(Arc::new(service))))
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.0.0
    }

    /// What migrations stand on.
    pub(crate) fn parts(&self) -> &Arc<Parts> {
        &self.service().parts
    }

    /// How fast each backend is asked.
    pub(crate) fn paces(&self) -> &Arc<Paces> {
        &self.service().paces
    }

    /// Follows the router's traffic, and goes on with the jobs that a stop or a crash interrupted: at once, and where there
    /// are other replicas also with those that one of them leaves later, within seconds of the end of its lease.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn start(&self, traffic: Arc<dyn Traffic>) -> Result<()> {
        let service = self.service();
        if service.traffic.set(traffic).is_err() {
            return Err(Error::new(Kind::Internal, "migrations were started twice"));
        }
        if service.is_shared() {
            service.take_up_all().await?;
            service.begin_tending(true);
            return Ok(());
        }
        for record in service.parts.ledger.migrations().await? {
            if let Err(error) = service.go_on(&record).await {
                tracing::warn!(migration = %record.id, %error, "a migration could not go on");
            }
        }
        Ok(())
    }

    /// Knows the router, and goes on with nothing by itself: for a process that does what it is asked and ends.
    ///
    /// # Errors
    /// [`Kind::Internal`] where it was called before, or [`Migrations::start`] was.
    pub fn attach(&self, traffic: Arc<dyn Traffic>) -> Result<()> {
        let service = self.service();
        if service.traffic.set(traffic).is_err() {
            return Err(Error::new(Kind::Internal, "migrations were started twice"));
        }
        if service.is_shared() {
            service.begin_tending(false);
        }
        Ok(())
    }

    /// Ends every job in good order; the next start goes on with them.
    pub async fn stop(&self) {
        let service = self.service();
        service.stop_tending();
        service.watches.stop_all().await;
        service.jobs.stop_all().await;
        // A job that ended by itself meanwhile may have begun a watch.
        service.watches.stop_all().await;
    }

    /// Notes a migration and begins to plan it.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] with a violation for each member that cannot be used.
    pub async fn plan(&self, spec: MigrationSpec) -> Result<Status> {
        self.plan_as(MigrationId::generate(), spec).await
    }

    /// Like [`Migrations::plan`], with an id. A migration that has it already stays as it is.
    ///
    /// # Errors
    /// As [`Migrations::plan`].
    pub async fn plan_as(&self, id: MigrationId, spec: MigrationSpec) -> Result<Status> {
        let service = self.service();
        if service.parts.ledger.migration(id).await?.is_some() {
            return service.status(id).await;
        }
        specification::check(&spec, &service.parts)?;
        let now = Time::now();
        let record = MigrationRecord {
            id,
            spec,
            phase: Phase::Planning,
            mirror: false,
            holder: None,
            stopped: None,
            notes: serde_json::Map::new(),
            created_at: now,
            updated_at: now,
        };
        service.records.insert(record).await?;
        let begun = service
            .begin(id, JobKind::Plan, By::Operator, |_| Ok(()))
            .await;
        match begun {
            // The same call at the same time.
            Err(error) if error.kind == Kind::Conflict => {}
            begun => begun?,
        }
        self.status(id).await
    }

    /// Begins to copy, or goes on where it stopped.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where a job of it runs, with the words who runs it; where the target is no longer what
    /// the plan holds to; or where its phase forbids it.
    pub async fn copy(&self, id: MigrationId, options: CopyOptions) -> Result<Status> {
        let service = self.service();
        if service.claim(id, JobKind::Copy).await? {
            let record = service
                .records
                .edit(id, |record| {
                    record.mirror |= options.mirror;
                    Ok(())
                })
                .await?;
            service.watch(&record).await?;
            return self.status(id).await;
        }
        let record = service.records.get(id).await?;
        Command::Copy.check(&record)?;
        let planned: Plan = note(&record, "plan").ok_or_else(|| {
            Error::new(
                Kind::Conflict,
                "the plan cannot be read any more: plan another migration",
            )
        })?;
        let run = service.run(&record, None, CancellationToken::new())?;
        plan::holds(&planned, &run)?;
        service
            .begin(id, JobKind::Copy, By::Operator, |record| {
                Command::Copy.check(record)?;
                record.phase = Phase::Copying;
                if options.mirror && !record.mirror {
                    record.mirror = true;
                    record.notes.remove("shadow");
                }
                Ok(())
            })
            .await?;
        self.status(id).await
    }

    /// Stops copying for now, and its mirror.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where nothing is being copied.
    pub async fn pause(&self, id: MigrationId) -> Result<Status> {
        let service = self.service();
        let record = service.records.get(id).await?;
        Command::Pause.check(&record)?;
        let runs = service.runs(&record);
        if runs.is_some_and(|kind| kind != JobKind::Copy) || (runs.is_none() && !record.mirror) {
            return Err(Error::new(Kind::Conflict, "nothing is being copied"));
        }
        service.stop_job(id, Why::Pause).await?;
        let record = service
            .records
            .edit(id, |record| {
                Command::Pause.check(record)?;
                record.phase = Phase::Paused;
                Ok(())
            })
            .await;
        match record {
            Ok(record) => service.watch(&record).await?,
            // The job noted it.
            Err(error) if error.kind == Kind::Conflict => {}
            Err(error) => return Err(error),
        }
        self.status(id).await
    }

    /// Gives a migration up before its switch.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where it was switched.
    pub async fn cancel(&self, id: MigrationId) -> Result<Status> {
        let service = self.service();
        Command::Cancel.check(&service.records.get(id).await?)?;
        service.stop_job(id, Why::Cancel).await?;
        let record = service
            .records
            .edit(id, |record| {
                if record.phase != Phase::Cancelled {
                    Command::Cancel.check(record)?;
                    record.phase = Phase::Cancelled;
                    record.stopped = None;
                }
                Ok(())
            })
            .await?;
        service.watch(&record).await?;
        self.status(id).await
    }

    /// Begins to compare both sides.
    ///
    /// # Errors
    /// As [`Migrations::copy`].
    pub async fn check(&self, id: MigrationId) -> Result<Status> {
        let service = self.service();
        if !service.claim(id, JobKind::Check).await? {
            service
                .begin(id, JobKind::Check, By::Operator, |record| {
                    Command::Check.check(record)
                })
                .await?;
        }
        self.status(id).await
    }

    /// Begins to bind conversations to the target.
    ///
    /// # Errors
    /// As [`Migrations::copy`]; also where more compared reads differed than allowed.
    pub async fn switch(&self, id: MigrationId, options: SwitchOptions) -> Result<Status> {
        let service = self.service();
        if !service.claim(id, JobKind::Switch).await? {
            let shadow = self.status(id).await?.shadow.unwrap_or_default();
            service
                .begin(id, JobKind::Switch, By::Operator, |record| {
                    Command::Switch.check(record)?;
                    within_budget(&shadow, options)?;
                    record.phase = Phase::Switching;
                    record.mirror = false;
                    crate::records::set_note(record, "shadow", &shadow)
                })
                .await?;
        }
        self.status(id).await
    }

    /// Begins to bind conversations to the source again, with what was written since.
    ///
    /// # Errors
    /// As [`Migrations::copy`].
    pub async fn rollback(&self, id: MigrationId) -> Result<Status> {
        let service = self.service();
        if !service.claim(id, JobKind::Rollback).await? {
            service
                .begin(id, JobKind::Rollback, By::Operator, |record| {
                    Command::Rollback.check(record)?;
                    record.phase = Phase::RollingBack;
                    Ok(())
                })
                .await?;
        }
        self.status(id).await
    }

    /// Ends draining, and the route override: the operator's file leads new conversations by now.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where it was not switched.
    pub async fn finish(&self, id: MigrationId) -> Result<Status> {
        let service = self.service();
        service.finish(id).await?;
        self.status(id).await
    }

    /// How a migration goes.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn status(&self, id: MigrationId) -> Result<Status> {
        self.service().status(id).await
    }

    /// All migrations, newest first.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn list(&self) -> Result<Vec<Status>> {
        let service = self.service();
        let mut all = Vec::new();
        for record in service.parts.ledger.migrations().await? {
            all.push(service.status(record.id).await?);
        }
        Ok(all)
    }

    /// Its conversations, by id.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn items(&self, id: MigrationId, query: &ItemQuery) -> Result<Vec<Item>> {
        self.service().records.get(id).await?;
        self.parts().ledger.items(id, query).await
    }

    /// What an operator must know of it: every exception, by name, behind the `after`th.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn findings(
        &self,
        id: MigrationId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Finding)>> {
        self.service().records.get(id).await?;
        self.parts().ledger.findings(id, after, limit).await
    }
}

impl Service {
    /// Goes on with a migration as a stop or a crash left it.
    async fn go_on(self: &Arc<Self>, record: &MigrationRecord) -> Result<()> {
        self.watch(record).await?;
        let interrupted = note::<Noted>(record, "job").map(|job| job.kind);
        // What a mirror has missed meanwhile is in no list of its own.
        let is_mirrored = record.mirror && record.phase == Phase::Copied;
        let again = is_mirrored.then_some(JobKind::Copy);
        let Some(kind) = interrupted.or(again) else {
            return Ok(());
        };
        self.begin(record.id, kind, By::Itself, |record| {
            if kind == JobKind::Copy {
                record.phase = Phase::Copying;
            }
            Ok(())
        })
        .await
    }

    async fn finish(self: &Arc<Self>, id: MigrationId) -> Result<()> {
        let held = self.hold(id).await?;
        let finished = async {
            self.records
                .edit(id, |record| Command::Finish.check(record))
                .await?;
            self.parts.ledger.end_override(id).await?;
            let record = self
                .records
                .edit(id, |record| {
                    Command::Finish.check(record)?;
                    record.phase = Phase::Finished;
                    record.stopped = None;
                    Ok(())
                })
                .await?;
            self.watch(&record).await
        };
        let finished = finished.await;
        held.release().await;
        finished
    }
}

/// Refuses where compared reads differed too often.
fn within_budget(shadow: &ShadowSummary, options: SwitchOptions) -> Result<()> {
    if shadow.mismatched <= options.max_mismatches {
        return Ok(());
    }
    Err(Error::new(
        Kind::Conflict,
        format!(
            "{} of {} compared reads differed, and {} may: look at the findings, copy again and check, or allow more with \
             `max_mismatches`",
            shadow.mismatched, shadow.compared, options.max_mismatches
        ),
    ))
}
