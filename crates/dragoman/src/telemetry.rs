//! Logs and metrics of the process: who writes them, in which form, and what never gets in.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, TelemetryConfig};

/// Log lines that wait for a slow reader; beyond it lines are dropped, requests are not slowed.
const LOG_LINES_WAITING_MAX: usize = 32 * 1024;

/// Lines that come within this time are written together: one system call for many, and no wake-up of the writing
/// thread for each. A crash of the whole process loses at most so much.
const LOG_BATCH_PAUSE: Duration = Duration::from_millis(10);
/// What is written at once, in bytes.
const LOG_BATCH_BYTES: usize = 64 * 1024;

/// How often the exporter moves its samples into histograms: without it they pile up between two
/// scrapes, for ever where nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Upper bounds of the time histograms, in seconds: from a cached read to a long answer of an AI.
const TIME_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0,
];

/// Libraries that print header fields, bodies or statements in their events. They stay at `warn`
/// whatever the operator asks for, so that no credential reaches a log.
const QUIET_LIBRARIES: [&str; 7] = [
    "h2=warn",
    "hyper=warn",
    "hyper_util=warn",
    "refinery_core=warn",
    "reqwest=warn",
    "rustls=warn",
    "tower=warn",
];

/// The running telemetry. Dropping it writes the log lines that still wait.
#[derive(Debug)]
pub struct Telemetry {
    metrics: PrometheusHandle,
    dropped_lines: ErrorCounter,
    _writer: WorkerGuard,
}

/// The log's end: the writing thread flushes when no line waits, and lets the next ones gather after that.
#[derive(Debug)]
struct BatchedLines<W: Write>(BufWriter<W>);

impl<W: Write> BatchedLines<W> {
    fn new(inner: W) -> Self {
        Self(BufWriter::with_capacity(LOG_BATCH_BYTES, inner))
    }
}

impl<W: Write> Write for BatchedLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        std::thread::sleep(LOG_BATCH_PAUSE);
        Ok(())
    }
}

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level or the directives cannot be read.
    #[error("the log level cannot be used: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in the process logs already.
    #[error("logging cannot be started: {0}")]
    Log(#[from] tracing_subscriber::util::TryInitError),
    /// Something else in the process records metrics already.
    #[error("metrics cannot be started: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Starts logging to standard error and recording metrics, once per process.
///
/// # Errors
/// If the level cannot be read, or if it was started before.
pub fn start(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = filter(&config.log_level)?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_LINES_WAITING_MAX)
        .lossy(true)
        .thread_name("log-writer")
        .finish(BatchedLines::new(std::io::stderr()));
    let dropped_lines = writer.error_counter();
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    if pretty(config.log_format, terminal) {
        builder.with_ansi(terminal).finish().try_init()?;
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init()?;
    }
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &TIME_BUCKETS)?
        .install_recorder()?;
    metrics::gauge!("dragoman_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Telemetry {
        metrics,
        dropped_lines,
        _writer: guard,
    })
}

fn filter(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let mut filter = EnvFilter::builder().parse(level)?;
    for quiet in QUIET_LIBRARIES {
        filter = filter.add_directive(quiet.parse::<Directive>()?);
    }
    Ok(filter)
}

fn pretty(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    }
}

impl Telemetry {
    /// What `/metrics` shows, in the text format of Prometheus.
    pub fn metrics(&self) -> &PrometheusHandle {
        &self.metrics
    }

    /// Keeps the samples of the exporter from piling up, and tells how many log lines a slow
    /// reader has cost, until the runtime ends.
    pub fn keep_up(&self) -> impl Future<Output = ()> + Send + 'static {
        let (metrics, dropped_lines) = (self.metrics.clone(), self.dropped_lines.clone());
        async move {
            let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
            loop {
                interval.tick().await;
                metrics.run_upkeep();
                metrics::counter!("log_lines_dropped_total")
                    .absolute(dropped_lines.dropped_lines() as u64);
            }
        }
    }
}

/// Makes panics say where they happened and nothing else: the message of a panic can hold data of
/// a caller.
pub fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic
            .location()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string);
        if tracing::dispatcher::has_been_set() {
            tracing::error!(panic.location = location, "a task panicked");
        } else {
            crate::cli::print::error(&format!("a task panicked at {location}\n"));
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_print_headers_stay_quiet_at_trace_level() {
        let filter = filter("trace,hyper=trace,h2=trace").unwrap().to_string();
        for quiet in QUIET_LIBRARIES {
            assert!(filter.contains(quiet), "{filter}");
        }
        assert!(!filter.contains("hyper=trace"), "{filter}");
        assert!(!filter.contains("h2=trace"), "{filter}");
    }

    #[test]
    fn auto_is_pretty_on_a_terminal_only() {
        assert!(pretty(LogFormat::Auto, true));
        assert!(!pretty(LogFormat::Auto, false));
        assert!(pretty(LogFormat::Pretty, false));
        assert!(!pretty(LogFormat::Json, true));
    }
}
