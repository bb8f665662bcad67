//! Migrations for people: plans, what a job did, lists.

use std::fmt::Write as _;

use backend::Fate;
use backend::ports::{ItemState, Phase};
use migration::{EstimateBasis, Job, JobKind, Plan, Status};

use crate::cli::listings;
use crate::cli::shown::{bytes, count, duration, thousands};

/// A plan, and the command to type next.
pub(super) fn plan(status: &Status) -> String {
    let spec = &status.record.spec;
    let id = status.record.id;
    let mut text = String::new();
    let Some(plan) = &status.plan else {
        return one(status);
    };
    let _ = writeln!(text, "\nFrom {} to {}", spec.from, spec.to);
    let _ = writeln!(
        text,
        "  {}, {}, {} of text, {}{}",
        count(plan.conversations, "conversation"),
        count(plan.messages, "message"),
        bytes(plan.text_bytes),
        count(plan.attachments, "attachment"),
        match plan.linked_files {
            0 => String::new(),
            files => format!(", {} by address", count(files, "file")),
        }
    );
    if !plan.is_complete {
        text.push_str(
            "  incomplete: the source could not be listed to its end, there may be more\n",
        );
    }
    text.push_str(&estimate(plan));
    text.push_str(&fates(plan, &spec.to));
    if plan.unfit > 0 {
        let _ = writeln!(
            text,
            "\nDoes not fit: {}; `dragoman migrate report {id}` names each",
            count(plan.unfit, "conversation")
        );
    }
    if !plan.notices.is_empty() {
        text.push_str("\nTo know before copying\n");
        for notice in &plan.notices {
            let _ = writeln!(text, "  - {notice}");
        }
    }
    let _ = writeln!(
        text,
        "\nplan {id}\nnext: dragoman migrate copy {id} --mirror"
    );
    text
}

fn estimate(plan: &Plan) -> String {
    let estimate = &plan.estimate;
    let limit = match (estimate.requests_per_minute, estimate.basis) {
        (Some(limit), EstimateBasis::Configured) => {
            format!(" at {} a minute, as configured", count(limit, "request"))
        }
        (Some(limit), EstimateBasis::Documented) => {
            format!(
                " at {} a minute, as the vendor documents",
                count(limit, "request")
            )
        }
        (Some(limit), EstimateBasis::Measured) => {
            format!(" at {} a minute, as measured", count(limit, "request"))
        }
        (None, _) => ", as measured".to_owned(),
    };
    format!(
        "  about {}: {} to the target{limit}\n",
        duration(estimate.seconds),
        count(estimate.target_requests, "request"),
    )
}

fn fates(plan: &Plan, to: &str) -> String {
    if plan.fates.is_empty() {
        return format!("\nEvery field is held by {to} as it is\n");
    }
    let mut table = listings::table(&["of", "field", "becomes", "times", "why"]);
    for fate in &plan.fates {
        table.add_row([
            &*fate.of,
            &*fate.pointer,
            match fate.fate {
                Fate::Exact => "exact",
                Fate::Overlay => "kept beside it",
                Fate::Converted => "converted",
                Fate::Rejected => "not held",
            },
            &thousands(fate.count),
            &*fate.detail,
        ]);
    }
    let table = table.trim_fmt();
    let lines: String = table
        .lines()
        .map(|line| format!("  {}\n", line.trim_end()))
        .collect();
    format!("\nWhat {to} does not hold as it is (reads show all of it as before)\n{lines}")
}

/// What a job did, and the command to type next.
pub(super) fn ended(kind: JobKind, status: &Status) -> String {
    let id = status.record.id;
    let mut text = one(status);
    let next = match (kind, status.record.phase) {
        (JobKind::Copy, Phase::Copied) => format!("dragoman migrate check {id}"),
        (JobKind::Switch, Phase::Switched) => format!(
            "dragoman migrate finish {id} once your configuration leads new conversations to {}; \
             dragoman migrate rollback {id} goes back",
            status.record.spec.to
        ),
        _ => return text,
    };
    let _ = writeln!(text, "next: {next}");
    text
}

/// The summary of a check, and the command to type next.
pub(super) fn checked(status: &Status) -> String {
    let id = status.record.id;
    let Some(check) = &status.check else {
        return one(status);
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\n= {} same, - {} missing, + {} extra, * {} different, ! {} failed; {} compared",
        thousands(check.same),
        thousands(check.missing),
        thousands(check.extra),
        thousands(check.different),
        thousands(check.failed),
        count(check.messages, "message"),
    );
    if check.left_out > 0 {
        let _ = writeln!(
            text,
            "not compared: {}, left out by the plan or deleted since",
            count(check.left_out, "conversation")
        );
    }
    if !check.is_complete {
        text.push_str(
            "incomplete: a side could not be listed to its end, what is missing may be there\n",
        );
    }
    let _ = writeln!(
        text,
        "source {}\ntarget {}",
        check.source_root, check.target_root
    );
    let exceptions = check.missing + check.extra + check.different + check.failed;
    let next = match status.record.phase {
        _ if exceptions > 0 || !check.is_complete => format!("dragoman migrate report {id}"),
        Phase::Copied => format!("dragoman migrate switch {id}"),
        _ => return text,
    };
    let _ = writeln!(text, "next: {next}");
    text
}

/// One migration.
pub(super) fn one(status: &Status) -> String {
    let record = &status.record;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} from {} to {}{}",
        record.id,
        record.phase.as_str().replace('_', " "),
        record.spec.from,
        record.spec.to,
        if record.mirror { ", mirrored" } else { "" },
    );
    for (state, conversations, messages) in by_state(status) {
        let _ = writeln!(
            text,
            "  {} {}, {}",
            state.as_str(),
            count(conversations, "conversation"),
            count(messages, "message")
        );
    }
    if let Some(job) = &status.job {
        let _ = writeln!(text, "  {}", running(job));
    }
    if let (None, Some(last)) = (&status.job, &status.last) {
        let at = &last.progress;
        let _ = writeln!(
            text,
            "  last: {}, {} read, {} written, {} failed",
            super::waiting::word(last.kind),
            count(at.messages, "message"),
            thousands(at.written),
            thousands(at.failed),
        );
    }
    if let Some(drain) = &status.drain {
        let _ = writeln!(
            text,
            "  carried over since the switch: {}, {}, {} failed; looked at {}",
            count(drain.messages, "message"),
            count(drain.conversations, "new conversation"),
            thousands(drain.failed),
            drain.at
        );
    }
    if let Some(holder) = &record.holder {
        let _ = writeln!(text, "  held by {holder}");
    }
    if let Some(check) = &status.check {
        let _ = writeln!(
            text,
            "  checked {}: {} same, {} missing, {} extra, {} different, {} failed",
            check.at, check.same, check.missing, check.extra, check.different, check.failed
        );
    }
    if let Some(shadow) = &status.shadow {
        let _ = writeln!(
            text,
            "  reads compared while mirroring: {}, {} differed, {} failed",
            shadow.compared, shadow.mismatched, shadow.failed
        );
    }
    if let Some(why) = &record.stopped {
        let _ = writeln!(text, "  stopped: {why}");
    }
    text
}

fn running(job: &Job) -> String {
    let at = &job.progress;
    let mut text = format!(
        "{} since {}: {} of {}, {} read, {} written",
        super::waiting::word(job.kind),
        job.since,
        thousands(at.conversations),
        count(at.conversations_total, "conversation"),
        count(at.messages, "message"),
        thousands(at.written),
    );
    if let Some(left) = at.seconds_left {
        let _ = write!(text, ", {} left", duration(left));
    }
    if let Some(until) = at.waits_until {
        let _ = write!(text, ", waits for the vendor until {until}");
    }
    text
}

/// Conversations and messages of each state that has any.
fn by_state(status: &Status) -> Vec<(ItemState, u64, u64)> {
    ItemState::ALL
        .into_iter()
        .map(|state| {
            let of_state = || status.items.iter().filter(|tally| tally.state == state);
            let conversations = of_state().map(|tally| tally.conversations).sum();
            let messages = of_state().map(|tally| tally.messages).sum();
            (state, conversations, messages)
        })
        .filter(|(_, conversations, _)| *conversations > 0)
        .collect()
}

/// All migrations.
pub(super) fn all(statuses: &[Status]) -> String {
    if statuses.is_empty() {
        return "there are no migrations; `dragoman migrate plan --help` shows how to begin\n"
            .to_owned();
    }
    let mut table = listings::table(&[
        "id",
        "from",
        "to",
        "phase",
        "conversations",
        "now",
        "planned",
    ]);
    for status in statuses {
        let record = &status.record;
        let conversations: u64 = status.items.iter().map(|tally| tally.conversations).sum();
        let now = status.job.as_ref();
        let now = now.map_or("", |job| super::waiting::word(job.kind));
        table.add_row([
            &*record.id.to_string(),
            &*record.spec.from,
            &*record.spec.to,
            record.phase.as_str(),
            &thousands(conversations),
            now,
            &record.created_at.to_string(),
        ]);
    }
    table.trim_fmt() + "\n"
}
