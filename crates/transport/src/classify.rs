//! From the HTTP client's errors to ours. Certain about [`Delivery::NotSent`], careful with everything else.

use std::error::Error;
use std::io;

use crate::error::{Delivery, Phase, TransportError, TransportErrorKind};

/// Classifies a failure before the answer's headers were complete.
pub(crate) fn classify_send_error(error: reqwest::Error) -> TransportError {
    use Delivery::{MaybeSent, NotSent};
    use TransportErrorKind as Kind;

    let cause = root_cause(&error);
    let (kind, delivery) = if error.is_builder() {
        (Kind::InvalidRequest, NotSent)
    } else if error.is_dns() {
        (Kind::Dns, NotSent)
    } else if error.is_connect() {
        // The HTTP client writes a request only into a finished connection, so nothing was sent.
        if error.is_timeout() {
            (Kind::Timeout(Phase::Connecting), NotSent)
        } else if find::<rustls::Error>(&error).is_some() {
            (Kind::Tls, NotSent)
        } else {
            (Kind::Connect, NotSent)
        }
    } else if let Some(hyper) = find::<hyper::Error>(&error) {
        if hyper.is_canceled() {
            // hyper's word for "taken back before a byte of it was written".
            (Kind::ConnectionLost, NotSent)
        } else if hyper.is_parse() {
            (Kind::InvalidResponse, MaybeSent)
        } else {
            (Kind::ConnectionLost, MaybeSent)
        }
    } else {
        (Kind::ConnectionLost, MaybeSent)
    };
    TransportError::new(kind, delivery, cause).with_source(error.without_url())
}

/// Classifies a failure while the answer's body was read.
pub(crate) fn classify_body_error(error: reqwest::Error) -> TransportError {
    let cause = root_cause(&error);
    // Transfer errors come from hyper; what fails above it (decompression) is wrong content.
    let kind = match find::<hyper::Error>(&error) {
        Some(_) => TransportErrorKind::ConnectionLost,
        None => TransportErrorKind::InvalidResponse,
    };
    TransportError::new(kind, Delivery::MaybeSent, cause).with_source(error.without_url())
}

/// The first error of type `E` in the chain.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        current = next_cause(error);
    }
    None
}

/// The text of the last error in the chain, which says most: "Connection refused (os error 111)".
fn root_cause(error: &reqwest::Error) -> String {
    let mut current: &(dyn Error + 'static) = error;
    while let Some(next) = next_cause(current) {
        current = next;
    }
    match current.downcast_ref::<reqwest::Error>() {
        // Without a cause only the client's own words are left, and they may repeat the URL.
        Some(_) => "the http client gave no reason".to_owned(),
        None => current.to_string(),
    }
}

/// The cause of an error. An I/O error made from another error answers `source` with that one's source, and so would
/// hide the error itself.
fn next_cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
