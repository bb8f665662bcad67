//! OpenTelemetry: spans of requests and of vendors' calls, exported where the standard variables name a collector.
//!
//! Off without one. Spans say who called whom, how long it took and how it ended; they hold no text of a conversation,
//! no token and no body. Vendors are told nothing of a trace: its ids are of no use to them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::HeaderValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{FutureExt, SpanId, TraceContextExt, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::{Registry, filter};

use super::collector::{Collector, CollectorError};
use super::spans::Batches;

/// The instrumentation scope of our spans, and the service's name where the environment gives none.
const SERVICE: &str = "dragoman";

/// How long the last spans may take to reach the collector when the process ends.
const END_MAX: Duration = Duration::from_secs(2);

/// W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// Whose spans are exported: the parts that a request passes. Libraries have spans of their own, with who knows what.
const TOLD: [&str; 7] = [
    "dragoman",
    "layers",
    "migration",
    "overlay",
    "responders",
    "routing",
    "server",
];

tokio::task_local! {
    /// The trace that a request without a caller's trace begins: the answer's `traceparent` and the span agree on it.
    static NEW_TRACE: TraceId;
}

/// Traces that cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// A variable has a value that cannot be used.
    #[error("traces cannot be exported: {variable} {reason}")]
    Variable {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The collector's client cannot be built.
    #[error("traces cannot be exported: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// What the exporter runs on cannot be started.
    #[error("traces cannot be exported: {0}")]
    Runtime(#[from] std::io::Error),
}

impl From<CollectorError> for TracesError {
    fn from(error: CollectorError) -> Self {
        match error {
            CollectorError::Variable { variable, reason } => Self::Variable { variable, reason },
            CollectorError::Runtime(error) => Self::Runtime(error),
        }
    }
}

/// The export that runs. Dropping it sends what still waits, for at most two seconds.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts the export where the variables name a collector; `None` where they do not, or switch it off.
    ///
    /// # Errors
    /// Where a variable cannot be used.
    pub(super) fn start(variables: &BTreeMap<String, String>) -> Result<Option<Self>, TracesError> {
        if !wanted(variables)? {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(variables)?)
            .build()?;
        // Batched, on a thread of its own, in a bounded queue: a collector that hangs costs spans, never a request.
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Batches::new(exporter, variables))
            .with_id_generator(Ids(RandomIdGenerator::default()))
            .with_resource(resource(variables))
            .build();
        Ok(Some(Self { provider }))
    }

    /// What turns our spans into exported ones.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let is_told = |metadata: &tracing::Metadata<'_>| {
            let root = metadata.target().split("::").next().unwrap_or_default();
            metadata.is_span() && *metadata.level() <= tracing::Level::INFO && TOLD.contains(&root)
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter::filter_fn(is_told))
            .boxed()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(END_MAX) {
            tracing::warn!(%error, "the last traces did not reach the collector");
        }
    }
}

/// Whether the export would start with these variables.
pub(super) fn check(variables: &BTreeMap<String, String>) -> Result<bool, TracesError> {
    if !wanted(variables)? {
        return Ok(false);
    }
    Collector::check(variables)?;
    Ok(true)
}

/// Whether the environment names a collector for traces and does not switch them off.
fn wanted(variables: &BTreeMap<String, String>) -> Result<bool, TracesError> {
    let value = |name: &str| {
        let value = variables.get(name).map(|value| value.trim());
        value.filter(|value| !value.is_empty())
    };
    let is_off = value("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"))
        || value("OTEL_TRACES_EXPORTER").is_some_and(|word| word.eq_ignore_ascii_case("none"));
    let has_endpoint = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or(value("OTEL_EXPORTER_OTLP_ENDPOINT"))
        .is_some();
    if is_off || !has_endpoint {
        return Ok(false);
    }
    for name in [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ] {
        // The one for traces wins.
        match value(name) {
            Some("http/protobuf") => return Ok(true),
            Some(other) => {
                return Err(TracesError::Variable {
                    variable: name.to_owned(),
                    reason: format!(
                        "asks for {other}; only http/protobuf is spoken, usually on the collector's port 4318"
                    ),
                });
            }
            None => {}
        }
    }
    Ok(true)
}

/// What every span says of this process; `OTEL_RESOURCE_ATTRIBUTES` adds to it.
fn resource(variables: &BTreeMap<String, String>) -> Resource {
    let builder = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let is_named = variables
        .get("OTEL_SERVICE_NAME")
        .is_some_and(|name| !name.is_empty())
        || variables
            .get("OTEL_RESOURCE_ATTRIBUTES")
            .is_some_and(|all| all.contains("service.name="));
    if is_named {
        builder.build()
    } else {
        builder.with_service_name(SERVICE).build()
    }
}

/// Ids of traces and spans: by chance, but for a trace whose id the answer tells already.
#[derive(Debug)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEW_TRACE
            .try_with(|id| *id)
            .unwrap_or_else(|_| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// The application, each request's span below the caller's, or at the top of a new trace.
pub(super) fn linked(application: axum::Router) -> axum::Router {
    application.layer(from_fn(link))
}

async fn link(mut request: Request, next: Next) -> Response {
    let extractor = HeaderExtractor(request.headers());
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &extractor);
    if caller.span().span_context().is_valid() {
        return next.run(request).with_context(caller).await;
    }
    let ids = RandomIdGenerator::default();
    let (trace, span) = (ids.new_trace_id(), ids.new_span_id());
    // The server takes its trace id from here; the span gets the same one.
    if let Ok(value) = HeaderValue::try_from(format!("00-{trace}-{span}-01")) {
        request.headers_mut().insert(TRACEPARENT, value);
    }
    NEW_TRACE.scope(trace, next.run(request)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn traces_are_off_without_a_collector_or_when_switched_off() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(!wanted(&variables(&[])).unwrap());
        assert!(!wanted(&variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")])).unwrap());
        assert!(wanted(&variables(&[endpoint])).unwrap());
        let for_traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://127.0.0.1:4318/v1/traces",
        );
        assert!(wanted(&variables(&[for_traces])).unwrap());
        assert!(!wanted(&variables(&[endpoint, ("OTEL_SDK_DISABLED", "true")])).unwrap());
        assert!(!wanted(&variables(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")])).unwrap());
    }

    #[test]
    fn another_protocol_is_refused_by_the_name_of_its_variable() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        let error = wanted(&variables(&[
            endpoint,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ]));
        let told = error.unwrap_err().to_string();
        assert!(told.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{told}");
        assert!(told.contains("http/protobuf"), "{told}");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        let all = [endpoint, own, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(wanted(&variables(&all)).unwrap());
    }
}
