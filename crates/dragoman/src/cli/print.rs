//! The only place that writes to the terminal: results to standard output, the rest beside it.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

/// Writes to standard output.
///
/// # Errors
/// If it cannot be written, for instance because the reader of a pipe has gone.
pub(crate) fn out(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let text = match stdout.is_terminal() {
        true => plain(text),
        false => Cow::Borrowed(text),
    };
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// A text without what a terminal would obey: vendors' words and names of files are strangers'.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_order = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    match text.contains(is_order) {
        true => Cow::Owned(text.replace(is_order, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_orders_from_strangers() {
        assert_eq!(
            plain("a\u{1b}]0;b\u{7}\u{9b}\r"),
            "a\u{fffd}]0;b\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(plain("one\n\ttwo ä"), "one\n\ttwo ä");
    }
}
