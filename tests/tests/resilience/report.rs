//! What was tried, and how it ended: a table for whoever reads the log of the tests.
#![expect(clippy::print_stdout, reason = "this is a test's own report")]

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinError;

use crate::bench::{Bench, Experiment};

/// An experiment that has not ended by then hangs. Far beyond what any takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(900);

/// How one experiment ended.
struct Line {
    number: &'static str,
    name: &'static str,
    seconds: u64,
    /// How many runs it made, or what went wrong.
    result: Result<u64, String>,
}

/// How all of them ended.
#[derive(Default)]
pub(crate) struct Report {
    lines: Mutex<Vec<Line>>,
}

/// Runs one experiment and notes how it ended.
pub(crate) async fn run(experiment: Experiment, bench: Bench, report: Arc<Report>) {
    let began = Instant::now();
    let task = tokio::spawn((experiment.run)(bench));
    let result = match tokio::time::timeout(LIMIT, task).await {
        Ok(ended) => ended.map_err(words),
        Err(_) => Err(format!("it did not end within {} s", LIMIT.as_secs())),
    };
    let line = Line {
        number: experiment.number,
        name: experiment.name,
        seconds: began.elapsed().as_secs(),
        result,
    };
    println!(
        "experiment {}: {} ... {} ({} s)",
        line.number,
        line.name,
        if line.result.is_ok() { "ok" } else { "FAILED" },
        line.seconds
    );
    let mut lines = report.lines.lock().unwrap_or_else(PoisonError::into_inner);
    lines.push(line);
}

/// The words of a panic.
fn words(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "it was cancelled".to_owned();
    };
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    words.unwrap_or_else(|| "it panicked".to_owned())
}

impl Report {
    /// Prints the table, then each failure, in the words of Rust's own test programs.
    pub(crate) fn print(&self, bench: &Bench) -> ExitCode {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |line: &Line| line.number.parse::<u32>().unwrap_or(u32::MAX);
        lines.sort_by_key(number);
        println!("\n| experiment | fault | seed | runs | seconds | result |");
        println!("|---|---|---|---|---|---|");
        for line in &*lines {
            let (runs, result) = match line.result {
                Ok(runs) => (runs.to_string(), "ok"),
                Err(_) => (String::new(), "FAILED"),
            };
            println!(
                "| {} | {} | {} | {runs} | {} | {result} |",
                line.number, line.name, bench.seed, line.seconds
            );
        }
        let failed: Vec<&Line> = lines.iter().filter(|line| line.result.is_err()).collect();
        if !failed.is_empty() {
            println!("\nfailures:");
        }
        for line in &failed {
            let words = line.result.as_ref().err();
            let words = words.map(String::as_str).unwrap_or_default();
            println!("\n---- experiment {}: {}\n{words}", line.number, line.name);
        }
        let passed = lines.len() - failed.len();
        let result = if failed.is_empty() { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {result}. {passed} passed; {} failed",
            failed.len()
        );
        match failed.is_empty() && passed > 0 {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
