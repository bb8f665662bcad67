//! Who calls: bearer keys, end users and scopes. Everything under `/v1` and `/admin` goes through here.

use std::sync::Arc;

use backend::{Principal, Scope};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method};
use keys::{KeyCheck, USER_RULE, is_user_name};

use crate::problem::{Code, FieldError, Place, Problem};
use crate::router::TRANSLATE;

/// Header that names the end user for whom a call is made.
pub(crate) const USER_HEADER: &str = "dragoman-user";

/// The principal of a request, with every scope that its method and path need.
///
/// # Errors
/// 401 for every kind of bad key alike; 403 for a good key that may not do this.
pub(crate) async fn principal(
    check: &KeyCheck,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Arc<Principal>, Problem> {
    let key = bearer(headers).ok_or_else(unauthenticated)?;
    let principal = check.check(key).await?.ok_or_else(unauthenticated)?;
    let needed = required_scope(method, path);
    if !principal.may(needed) {
        return Err(lacks(needed));
    }
    act_for(principal, headers)
}

/// What a key must be allowed to do for a route. The one rule, for requests and for the API description.
pub(crate) fn required_scope(method: &Method, path: &str) -> Scope {
    if path.starts_with("/admin/") {
        Scope::Admin
    } else if is_passthrough(path) {
        Scope::Passthrough
    } else if method.is_safe() || path == TRANSLATE {
        // A translation is asked with POST because it has a body; it changes nothing.
        Scope::Read
    } else {
        Scope::Write
    }
}

/// Whether a path is that of a vendor's own API.
fn is_passthrough(path: &str) -> bool {
    let mut segments = path
        .strip_prefix("/v1/backends/")
        .unwrap_or_default()
        .split('/');
    segments.nth(1) == Some("passthrough")
}

/// 403 for a key without a scope.
pub(crate) fn lacks(scope: Scope) -> Problem {
    Problem::new(
        Code::Forbidden,
        format!("the key lacks the scope `{}`", scope.as_str()),
    )
}

fn unauthenticated() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "send a valid key as `authorization: Bearer drg_…`",
    )
    .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, key) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim_start())
}

/// A key for one end user always acts for that user; another key may name one if its scope allows it.
fn act_for(principal: Arc<Principal>, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let Some(header) = headers.get(USER_HEADER) else {
        return Ok(principal);
    };
    let user = std::str::from_utf8(header.as_bytes())
        .ok()
        .filter(|user| is_user_name(user))
        .ok_or_else(|| {
            Problem::at(
                Code::InvalidHeader,
                FieldError::new(
                    Place::Header,
                    format!("/{USER_HEADER}"),
                    "invalid-value",
                    USER_RULE,
                ),
            )
        })?;
    match principal.user.as_deref() {
        Some(own) if own == user => Ok(principal),
        Some(_) => Err(Problem::new(
            Code::Forbidden,
            "the key acts for another user only",
        )),
        None if principal.may(Scope::ActAs) => Ok(Arc::new(Principal {
            user: Some(user.into()),
            ..(*principal).clone()
        })),
        None => Err(lacks(Scope::ActAs)),
    }
}

#[cfg(test)]
mod tests {
    use backend::Scope;
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderValue, Method};

    use super::{bearer, required_scope};

    #[test]
    fn scope_follows_from_method_and_path() {
        for (method, path, scope) in [
            (Method::GET, "/v1/conversations", Scope::Read),
            (Method::HEAD, "/v1/conversations", Scope::Read),
            (Method::POST, "/v1/conversations", Scope::Write),
            (Method::PUT, "/v1/x", Scope::Write),
            (Method::POST, "/v1/translate", Scope::Read),
            (Method::GET, "/admin/v1/keys", Scope::Admin),
            (Method::DELETE, "/admin/v1/keys/a", Scope::Admin),
            (Method::GET, "/v1/backends/passthrough", Scope::Read),
            (
                Method::GET,
                "/v1/backends/a/passthrough/b",
                Scope::Passthrough,
            ),
            (
                Method::POST,
                "/v1/backends/a/passthrough/b/c",
                Scope::Passthrough,
            ),
        ] {
            assert_eq!(required_scope(&method, path), scope, "{method} {path}");
        }
    }

    #[test]
    fn only_one_bearer_header_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer(&headers), None);
        headers.append(AUTHORIZATION, HeaderValue::from_static("bearer  drg_a_b"));
        assert_eq!(bearer(&headers), Some("drg_a_b"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer drg_a_b"));
        assert_eq!(bearer(&headers), None);
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic drg_a_b"));
        assert_eq!(bearer(&headers), None);
    }
}
