//! What stands between a simulator's callers and its API: limits and faults.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use facadekit::Refusal;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};

use super::faults::{FaultKind, Faults};
use crate::config::BackendKind;

/// The window in which requests are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// What a caller is told to wait that met a fault.
const FAULT_RETRY: Duration = Duration::from_secs(1);
/// So many pieces of a stream get through before it is cut.
const PIECES_BEFORE_CUT: usize = 2;

/// What stands between callers and the API.
pub(super) struct Tampering {
    pub(super) vendor: BackendKind,
    pub(super) faults: Arc<Faults>,
    pub(super) slow: Duration,
    /// The most requests in a minute, of all callers together.
    pub(super) requests_per_minute: Option<usize>,
    pub(super) taken: Mutex<VecDeque<Instant>>,
    /// The vendor's shape of a refusal.
    pub(super) refuse: fn(&Refusal) -> Response,
}

/// Lets a request through, or not.
pub(super) async fn tamper(
    State(tampering): State<Arc<Tampering>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(wait) = tampering.over_the_limit(Instant::now()) {
        return tampering.refused(StatusCode::TOO_MANY_REQUESTS, Some(wait));
    }
    let happens = |kind| tampering.faults.happens(kind);
    // Each is drawn for every request that can meet it, so that one does not change what the others do.
    let (slow, too_many, failed) = (
        happens(FaultKind::Slow),
        happens(FaultKind::TooMany),
        happens(FaultKind::Failed),
    );
    let locked = tampering.posts_a_message(&request) && happens(FaultKind::Locked);
    let cut = happens(FaultKind::Cut);
    if slow {
        tokio::time::sleep(tampering.slow).await;
    }
    if too_many {
        return tampering.refused(StatusCode::TOO_MANY_REQUESTS, Some(FAULT_RETRY));
    }
    if failed {
        return tampering.refused(StatusCode::INTERNAL_SERVER_ERROR, None);
    }
    if locked {
        return tampering.refused(StatusCode::LOCKED, None);
    }
    let response = next.run(request).await;
    if cut { broken_off(response) } else { response }
}

impl Tampering {
    fn refused(&self, status: StatusCode, retry_after: Option<Duration>) -> Response {
        (self.refuse)(&Refusal {
            status,
            detail: "the simulator was told to fail".into(),
            retry_after,
        })
    }

    /// How long a caller has to wait, where the limit is used up. Counts the request where it is not.
    fn over_the_limit(&self, now: Instant) -> Option<Duration> {
        let limit = self.requests_per_minute?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = taken.front()
            && now.duration_since(*first) >= WINDOW
        {
            taken.pop_front();
        }
        if taken.len() < limit {
            taken.push_back(now);
            return None;
        }
        let oldest = taken.front().copied().unwrap_or(now);
        Some(WINDOW.saturating_sub(now.duration_since(oldest)))
    }

    /// Whether this is the one operation that the vendor locks.
    fn posts_a_message(&self, request: &Request) -> bool {
        self.vendor == BackendKind::Sunshine
            && request.method() == Method::POST
            && request.uri().path().ends_with("/messages")
    }
}

/// An answer that breaks off: a stream after its first events, any other one half way.
fn broken_off(response: Response) -> Response {
    let (head, body) = response.into_parts();
    let is_stream = head
        .headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let pieces: BodyDataStream = body.into_data_stream();
    let kept: stream::BoxStream<'static, Result<Bytes, axum::Error>> = if is_stream {
        pieces.take(PIECES_BEFORE_CUT).boxed()
    } else {
        let halved =
            |piece: Result<Bytes, axum::Error>| piece.map(|bytes| bytes.slice(..bytes.len() / 2));
        pieces.take(1).map(halved).boxed()
    };
    // The error makes the server close the connection in the middle of the answer. Where nothing comes for a moment, what
    // came before is sent first.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(axum::Error::new(io::Error::other("cut off")))
    });
    Response::from_parts(head, Body::from_stream(kept.chain(end)))
}
