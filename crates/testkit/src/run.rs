//! Running the suite: every case on its own, caught where it panics, reported like Rust's own tests.

use std::any::Any;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::FutureExt;

use crate::bench::Bench;
use crate::case::{Case, Skip};
use crate::{Harness, Report, Verdict, cases};

/// A case that has not ended by then hangs: far beyond what any case takes on a loaded machine.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs every case whose name, `<harness>::<rule>`, contains one of `filters` (all, where there is none), and tells
/// `watch` of each.
pub async fn run(
    harness: &dyn Harness,
    filters: &[String],
    mut watch: impl FnMut(&'static str, &Verdict),
) -> Report {
    let mut report = Report::default();
    for case in selected(harness, filters) {
        let verdict = run_case(harness, case).await;
        watch(case.rule, &verdict);
        report.verdicts.push((case.rule, verdict));
    }
    report
}

/// The cases of a harness whose names contain one of `filters`.
fn selected<'a>(
    harness: &'a dyn Harness,
    filters: &'a [String],
) -> impl Iterator<Item = &'static Case> + 'a {
    cases().filter(move |case| {
        let name = format!("{}::{}", harness.name(), case.rule);
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    })
}

async fn run_case(harness: &dyn Harness, case: &Case) -> Verdict {
    let body = async {
        let bench = Bench::new(harness).await;
        for need in case.needs {
            need.check(&bench.capabilities)?;
        }
        (case.run)(&bench).await
    };
    let outcome = tokio::time::timeout(CASE_TIMEOUT, AssertUnwindSafe(body).catch_unwind()).await;
    match outcome {
        Err(_) => Verdict::Failed(format!(
            "the case did not end within {} s",
            CASE_TIMEOUT.as_secs()
        )),
        Ok(Err(panic)) => Verdict::Failed(words(&*panic)),
        Ok(Ok(Ok(()))) => Verdict::Passed,
        Ok(Ok(Err(Skip {
            reason,
            no_weakness,
        }))) => {
            if harness.no_case_may_be_skipped() && !no_weakness {
                Verdict::Failed(format!(
                    "no case may be skipped here, and this one was: {reason}"
                ))
            } else {
                Verdict::Skipped(reason)
            }
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}

/// Runs the suite on each backend as a test program (`harness = false`) and prints a line for each case.
///
/// `arguments` are those of the program without its name: every word is a filter on the names `<harness>::<rule>`,
/// `--list` prints them. Other options of Rust's own test runner are accepted and change nothing.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = String>, harnesses: &[&dyn Harness]) -> ExitCode {
    let (options, filters): (Vec<String>, Vec<String>) = arguments
        .into_iter()
        .partition(|argument| argument.starts_with('-'));
    let mut out = std::io::stdout();
    let result = if options.iter().any(|option| option == "--list") {
        list(&mut out, harnesses, &filters).map(|()| true)
    } else {
        run_all(&mut out, harnesses, &filters)
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn list(
    out: &mut impl Write,
    harnesses: &[&dyn Harness],
    filters: &[String],
) -> std::io::Result<()> {
    for harness in harnesses {
        for case in selected(*harness, filters) {
            writeln!(out, "{}::{}: test", harness.name(), case.rule)?;
        }
    }
    Ok(())
}

/// True where nothing failed.
fn run_all(
    out: &mut impl Write,
    harnesses: &[&dyn Harness],
    filters: &[String],
) -> std::io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut all_passed = true;
    for harness in harnesses {
        let name = harness.name();
        writeln!(
            out,
            "\nrunning {} tests on {name}",
            selected(*harness, filters).count()
        )?;
        let mut written = Ok(());
        let report = runtime.block_on(run(*harness, filters, |rule, verdict| {
            let line = match verdict {
                Verdict::Passed => writeln!(out, "test {name}::{rule} ... ok"),
                Verdict::Failed(_) => writeln!(out, "test {name}::{rule} ... FAILED"),
                Verdict::Skipped(why) => {
                    writeln!(out, "test {name}::{rule} ... ignored, skipped: {why}")
                }
            };
            if written.is_ok() {
                written = line;
            }
        }));
        written?;
        writeln!(out, "\n{report}\n")?;
        all_passed &= report.failures().is_empty();
    }
    Ok(all_passed)
}
