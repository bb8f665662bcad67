//! Who a request is: its request id and its place in a W3C trace.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// Header with the request id, in both directions.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// W3C Trace Context header, in both directions.
pub(super) const TRACEPARENT: &str = "traceparent";

/// A caller's own request id may have this many characters.
const REQUEST_ID_MAX_CHARS: usize = 128;

/// The request's names in logs, answers and traces. Handlers find it in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestIdentity {
    request_id: Arc<str>,
    trace: Trace,
}

/// A `traceparent`: the caller's trace, or a new one, with a span id of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trace {
            trace_id,
            span_id,
            flags,
        } = self;
        write!(formatter, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

impl RequestIdentity {
    /// Takes over a caller's sane request id and trace, and makes what is missing.
    #[must_use]
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let fresh = Uuid::now_v7();
        let request_id = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| is_sane(id))
            .map_or_else(|| Arc::from(fresh.to_string()), Arc::from);
        let (trace_id, flags) = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .and_then(parse_traceparent)
            .unwrap_or((fresh.as_u128(), 0));
        // The low half of a UUIDv7 is random, which is all that a span id needs; it is never zero, because the
        // variant bits are in it.
        let (_, span_id) = fresh.as_u64_pair();
        RequestIdentity {
            request_id,
            trace: Trace {
                trace_id,
                span_id,
                flags,
            },
        }
    }

    /// The request id: the caller's, or a new UUIDv7.
    #[must_use]
    pub(crate) fn request_id(&self) -> &Arc<str> {
        &self.request_id
    }

    /// The `traceparent` for our answer and for calls that we make on behalf of this request.
    #[must_use]
    pub(crate) fn traceparent(&self) -> String {
        self.trace.to_string()
    }

    /// The trace id as 32 hexadecimal digits.
    #[must_use]
    pub(crate) fn trace_id(&self) -> String {
        format!("{:032x}", self.trace.trace_id)
    }

    pub(super) fn write_to(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, value);
        }
        if let Ok(value) = HeaderValue::try_from(self.traceparent()) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// Safe in a log line, a file name and a URL.
fn is_sane(id: &str) -> bool {
    (1..=REQUEST_ID_MAX_CHARS).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Trace id and flags of a `traceparent`, by the rules of W3C Trace Context level 1.
fn parse_traceparent(value: &str) -> Option<(u128, u8)> {
    let mut fields = value.split('-');
    let version = lower_hex(fields.next()?, 2)?;
    let trace_id = lower_hex(fields.next()?, 32)?;
    let parent_id = lower_hex(fields.next()?, 16)?;
    let flags = lower_hex(fields.next()?, 2)?;
    // Version 00 has exactly four fields; later ones may append more.
    let too_long = version == 0 && fields.next().is_some();
    if version == 0xff || trace_id == 0 || parent_id == 0 || too_long {
        return None;
    }
    Some((trace_id, u8::try_from(flags).ok()?))
}

fn lower_hex(digits: &str, length: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != length || !digits.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use uuid::Uuid;

    use super::RequestIdentity;

    fn identity(name: &'static str, value: &str) -> RequestIdentity {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        RequestIdentity::from_headers(&headers)
    }

    #[test]
    fn sane_request_id_is_kept() {
        for id in ["a", "01J-x_y.z:9", &"a".repeat(128)] {
            assert_eq!(&**identity("x-request-id", id).request_id(), id);
        }
    }

    #[test]
    fn other_request_id_is_replaced_by_a_uuid() {
        for id in ["", "a b", "a\tb", "<script>", &"a".repeat(129)] {
            let made = identity("x-request-id", id);
            assert!(Uuid::parse_str(made.request_id()).is_ok(), "{id}");
        }
    }

    #[test]
    fn trace_goes_on_with_a_span_of_our_own() {
        let incoming = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let ours = identity("traceparent", incoming).traceparent();
        assert_eq!(ours[..36], incoming[..36]);
        assert_ne!(ours[36..52], incoming[36..52]);
        assert_eq!(ours[52..], incoming[52..]);
    }

    #[test]
    fn broken_traceparent_starts_a_new_trace() {
        for incoming in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let identity = identity("traceparent", incoming);
            assert_ne!(identity.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(identity.traceparent().len(), 55);
        }
    }
}
