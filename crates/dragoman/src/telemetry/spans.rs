//! Spans on their way to the collector: as many as its queue holds, and a count of those that never arrive.
//!
//! The library drops what its queue does not take, and what an export fails with, without a word that a program could
//! read. So the queue is kept from overflowing here, and what is left out on either way is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

/// How many spans wait at most, where the environment names no other number.
const WAITING_MAX: usize = 2_048;
/// The variable that names another one.
const WAITING_VARIABLE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";

/// Why a span never arrived.
#[derive(Debug, Clone, Copy)]
enum Lost {
    /// So many waited already.
    QueueFull,
    /// The collector did not take the batch that it was in.
    NotExported,
}

impl Lost {
    fn count(self, spans: usize) {
        let reason = match self {
            Self::QueueFull => "queue-full",
            Self::NotExported => "not-exported",
        };
        metrics::counter!("dragoman_trace_spans_dropped_total", "reason" => reason)
            .increment(spans as u64);
    }
}

/// Spans that wait for the collector, in batches, on a thread of their own.
#[derive(Debug)]
pub(super) struct Batches {
    inner: BatchSpanProcessor,
    /// How many were taken and are not with the exporter yet.
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

impl Batches {
    /// Batches for this exporter, as the variables want them.
    pub(super) fn new<E: SpanExporter + 'static>(
        exporter: E,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        let named = variables.get(WAITING_VARIABLE);
        let named = named.and_then(|text| text.trim().parse::<usize>().ok());
        let waiting_max = named.filter(|most| *most > 0).unwrap_or(WAITING_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let exporter = Counted {
            inner: exporter,
            waiting: Arc::clone(&waiting),
        };
        let config = BatchConfigBuilder::default().with_max_queue_size(waiting_max);
        let inner = BatchSpanProcessor::builder(exporter);
        Self {
            inner: inner.with_batch_config(config.build()).build(),
            waiting,
            waiting_max,
        }
    }
}

impl SpanProcessor for Batches {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.inner.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let has_room = |waiting: usize| (waiting < self.waiting_max).then_some(waiting + 1);
        let taken = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, has_room);
        match taken {
            Ok(_) => self.inner.on_end(span),
            Err(_) => Lost::QueueFull.count(1),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// An exporter whose failures are counted, span by span.
#[derive(Debug)]
struct Counted<E> {
    inner: E,
    waiting: Arc<AtomicUsize>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::AcqRel);
        let exported = self.inner.export(batch).await;
        if exported.is_err() {
            Lost::NotExported.count(spans);
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
