//! Explaining one request: for a caller who may and asks, the way of a request is noted, from its body to the vendor's
//! answers and back, and kept for an hour.
//!
//! Three places see something of it: the middleware (what comes and goes), a layer over the router (the canonical calls,
//! [`Told`]), and the transport (what goes to vendors). They find the recording by the request's id, whose very
//! allocation travels in every context, so that no other request can be mistaken for it. What is shown of bodies is
//! decided in one place, [`Texts`]: secrets never, people's words only where they were asked for.

mod bodies;
mod noting;
mod recording;
mod shown;
mod told;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::extract::Request;
use backend::ports::{Explanation, Explanations};
use backend::{Backend, Context};
use conversation::Time;
use http::{HeaderMap, HeaderName};

use self::recording::Inner;
pub(crate) use self::recording::Recording;
pub(crate) use self::shown::Texts;
use self::told::Told;
use crate::call::invalid_header;
use crate::problem::Problem;

/// Asks for an explanation: `true`, or `text` for one with people's words.
pub(crate) const EXPLAIN: HeaderName = HeaderName::from_static("dragoman-explain");
/// Where the explanation is, on an answer that has one.
pub(crate) const EXPLANATION: HeaderName = HeaderName::from_static("dragoman-explanation");
/// The most requests that are recorded at once.
const RECORDINGS_MAX: usize = 64;
/// How many of them may go to facades, which look at a key only after much of the request: strangers cannot take all.
const OF_FACADES_MAX: usize = 16;
/// How long an explanation can be read.
pub(crate) const KEPT: Duration = Duration::from_secs(60 * 60);
/// How long keeping one may take: its caller waits for it.
const KEEP_WITHIN: Duration = Duration::from_secs(5);

/// What requests are recorded, and where explanations are kept. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Explaining(Arc<Shared>);

struct Shared {
    kept: Arc<dyn Explanations>,
    /// How many are recorded: nearly always none, which must cost nothing.
    count: AtomicUsize,
    /// By the address of the request id that their contexts share.
    recordings: Mutex<HashMap<usize, Entry>>,
}

/// One that is recorded.
struct Entry {
    recording: Weak<Inner>,
    is_of_facade: bool,
}

impl Explaining {
    /// Nothing is recorded yet.
    #[must_use]
    pub fn new(kept: Arc<dyn Explanations>) -> Self {
        Self(Arc::new(Shared {
            kept,
            count: AtomicUsize::new(0),
            recordings: Mutex::default(),
        }))
    }

    /// The same backend, whose calls are noted for requests that are recorded.
    #[must_use]
    pub fn over(&self, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Told::new(self.clone(), backend))
    }

    /// Begins to record a request that asks for it. `via` is the kind of the facade that it goes to. None is begun where
    /// too many are recorded already.
    pub(crate) fn begin(
        &self,
        request: &Request,
        request_id: &Arc<str>,
        via: Option<&'static str>,
    ) -> Option<Recording> {
        let texts = asked(request.headers())?.ok()?;
        let mut recordings = self.recordings();
        let of_facades = recordings
            .values()
            .filter(|entry| entry.is_of_facade)
            .count();
        if recordings.len() >= RECORDINGS_MAX || (via.is_some() && of_facades >= OF_FACADES_MAX) {
            return None;
        }
        let recording = Recording::new(self.clone(), Arc::clone(request_id), texts, request, via);
        let entry = Entry {
            recording: recording.downgrade(),
            is_of_facade: via.is_some(),
        };
        recordings.insert(key_of(request_id), entry);
        self.0.count.store(recordings.len(), Ordering::Relaxed);
        Some(recording)
    }

    /// The recording of the request that this context belongs to.
    pub(crate) fn of(&self, cx: &Context) -> Option<Recording> {
        if self.0.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let recordings = self.recordings();
        let found = recordings.get(&key_of(&cx.request_id))?.recording.upgrade();
        drop(recordings);
        found.map(Recording::from)
    }

    /// The explanation of a request, as long as it can be read.
    pub(crate) async fn explanation(
        &self,
        request_id: &str,
    ) -> backend::Result<Option<Explanation>> {
        let found = self.0.kept.explanation(request_id).await?;
        Ok(found.filter(|explanation| explanation.at > oldest()))
    }

    /// Keeps an explanation.
    async fn keep(&self, explanation: Explanation) {
        let keeping = self.0.kept.keep(&explanation);
        let failure = match tokio::time::timeout(KEEP_WITHIN, keeping).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_elapsed) => Some("it took too long".to_owned()),
        };
        let result = if failure.is_none() { "kept" } else { "failed" };
        metrics::counter!("dragoman_explanations_total", "result" => result).increment(1);
        if let Some(error) = failure {
            // The request itself has been answered by now, rightly.
            tracing::warn!(error, "the explanation of a request could not be kept");
        }
    }

    /// A recording has ended.
    fn end(&self, request_id: &Arc<str>) {
        let mut recordings = self.recordings();
        recordings.remove(&key_of(request_id));
        self.0.count.store(recordings.len(), Ordering::Relaxed);
    }

    fn recordings(&self) -> MutexGuard<'_, HashMap<usize, Entry>> {
        // Whole after every step.
        let recordings = &self.0.recordings;
        recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Explaining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Explaining")
            .field("recordings", &self.0.count.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// Explanations that began before it are over.
fn oldest() -> Time {
    let micros = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
    Time::now().saturating_add_micros(-micros)
}

/// The one allocation that all contexts of a request share: no two requests have it at the same time, whatever ids their
/// callers choose.
fn key_of(request_id: &Arc<str>) -> usize {
    Arc::as_ptr(request_id).cast::<u8>().addr()
}

/// What a request asks for; absent where it does not ask.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Result<Texts, Problem>> {
    let value = headers.get(&EXPLAIN)?;
    Some(match value.as_bytes() {
        b"true" => Ok(Texts::Redacted),
        b"text" => Ok(Texts::Shown),
        _ => Err(invalid_header(
            &EXPLAIN,
            "`true`, or `text` for an explanation with people's words",
        )),
    })
}
