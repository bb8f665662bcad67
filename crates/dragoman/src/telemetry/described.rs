//! Every metric by its name: what `/metrics`, the operators' table, the dashboard and the alert rules go by.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Grows, and begins at 0 with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counted by size: `_bucket` or quantiles, `_sum` and `_count`.
    Histogram,
}

impl MetricKind {
    /// The kind as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, which ends with its unit.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// Its labels, separated by commas. Their values are few: names of backends, routes and closed lists of words.
    pub labels: &'static str,
    /// What it counts.
    pub meaning: &'static str,
}

/// Every metric of the gateway, by name.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "dragoman_backend_call_seconds",
        kind: MetricKind::Histogram,
        labels: "backend, operation",
        meaning: "Time of one call of a vendor, with nothing that waits before it.",
    },
    Metric {
        name: "dragoman_backend_calls_running",
        kind: MetricKind::Gauge,
        labels: "backend",
        meaning: "Calls of a vendor that run now, streams included.",
    },
    Metric {
        name: "dragoman_backend_calls_total",
        kind: MetricKind::Counter,
        labels: "backend, operation, result",
        meaning: "Calls of a vendor; `result` is `ok` or the kind of the error.",
    },
    Metric {
        name: "dragoman_backend_retries_total",
        kind: MetricKind::Counter,
        labels: "backend, operation",
        meaning: "Calls of a vendor that were a further attempt.",
    },
    Metric {
        name: "dragoman_breaker_state",
        kind: MetricKind::Gauge,
        labels: "backend",
        meaning: "Whether calls of a vendor are let through: 0 closed (all), 1 half open (one, to see), 2 open (none).",
    },
    Metric {
        name: "dragoman_breaker_transitions_total",
        kind: MetricKind::Counter,
        labels: "backend, to",
        meaning: "How often that changed.",
    },
    Metric {
        name: "dragoman_build_info",
        kind: MetricKind::Gauge,
        labels: "version",
        meaning: "Always 1; the version that runs.",
    },
    Metric {
        name: "dragoman_cache_reads_total",
        kind: MetricKind::Counter,
        labels: "backend, result",
        meaning: "Reads that memory was asked for: `hit`, `miss`, or `stale` where the vendor could not be asked.",
    },
    Metric {
        name: "dragoman_config_last_reload_success",
        kind: MetricKind::Gauge,
        labels: "",
        meaning: "1 where the last change of the configuration was taken over, 0 where it was refused and the former stays.",
    },
    Metric {
        name: "dragoman_config_reload_failures_total",
        kind: MetricKind::Counter,
        labels: "",
        meaning: "Changes of the configuration that were refused.",
    },
    Metric {
        name: "dragoman_config_reloads_total",
        kind: MetricKind::Counter,
        labels: "",
        meaning: "Changes of the configuration that were taken over.",
    },
    Metric {
        name: "dragoman_explanations_total",
        kind: MetricKind::Counter,
        labels: "result",
        meaning: "Requests whose way was recorded because they asked for it.",
    },
    Metric {
        name: "dragoman_http_connections_closed_total",
        kind: MetricKind::Counter,
        labels: "reason",
        meaning: "Connections that were closed because they were idle or slow for too long.",
    },
    Metric {
        name: "dragoman_http_connections_refused_total",
        kind: MetricKind::Counter,
        labels: "reason",
        meaning: "Connections that were closed on arrival because there were too many.",
    },
    Metric {
        name: "dragoman_http_request_duration_seconds",
        kind: MetricKind::Histogram,
        labels: "route, status",
        meaning: "Time from a request's head to the end of its answer. A facade is one route.",
    },
    Metric {
        name: "dragoman_http_requests_in_flight",
        kind: MetricKind::Gauge,
        labels: "",
        meaning: "Requests that are answered now, streams included.",
    },
    Metric {
        name: "dragoman_http_requests_total",
        kind: MetricKind::Counter,
        labels: "method, route, status",
        meaning: "Requests by route and status; 499: the caller left first. A facade is one route.",
    },
    Metric {
        name: "dragoman_intents_settled_total",
        kind: MetricKind::Counter,
        labels: "",
        meaning: "Writes whose answer was lost and of which it was found out what became of them.",
    },
    Metric {
        name: "dragoman_intents_unknown",
        kind: MetricKind::Gauge,
        labels: "",
        meaning: "Writes now of which it cannot be known what became of them: possible orphans at a vendor. Counted up to 1000.",
    },
    Metric {
        name: "dragoman_intents_unknown_total",
        kind: MetricKind::Counter,
        labels: "",
        meaning: "How often that was the end of looking.",
    },
    Metric {
        name: "dragoman_intents_waiting",
        kind: MetricKind::Gauge,
        labels: "",
        meaning: "Writes whose answer was lost and that are still looked for.",
    },
    Metric {
        name: "dragoman_limit_refusals_total",
        kind: MetricKind::Counter,
        labels: "backend",
        meaning: "Calls that were not sent because a limit of the vendor's or of the configuration was reached.",
    },
    Metric {
        name: "dragoman_log_lines_dropped_total",
        kind: MetricKind::Counter,
        labels: "",
        meaning: "Log lines that were dropped because nobody read them, or not fast enough.",
    },
    Metric {
        name: "dragoman_overlay_drift_total",
        kind: MetricKind::Counter,
        labels: "backend, field",
        meaning: "Fields kept beside a vendor that were found changed at the vendor, past the gateway.",
    },
    Metric {
        name: "dragoman_overlay_unexpected_total",
        kind: MetricKind::Counter,
        labels: "backend, field",
        meaning: "Fields that a vendor did not hold although it should, and that are kept beside it.",
    },
    Metric {
        name: "dragoman_panics_total",
        kind: MetricKind::Counter,
        labels: "",
        meaning: "Requests that met a fault of this server.",
    },
    Metric {
        name: "dragoman_passthrough_requests_total",
        kind: MetricKind::Counter,
        labels: "backend, result",
        meaning: "Calls of a vendor's own API through the gateway.",
    },
    Metric {
        name: "dragoman_retry_budget_exhausted_total",
        kind: MetricKind::Counter,
        labels: "backend",
        meaning: "Attempts that were not made because too many calls were attempts already.",
    },
    Metric {
        name: "dragoman_route_fallbacks_total",
        kind: MetricKind::Counter,
        labels: "from, to",
        meaning: "New conversations that went to a fallback because their backend could not be reached.",
    },
    Metric {
        name: "dragoman_shadow_reads_total",
        kind: MetricKind::Counter,
        labels: "backend, shadow, result",
        meaning: "Reads that were compared with a second backend: `same`, `different`, `absent`, `failed`, `changing` or `dropped`.",
    },
    Metric {
        name: "dragoman_store_batch_writes",
        kind: MetricKind::Histogram,
        labels: "",
        meaning: "Writes that shared one commit of the database.",
    },
    Metric {
        name: "dragoman_store_commit_duration_seconds",
        kind: MetricKind::Histogram,
        labels: "",
        meaning: "Time of one commit of the database.",
    },
    Metric {
        name: "dragoman_store_writes_waiting",
        kind: MetricKind::Gauge,
        labels: "",
        meaning: "Writes that wait for the database.",
    },
    Metric {
        name: "dragoman_trace_exports_total",
        kind: MetricKind::Counter,
        labels: "result",
        meaning: "Batches of traces sent to the collector, `ok` or `failed`.",
    },
    Metric {
        name: "dragoman_trace_spans_dropped_total",
        kind: MetricKind::Counter,
        labels: "reason",
        meaning: "Spans that never reached the collector: `queue-full`, more waited than may; `not-exported`, it did not take their batch.",
    },
];

/// Tells the exporter what each is, for the `# HELP` lines.
pub(super) fn describe() {
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.meaning),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.meaning),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.meaning),
        }
    }
}
