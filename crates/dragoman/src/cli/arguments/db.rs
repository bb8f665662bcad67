//! What the `db` commands can be told.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigFlags;

pub(super) const DB_EXAMPLES: &str = "\
Examples:
  dragoman db status
      Which engine, which version of the schema, and how large; changes nothing.
  dragoman db copy --to postgres://dragoman@db.example/dragoman?sslmode=verify-full
      Copies a SQLite database into a new PostgreSQL database, and compares both.";

const STATUS_EXAMPLES: &str = "\
Examples:
  dragoman db status
      The database of ./dragoman.toml, or the default one.
  dragoman db status --config /etc/dragoman/dragoman.toml --json
      As JSON; `up_to_date` says whether `db migrate` has something to do.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  dragoman db migrate
      Brings the schema up to date before the first gateway of a new version starts, which does
      the same by itself.
  dragoman db migrate --config /etc/dragoman/dragoman.toml
      With another file.";

const BACKUP_EXAMPLES: &str = "\
Examples:
  dragoman db backup /var/backups/dragoman-2026-11-22.db
      Writes all into a new SQLite file, beside gateways that go on serving.
  dragoman db backup /tmp/trial/dragoman.db && dragoman serve --data-dir /tmp/trial
      A trial on a copy; without the sealing key, stored credentials cannot be opened there.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  dragoman db verify
      Looks through the whole database; exit code 3 where something is wrong.
  dragoman db verify --json
      What was found, as JSON.";

const COPY_EXAMPLES: &str = "\
Stop all gateways first. What was cut off goes on when the command is run again; no gateway serves
from a copy that is not finished. The sealing key stays the same: set `store.sealing_key` to what
is in `sealing.key` of the data directory.

Examples:
  dragoman db copy --to postgres://dragoman@127.0.0.1/dragoman
      From the configured SQLite database into an empty PostgreSQL database.
  DRAGOMAN_COPY_TO=\"$(cat /run/secrets/address)\" dragoman db copy
      An address with a password stays out of the list of processes.";

/// The `db` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Say which engine and schema the database has; changes nothing
    #[command(after_help = STATUS_EXAMPLES)]
    Status(DbFlags),
    /// Bring the schema up to date
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(DbFlags),
    /// Write everything into a new SQLite file
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupFlags),
    /// Look through the whole database for what should not be
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(DbFlags),
    /// Copy everything into a new PostgreSQL database and compare both
    #[command(after_help = COPY_EXAMPLES)]
    Copy(CopyFlags),
}

/// What they all can be told.
#[derive(Debug, Args)]
pub(crate) struct DbFlags {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `backup` can be told.
#[derive(Debug, Args)]
pub(crate) struct BackupFlags {
    /// The file; it must not be there yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) db: DbFlags,
}

/// What `copy` can be told.
#[derive(Debug, Args)]
pub(crate) struct CopyFlags {
    /// The address of an empty PostgreSQL database, `postgres://…`
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "DRAGOMAN_COPY_TO",
        hide_env_values = true
    )]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) db: DbFlags,
}
