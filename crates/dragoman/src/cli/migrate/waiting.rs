//! Waiting for a job to end, and telling how far it is.

use std::time::{Duration, Instant};

use backend::ports::{MigrationRecord, Phase};
use conversation::Time;
use migration::{Job, JobKind, Status};
use serde_json::json;

use crate::cli::client::Reached;
use crate::cli::progress::{Lines, Progress};
use crate::cli::shown::duration;
use crate::failure::Failure;

/// The shortest and the longest pause between two looks.
const LOOK_FIRST: Duration = Duration::from_millis(20);
const LOOK_MOST: Duration = Duration::from_secs(1);
/// A job that should run and does not is waited for as long: its server may be starting again.
const IDLE_PATIENCE: Duration = Duration::from_secs(60);

/// What a job is called in commands.
pub(super) fn word(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Plan => "plan",
        JobKind::Copy => "copy",
        JobKind::Check => "check",
        JobKind::Switch => "switch",
        JobKind::Rollback => "rollback",
    }
}

/// Waits until nothing of the migration runs any more, and gives what it is then.
pub(super) async fn until_ended(
    reached: &Reached,
    begun: Status,
    lines: Lines,
) -> Result<Status, Failure> {
    let id = begun.record.id.to_string();
    let mut status = begun;
    let mut progress = Progress::new(lines);
    let mut pause = LOOK_FIRST;
    let mut idle_since: Option<Instant> = None;
    let mut kind = status.job.as_ref().map(|job| job.kind);
    loop {
        match &status.job {
            Some(job) => {
                idle_since = None;
                kind = Some(job.kind);
                show(&mut progress, &status.record, job)?;
            }
            None if !should_run(&status.record) => return Ok(status),
            None => {
                let since = *idle_since.get_or_insert_with(Instant::now);
                if since.elapsed() > IDLE_PATIENCE {
                    return Err(nobody(&status.record));
                }
            }
        }
        tokio::select! {
            biased;
            () = reached.interrupted() => {
                drop(progress);
                return Err(interrupted(reached, &id, kind));
            }
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LOOK_MOST);
        status = reached.api.get(&["migrations", &id]).send().await?;
    }
}

/// Whether its phase says that a job runs, and nothing says that it stopped.
fn should_run(record: &MigrationRecord) -> bool {
    record.stopped.is_none()
        && matches!(
            record.phase,
            Phase::Planning | Phase::Copying | Phase::Switching | Phase::RollingBack
        )
}

fn nobody(record: &MigrationRecord) -> Failure {
    let phase = record.phase.as_str();
    Failure::temporary(
        match &record.holder {
            Some(holder) => format!("{} is {phase} elsewhere, by {holder}", record.id),
            None => format!("{} is {phase}, but nobody works on it", record.id),
        },
        "the server that serves from this database goes on with it, or the same command does",
    )
}

fn interrupted(reached: &Reached, id: &str, kind: Option<JobKind>) -> Failure {
    let word = kind.map_or("status", word);
    if reached.is_own {
        return Failure::left(
            "stopped in good order",
            format!("`dragoman migrate {word} {id}` goes on where it stopped"),
        );
    }
    let pause = match kind {
        Some(JobKind::Copy) => format!(", `dragoman migrate pause {id}` stops it"),
        _ => String::new(),
    };
    Failure::left(
        "detached, the server goes on",
        format!("`dragoman migrate status {id} --wait` shows how{pause}"),
    )
}

fn show(progress: &mut Progress, record: &MigrationRecord, job: &Job) -> Result<(), Failure> {
    let at = &job.progress;
    let mut message = format!(
        "conversations, {} messages, {:.0}/s",
        at.messages, at.messages_per_second
    );
    if at.failed > 0 {
        message.push_str(&format!(", {} failed", at.failed));
    }
    if let Some(left) = at.seconds_left {
        message.push_str(&format!(", {} left", duration(left)));
    }
    if let Some(until) = at.waits_until {
        message.push_str(&format!(", the vendor asked for a pause until {until}"));
    }
    progress.show(at.conversations, at.conversations_total, &message, || {
        json!({
            "at": Time::now(),
            "migration": record.id,
            "job": job.kind,
            "phase": record.phase,
            "since": job.since,
            "progress": at,
        })
    })
}
