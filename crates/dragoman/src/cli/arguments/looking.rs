//! The arguments of `dragoman backends` and `dragoman doctor`.

use clap::{Args, Subcommand};

use super::{ConfigFlags, Listing, ServeFlags};

pub(crate) const BACKENDS_EXAMPLES: &str = "\
Examples:
  dragoman backends
      The backends of the configuration as a table.
  dragoman backends test
      Whether each can be reached and takes our credential, and what to do where it does not.";

const TEST_EXAMPLES: &str = "\
Exit codes: 0 all work, 3 one does not.

Examples:
  dragoman backends test
      Every backend: name, connection, TLS, an answer, and one harmless call with its credential.
  dragoman backends test support --config config/two-vendors.toml --json
      One of another file, as JSON.";

pub(crate) const DOCTOR_EXAMPLES: &str = "\
Exit codes: 0 nothing is wrong, 1 warnings under --strict, 3 something does not work.

Examples:
  dragoman doctor
      Configuration, database, disk, limits, address, keys, and every vendor, each with what to do.
  dragoman doctor --strict --json
      For a script: warnings count too, the findings as JSON.";

/// What `backends` can be told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BackendsFlags {
    #[command(subcommand)]
    pub(crate) command: Option<BackendsCommand>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackendsCommand {
    /// Say whether each backend works, and what to do where it does not
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestFlags),
}

#[derive(Debug, Args)]
pub(crate) struct TestFlags {
    /// Only this backend
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorFlags {
    #[command(flatten)]
    pub(crate) source: ServeFlags,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Fail for warnings too
    #[arg(long)]
    pub(crate) strict: bool,
}
