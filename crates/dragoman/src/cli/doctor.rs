//! `dragoman doctor`: the findings as a list for people, or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use super::arguments::DoctorFlags;
use super::{listings, print};
use crate::doctor::{self, Finding, Verdict};
use crate::failure::Failure;

/// Exit code where something does not work.
const FAILED: u8 = 3;
/// Exit code of `--strict` where something is worth a look.
const WARNED: u8 = 1;

/// Looks at everything and says what was found.
pub(super) fn run(
    flags: &DoctorFlags,
    variables: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    let findings = doctor::examine(&flags.source.to_flags(), variables)?;
    let text = if flags.json {
        listings::to_json(&findings)?
    } else {
        told(&findings)
    };
    print::out(&text)?;
    Ok(exit_code(&findings, flags.strict))
}

fn exit_code(findings: &[Finding], strict: bool) -> ExitCode {
    match findings.iter().map(|finding| finding.result).max() {
        Some(Verdict::Failure) => ExitCode::from(FAILED),
        Some(Verdict::Warning) if strict => ExitCode::from(WARNED),
        _ => ExitCode::SUCCESS,
    }
}

fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.result {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failure => "FAILURE",
        };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{word:<8} {}: {}", finding.id, finding.found);
        if let Some(fix) = &finding.fix {
            let _ = writeln!(text, "{:<8} fix: {fix}", "");
        }
    }
    let count = |verdict| {
        let of = findings.iter().filter(|finding| finding.result == verdict);
        of.count()
    };
    let _ = writeln!(
        text,
        "{} looked at, {} failures, {} warnings",
        findings.len(),
        count(Verdict::Failure),
        count(Verdict::Warning)
    );
    text
}
