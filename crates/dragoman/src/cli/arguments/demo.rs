//! The arguments of `dragoman demo`.

use std::net::SocketAddr;

use clap::Args;

pub(crate) const DEMO_EXAMPLES: &str = "\
Needs no account, no network and no file; what it makes is deleted when it ends.

Examples:
  dragoman demo
      Shows a conversation on its way, then stays up until Ctrl-C, with commands to try.
  dragoman demo --once
      Ends after the tour: exit code 0, or 1 where a step failed.";

/// What the demonstration can be told.
#[derive(Debug, Args)]
pub(crate) struct DemoFlags {
    /// End after the tour
    #[arg(long)]
    pub(crate) once: bool,
    /// Address and port of the gateway; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
}
