//! What was tried, and how it ended: printed for whoever reads the log of the tests.
#![expect(clippy::print_stdout, reason = "this is a test's own report")]

use std::collections::BTreeMap;

use tokio::task::JoinError;

/// How one cell ended: the failure's words where it failed.
type Outcome = Result<(), String>;

/// Cells by row and column, in the order in which they came.
#[derive(Default)]
pub(crate) struct Table {
    title: &'static str,
    rows: Vec<String>,
    columns: Vec<String>,
    cells: BTreeMap<(String, String), Outcome>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(title: &'static str) -> Self {
        Self {
            title,
            ..Self::default()
        }
    }

    /// Notes how one cell ended.
    pub(crate) fn note(&mut self, row: &str, column: &str, outcome: Outcome) {
        for (known, name) in [(&mut self.rows, row), (&mut self.columns, column)] {
            if !known.iter().any(|one| one == name) {
                known.push(name.to_owned());
            }
        }
        self.cells
            .insert((row.to_owned(), column.to_owned()), outcome);
    }

    /// Prints all cells; the failures. A cell that nobody filled is one.
    pub(crate) fn print(&self) -> Vec<String> {
        println!("\n| {} | {} |", self.title, self.columns.join(" | "));
        println!("|---|{}", "---|".repeat(self.columns.len()));
        let mut failures = Vec::new();
        for row in &self.rows {
            let mut line = Vec::new();
            for column in &self.columns {
                let cell = self.cells.get(&(row.clone(), column.clone()));
                let failure = match cell {
                    Some(Ok(())) => None,
                    Some(Err(words)) => Some(words.as_str()),
                    None => Some("it was not tried"),
                };
                line.push(failure.map_or("ok", |_| "FAILED"));
                failures.extend(failure.map(|words| format!("{row}: {column}: {words}")));
            }
            println!("| {row} | {} |", line.join(" | "));
        }
        failures
    }
}

/// The outcome of a task: its panic is a failure.
pub(crate) fn outcome(ended: Result<(), JoinError>) -> Outcome {
    ended.map_err(|error| {
        let Ok(panic) = error.try_into_panic() else {
            return "it was cancelled".to_owned();
        };
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        words.unwrap_or_else(|| "it panicked".to_owned())
    })
}

/// Prints a line of its own.
pub(crate) fn tell(words: &str) {
    println!("{words}");
}
