//! One request: who asks, with which query, under which address.

use std::sync::Arc;

use adapterkit::Raw;
use axum::body::Body;
use axum::extract::OriginalUri;
use backend::ports::FacadeState;
use backend::{Backend, Context};
use bytes::Bytes;
use facadekit::{BodyFault, Caller, read_body};
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;

use super::Shared;
use super::answer::Refused;
use super::query::Query;

/// What the vendor takes as JSON, in bytes.
const JSON_MAX_BYTES: usize = 100 * 1_024;

/// One request, up to its body.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Caller,
    pub(super) query: Query,
    /// Scheme, host and what stands before `/v2`.
    pub(super) base: String,
    /// From `/v2` on, raw, without the query.
    pub(super) path: String,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, caller: Caller, head: &Parts) -> Result<Self, Refused> {
        let whole = head
            .extensions
            .get::<OriginalUri>()
            .map_or(&head.uri, |original| &original.0);
        let path = super::routes::path_of(head.uri.path());
        let base = match &shared.config.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => base_of(whole, &head.headers, path),
        };
        Ok(Self {
            query: Query::read(head.uri.query().unwrap_or_default())?,
            base,
            path: path.to_owned(),
            shared,
            caller,
        })
    }

    /// The context of one step of the call.
    pub(super) fn cx(&self) -> Context {
        self.caller
            .context(self.shared.parts.limits.request_timeout)
    }

    pub(super) fn backend(&self) -> &dyn Backend {
        &*self.shared.parts.backend
    }

    pub(super) fn state(&self) -> &dyn FacadeState {
        &*self.shared.parts.state
    }

    pub(super) fn tenant(&self) -> &str {
        &self.caller.principal.tenant
    }

    /// The body, within its limits.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
        let limits = &self.shared.parts.limits;
        let most = limits.body_bytes_max.min(JSON_MAX_BYTES);
        let body = read_body(body, most, limits.body_timeout)
            .await
            .map_err(|fault| of_fault(&fault))?;
        let is_json = headers.get(CONTENT_TYPE).is_none_or(|value| {
            let essence = value.to_str().unwrap_or_default().split(';').next();
            let essence = essence.unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        if !body.is_empty() && !is_json {
            return Err(Refused::wrong_media_type());
        }
        Ok(body)
    }

    /// A body as an object of the wire.
    pub(super) fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Refused> {
        let malformed = || Refused::bad_request("The body is malformed");
        let text = std::str::from_utf8(body).map_err(|_| malformed())?;
        // Values that are kept are not read, so their depth is counted here.
        if depth_of(text) > self.shared.parts.limits.json_depth_max {
            return Err(Refused::bad_request("The body is nested too deeply"));
        }
        let raw: Raw = serde_json::from_str(text).map_err(|_| malformed())?;
        raw.decode().map_err(|_| malformed())
    }
}

/// What is wrong with a body, in the vendor's words.
pub(super) fn of_fault(fault: &BodyFault) -> Refused {
    match fault {
        BodyFault::TooLarge => Refused::too_large(),
        BodyFault::TooSlow => Refused::too_slow(),
        BodyFault::Broken => Refused::bad_request("The body is malformed"),
    }
}

/// Scheme, host and what stands before `path` in the address that the caller used.
fn base_of(whole: &Uri, headers: &HeaderMap, path: &str) -> String {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .or(whole.authority().map(http::uri::Authority::as_str))
        .unwrap_or("localhost");
    let before = whole.path().strip_suffix(path).unwrap_or_default();
    format!("http://{host}{before}")
}

/// How deep arrays and objects are nested in a JSON text, or in what should be one.
fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_inside_strings_nest_nothing() {
        assert_eq!(depth_of(r#"{"a":["[[[\"[",{}]}"#), 3);
        assert_eq!(depth_of("1"), 0);
    }

    #[test]
    fn links_begin_with_the_address_that_was_used() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "example.org:8080".parse().unwrap());
        let whole: Uri = "/facade/sunshine/v2/apps/a/users".parse().unwrap();
        assert_eq!(
            base_of(&whole, &headers, "/v2/apps/a/users"),
            "http://example.org:8080/facade/sunshine"
        );
    }
}
