//! The body of an answer, which keeps its connection marked as busy until it is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::activity::{Activity, StreamClock};

/// One running request; dropped when its answer is sent or given up.
#[derive(Debug)]
pub(super) struct RunningRequest {
    activity: Arc<Activity>,
    clock: Option<Arc<StreamClock>>,
}

impl RunningRequest {
    pub(super) fn begin(activity: &Arc<Activity>, version: http::Version) -> Self {
        activity.request_begins(version);
        // An HTTP/1 client that does not read blocks the socket itself; an HTTP/2 client only its stream's window.
        let clock = (version == http::Version::HTTP_2).then(|| activity.stream_begins());
        RunningRequest {
            activity: Arc::clone(activity),
            clock,
        }
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        if let Some(clock) = &self.clock {
            self.activity.stream_ends(clock);
        }
        self.activity.request_ends();
    }
}

/// An answer's body.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    request: RunningRequest,
}

impl AnswerBody {
    pub(super) fn new(body: Body, request: RunningRequest) -> Self {
        if let Some(clock) = &request.clock
            && !body.is_end_stream()
        {
            request.activity.stream_waits(clock);
        }
        AnswerBody { body, request }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(task);
        if let Some(clock) = &self.request.clock {
            if matches!(frame, Poll::Ready(Some(_))) {
                self.request.activity.stream_waits(clock);
            } else {
                Activity::stream_moves(clock);
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
