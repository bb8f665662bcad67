//! The arguments of `dragoman healthcheck`.

use std::path::PathBuf;

use clap::Args;

use crate::config::load::Flags;

pub(crate) const HEALTHCHECK_EXAMPLES: &str = "\
Exit codes: 0 it answers, 1 it does not.

Examples:
  dragoman healthcheck
      Asks /healthz at the address that flags, variables and file name, else at 127.0.0.1:8080.
  dragoman healthcheck --url http://10.0.0.7:8080/readyz
      Asks a server elsewhere, and whether it takes requests.";

/// What `healthcheck` can be told.
#[derive(Debug, Args)]
pub(crate) struct HealthcheckFlags {
    /// What is asked; without a path, /healthz there [default: the local server]
    #[arg(long, value_name = "URL", conflicts_with = "listen")]
    pub(crate) url: Option<String>,
    /// Address and port of the local server, as `serve` was told [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Configuration file [default: ./dragoman.toml if it is there]
    #[arg(long, value_name = "FILE", env = "DRAGOMAN_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
}

impl HealthcheckFlags {
    pub(crate) fn to_flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            listen: self.listen.clone(),
            ..Flags::default()
        }
    }
}
