//! One canonical call of a recorded request: what was asked of the router, and how that ended.

use std::time::Instant;

use backend::{Context, Error, Location};
use serde_json::{Map, Value, json};

use super::Recording;

/// A call that is being noted, or is not.
pub(super) struct Noting(Option<Begun>);

struct Begun {
    recording: Recording,
    /// Its place in the recording; absent where it is one too many.
    number: Option<usize>,
    started: Instant,
}

impl Noting {
    /// Begins where the context's request is recorded and its key may have it explained. `write` is what is to be
    /// written, in canonical form.
    pub(super) fn begin(
        recording: Option<Recording>,
        cx: &Context,
        operation: &'static str,
        at: Option<&Location>,
        write: impl FnOnce() -> Value,
    ) -> Self {
        let Some(recording) = recording.filter(|recording| recording.admits(cx)) else {
            return Noting(None);
        };
        let mut call = Map::new();
        call.insert("operation".into(), operation.into());
        if let Some(at) = at {
            call.insert("conversation_id".into(), at.id.to_string().into());
        }
        let write = recording.texts().value(write());
        if !write.is_null() {
            call.insert("canonical".into(), write);
        }
        call.insert("began_ms".into(), recording.elapsed_ms().into());
        let number = recording.note_call(call);
        Noting(Some(Begun {
            recording,
            number,
            started: Instant::now(),
        }))
    }

    /// Makes the call, with everything that it sends recorded.
    pub(super) async fn run<T>(
        self,
        call: impl Future<Output = backend::Result<T>>,
    ) -> backend::Result<T> {
        let Some(begun) = self.0 else {
            return call.await;
        };
        let result = transport::recorded(begun.recording.recorder().clone(), call).await;
        if let Some(number) = begun.number {
            let took_ms = begun.started.elapsed().as_secs_f64() * 1000.0;
            let end = match &result {
                Ok(_) => json!("done"),
                Err(error) => failure(error),
            };
            begun.recording.end_call(number, end, took_ms);
        }
        result
    }
}

/// How a call failed. An error's message holds no secret, no message text and no word of a vendor.
fn failure(error: &Error) -> Value {
    let mut shown = json!({
        "kind": error.kind,
        "message": error.message,
        "retry": error.retry,
        "origin": error.origin,
        "outcome": error.outcome,
    });
    if let Some(backend) = &error.backend {
        shown["backend"] = json!(backend);
    }
    if let Some(operation) = error.operation {
        shown["operation"] = operation.into();
    }
    if let Some(upstream) = &error.upstream {
        shown["upstream"] = json!(upstream);
    }
    json!({ "failed": shown })
}
