//! `dragoman migrate`: plans, copies, checks, switches and rolls back, through the admin API.

mod checked;
mod judged;
mod report;
mod roster;
mod shown;
mod spec;
mod waiting;
mod wanted;

use std::collections::BTreeMap;

use migration::{CopyOptions, JobKind, Status, SwitchOptions};
use serde::Serialize;

use self::judged::judge;
use self::wanted::Wanted;
use super::arguments::{CheckFlags, JobFlags, MigrateCommand, OfMigration, PlanFlags, StatusFlags};
use super::client::{Database, Reached, with_gateway};
use super::ending::Ending;
use super::progress::Lines;
use super::{listings, print};
use crate::failure::Failure;

type Variables = BTreeMap<String, String>;

/// Runs one of the commands.
pub(super) fn run(command: &MigrateCommand, variables: &Variables) -> Result<Ending, Failure> {
    match command {
        MigrateCommand::Plan(flags) => plan(flags, variables),
        MigrateCommand::Copy(flags) => {
            let options = CopyOptions {
                mirror: flags.mirror,
            };
            job(&flags.job, JobKind::Copy, &options, variables)
        }
        MigrateCommand::Check(flags) => check(flags, variables),
        MigrateCommand::Switch(flags) => {
            let options = SwitchOptions {
                max_mismatches: flags.max_mismatches,
            };
            job(&flags.job, JobKind::Switch, &options, variables)
        }
        MigrateCommand::Rollback(flags) => job(flags, JobKind::Rollback, &Nothing {}, variables),
        MigrateCommand::Pause(of) => step(of, "pause", variables),
        MigrateCommand::Cancel(of) => step(of, "cancel", variables),
        MigrateCommand::Finish(of) => step(of, "finish", variables),
        MigrateCommand::Status(flags) => status(flags, variables),
        MigrateCommand::Report(flags) => report::run(flags, variables),
    }
}

/// The body of a step that takes no options.
#[derive(Serialize)]
struct Nothing {}

fn plan(flags: &PlanFlags, variables: &Variables) -> Result<Ending, Failure> {
    // Before anything is opened: a mistake in a file costs nothing.
    let spec = flags.to_spec()?;
    with_gateway(
        &flags.server,
        variables,
        "migrate plan",
        Database::MayBeMade,
        async |reached| {
            let begun: Status = reached
                .api
                .post(&["migrations"])
                .json(&spec)?
                .send()
                .await?;
            let id = begun.record.id;
            if !flags.json {
                print::out(&format!("planning {id}\n"))?;
            }
            let status = waiting::until_ended(reached, begun, lines(flags.json)).await?;
            if flags.json {
                print::out(&listings::to_json(&status)?)?;
            } else {
                print::out(&shown::plan(&status))?;
            }
            judge(JobKind::Plan, &status, false)
        },
    )
}

/// Begins a job and, unless told otherwise, waits for its end.
fn job(
    flags: &JobFlags,
    kind: JobKind,
    options: &impl Serialize,
    variables: &Variables,
) -> Result<Ending, Failure> {
    let wanted: Wanted = flags.of.id.parse()?;
    with_gateway(
        &flags.of.server,
        variables,
        &format!("migrate {}", waiting::word(kind)),
        Database::MustExist,
        async |reached| {
            let Some(status) = done(reached, flags, kind, options, &wanted).await? else {
                return Ok(Ending::Done);
            };
            show(&status, flags.of.json, &shown::ended(kind, &status))?;
            let id = status.record.id.to_string();
            let may_pass =
                status.record.stopped.is_some() && report::may_pass(reached, &id).await?;
            let judged = judge(kind, &status, may_pass);
            if !matches!(judged, Ok(Ending::Done)) {
                let named = checked::first_exceptions(reached, &id).await?;
                // Standard output belongs to one JSON document.
                match flags.of.json {
                    true => print::error(&print::plain(&named)),
                    false => print::out(&named)?,
                }
            }
            judged
        },
    )
}

/// The migration after the job; `None` where nobody waits for that.
async fn done(
    reached: &Reached,
    flags: &JobFlags,
    kind: JobKind,
    options: &impl Serialize,
    wanted: &Wanted,
) -> Result<Option<Status>, Failure> {
    if flags.no_wait && reached.is_own {
        return Err(Failure::usage(
            "--no-wait leaves the rest to a server, and none serves from this database",
            "start `dragoman serve`, or leave --no-wait out",
        ));
    }
    let id = wanted.id(reached).await?;
    let begun = begin(reached, kind, options, &id).await?;
    if flags.no_wait {
        let text = format!(
            "{id}: {} began\nnext: dragoman migrate status {id} --wait\n",
            waiting::word(kind)
        );
        show(&begun, flags.of.json, &text)?;
        return Ok(None);
    }
    let status = waiting::until_ended(reached, begun, lines(flags.of.json)).await?;
    Ok(Some(status))
}

/// Asks for the job. Where another one of the migration runs, its holder is named.
async fn begin(
    reached: &Reached,
    kind: JobKind,
    options: &impl Serialize,
    id: &str,
) -> Result<Status, Failure> {
    let path = ["migrations", id, waiting::word(kind)];
    let asked = reached.api.post(&path).json(options)?.send().await;
    let Err(Failure::Permanent { message, help }) = asked else {
        return asked;
    };
    let now: Status = reached.api.get(&["migrations", id]).send().await?;
    match (&now.record.holder, &now.job) {
        (Some(holder), Some(job)) => Err(Failure::temporary(
            format!(
                "{message} ({} by {holder}, since {})",
                waiting::word(job.kind),
                job.since
            ),
            format!("`dragoman migrate status {id} --wait` waits for its end"),
        )),
        _ => Err(Failure::Permanent { message, help }),
    }
}

fn check(flags: &CheckFlags, variables: &Variables) -> Result<Ending, Failure> {
    let wanted: Wanted = flags.job.of.id.parse()?;
    with_gateway(
        &flags.job.of.server,
        variables,
        "migrate check",
        Database::MustExist,
        async |reached| {
            let done = done(reached, &flags.job, JobKind::Check, &Nothing {}, &wanted).await?;
            let Some(status) = done else {
                return Ok(Ending::Done);
            };
            if let Some(path) = &flags.report {
                report::write(reached, &status.record.id.to_string(), path).await?;
            }
            if flags.job.of.json {
                print::out(&listings::to_json(&status)?)?;
            } else {
                checked::show(reached, &status, flags.quiet_same).await?;
            }
            judge(JobKind::Check, &status, false)
        },
    )
}

/// Something that is done at once.
fn step(of: &OfMigration, word: &str, variables: &Variables) -> Result<Ending, Failure> {
    let wanted: Wanted = of.id.parse()?;
    with_gateway(
        &of.server,
        variables,
        &format!("migrate {word}"),
        Database::MustExist,
        async |reached| {
            let id = wanted.id(reached).await?;
            let path = ["migrations", &id, word];
            let status: Status = reached.api.post(&path).json(&Nothing {})?.send().await?;
            show(&status, of.json, &shown::one(&status))?;
            Ok(Ending::Done)
        },
    )
}

fn status(flags: &StatusFlags, variables: &Variables) -> Result<Ending, Failure> {
    let wanted: Option<Wanted> = flags.id.as_deref().map(str::parse).transpose()?;
    with_gateway(
        &flags.server,
        variables,
        "migrate status",
        Database::MustExist,
        async |reached| {
            let Some(wanted) = wanted else {
                let all = report::migrations(reached).await?;
                if flags.json {
                    print::out(&listings::to_json(&all)?)?;
                } else {
                    print::out(&shown::all(&all))?;
                }
                return Ok(Ending::Done);
            };
            let id = wanted.id(reached).await?;
            let mut status: Status = reached.api.get(&["migrations", &id]).send().await?;
            if flags.wait {
                status = waiting::until_ended(reached, status, lines(flags.json)).await?;
            }
            show(&status, flags.json, &shown::one(&status))?;
            Ok(Ending::Done)
        },
    )
}

/// Prints a migration in one of its two forms.
fn show(status: &Status, json: bool, text: &str) -> Result<(), Failure> {
    if json {
        print::out(&listings::to_json(status)?)?;
    } else {
        print::out(text)?;
    }
    Ok(())
}

/// Lines of progress never stand in the same stream as a JSON document.
fn lines(json: bool) -> Lines {
    if json { Lines::Error } else { Lines::Out }
}
