//! `dragoman simulate`: a vendor on this machine, for trials and tests, until it is told to stop.

use std::io::Read as _;

use serde::Serialize;
use server::Shutdown;

use super::arguments::SimulateFlags;
use super::print;
use super::serve::{in_runtime, listen};
use super::signals::Signals;
use crate::failure::Failure;
use crate::simulator::{Access, FaultKind, Settings, Simulator};

/// What `--json` prints.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    access: &'a Access,
    seed: u64,
}

/// Runs a simulator until a signal.
pub(super) fn run(flags: &SimulateFlags) -> Result<(), Failure> {
    let settings = settings(flags)?;
    in_runtime(simulate(flags, settings))
}

async fn simulate(flags: &SimulateFlags, settings: Settings) -> Result<(), Failure> {
    let listener = listen(flags.listen).await?;
    let mut signals = Signals::new()
        .map_err(|error| Failure::runtime(format!("signals cannot be received: {error}")))?;
    let seed = settings.seed;
    let simulator = Simulator::start(settings, listener).await?;
    let shutdown = simulator.shutdown().clone();
    if flags.until_stdin_closes {
        stop_at_end_of_input(shutdown.clone());
    }
    tokio::spawn(async move {
        signals.next().await;
        shutdown.begin();
        signals.next().await;
        shutdown.cut();
    });
    let text = match flags.json {
        true => serde_json::to_string(&Line {
            access: &simulator.access,
            seed,
        })
        .map(|line| line + "\n")?,
        false => banner(flags, &simulator.access, seed),
    };
    let printed = print::out(&text);
    if printed.is_err() {
        simulator.shutdown().begin();
    }
    let ended = simulator.end().await;
    printed?;
    ended
}

fn settings(flags: &SimulateFlags) -> Result<Settings, Failure> {
    let vendor = flags.vendor.kind();
    let limit = flags.requests_per_minute.map(|_| FaultKind::TooMany);
    let kinds = flags.faults.iter().map(|fault| fault.kind).chain(limit);
    if let Some(kind) = kinds.into_iter().find(|kind| !kind.is_of(vendor)) {
        let known = FaultKind::ALL.into_iter().filter(|kind| kind.is_of(vendor));
        let known: Vec<&str> = known.map(FaultKind::as_str).collect();
        return Err(Failure::usage(
            format!(
                "{} never answers like this: {}",
                vendor.as_str(),
                kind.as_str()
            ),
            format!("its faults are {}", known.join(", ")),
        ));
    }
    Ok(Settings {
        answers: !flags.no_answers,
        requests_per_minute: flags.requests_per_minute,
        faults: flags.faults.clone(),
        slow: flags.slow(),
        seed: match flags.seed {
            Some(seed) => seed,
            // Told, so that what happened can be had again.
            None => u64::from(getrandom::u32().map_err(Failure::runtime)?),
        },
        ..Settings::new(vendor)
    })
}

/// A thread of its own: nothing else can wait for standard input and be left behind.
fn stop_at_end_of_input(shutdown: Shutdown) {
    std::thread::spawn(move || {
        let mut ignored = [0_u8; 1024];
        let mut input = std::io::stdin().lock();
        // An error is an end too.
        while matches!(input.read(&mut ignored), Ok(read) if read > 0) {}
        shutdown.begin();
    });
}

fn banner(flags: &SimulateFlags, access: &Access, seed: u64) -> String {
    let mut text = format!("\n  Simulator of {}\n", access.vendor);
    let mut line = |name: &str, value: &str| {
        text.push_str(&format!("  {name:<11} {value}\n"));
    };
    line("address", &access.base_url);
    line("key", &access.key);
    let own = [
        (
            "key id",
            (access.app_id.is_some()).then_some(&access.key_id),
        ),
        (
            "key secret",
            (access.app_id.is_some()).then_some(&access.secret),
        ),
        ("app id", access.app_id.as_ref()),
        ("channel id", access.channel_id.as_ref()),
        ("signing key", access.signing_key.as_ref()),
    ];
    for (name, value) in own {
        if let Some(value) = value {
            line(name, value);
        }
    }
    if !flags.faults.is_empty() {
        line("seed", &seed.to_string());
    }
    line("try", &access.first_call());
    line("ends", "with Ctrl-C, and deletes what it holds");
    text.push_str("\n  As a backend of the gateway:\n\n");
    for row in access.as_backend().lines() {
        text.push_str(&format!("    {row}\n"));
    }
    text.push('\n');
    text
}
