//! What a request says of itself before anything is done: its name, where it came to, who calls.

use facadekit::Caller;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Uri};

use super::answers::{Problems, Refusal};
use super::ids::new_ulid;
use super::{Api, errors};

/// The name of a request, as its caller or we gave it.
#[derive(Clone, Debug)]
pub(super) struct Correlation(pub(super) HeaderValue);

impl Correlation {
    /// What the caller sent, whatever it is, or a new ULID.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get("x-correlation-id").cloned();
        let sent = sent.filter(|value| !value.is_empty());
        let made = || HeaderValue::from_str(&new_ulid()).ok();
        Self(
            sent.or_else(made)
                .unwrap_or_else(|| HeaderValue::from_static("none")),
        )
    }

    /// The same as text: bytes beyond ASCII read as Latin-1, as the vendor reads headers.
    pub(super) fn text(&self) -> String {
        self.0.as_bytes().iter().copied().map(char::from).collect()
    }
}

/// Where a request came to: scheme and host.
pub(super) fn origin(headers: &HeaderMap, uri: &Uri) -> String {
    let text = |name: http::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| text(HOST))
        .unwrap_or("localhost");
    // Whatever ends TLS before us says so; without it the client would be sent on to plain HTTP.
    let proxied = text(http::HeaderName::from_static("x-forwarded-proto"));
    // Of several, the first is what the client itself has used.
    let proxied = proxied.map(|sent| sent.split(',').next().unwrap_or_default().trim());
    let scheme = match proxied.or(uri.scheme_str()) {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{host}")
}

/// The full address with another path below the mount.
pub(super) fn elsewhere(origin: &str, uri: &Uri, below: &str, to: &str) -> String {
    let mount = uri.path().strip_suffix(below).unwrap_or_default();
    match uri.query() {
        Some(query) => format!("{origin}{mount}{to}?{query}"),
        None => format!("{origin}{mount}{to}"),
    }
}

/// Whom a budget belongs to.
pub(super) fn name_of(caller: &Caller) -> String {
    let principal = &caller.principal;
    let user = principal.user.as_deref().unwrap_or_default();
    format!("{}/{user}", principal.key)
}

/// Who calls, by the vendor's scheme with one of our keys.
pub(super) async fn authenticate(
    api: &Api,
    headers: &HeaderMap,
    problems: &Problems,
) -> Result<Caller, Refusal> {
    let missing = || problems.unauthenticated("Authentication credentials required");
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let header = sent.next().ok_or_else(missing)?;
    let (scheme, token) = header
        .to_str()
        .ok()
        .and_then(|header| header.split_once(' '))
        .ok_or_else(missing)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || sent.next().is_some() {
        return Err(missing());
    }
    let found = api.parts.keys.check(token).await;
    match found.map_err(|error| errors::refusal(problems, &error))? {
        Some(principal) => Ok(Caller::new(principal)),
        None => Err(problems.unauthenticated("Invalid token")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facade::ids::is_ulid;

    #[test]
    fn a_redirect_keeps_mount_and_query() {
        let uri: Uri = "/facade/chatter/api/v1/conversations?limit=1"
            .parse()
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("example.org:81"));
        let origin = origin(&headers, &uri);
        assert_eq!(
            elsewhere(
                &origin,
                &uri,
                "/api/v1/conversations",
                "/api/v1/conversations/"
            ),
            "http://example.org:81/facade/chatter/api/v1/conversations/?limit=1"
        );
    }

    #[test]
    fn a_correlation_id_is_echoed_or_made() {
        let mut headers = HeaderMap::new();
        assert!(is_ulid(&Correlation::of(&headers).text()));
        headers.insert("x-correlation-id", HeaderValue::from_static("any text"));
        assert_eq!(Correlation::of(&headers).text(), "any text");
    }
}
