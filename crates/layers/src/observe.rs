//! What is measured of each call to a backend: how often, how long and how it ended. Never what was said.

use std::future::Future;

use backend::Result;
use tokio::time::Instant;
use tracing::Instrument as _;

/// Makes a call seen: one metric set and one span.
pub(crate) async fn observed<T>(
    backend: &str,
    operation: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let span = tracing::info_span!(
        "backend_call",
        backend.name = backend,
        operation,
        result = tracing::field::Empty
    );
    let began = Instant::now();
    let result = call.instrument(span.clone()).await;
    let word = match &result {
        Ok(_) => "ok",
        Err(error) => error.kind.as_str(),
    };
    span.record("result", word);
    metrics::counter!(
        "dragoman_backend_calls_total",
        "backend" => backend.to_owned(),
        "operation" => operation,
        "result" => word
    )
    .increment(1);
    metrics::histogram!(
        "dragoman_backend_call_seconds",
        "backend" => backend.to_owned(),
        "operation" => operation
    )
    .record(began.elapsed().as_secs_f64());
    result
}
