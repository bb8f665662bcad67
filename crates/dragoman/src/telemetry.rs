//! Logs, metrics and traces of the process: who writes them, in which form, and what never gets in.

mod collector;
mod described;
mod spans;
mod traces;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Directive;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

pub use self::described::{METRICS, Metric, MetricKind};
use self::traces::Traces;
pub use self::traces::TracesError;
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
    dropped_lines: DroppedLines,
    level: LogLevel,
    // Before the log's end, which it may still need.
    traces: Option<Traces>,
    _writer: WorkerGuard,
}

/// Links the requests of applications to the traces of their callers.
#[derive(Debug, Clone, Copy)]
pub struct Linker {
    /// Whether traces are exported.
    exports: bool,
}

impl Linker {
    /// One that links nothing.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self { exports: false }
    }

    /// The application with its requests linked.
    pub fn linked(self, application: axum::Router) -> axum::Router {
        match self.exports {
            true => traces::linked(application),
            false => application,
        }
    }
}

/// What is logged, changed while the process runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// That of a log that nobody writes.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        let (_layer, handle) = reload::Layer::new(EnvFilter::default());
        Self(handle)
    }

    /// Logs by other directives from now on.
    ///
    /// # Errors
    /// [`TelemetryError::Level`] if they cannot be read; then everything stays as it was.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        Ok(self.0.reload(filter(level)?)?)
    }
}

/// The log's end: the writing thread flushes when no line waits, and lets the next ones gather after that.
#[derive(Debug)]
struct BatchedLines<W: Write> {
    lines: BufWriter<W>,
    /// How many could not be written.
    failed: Arc<AtomicU64>,
}

impl<W: Write> BatchedLines<W> {
    fn new(inner: W, failed: Arc<AtomicU64>) -> Self {
        Self {
            lines: BufWriter::with_capacity(LOG_BATCH_BYTES, inner),
            failed,
        }
    }
}

impl<W: Write> Write for BatchedLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Each line comes in one piece, and nobody else is told that it is lost.
        self.lines.write(bytes).inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        // What cannot be written stays where it is, until there is no more room for other lines: those are counted.
        drop(self.lines.flush());
        std::thread::sleep(LOG_BATCH_PAUSE);
        Ok(())
    }
}

/// How many log lines were lost so far.
#[derive(Debug, Clone)]
struct DroppedLines {
    /// Too many waited already.
    waiting: ErrorCounter,
    /// Standard error took none.
    failed: Arc<AtomicU64>,
}

impl DroppedLines {
    fn count(&self) -> u64 {
        self.waiting.dropped_lines() as u64 + self.failed.load(Ordering::Relaxed)
    }
}

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level or the directives cannot be read.
    #[error("the log level cannot be used: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// What is logged cannot be changed any more.
    #[error("the log level cannot be changed: {0}")]
    Reload(#[from] reload::Error),
    /// Traces cannot be exported as the environment says.
    #[error(transparent)]
    Traces(#[from] TracesError),
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
    start_all(config, None)
}

/// Whether the variables of OpenTelemetry name a collector.
///
/// # Errors
/// Where they cannot be used.
pub fn check_traces(variables: &BTreeMap<String, String>) -> Result<bool, TracesError> {
    traces::check(variables)
}

/// Like [`start`]; traces are exported too where the variables of OpenTelemetry name a collector.
///
/// # Errors
/// Also where those variables cannot be used.
pub fn start_with_traces(
    config: &TelemetryConfig,
    variables: &BTreeMap<String, String>,
) -> Result<Telemetry, TelemetryError> {
    start_all(config, Traces::start(variables)?)
}

fn start_all(
    config: &TelemetryConfig,
    traces: Option<Traces>,
) -> Result<Telemetry, TelemetryError> {
    let (filter, level) = reload::Layer::new(filter(&config.log_level)?);
    let failed = Arc::new(AtomicU64::new(0));
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_LINES_WAITING_MAX)
        .lossy(true)
        .thread_name("log-writer")
        .finish(BatchedLines::new(std::io::stderr(), Arc::clone(&failed)));
    let waiting = writer.error_counter();
    let dropped_lines = DroppedLines { waiting, failed };
    let terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(writer);
    let lines = if pretty(config.log_format, terminal) {
        lines.with_ansi(terminal).with_filter(filter).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    };
    let mut layers = vec![lines];
    layers.extend(traces.as_ref().map(Traces::layer));
    tracing_subscriber::registry().with(layers).try_init()?;
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &TIME_BUCKETS)?
        .install_recorder()?;
    described::describe();
    metrics::gauge!("dragoman_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Telemetry {
        metrics,
        dropped_lines,
        level: LogLevel(level),
        traces,
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

    /// What is logged, to be changed while the process runs.
    pub fn log_level(&self) -> LogLevel {
        self.level.clone()
    }

    /// What links the requests of an application to the traces of their callers, and leaves it as it is where no traces are
    /// exported.
    pub fn linker(&self) -> Linker {
        Linker {
            exports: self.traces.is_some(),
        }
    }

    /// Keeps the samples of the exporter from piling up, and tells how many log lines a slow
    /// reader, or one that is gone, has cost, until the runtime ends.
    pub fn keep_up(&self) -> impl Future<Output = ()> + Send + 'static {
        let (metrics, dropped_lines) = (self.metrics.clone(), self.dropped_lines.clone());
        async move {
            let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
            loop {
                interval.tick().await;
                metrics.run_upkeep();
                metrics::counter!("dragoman_log_lines_dropped_total")
                    .absolute(dropped_lines.count());
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
