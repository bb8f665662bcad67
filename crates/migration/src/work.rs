//! What each kind of job does, and what the record says when it has ended.

use std::sync::Arc;

use backend::ports::{ItemState, MigrationRecord, Phase};
use backend::{Kind, Result};
use serde::Serialize;

use crate::jobs::{Noted, Why};
use crate::plan::{MEASURED, Measured};
use crate::progress::Counters;
use crate::reasons::{Reason, words};
use crate::records::set_note;
use crate::replicas::{PROGRESS, WISH};
use crate::run::Run;
use crate::service::Service;
use crate::status::{Job, JobKind};
use crate::{check, copy, enumerate, plan, rollback, switch};

/// How a job ended that came to its end.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// How far the migration is by now; absent: as before.
    pub(crate) phase: Option<Phase>,
    /// What is left to do, and how, where something is.
    pub(crate) but: Option<String>,
    /// Notes of the record that it made.
    pub(crate) notes: Vec<(&'static str, serde_json::Value)>,
}

impl Done {
    pub(crate) fn in_phase(phase: Phase) -> Self {
        Self {
            phase: Some(phase),
            ..Self::default()
        }
    }

    fn note(mut self, name: &'static str, value: &impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.notes.push((name, value)),
            Err(error) => {
                tracing::error!(note = name, %error, "a note of a migration could not be written");
            }
        }
        self
    }
}

impl JobKind {
    /// The kind as it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Copy => "copy",
            Self::Check => "check",
            Self::Switch => "switch",
            Self::Rollback => "rollback",
        }
    }

    /// The kind in a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Plan => "the planning",
            Self::Copy => "a copy",
            Self::Check => "a check",
            Self::Switch => "the switch",
            Self::Rollback => "the rollback",
        }
    }
}

/// Does a job.
pub(crate) async fn work(service: &Arc<Service>, run: &Run, kind: JobKind) -> Result<Done> {
    let counters = run.progress.clone().unwrap_or_default();
    match kind {
        JobKind::Plan => {
            let planned = plan::plan(run, &counters).await?;
            Ok(Done::in_phase(Phase::Planned).note("plan", &planned))
        }
        JobKind::Copy => copy_job(run, &counters).await,
        JobKind::Check => {
            let checked = check::check_all(run, &counters).await?;
            Ok(Done::default().note("check", &checked))
        }
        JobKind::Switch => switch::switch_all(service, run, &counters).await,
        JobKind::Rollback => rollback::roll_back(service, run, &counters).await,
    }
}

async fn copy_job(run: &Run, counters: &Counters) -> Result<Done> {
    let began = std::time::Instant::now();
    let but = look_and_copy(run, counters).await?;
    let written = counters.snapshot().written;
    let mut done = Done {
        but,
        ..Done::in_phase(Phase::Copied)
    };
    if written > 0 {
        let measured = Measured {
            messages: written,
            seconds: began.elapsed().as_secs_f64(),
            parallel: Some(run.spec.parallel),
        };
        done = done.note(MEASURED, &measured);
    }
    Ok(done)
}

/// Copies everything that is not at the target as it is at the source; what could not be, in words.
pub(crate) async fn look_and_copy(run: &Run, counters: &Counters) -> Result<Option<String>> {
    copy::copy_all(run, counters).await?;
    if run.stop.is_cancelled() {
        return Err(crate::end::stopped());
    }
    let mut left = Vec::new();
    if is_listing_incomplete(run).await? {
        left.push("the source could not be looked through to its end".to_owned());
    }
    // Those that came meanwhile are pending; who brought them copies them, or the next pass does.
    let failed = count(run, &[ItemState::Failed]).await?;
    if failed > 0 {
        left.push(format!("{failed} conversations could not be copied"));
    }
    let words = "see the findings, then copy again: it goes on with what is left";
    Ok((!left.is_empty()).then(|| format!("{}: {words}", left.join(", and "))))
}

/// Whether the last look through the source did not come to its end.
pub(crate) async fn is_listing_incomplete(run: &Run) -> Result<bool> {
    let findings = run.parts.ledger.findings_of(run.migration, None).await?;
    let word = Reason::ListingIncomplete.as_str();
    Ok(findings.iter().any(|finding| &*finding.reason == word))
}

/// Looks the source through for new conversations, and notes where it could not be; how many were new.
pub(crate) async fn look(run: &Run) -> Result<u64> {
    let seen = enumerate::enumerate(run).await?;
    run.parts
        .ledger
        .replace_findings(run.migration, None, &seen.findings)
        .await?;
    Ok(seen.added)
}

/// How many conversations are in one of these states.
pub(crate) async fn count(run: &Run, states: &[ItemState]) -> Result<u64> {
    let tally = run.parts.ledger.tally(run.migration).await?;
    let those = tally.iter().filter(|tally| states.contains(&tally.state));
    Ok(those.map(|tally| tally.conversations).sum())
}

impl Service {
    /// Notes how a job ended, and what watches the migration from now on.
    pub(crate) async fn note_end(
        self: &Arc<Self>,
        run: &Run,
        job: &Noted,
        worked: Result<Done>,
        why: Option<Why>,
    ) {
        let progress = run.progress.as_ref().map(|counters| counters.snapshot());
        let last = Job {
            kind: job.kind,
            since: job.since,
            progress: progress.unwrap_or_default(),
        };
        tracing::info!(
            migration = %run.migration,
            job = job.kind.word(),
            conversations = last.progress.conversations,
            written = last.progress.written,
            is_done = worked.is_ok(),
            "a migration's job ended"
        );
        let noted = run
            .records
            .edit(run.migration, |record| {
                set_note(record, "last", &last)?;
                end(record, worked, why);
                Ok(())
            })
            .await;
        let watched = match noted {
            // Another replica goes on with it, and with what watches it.
            Ok(_) if self.is_shared() && why == Some(Why::Shutdown) => Ok(()),
            Ok(record) => self.watch(&record).await,
            Err(error) => Err(error),
        };
        if let Err(error) = watched {
            // The job is in the record still: the next start goes on with it.
            tracing::error!(migration = %run.migration, %error, "the end of a migration's job could not be noted");
        }
    }
}

/// What a record says after a job.
fn end(record: &mut MigrationRecord, worked: Result<Done>, why: Option<Why>) {
    record.holder = None;
    let is_interrupted = worked.is_err() && why == Some(Why::Shutdown);
    if !is_interrupted {
        record.notes.remove("job");
        for note in [WISH, PROGRESS] {
            record.notes.remove(note);
        }
    }
    match worked {
        Ok(done) => {
            record.phase = done.phase.unwrap_or(record.phase);
            record.stopped = done.but.map(Into::into);
            for (name, value) in done.notes {
                record.notes.insert(name.to_owned(), value);
            }
        }
        Err(_) if why.is_some() => record.stopped = None,
        Err(error) => {
            let again = if error.is_temporary() || error.kind == Kind::Internal {
                "start it again: it goes on where it stopped"
            } else {
                "remove the cause, then start it again: it goes on where it stopped"
            };
            record.stopped = Some(format!("{}; {again}", words(&error)).into());
        }
    }
    match why {
        Some(Why::Pause) => record.phase = Phase::Paused,
        Some(Why::Cancel) => record.phase = Phase::Cancelled,
        Some(Why::Shutdown) | None => {}
    }
}
