//! What goes out and comes back while somebody wants to see it.
//!
//! A [`Recorder`] is bound to a future by [`recorded`], not given to a transport: who makes calls need not know that they
//! are seen. A task that the future spawns is not recorded, but an answer whose head was read inside is, wherever the
//! rest of it is read.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tokio::time::{Duration, Instant};

use crate::error::TransportError;

tokio::task_local! {
    /// Who sees the calls of this task.
    static CURRENT: Recorder;
}

/// How much is kept of the calls of one recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// Calls; later ones are only counted.
    pub calls_max: usize,
    /// Bytes of each body, from its beginning.
    pub body_max_bytes: usize,
    /// Bytes of all bodies together.
    pub total_max_bytes: usize,
}

/// A body as far as it was kept. Its `Debug` shows only sizes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RecordedBody {
    /// What its `Content-Type` said.
    pub media_type: Option<Box<str>>,
    /// Its beginning.
    pub bytes: Vec<u8>,
    /// How long it was, decompressed, as far as it came; absent where that is not known (a form with a file).
    pub size_bytes: Option<u64>,
}

impl RecordedBody {
    /// Whether every byte was kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.size_bytes == Some(self.bytes.len() as u64)
    }
}

impl fmt::Debug for RecordedBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RecordedBody")
            .field("media_type", &self.media_type)
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

/// One call. No header of it is kept but the types of its bodies, so no credential that stands in one. Its `Debug` shows
/// neither path nor query.
#[derive(Clone)]
pub struct RecordedCall {
    /// The name of the call, see [`Request::operation`](crate::Request::operation).
    pub operation: &'static str,
    /// The method.
    pub method: Method,
    /// Host and port.
    pub host: Box<str>,
    /// The path, percent-encoded.
    pub path: Box<str>,
    /// The query, decoded.
    pub query: Vec<(Box<str>, Box<str>)>,
    /// What was sent.
    pub request: RecordedBody,
    /// The status of the answer, where its head came.
    pub status: Option<u16>,
    /// The answer, as far as it was read.
    pub answer: RecordedBody,
    /// Why there is no whole answer, without secrets and content.
    pub failure: Option<Box<str>>,
    /// Whether it was sent a second time because a kept connection was lost before its answer began.
    pub is_repeated: bool,
    /// When it began, from the beginning of the recording.
    pub began: Duration,
    /// How long it took, up to the end of its answer; absent where that was not read to its end.
    pub took: Option<Duration>,
}

impl fmt::Debug for RecordedCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RecordedCall")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Sees the calls that are made inside [`recorded`]. Cheap to clone; clones see the same.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    limits: RecordLimits,
    began: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<RecordedCall>,
    calls_left_out: usize,
    kept_bytes: usize,
}

impl Recorder {
    /// One that has seen nothing yet. Its time begins now.
    #[must_use]
    pub fn new(limits: RecordLimits) -> Self {
        Self(Arc::new(Shared {
            limits,
            began: Instant::now(),
            seen: Mutex::default(),
        }))
    }

    /// The calls so far, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.seen().calls.clone()
    }

    /// How many calls were not kept because there were too many.
    #[must_use]
    pub fn calls_left_out(&self) -> usize {
        self.seen().calls_left_out
    }

    /// The recorder of the task, where there is one.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// A call is about to be sent. `None` where it is one too many.
    pub(crate) fn begin(
        &self,
        operation: &'static str,
        request: &reqwest::Request,
    ) -> Option<CallRecord> {
        let limits = self.0.limits;
        let mut seen = self.seen();
        if seen.calls.len() >= limits.calls_max {
            seen.calls_left_out += 1;
            return None;
        }
        let url = request.url();
        let mut sent = RecordedBody {
            media_type: media_type(request.headers()),
            bytes: Vec::new(),
            size_bytes: Some(0),
        };
        match request.body().map(reqwest::Body::as_bytes) {
            None => {}
            Some(Some(bytes)) => {
                let kept = seen.room(limits, 0).min(bytes.len());
                sent.bytes.extend_from_slice(&bytes[..kept]);
                sent.size_bytes = Some(bytes.len() as u64);
                seen.kept_bytes += kept;
            }
            // It comes in pieces, which only the HTTP client sees.
            Some(None) => sent.size_bytes = None,
        }
        seen.calls.push(RecordedCall {
            operation,
            method: request.method().clone(),
            host: url[url::Position::BeforeHost..url::Position::AfterPort].into(),
            path: url.path().into(),
            query: url
                .query_pairs()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            request: sent,
            status: None,
            answer: RecordedBody::default(),
            failure: None,
            is_repeated: false,
            began: self.0.began.elapsed(),
            took: None,
        });
        Some(CallRecord {
            recorder: self.clone(),
            number: seen.calls.len() - 1,
            started: Instant::now(),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Every step leaves it whole.
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// How many bytes more may be kept of a body of which there are so many already.
    fn room(&self, limits: RecordLimits, of_body: usize) -> usize {
        let of_all = limits.total_max_bytes.saturating_sub(self.kept_bytes);
        limits.body_max_bytes.saturating_sub(of_body).min(of_all)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recorder")
            .field("limits", &self.0.limits)
            .field("calls", &self.seen().calls.len())
            .finish_non_exhaustive()
    }
}

/// Does some work with this recorder seeing the calls that it makes.
pub async fn recorded<F: Future>(recorder: Recorder, work: F) -> F::Output {
    CURRENT.scope(recorder, work).await
}

/// One call that is being recorded.
pub(crate) struct CallRecord {
    recorder: Recorder,
    number: usize,
    started: Instant,
}

impl CallRecord {
    /// It is sent once more.
    pub(crate) fn repeated(&self) {
        self.change(|call| call.is_repeated = true);
    }

    /// The head of the answer came.
    pub(crate) fn head(&self, status: u16, headers: &HeaderMap) {
        self.change(|call| {
            call.status = Some(status);
            call.answer.media_type = media_type(headers);
            call.answer.size_bytes = Some(0);
        });
    }

    /// A piece of the answer came.
    pub(crate) fn piece(&self, piece: &Bytes) {
        let limits = self.recorder.0.limits;
        let mut seen = self.recorder.seen();
        let Some(of_body) = seen
            .calls
            .get(self.number)
            .map(|call| call.answer.bytes.len())
        else {
            return;
        };
        let kept = seen.room(limits, of_body).min(piece.len());
        seen.kept_bytes += kept;
        if let Some(call) = seen.calls.get_mut(self.number) {
            call.answer.bytes.extend_from_slice(&piece[..kept]);
            let size = call.answer.size_bytes.unwrap_or_default();
            call.answer.size_bytes = Some(size.saturating_add(piece.len() as u64));
        }
    }

    /// The answer has ended as it should.
    pub(crate) fn end(&self) {
        let took = self.started.elapsed();
        self.change(|call| call.took = Some(took));
    }

    /// There is no whole answer.
    pub(crate) fn fail(&self, error: &TransportError) {
        let took = self.started.elapsed();
        self.change(|call| {
            call.failure = Some(error.to_string().into());
            call.took = Some(took);
        });
    }

    fn change(&self, change: impl FnOnce(&mut RecordedCall)) {
        if let Some(call) = self.recorder.seen().calls.get_mut(self.number) {
            change(call);
        }
    }
}

fn media_type(headers: &HeaderMap) -> Option<Box<str>> {
    Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.into())
}
