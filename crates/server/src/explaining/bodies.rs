//! Bodies that are seen on their way, and what is kept of them.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::Value;

use super::Texts;

/// An answer that is longer than this is not held up until its explanation is kept, in bytes.
const HELD_MAX_BYTES: u64 = 1024 * 1024;

/// The beginning of a body.
#[derive(Default)]
pub(super) struct Captured {
    pub(super) media_type: Option<Box<str>>,
    max_bytes: usize,
    bytes: Vec<u8>,
    size_bytes: u64,
}

impl Captured {
    pub(super) fn new(max_bytes: usize) -> Self {
        Captured {
            max_bytes,
            ..Captured::default()
        }
    }

    /// A piece came by.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let room = self.max_bytes.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&piece[..room.min(piece.len())]);
        self.size_bytes = self.size_bytes.saturating_add(piece.len() as u64);
    }

    /// As an explanation shows it.
    pub(super) fn shown(&self, texts: Texts) -> Value {
        texts.body(
            self.media_type.as_deref(),
            &self.bytes,
            Some(self.size_bytes),
        )
    }
}

/// A body of which somebody sees every piece, and the end: whether it came to it.
struct Observed<S, E: FnOnce(bool)> {
    body: Body,
    see: S,
    end: Option<E>,
}

impl<S: FnMut(&[u8]), E: FnOnce(bool)> Observed<S, E> {
    fn ended(&mut self, is_whole: bool) {
        if let Some(end) = self.end.take() {
            end(is_whole);
        }
    }
}

impl<S, E> HttpBody for Observed<S, E>
where
    S: FnMut(&[u8]) + Unpin,
    E: FnOnce(bool) + Unpin,
{
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(task);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(piece) = frame.data_ref() {
                    (self.see)(piece);
                }
            }
            Poll::Ready(Some(Err(_))) => self.ended(false),
            Poll::Ready(None) => self.ended(true),
            Poll::Pending => {}
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

impl<S, E: FnOnce(bool)> Drop for Observed<S, E> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end(self.body.is_end_stream());
        }
    }
}

/// The request; `see` gets each piece of its body that is read.
pub(super) fn observed_request(
    request: Request,
    see: impl FnMut(&[u8]) + Send + Unpin + 'static,
) -> Request {
    request.map(|body| {
        let end = |_is_whole| {};
        Body::new(Observed {
            body,
            see,
            end: Some(end),
        })
    })
}

/// The answer; `see` gets each piece of its body. `Ok` where all of it has been seen, `Err` where it still comes: then
/// `end` is told when it has ended, and whether as it should.
pub(super) async fn observed_answer(
    response: Response,
    mut see: impl FnMut(&[u8]) + Send + Unpin + 'static,
    end: impl FnOnce(bool) + Send + Unpin + 'static,
) -> Result<Response, Response> {
    let is_short = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size <= HELD_MAX_BYTES);
    let (parts, body) = response.into_parts();
    if !is_short {
        let end = Some(end);
        let body = Body::new(Observed { body, see, end });
        return Err(Response::from_parts(parts, body));
    }
    match body.collect().await {
        Ok(whole) => {
            let bytes = whole.to_bytes();
            see(&bytes);
            Ok(Response::from_parts(parts, Body::from(bytes)))
        }
        // What is short comes from memory and cannot break; if it does, its caller is told in the same way.
        Err(error) => {
            end(false);
            let broken = futures_util::stream::once(async { Err::<Bytes, _>(error) });
            Err(Response::from_parts(parts, Body::from_stream(broken)))
        }
    }
}
