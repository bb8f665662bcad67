//! The Host check: what a proxy in front and we read out of one request must be the same.

use axum::extract::Request;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Version};

use crate::problem::{Code, FieldError, Place, Problem};

/// HTTP/1.1 needs one `Host`, HTTP/2 an `:authority` or one `Host`; HTTP/1.0 health checks may come without.
pub(super) fn check_host(request: &Request) -> Result<(), Problem> {
    let refuse = |detail: &str| {
        Err(Problem::at(
            Code::InvalidHost,
            FieldError::new(Place::Header, "/host", "invalid-value", detail),
        ))
    };
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return refuse("two Host headers");
    }
    let target = request.uri().authority();
    let Some(host) = host else {
        return match (request.version(), target) {
            (Version::HTTP_10, _) | (Version::HTTP_2, Some(_)) => Ok(()),
            _ => refuse("no Host header"),
        };
    };
    let Some(host) = parse_host(host) else {
        return refuse("the Host header is not a host with an optional port");
    };
    match target {
        Some(target) if *target != host => refuse("the Host header contradicts the request line"),
        _ => Ok(()),
    }
}

fn parse_host(value: &HeaderValue) -> Option<Authority> {
    let authority: Authority = value.to_str().ok()?.parse().ok()?;
    let has_user = authority.as_str().contains('@');
    // A colon without a port that is a number is accepted by the parser.
    let has_bad_port =
        authority.port_u16().is_none() && authority.as_str().len() != authority.host().len();
    (!has_user && !has_bad_port && !authority.host().is_empty()).then_some(authority)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http::Version;

    use super::check_host;

    fn is_accepted(version: Version, uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        check_host(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn http_1_1_needs_exactly_one_good_host() {
        let v11 = Version::HTTP_11;
        for host in ["localhost", "127.0.0.1:8080", "[::1]:8080", "example.com"] {
            assert!(is_accepted(v11, "/", &[host]), "{host}");
        }
        assert!(!is_accepted(v11, "/", &[]));
        assert!(!is_accepted(v11, "/", &["a.example", "b.example"]));
        assert!(!is_accepted(v11, "/", &["a.example", "a.example"]));
        for host in [
            "",
            "a b",
            "user@a.example",
            "a.example:x",
            "a/b",
            "a.example:99999",
            "a,b:",
        ] {
            assert!(!is_accepted(v11, "/", &[host]), "{host}");
        }
    }

    #[test]
    fn absolute_target_must_agree_with_host() {
        let v11 = Version::HTTP_11;
        assert!(is_accepted(v11, "http://a.example/", &["A.example"]));
        assert!(!is_accepted(v11, "http://a.example/", &["b.example"]));
        assert!(!is_accepted(v11, "http://a.example/", &[]));
    }

    #[test]
    fn older_and_newer_versions_may_leave_it_out() {
        assert!(is_accepted(Version::HTTP_10, "/", &[]));
        assert!(is_accepted(Version::HTTP_2, "http://a.example/", &[]));
        assert!(!is_accepted(Version::HTTP_2, "/", &[]));
    }
}
