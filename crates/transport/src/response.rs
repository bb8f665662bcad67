//! A complete answer, and an answer that comes as events.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use crate::body::BodyReader;
use crate::error::TransportError;
use crate::json::{self, JsonLimits};
use crate::retry_after::retry_after;
use crate::sse::{SseEvent, SseParser};

/// A complete answer of any status. Its `Debug` shows neither header values nor the body.
#[derive(Clone)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) limits: JsonLimits,
}

impl Response {
    /// The HTTP status; may be any number from 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299. Redirects are never followed, so a 3xx is no success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's first value, if it is present and plain text. The name may be in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(&self.headers, name)
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The complete, decompressed body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The complete, decompressed body, taken out.
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Reads the body as JSON, whatever the content type says: only a complete parse proves that a body without
    /// announced length is complete. A byte order mark is skipped.
    ///
    /// `T` may borrow from the body (`&str`, `&RawValue`).
    ///
    /// # Errors
    ///
    /// `InvalidResponse` with the place of the mistake, never with the content.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, TransportError> {
        json::decode(&self.body, self.limits)
    }

    /// How long the server asks to wait, at most `cap`: see [`retry_after`].
    pub fn retry_after(&self, cap: Duration) -> Option<Duration> {
        retry_after(self.header(RETRY_AFTER.as_str())?, SystemTime::now(), cap)
    }
}

// By hand: bodies hold messages and headers hold cookies.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The answer to [`Request::stream`](crate::Request::stream).
#[derive(Debug)]
pub enum StreamingResponse {
    /// A 2xx with `text/event-stream`: the events, as they come.
    Events(EventStream),
    /// Anything else, read completely.
    Complete(Response),
}

/// Server-sent events as they come. Dropping it closes the connection.
pub struct EventStream {
    status: u16,
    headers: HeaderMap,
    reader: Box<BodyReader>,
    parser: Box<SseParser>,
    is_over: bool,
}

impl EventStream {
    pub(crate) fn new(reader: BodyReader, parser: SseParser) -> Self {
        let status = reader.response().status().as_u16();
        let headers = reader.response().headers().clone();
        Self {
            status,
            headers,
            reader: Box::new(reader),
            parser: Box::new(parser),
            is_over: false,
        }
    }

    /// The HTTP status, always 2xx.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's first value, if it is present and plain text. The name may be in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(&self.headers, name)
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The next event; `None` when the server ended its answer properly, and after an error.
    ///
    /// HTTP cannot tell a finished answer from one that was cut: if the service promises a last event (`[DONE]`),
    /// `None` before it means that the answer is incomplete. Cancelling the future loses nothing.
    ///
    /// # Errors
    ///
    /// `Timeout`, `ConnectionLost`, `BodyTooLarge` (line, event or whole stream), `InvalidResponse` (not UTF-8).
    pub async fn next(&mut self) -> Result<Option<SseEvent>, TransportError> {
        if self.is_over {
            return Ok(None);
        }
        let next = self.read_next().await;
        self.is_over = !matches!(next, Ok(Some(_)));
        next
    }

    /// Whether the stream ended inside an event: after lines that no blank line completed. The standard drops such
    /// an event, and so do we.
    pub fn ended_inside_event(&self) -> bool {
        self.is_over && self.parser.is_inside_event()
    }

    async fn read_next(&mut self) -> Result<Option<SseEvent>, TransportError> {
        loop {
            if let Some(event) = self.parser.next_event()? {
                return Ok(Some(event));
            }
            match self.reader.next_chunk().await? {
                Some(chunk) => self.parser.push(&chunk),
                None => return Ok(None),
            }
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventStream")
            .field("status", &self.status)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// The body of an answer, piece by piece: for what is too large to be held whole. Dropping it closes the connection.
pub struct Pieces {
    reader: Box<BodyReader>,
}

impl Pieces {
    pub(crate) fn new(reader: BodyReader) -> Self {
        Self {
            reader: Box::new(reader),
        }
    }

    /// The HTTP status, always 2xx.
    pub fn status(&self) -> u16 {
        self.reader.response().status().as_u16()
    }

    /// A header's first value, if it is present and plain text. The name may be in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(self.reader.response().headers(), name)
    }

    /// The next piece, decompressed; `None` when the server ended its answer. Cancelling the future loses nothing.
    ///
    /// # Errors
    ///
    /// `Timeout`, `ConnectionLost`, `BodyTooLarge` (the whole body), `InvalidResponse` (compression).
    pub async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.reader.next_chunk().await
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pieces")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// The answer to [`Request::pieces`](crate::Request::pieces).
#[derive(Debug)]
pub enum PiecewiseResponse {
    /// A 2xx: its body, as it comes.
    Pieces(Pieces),
    /// Anything else, read completely.
    Complete(Response),
}

fn text_header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
