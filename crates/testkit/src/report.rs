//! What came out of a run.

use std::fmt;

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The backend keeps the rule.
    Passed,
    /// The rule says nothing about this backend; why.
    Skipped(String),
    /// The backend breaks the rule; how.
    Failed(String),
}

/// What became of every case, in the order of the suite.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The rule of each case, and what became of it.
    pub verdicts: Vec<(&'static str, Verdict)>,
}

impl Report {
    /// The rules that the backend breaks, and how.
    #[must_use]
    pub fn failures(&self) -> Vec<(&'static str, &str)> {
        self.verdicts
            .iter()
            .filter_map(|(rule, verdict)| match verdict {
                Verdict::Failed(why) => Some((*rule, why.as_str())),
                Verdict::Passed | Verdict::Skipped(_) => None,
            })
            .collect()
    }

    /// The rules that say nothing about the backend, and why.
    #[must_use]
    pub fn skips(&self) -> Vec<(&'static str, &str)> {
        self.verdicts
            .iter()
            .filter_map(|(rule, verdict)| match verdict {
                Verdict::Skipped(why) => Some((*rule, why.as_str())),
                Verdict::Passed | Verdict::Failed(_) => None,
            })
            .collect()
    }

    /// How many rules the backend keeps.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.verdicts.len() - self.failures().len() - self.skips().len()
    }
}

impl fmt::Display for Report {
    /// The failures as a table, then a closing line like the one of Rust's own test runner.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.failures();
        for (rule, why) in &failures {
            writeln!(f, "---- {rule}\n{why}\n")?;
        }
        let result = if failures.is_empty() { "ok" } else { "FAILED" };
        let (passed, failed, ignored) = (self.passed(), failures.len(), self.skips().len());
        write!(
            f,
            "test result: {result}. {passed} passed; {failed} failed; {ignored} ignored"
        )
    }
}
