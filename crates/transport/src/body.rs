//! Reading an answer's body piece by piece, bounded in time and size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::classify::classify_body_error;
use crate::error::{Delivery, Phase, TransportError, TransportErrorKind};
use crate::record::CallRecord;

/// Most bytes set aside for a body because its `Content-Length` says so; a larger body grows as it really comes.
const PREALLOCATED_MAX_BYTES: usize = 1024 * 1024;

/// The body of one answer. Dropping it before its end closes the connection.
pub(crate) struct BodyReader {
    response: reqwest::Response,
    deadline: Instant,
    longest_silence: Duration,
    limit_bytes: usize,
    read_bytes: usize,
    record: Option<CallRecord>,
}

impl BodyReader {
    pub(crate) fn new(
        response: reqwest::Response,
        deadline: Instant,
        longest_silence: Duration,
        limit_bytes: usize,
        record: Option<CallRecord>,
    ) -> Self {
        Self {
            response,
            deadline,
            longest_silence,
            limit_bytes,
            read_bytes: 0,
            record,
        }
    }

    /// The answer's status and headers.
    pub(crate) fn response(&self) -> &reqwest::Response {
        &self.response
    }

    /// The next piece, decompressed; `None` at the end. Cancelling the future loses nothing.
    pub(crate) async fn next_chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let next = self.read_chunk().await;
        if let Some(record) = &self.record {
            match &next {
                Ok(Some(piece)) => record.piece(piece),
                Ok(None) => record.end(),
                Err(error) => record.fail(error),
            }
        }
        next
    }

    async fn read_chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let limit = time_limit(self.deadline, self.longest_silence);
        let chunk = tokio::time::timeout_at(limit, self.response.chunk())
            .await
            .map_err(|_| timeout(Phase::ReadingAnswer, self.deadline, self.longest_silence))?
            .map_err(classify_body_error)?;
        if let Some(chunk) = &chunk {
            self.read_bytes = self.read_bytes.saturating_add(chunk.len());
            if self.read_bytes > self.limit_bytes {
                return Err(self.too_large());
            }
        }
        Ok(chunk)
    }

    fn too_large(&self) -> TransportError {
        TransportError::too_large("the body", self.limit_bytes)
    }

    /// The complete body and the answer's headers. A body of one piece is not copied.
    pub(crate) async fn read_all(mut self) -> Result<(http::HeaderMap, Bytes), TransportError> {
        let announced = self.response.content_length().map(usize::try_from);
        let announced = match announced {
            Some(Ok(length)) if length <= self.limit_bytes => length,
            None => 0,
            Some(_) => {
                let error = self.too_large();
                if let Some(record) = &self.record {
                    record.fail(&error);
                }
                return Err(error);
            }
        };
        let first = self.next_chunk().await?.unwrap_or_default();
        let Some(second) = self.next_chunk().await? else {
            return Ok((std::mem::take(self.response.headers_mut()), first));
        };
        let capacity = announced
            .min(PREALLOCATED_MAX_BYTES)
            .max(first.len() + second.len());
        let mut whole = BytesMut::with_capacity(capacity);
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(chunk) = self.next_chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok((std::mem::take(self.response.headers_mut()), whole.freeze()))
    }
}

/// When to stop waiting for the next byte.
pub(crate) fn time_limit(deadline: Instant, longest_silence: Duration) -> Instant {
    let silent_until = Instant::now().checked_add(longest_silence);
    silent_until.map_or(deadline, |moment| moment.min(deadline))
}

/// The error of a call whose time is over after it may have been sent.
pub(crate) fn timeout(
    phase: Phase,
    deadline: Instant,
    longest_silence: Duration,
) -> TransportError {
    let detail = if Instant::now() >= deadline {
        "the deadline passed".to_owned()
    } else {
        format!("nothing came for {} ms", longest_silence.as_millis())
    };
    TransportError::new(
        TransportErrorKind::Timeout(phase),
        Delivery::MaybeSent,
        detail,
    )
}
