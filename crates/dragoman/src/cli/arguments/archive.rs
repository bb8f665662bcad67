//! The arguments of `dragoman export`, `import`, `verify` and `erase`, and their help texts.

use std::path::PathBuf;

use clap::Args;

use super::migrate::ServerFlags;

pub(super) const EXPORT_EXAMPLES: &str = "\
Killed or stopped, the same command goes on behind what is complete in the folder, which it verifies
first.

Exit codes: 0 done, 1 done with exceptions, 2 wrong usage, 5 failed for now, 6 failed.

Examples:
  dragoman export --out archive
      Every conversation of every backend, with messages and attachments.
  dragoman export --out archive-of-acme --backend convore --tenant acme
      Those of one tenant that live at one backend.";

pub(super) const IMPORT_EXAMPLES: &str = "\
Conversations keep their ids. What is there already is not written again: the same command goes on
where it stopped.

Exit codes: 0 done, 1 done with exceptions, 2 wrong usage, 5 failed for now, 6 failed.

Examples:
  dragoman import archive --to store
      Everything in the folder, each conversation to its own tenant.
  dragoman import archive --to chatter --tenant acme
      Everything in the folder, all of it to the tenant `acme`.";

pub(super) const VERIFY_EXAMPLES: &str = "\
Exit codes: 0 intact, 1 something is not, 2 wrong usage, 6 it cannot be read.

Examples:
  dragoman verify archive
      Reads every byte of the folder and compares it with its digests. Needs no gateway.
  dragoman verify archive --json
      As JSON, with the root digest over all conversations.";

pub(super) const ERASE_EXAMPLES: &str = "\
Exit codes: 0 erased, 1 done with exceptions, 2 wrong usage, 5 failed for now, 6 failed.

Examples:
  dragoman erase --tenant acme --user user-42
      Asks, then deletes what user-42 wrote and owns, here and at the vendors. No way back.
  dragoman erase --tenant acme --user user-42 --yes --receipt receipt.json
      Without asking; keeps the receipt, which names what a vendor still holds.";

#[derive(Debug, Args)]
pub(crate) struct ExportFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The folder of the archive, made where it is absent
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Only conversations that live at this backend
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// Only conversations of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Only conversations with this label
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The folder of the archive
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The backend that the conversations come to
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// The tenant that they come to [default: their own]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyFlags {
    /// The folder of the archive
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The root digest that `export` printed, noted elsewhere: shows that it is the same archive
    #[arg(long, value_name = "DIGEST")]
    pub(crate) root: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EraseFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The tenant of the person
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: String,
    /// The person, as keys and the Dragoman-User header name them
    #[arg(long, value_name = "USER")]
    pub(crate) user: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Write the receipt to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
