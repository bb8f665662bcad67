//! `config diff`, `reload`, `history` and `rollback`.

use clap::Args;

use super::ServerFlags;

pub(super) const DIFF_EXAMPLES: &str = "\
Examples:
  dragoman config diff
      Key by key, what the file holds and the gateway does not use; secrets are not shown.
  dragoman config diff --server https://gateway.example --json
      Of a gateway elsewhere, as JSON.";

pub(super) const RELOAD_EXAMPLES: &str = "\
Examples:
  dragoman config reload
      Checked, built and swapped whole; a file that cannot be used changes nothing, exit code 2.
  dragoman config reload --server https://gateway.example
      A gateway elsewhere reads its own file.";

pub(super) const HISTORY_EXAMPLES: &str = "\
Examples:
  dragoman config history
      The newest versions, with when and by whom each came into use, and the keys that it changed.
  dragoman config history --limit 100 --json
      More of them, as JSON.";

pub(super) const ROLLBACK_EXAMPLES: &str = "\
Examples:
  dragoman config rollback 3
      Version 3, as `config history` shows it, is in use again. The file is not written.
  dragoman config rollback 3 --server https://gateway.example
      At a gateway elsewhere.";

/// A question to a gateway that runs.
#[derive(Debug, Args)]
pub(crate) struct OfGateway {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryFlags {
    #[command(flatten)]
    pub(crate) of: OfGateway,
    /// The newest so many, 1 to 200 [default: 20]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackFlags {
    /// The version's number
    #[arg(value_name = "VERSION")]
    pub(crate) version: u64,
    #[command(flatten)]
    pub(crate) of: OfGateway,
}
