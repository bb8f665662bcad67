//! Bodies within their limits.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// It has more bytes than it may have.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// It ended before its end, or was no body.
    Broken,
}

/// Reads a body to its end. One that announces more bytes than it may have is refused before any of it is read.
///
/// # Errors
/// Where it does not fit its limits, or breaks off.
pub async fn read_body(
    body: Body,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Bytes, BodyFault> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(BodyFault::TooLarge);
    }
    let read = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(timeout, read).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
        Ok(Err(_)) => Err(BodyFault::Broken),
        Err(_elapsed) => Err(BodyFault::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_not_beyond() {
        let timeout = Duration::from_secs(60);
        let read = read_body(Body::from("12345"), 5, timeout).await;
        assert_eq!(read, Ok(Bytes::from_static(b"12345")));
        let read = read_body(Body::from("123456"), 5, timeout).await;
        assert_eq!(read, Err(BodyFault::TooLarge));
        let broken = futures_util::stream::iter([Ok("1"), Err(std::io::Error::other("cut"))]);
        let read = read_body(Body::from_stream(broken), 5, timeout).await;
        assert_eq!(read, Err(BodyFault::Broken));
        let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let read = read_body(Body::from_stream(never), 5, Duration::from_millis(1)).await;
        assert_eq!(read, Err(BodyFault::TooSlow));
    }
}
