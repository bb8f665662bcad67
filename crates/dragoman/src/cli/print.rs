//! The only place that writes to the terminal: results to standard output, the rest beside it.

use std::io::{IsTerminal, Write};

/// Writes to standard output.
///
/// # Errors
/// If it cannot be written, for instance because the reader of a pipe has gone.
pub(crate) fn out(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes to standard error.
pub(crate) fn error(text: &str) {
    let written = std::io::stderr().lock().write_all(text.as_bytes());
    // Where standard error is closed there is nobody left to tell.
    drop(written);
}

/// Whether reports may be in colour: a terminal reads them and `NO_COLOR` is not set.
pub(crate) fn error_in_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}
