//! `dragoman backends` and `dragoman backends test`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use super::arguments::{BackendsCommand, BackendsFlags, TestFlags};
use super::{listings, print};
use crate::config::load::load;
use crate::failure::Failure;
use crate::probing::{self, Probing, Scratch};
use crate::state::{self, Use};

/// Exit code where a backend does not work.
const FAILED: u8 = 3;

/// Lists the backends, or tests them.
pub(super) fn run(
    flags: &BackendsFlags,
    variables: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    match &flags.command {
        Some(BackendsCommand::Test(flags)) => test(flags, variables),
        None => listings::backends(&flags.listing, variables).map(|()| ExitCode::SUCCESS),
    }
}

fn test(flags: &TestFlags, variables: &BTreeMap<String, String>) -> Result<ExitCode, Failure> {
    let configuration = load(&flags.source.to_flags(), variables)?.configuration;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    let name = flags.name.as_deref();
    let found = runtime.block_on(async {
        if configuration.store.missing_file().is_none() {
            let open = state::open(&configuration, Use::Beside)?;
            let found = probing::look_at(&configuration, &open, name).await;
            open.close().await?;
            found
        } else {
            let scratch = Scratch::open(&configuration)?;
            let found = probing::look_at(&configuration, scratch.state(), name).await;
            scratch.close().await?;
            found
        }
    })?;
    let text = if flags.json {
        listings::to_json(&found)?
    } else {
        told(&found)
    };
    print::out(&text)?;
    Ok(match found.iter().all(|probing| probing.ok) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(FAILED),
    })
}

fn told(found: &[Probing]) -> String {
    let mut text = String::new();
    for probing in found {
        let address = probing.base_url.as_deref().unwrap_or("embedded");
        let word = if probing.ok { "ok" } else { "FAILURE" };
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{word:<8} {} ({}, {address})",
            probing.name, probing.kind
        );
        for step in &probing.steps {
            let mark = if step.ok { "ok" } else { "FAILURE" };
            let _ = writeln!(
                text,
                "           {:<4} {mark:<8} {:>5} ms  {}",
                step.step, step.milliseconds, step.found
            );
        }
        if let Some(ahead) = probing.clock_ahead_seconds {
            let _ = writeln!(text, "           clock {ahead:+} s from ours");
        }
        if let Some(fix) = &probing.fix {
            let _ = writeln!(text, "         fix: {fix}");
        }
    }
    text
}
