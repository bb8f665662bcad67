//! The arguments of `dragoman migrate`, and their help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ConfigFlags;

pub(super) const MIGRATE_EXAMPLES: &str = "\
The way: plan, copy --mirror, check, switch; then finish, or rollback. Every step can be killed and
typed again: it goes on where it stopped, and does nothing twice. Steps run in the server where one
serves from this database, else in this process.

Exit codes: 0 done, or everything the same; 1 done with exceptions, or something is different;
2 wrong usage; 5 failed for now, the same command goes on; 6 failed until something is changed.

Examples:
  dragoman migrate plan --from sunshine --to convore --roster users.txt
      What would be copied, how long it takes and what does not fit. Writes nothing.
  dragoman migrate status
      All migrations and how far they are.";

pub(super) const PLAN_EXAMPLES: &str = "\
Exit codes: 0 everything fits, 1 not all of it, 2 wrong usage, 5 failed for now, 6 failed.

Examples:
  dragoman migrate plan --from sunshine --to convore --tenant acme --roster users.txt
      The conversations of the users in users.txt, one user per line.
  dragoman migrate plan --from store --to chatter --updated-after 2026-01-01T00:00:00Z --json
      What changed since the new year, as JSON.";

pub(super) const COPY_EXAMPLES: &str = "\
Exit codes: 0 all copied, 1 with exceptions that stay, 2 wrong usage, 5 failed for now (some of them may
pass, another process copies, or it was stopped), 6 failed. The first exceptions are named.

Examples:
  dragoman migrate copy mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --mirror
      Copies, and from now on copies what is written meanwhile too. Nothing is switched.
  dragoman migrate copy mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Again later: copies only what changed since.";

pub(super) const CHECK_EXAMPLES: &str = "\
One line for each conversation: = the same, - only at the source, + only at the target,
* different, ! could not be compared. Lines below it name the messages.

Exit codes: 0 everything the same, 1 something is not, 2 wrong usage, 5 something could not be
compared for now, 6 something cannot be compared.

Examples:
  dragoman migrate check mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Reads both sides whole and compares every message.
  dragoman migrate check mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --quiet-same --report check.json
      Shows only what is not the same, and writes a report with every exception.";

pub(super) const SWITCH_EXAMPLES: &str = "\
Exit codes: 0 all switched, 1 with exceptions, 2 wrong usage, 5 failed for now, 6 failed.

Examples:
  dragoman migrate switch mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Conversations live at the target from now on; new ones too. Callers notice nothing.
  dragoman migrate switch mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --max-mismatches 3
      Although up to 3 of the reads that were compared while mirroring differed.";

pub(super) const ROLLBACK_EXAMPLES: &str = "\
Exit codes: 0 all back, 1 with exceptions, 2 wrong usage, 5 failed for now, 6 failed.

Examples:
  dragoman migrate rollback mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Conversations live at the source again, with what was written since the switch.
  dragoman migrate rollback mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --no-wait
      Begins, and leaves the rest to the server; `migrate status` shows how it goes.";

pub(super) const PAUSE_EXAMPLES: &str = "\
Examples:
  dragoman migrate pause mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Stops copying for now; `migrate copy` goes on.
  dragoman migrate pause mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --json
      The same, and shows the migration as JSON.";

pub(super) const CANCEL_EXAMPLES: &str = "\
Examples:
  dragoman migrate cancel mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Gives it up before its switch. Copies stay at the target; nobody sees them.
  dragoman migrate cancel mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --json
      The same, and shows the migration as JSON.";

pub(super) const FINISH_EXAMPLES: &str = "\
Examples:
  dragoman migrate finish mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Once the configuration leads new conversations to the target: the source is left alone.
  dragoman migrate finish mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --json
      The same, and shows the migration as JSON.";

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  dragoman migrate status
      All migrations, newest first.
  dragoman migrate status mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --wait
      One of them; waits until what runs has ended.";

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  dragoman migrate report mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00
      Everything that is known of it as JSON: every exception by name, with what to do.
  dragoman migrate report mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00 --out report.json
      Into a file.";

/// Which gateway is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerFlags {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// A gateway elsewhere; its key stands in the variable `DRAGOMAN_KEY`
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// What is logged where this process does the work [default: warn]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Say what would be copied; writes nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanFlags),
    /// Copy, or go on copying
    #[command(after_help = COPY_EXAMPLES)]
    Copy(CopyFlags),
    /// Compare both sides, message by message
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckFlags),
    /// Let the conversations live at the target
    #[command(after_help = SWITCH_EXAMPLES)]
    Switch(SwitchFlags),
    /// Let them live at the source again
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(JobFlags),
    /// Stop copying for now
    #[command(after_help = PAUSE_EXAMPLES)]
    Pause(OfMigration),
    /// Give a migration up before its switch
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(OfMigration),
    /// End a migration after its switch: the source is left alone
    #[command(after_help = FINISH_EXAMPLES)]
    Finish(OfMigration),
    /// Show how migrations go
    #[command(visible_alias = "list", after_help = STATUS_EXAMPLES)]
    Status(StatusFlags),
    /// Write everything that is known of a migration as JSON
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportFlags),
}

/// What becomes of a conversation with more messages than the target takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OversizeWord {
    /// It is not copied, and named.
    Refuse,
    /// The newest messages go to the target, the older ones are kept beside it.
    Split,
    /// Only the newest messages are copied, and it is named.
    Recent,
}

#[derive(Debug, Args)]
pub(crate) struct PlanFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The backend that the conversations live on
    #[arg(long, value_name = "NAME")]
    pub(crate) from: String,
    /// The backend that they are copied to
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// Only conversations of this tenant; also the tenant of plain roster lines
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// End users to look for, where the source lists by user: one per line, or JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) roster: Option<PathBuf>,
    /// Only conversations with this label
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Only these conversations, one id per line
    #[arg(long, value_name = "FILE")]
    pub(crate) ids: Option<PathBuf>,
    /// Only what changed at this time or later, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) updated_after: Option<String>,
    /// Only what changed before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) updated_before: Option<String>,
    /// Only conversations in these states, separated by commas
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    pub(crate) status: Vec<String>,
    /// Conversations with more messages than the target takes: refuse, split or recent
    #[arg(
        long,
        value_name = "WORD",
        value_enum,
        default_value = "refuse",
        hide_possible_values = true
    )]
    pub(crate) oversize: OversizeWord,
    /// How many conversations are copied at once
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub(crate) parallel: u32,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command on one migration.
#[derive(Debug, Args)]
pub(crate) struct OfMigration {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The migration's id, as `plan` printed it, or `latest`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command that begins a job.
#[derive(Debug, Args)]
pub(crate) struct JobFlags {
    #[command(flatten)]
    pub(crate) of: OfMigration,
    /// Begin it and leave the rest to the server
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CopyFlags {
    #[command(flatten)]
    pub(crate) job: JobFlags,
    /// From now on until the switch, copy what is written at the source as it happens
    #[arg(long)]
    pub(crate) mirror: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckFlags {
    #[command(flatten)]
    pub(crate) job: JobFlags,
    /// Leave out the lines of what is the same
    #[arg(long)]
    pub(crate) quiet_same: bool,
    /// Write a report with every exception, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SwitchFlags {
    #[command(flatten)]
    pub(crate) job: JobFlags,
    /// So many of the reads that were compared while mirroring may have differed
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) max_mismatches: u64,
}

#[derive(Debug, Args)]
pub(crate) struct StatusFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// One migration, or `latest` [default: all]
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Wait until what runs has ended
    #[arg(long, requires = "id")]
    pub(crate) wait: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The migration's id, or `latest`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
