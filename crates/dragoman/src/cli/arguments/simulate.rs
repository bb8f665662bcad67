//! The arguments of `dragoman simulate`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::BackendKind;
use crate::simulator::Fault;

pub(crate) const SIMULATE_EXAMPLES: &str = "\
Faults, each as KIND=HOW-OFTEN, where HOW-OFTEN is 0.1 (one in ten by chance) or 1/10 (each tenth):
  429     too many requests; not datamonkey
  423     the conversation is locked; sunshine, for posted messages
  500     an error of the server
  slow    the answer comes --slow-ms later
  cut     carried out, but the answer breaks off in the middle; streams after their first events
  double  the AI's answer is stored twice; chatter

Examples:
  dragoman simulate sunshine
      An app to point an SDK at; prints its address and credentials, and ends with Ctrl-C.
  dragoman simulate chatter --fault cut=0.2 --fault 429=1/10 --seed 7 --json
      For a test: one line of JSON, and the same faults each time.";

/// A vendor that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vendor {
    /// An LLM chat server.
    Chatter,
    /// A science service with an AI chat.
    Datamonkey,
    /// Customer messaging.
    Sunshine,
    /// A mail and chat inbox.
    Convore,
}

impl Vendor {
    pub(crate) fn kind(self) -> BackendKind {
        match self {
            Self::Chatter => BackendKind::Chatter,
            Self::Datamonkey => BackendKind::Datamonkey,
            Self::Sunshine => BackendKind::Sunshine,
            Self::Convore => BackendKind::Convore,
        }
    }
}

/// What a simulator can be told.
#[derive(Debug, Args)]
pub(crate) struct SimulateFlags {
    /// chatter, datamonkey, sunshine or convore
    #[arg(value_name = "VENDOR", value_enum, hide_possible_values = true)]
    pub(crate) vendor: Vendor,
    /// Address and port; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Nobody answers, where otherwise an AI repeats what the user said
    #[arg(long)]
    pub(crate) no_answers: bool,
    /// The most requests in a minute; more are answered with 429. Not datamonkey [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: Option<u32>,
    /// A fault and how often it happens; may be given several times
    #[arg(long = "fault", value_name = "KIND=HOW-OFTEN")]
    pub(crate) faults: Vec<Fault>,
    /// How late an answer of the fault `slow` is, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    pub(crate) slow_ms: u64,
    /// Which requests meet a fault by chance: the same number, the same requests [default: any]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Also end when standard input ends, as it does when the program that started this one is gone
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
    /// Address and credentials as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl SimulateFlags {
    pub(crate) fn slow(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }
}
