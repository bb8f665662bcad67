//! How far a command has come: a bar on a terminal, else a line of JSON every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::print;
use crate::failure::Failure;

/// How often a line of JSON is written.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How often the bar's clock moves by itself.
const BAR_TICK: Duration = Duration::from_millis(250);

/// Where lines of JSON go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// To standard output, where nothing else must be read by a program.
    Out,
    /// To standard error: standard output belongs to one JSON document.
    Error,
}

/// How far a command has come.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    lines: Lines,
    next_line: Instant,
}

impl Progress {
    /// Nothing is shown yet.
    pub(super) fn new(lines: Lines) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length().with_style(style(false));
            bar.enable_steady_tick(BAR_TICK);
            bar
        });
        Self {
            bar,
            lines,
            next_line: Instant::now() + LINE_INTERVAL,
        }
    }

    /// Shows that `done` of `total` are done; a total of 0 is not known yet. `line` is what a program is told.
    pub(super) fn show(
        &mut self,
        done: u64,
        total: u64,
        message: &str,
        line: impl FnOnce() -> serde_json::Value,
    ) -> Result<(), Failure> {
        if let Some(bar) = &self.bar {
            if total > 0 && bar.length() != Some(total) {
                bar.set_style(style(true));
                bar.set_length(total);
            }
            bar.set_position(done);
            bar.set_message(message.to_owned());
            return Ok(());
        }
        if Instant::now() < self.next_line {
            return Ok(());
        }
        self.next_line = Instant::now() + LINE_INTERVAL;
        let text = json_line(&line())?;
        match self.lines {
            Lines::Out => print::out(&text)?,
            Lines::Error => print::error(&text),
        }
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// One line of JSON.
pub(super) fn json_line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(|text| text + "\n")
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "[{elapsed_precise}] {bar:30} {pos}/{len} {msg}"
    } else {
        "[{elapsed_precise}] {pos} {msg}"
    };
    // The templates are ours: a test holds that they can be read.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_can_be_read() {
        for has_total in [true, false] {
            let bar = ProgressBar::new(4).with_style(style(has_total));
            bar.set_position(1);
            bar.set_message("messages");
        }
        assert!(
            ProgressStyle::with_template("[{elapsed_precise}] {bar:30} {pos}/{len} {msg}").is_ok()
        );
        assert!(ProgressStyle::with_template("[{elapsed_precise}] {pos} {msg}").is_ok());
    }
}
