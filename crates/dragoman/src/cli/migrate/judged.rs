//! What the end of a job means: the exit code of its command.

use backend::ports::{ItemState, Phase};
use migration::{JobKind, Status};

use super::waiting::word;
use crate::cli::ending::Ending;
use crate::cli::shown::count;
use crate::failure::Failure;

/// The exit code's meaning; a job that did not come to its end is a failure. A copy that went through all there is has
/// come to its end: what it left is left for good, unless something of it `may_pass`.
pub(super) fn judge(kind: JobKind, status: &Status, may_pass: bool) -> Result<Ending, Failure> {
    let (record, id) = (&status.record, status.record.id);
    let has_ended = kind == JobKind::Copy && record.phase == Phase::Copied && !may_pass;
    if let Some(why) = record.stopped.as_ref().filter(|_| !has_ended) {
        return Err(Failure::temporary(
            format!("{id}: {why}"),
            format!(
                "once that is settled: dragoman migrate {} {id}",
                again(kind)
            ),
        ));
    }
    if record.phase == Phase::Paused {
        return Err(Failure::left(
            format!("{id} was paused"),
            format!("`dragoman migrate copy {id}` goes on"),
        ));
    }
    if record.phase == Phase::Cancelled {
        return Err(Failure::permanent(
            format!("{id} was cancelled"),
            "plan another migration; what was copied stays at the target and is not copied again",
        ));
    }
    match kind {
        JobKind::Plan => match &status.plan {
            Some(plan) => Ok(Ending::unless(!plan.is_complete || plan.unfit > 0)),
            None => Err(not_done(kind, status)),
        },
        JobKind::Check => check(status),
        JobKind::Copy => {
            let exceptions = left(status, &[ItemState::Failed, ItemState::Skipped]);
            // What was made while it was copied is the mirror's, which is at it.
            let late = match record.mirror {
                true => 0,
                false => left(status, &[ItemState::Pending]),
            };
            Ok(Ending::unless(
                exceptions + late > 0 || record.stopped.is_some(),
            ))
        }
        JobKind::Switch => after(
            kind,
            status,
            Phase::Switched,
            &[
                ItemState::Pending,
                ItemState::Copied,
                ItemState::Failed,
                ItemState::Skipped,
            ],
        ),
        JobKind::Rollback => after(
            kind,
            status,
            Phase::RolledBack,
            &[ItemState::Switched, ItemState::Born, ItemState::Failed],
        ),
    }
}

/// Where a plan stopped, another one is made: it has written nothing.
fn again(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Plan => "status",
        other => word(other),
    }
}

/// A job that leads to a phase, with nothing left in these states.
fn after(
    kind: JobKind,
    status: &Status,
    phase: Phase,
    unwanted: &[ItemState],
) -> Result<Ending, Failure> {
    if status.record.phase != phase {
        return Err(not_done(kind, status));
    }
    Ok(Ending::unless(left(status, unwanted) > 0))
}

fn check(status: &Status) -> Result<Ending, Failure> {
    let Some(check) = &status.check else {
        return Err(not_done(JobKind::Check, status));
    };
    if check.different + check.missing + check.extra > 0 {
        return Ok(Ending::Exceptions);
    }
    if check.failed == 0 && check.is_complete {
        return Ok(Ending::Done);
    }
    let id = status.record.id;
    let message = if check.failed > 0 {
        format!(
            "{} could not be compared",
            count(check.failed, "conversation")
        )
    } else {
        "a side could not be listed to its end".to_owned()
    };
    let help = format!("`dragoman migrate report {id}` says why, and what to do");
    Err(if check.is_temporary {
        Failure::temporary(message, help)
    } else {
        Failure::permanent(message, help)
    })
}

fn not_done(kind: JobKind, status: &Status) -> Failure {
    let (id, phase) = (status.record.id, status.record.phase.as_str());
    Failure::temporary(
        format!(
            "{id}: {} did not come to its end, it is {phase}",
            word(kind)
        ),
        format!("`dragoman migrate status {id}` shows what there is"),
    )
}

fn left(status: &Status, states: &[ItemState]) -> u64 {
    let counted = status.items.iter();
    counted
        .filter(|tally| states.contains(&tally.state))
        .map(|tally| tally.conversations)
        .sum()
}
