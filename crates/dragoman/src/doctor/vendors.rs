//! The vendors: each looked at as `dragoman backends test` does, and their clocks against ours.

use super::Finding;
use super::database::Opened;
use crate::config::{BackendKind, Configuration};
use crate::probing::{self, Probing, Scratch};

/// What is found at every vendor.
pub(super) async fn look(configuration: &Configuration, opened: &Opened) -> Vec<Finding> {
    let found = match opened.state() {
        Some(open) => probing::look_at(configuration, open, None).await,
        // The backends' own credentials stand in the configuration.
        None => match Scratch::open(configuration) {
            Ok(scratch) => {
                let found = probing::look_at(configuration, scratch.state(), None).await;
                scratch.close().await.and(found)
            }
            Err(failure) => Err(failure),
        },
    };
    let found = match found {
        Ok(found) => found,
        Err(failure) => {
            let fix = "give this user write permission in the folder for temporary files";
            return vec![Finding::failure("backends", failure.message(), fix)];
        }
    };
    let skew = |name: &str| {
        let mut all = configuration.backends.iter();
        all.find(|config| config.name.as_str() == name)
            .map_or(0, |config| config.clock_skew_seconds)
    };
    let vendors = found
        .iter()
        .filter(|probing| probing.kind != BackendKind::Store.as_str());
    vendors
        .flat_map(|probing| of_one(probing, skew(&probing.name)))
        .collect()
}

fn of_one(probing: &Probing, skew_seconds: u64) -> Vec<Finding> {
    let name = &probing.name;
    let mut findings: Vec<Finding> = probing
        .steps
        .iter()
        .map(|step| {
            let id = format!("backend.{name}.{}", step.step);
            match (step.ok, &probing.fix) {
                (true, _) => Finding::ok(id, step.found.as_str()),
                (false, fix) => Finding::failure(
                    id,
                    step.found.as_str(),
                    fix.as_deref().unwrap_or("look at the vendor's own logs"),
                ),
            }
        })
        .collect();
    if let Some(ahead) = probing.clock_ahead_seconds {
        findings.push(clock(name, ahead, skew_seconds));
    }
    findings
}

/// A clock that is further away than is allowed for makes settling unsure and signed tokens invalid.
fn clock(backend: &str, ahead: i64, allowed: u64) -> Finding {
    let id = format!("backend.{backend}.clock");
    // A `Date` has whole seconds and travels for a while.
    let found = match ahead {
        0 => "the vendor's clock and ours agree".to_owned(),
        1.. => format!("the vendor's clock is {ahead} s ahead of ours"),
        _ => format!(
            "the vendor's clock is {} s behind ours",
            ahead.unsigned_abs()
        ),
    };
    if ahead.unsigned_abs() <= allowed.max(2) {
        return Finding::ok(id, found);
    }
    Finding::failure(
        id,
        format!("{found}, {allowed} s are allowed for"),
        "set this machine's clock by NTP; if the vendor's is wrong, raise `clock_skew_seconds` of this backend",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_may_be_as_far_away_as_is_allowed_for() {
        for (ahead, allowed, verdict) in [
            (0, 5, Verdict::Ok),
            (5, 5, Verdict::Ok),
            (-5, 5, Verdict::Ok),
            (2, 0, Verdict::Ok),
            (6, 5, Verdict::Failure),
            (-600, 5, Verdict::Failure),
        ] {
            let found = clock("support", ahead, allowed);
            assert_eq!(found.result, verdict, "{ahead} s, {allowed} s allowed");
            assert_eq!(found.id, "backend.support.clock");
        }
    }
}
