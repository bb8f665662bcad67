//! Server-sent events, read as the HTML standard says, with every buffer bounded.

use std::fmt;

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr2};

use crate::error::TransportError;

/// UTF-8 byte order mark, skipped at the beginning of a stream.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event of a stream.
#[derive(Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field, if it is there and not empty.
    pub event: Option<String>,
    /// The `data` lines, joined by line feeds.
    pub data: String,
    /// The `id` field of this very event; not carried over from earlier ones.
    pub id: Option<String>,
}

// By hand: the data is message text.
impl fmt::Debug for SseEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SseEvent")
            .field("event", &self.event)
            .field("data_bytes", &self.data.len())
            .field("id", &self.id)
            .finish()
    }
}

/// Turns pieces of a body into events. The pieces may be cut anywhere, also inside a character or between CR and LF.
pub(crate) struct SseParser {
    line_max_bytes: usize,
    event_max_bytes: usize,
    /// Bytes that are not read yet.
    buffer: BytesMut,
    /// How many bytes of the buffer were searched for a line's end in vain.
    searched: usize,
    /// The last line ended with CR, so a LF that follows belongs to it.
    skip_line_feed: bool,
    is_first_line: bool,
    unfinished: Fields,
}

/// The fields of an event that no blank line has completed yet.
#[derive(Default)]
struct Fields {
    event: Option<String>,
    data: Option<String>,
    id: Option<String>,
}

impl SseParser {
    pub(crate) fn new(line_max_bytes: usize, event_max_bytes: usize) -> Self {
        Self {
            line_max_bytes,
            event_max_bytes,
            buffer: BytesMut::new(),
            searched: 0,
            skip_line_feed: false,
            is_first_line: true,
            unfinished: Fields::default(),
        }
    }

    /// Adds the next piece of the body, of which [`next_event`](Self::next_event) then takes the events out.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next complete event, or `None` if more bytes are needed.
    pub(crate) fn next_event(&mut self) -> Result<Option<SseEvent>, TransportError> {
        loop {
            if self.skip_line_feed && !self.buffer.is_empty() {
                self.skip_line_feed = false;
                if self.buffer[0] == b'\n' {
                    self.buffer.advance(1);
                }
            }
            let found = memchr2(b'\n', b'\r', &self.buffer[self.searched..]);
            let line_bytes = found.map_or(self.buffer.len(), |offset| self.searched + offset);
            if line_bytes > self.line_max_bytes {
                return Err(TransportError::too_large(
                    "a line of the stream",
                    self.line_max_bytes,
                ));
            }
            if found.is_none() {
                self.searched = line_bytes;
                return Ok(None);
            }
            let event = self.read_line(line_bytes)?;
            self.skip_line_feed = self.buffer[line_bytes] == b'\r';
            self.buffer.advance(line_bytes + 1);
            self.searched = 0;
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Whether lines were read, or one begun, that no blank line has completed.
    pub(crate) fn is_inside_event(&self) -> bool {
        let Fields { event, data, id } = &self.unfinished;
        event.is_some() || data.is_some() || id.is_some() || !self.buffer.is_empty()
    }

    /// Reads the line at the front of the buffer, which stays there. A blank line may complete an event.
    fn read_line(&mut self, line_bytes: usize) -> Result<Option<SseEvent>, TransportError> {
        let mut line = &self.buffer[..line_bytes];
        if self.is_first_line {
            self.is_first_line = false;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if !line.is_empty() {
            self.unfinished.read(line)?;
            if self.unfinished.bytes() > self.event_max_bytes {
                return Err(TransportError::too_large("an event", self.event_max_bytes));
            }
            return Ok(None);
        }
        let Fields { event, data, id } = std::mem::take(&mut self.unfinished);
        // Without data it is no event, only fields to forget.
        Ok(data.map(|data| SseEvent { event, data, id }))
    }
}

impl Fields {
    /// Reads one line that is not blank. Comments and unknown fields are ignored; so is `retry`, because nothing is
    /// ever connected again by itself.
    fn read(&mut self, line: &[u8]) -> Result<(), TransportError> {
        let (name, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                let value = text(value)?;
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
            }
            b"event" => self.event = Some(text(value)?.to_owned()).filter(|name| !name.is_empty()),
            b"id" if !value.contains(&0) => self.id = Some(text(value)?.to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        [&self.event, &self.data, &self.id]
            .into_iter()
            .flatten()
            .map(String::len)
            .sum()
    }
}

/// The standard would put replacement characters for broken UTF-8; that would silently change somebody's message.
fn text(value: &[u8]) -> Result<&str, TransportError> {
    std::str::from_utf8(value)
        .map_err(|_| TransportError::invalid_response("the event stream is not utf-8"))
}

#[cfg(test)]
mod tests;
