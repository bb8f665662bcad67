//! Where a request goes: the checked base URL, and URLs built from segments below it.

use url::Url;

use crate::error::{Delivery, TransportError, TransportErrorKind};

/// Checks a base URL and takes the slash off its end, so that segments can be appended.
///
/// The messages never repeat the URL: it may hold a password.
pub(crate) fn parse_base_url(text: &str) -> Result<Url, TransportError> {
    let invalid = |detail: &'static str| {
        TransportError::new(TransportErrorKind::InvalidUrl, Delivery::NotSent, detail)
    };
    let mut url = Url::parse(text).map_err(|error| {
        invalid("it must look like https://host or https://host:port/path").with_source(error)
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("it must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "it must not hold a user name or password, give credentials separately",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(
            "it must not hold ? or #, only scheme, host, port and path",
        ));
    }
    if url.port() == Some(0) {
        return Err(invalid("port 0 cannot be connected to"));
    }
    url.path_segments_mut()
        .map_err(|()| invalid("it must have a host"))?
        .pop_if_empty();
    Ok(url)
}

/// The URL below `base` with these path segments, each percent-encoded as a whole.
///
/// Refused, because the URL standard drops, collapses or empties them and the request would reach another resource:
/// an empty segment, `.` and `..`, and segments with control characters (tab and line breaks are removed by the
/// standard, so `.<tab>.` would become `..`).
pub(crate) fn build_url(base: &Url, segments: &[&str]) -> Result<Url, TransportError> {
    for segment in segments {
        if segment.is_empty() {
            return Err(TransportError::invalid_request("a path segment is empty"));
        }
        if matches!(*segment, "." | "..") {
            return Err(TransportError::invalid_request(
                "a path segment must not be . or ..",
            ));
        }
        if segment.chars().any(char::is_control) {
            return Err(TransportError::invalid_request(
                "a path segment holds a control character",
            ));
        }
    }
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| TransportError::invalid_request("the base url has no path"))?
        .extend(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base_urls_other_than_plain_http_are_refused_without_repeating_them() {
        let table = [
            "",
            "chat.example",
            "//chat.example",
            "/api",
            "ftp://chat.example",
            "file:///etc/passwd",
            "unix:/run/chat.sock",
            "data:text/plain,planted",
            "https://planted@chat.example",
            "https://planted:planted@chat.example",
            "https://:planted@chat.example",
            "https://chat.example/?planted=1",
            "https://chat.example/?",
            "https://chat.example/#planted",
            "https://chat.example:0/",
            "https://chat.example:99999/",
            "https://",
            "https://chat example",
            "https://[::1",
        ];
        for text in table {
            let error = parse_base_url(text).unwrap_err();
            assert_eq!(error.kind(), TransportErrorKind::InvalidUrl, "{text}");
            assert_eq!(error.delivery(), Delivery::NotSent);
            assert!(
                !format!("{error} {error:?}").contains("planted"),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn segments_are_appended_below_the_path_of_the_base_url() {
        let table = [
            ("http://chat.example", "http://chat.example/api/v1"),
            ("http://chat.example/", "http://chat.example/api/v1"),
            (
                "http://chat.example:8000/base",
                "http://chat.example:8000/base/api/v1",
            ),
            (
                "http://chat.example:8000/base/",
                "http://chat.example:8000/base/api/v1",
            ),
            ("https://[::1]:8443/a/b/", "https://[::1]:8443/a/b/api/v1"),
            ("HTTPS://Chat.Example:443", "https://chat.example/api/v1"),
        ];
        for (base, expected) in table {
            let base = parse_base_url(base).unwrap();
            assert_eq!(build_url(&base, &["api", "v1"]).unwrap().as_str(), expected);
        }
        let base = parse_base_url("http://chat.example/").unwrap();
        assert_eq!(
            build_url(&base, &[]).unwrap().as_str(),
            "http://chat.example/"
        );
    }

    #[test]
    fn dangerous_ids_stay_inside_their_segment() {
        let base = parse_base_url("http://chat.example/base").unwrap();
        let table = [
            ("a/b", "a%2Fb"),
            ("../x", "..%2Fx"),
            ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
            ("..\\x", "..%5Cx"),
            ("%2f", "%252f"),
            ("%2e%2e", "%252e%252e"),
            (".%2e", ".%252e"),
            ("%2E", "%252E"),
            ("...", "..."),
            ("a?b=c", "a%3Fb=c"),
            ("a#b", "a%23b"),
            ("a b", "a%20b"),
            ("a;b", "a;b"),
            ("@host", "@host"),
            ("//host", "%2F%2Fhost"),
            ("http://host", "http:%2F%2Fhost"),
            ("ü", "%C3%BC"),
            ("\u{2028}", "%E2%80%A8"),
        ];
        for (id, encoded) in table {
            let url = build_url(&base, &["c", id, "m"]).unwrap();
            assert_eq!(
                url.as_str(),
                format!("http://chat.example/base/c/{encoded}/m"),
                "{id:?}"
            );
        }
    }

    #[test]
    fn segments_that_the_url_standard_would_drop_or_collapse_are_refused() {
        let base = parse_base_url("http://chat.example/base").unwrap();
        for id in [
            "", ".", "..", ".\t.", "\n..", ".\r.", "a\nb", "\0", "a\0b", "\u{7f}", "\u{85}",
        ] {
            let error = build_url(&base, &["c", id]).unwrap_err();
            assert_eq!(error.kind(), TransportErrorKind::InvalidRequest, "{id:?}");
            assert_eq!(error.delivery(), Delivery::NotSent);
        }
    }

    proptest! {
        #[test]
        fn any_segment_is_refused_or_arrives_as_itself(
            segment in prop_oneof!["\\PC{0,8}", "[.%2eEfF/\\\\?#\\t\\n\u{e9}]{0,6}", any::<String>()],
        ) {
            let base = parse_base_url("http://chat.example/base").unwrap();
            if let Ok(url) = build_url(&base, &["c", &segment, "m"]) {
                let encoded: Vec<&str> = url.path_segments().unwrap().collect();
                prop_assert_eq!(encoded.len(), 4);
                // Decoded with another reader than the one that encoded: a form pair, where only + differs.
                let pair = format!("k={}", encoded[2].replace('+', "%2B").replace('&', "%26"));
                let decoded = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1;
                prop_assert_eq!(decoded.as_ref(), segment.as_str());
                prop_assert_eq!((encoded[0], encoded[1], encoded[3]), ("base", "c", "m"));
                prop_assert!(url.query().is_none() && url.fragment().is_none());
                prop_assert_eq!(url.host_str(), Some("chat.example"));
            }
        }
    }
}
