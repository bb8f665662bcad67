//! Who calls: the token of a request, and whom it stands for.

use std::sync::Arc;

use backend::{Result, Scope};
use facadekit::Caller;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use url::form_urlencoded;

use super::App;
use super::problem::Problem;
use crate::wire::TOKEN_HEADER;

/// What every key of the gateway begins with, and no token of a session: those are Base64 of `{"`.
const KEY_PREFIX: &str = "drg_";

/// Whom a request comes from.
pub(super) enum Who {
    /// Somebody with a key of the gateway or with a token that this facade has given.
    Known(Caller),
    /// Somebody without a token, or with one that is none of ours or has ended.
    Stranger,
    /// Somebody with a key that does not open, or that is in the query. Whoever has a key must not silently become another user.
    Refused,
}

/// A token, and where it was found.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Header(String),
    /// Where proxies and browsers write it down.
    Query(String),
}

/// The token of a request: `Authorization: Bearer …` before the header before the query. The first that is there counts,
/// accepted or not; another authorization, or `bearer` in lower case, is passed over.
fn token_of(headers: &HeaderMap, query: Option<&str>) -> Option<Sent> {
    bearer(headers)
        .or_else(|| text(headers, TOKEN_HEADER))
        .map(Sent::Header)
        .or_else(|| {
            form_urlencoded::parse(query?.as_bytes())
                .find(|(name, _)| name == TOKEN_HEADER)
                .map(|(_, value)| value.into_owned())
                .filter(|token| !token.is_empty())
                .map(Sent::Query)
        })
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, AUTHORIZATION.as_str())?;
    let token = value.strip_prefix("Bearer ")?;
    // Exactly two words.
    (!token.is_empty() && !token.contains(' ')).then(|| token.to_owned())
}

/// The first header of this name, where it says anything. What is no text is a text that opens nothing.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.as_bytes();
    let value = String::from_utf8_lossy(value).trim().to_owned();
    (!value.is_empty()).then_some(value)
}

impl App {
    /// Whom a request comes from.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub(super) async fn who(&self, request: &Parts) -> Result<Who> {
        let token = match token_of(&request.headers, request.uri.query()) {
            None => return Ok(Who::Stranger),
            // A key has no end of its own as a session's token has: what wrote the address down would have it for ever.
            Some(Sent::Query(token)) if token.starts_with(KEY_PREFIX) => return Ok(Who::Refused),
            Some(Sent::Header(token) | Sent::Query(token)) => token,
        };
        if token.starts_with(KEY_PREFIX) {
            let principal = self.parts.keys.check(&token).await?;
            return Ok(principal.map_or(Who::Refused, |principal| {
                Who::Known(Caller::new(principal).in_request(request))
            }));
        }
        let principal = self.sessions.holder(&token).await?;
        Ok(principal.map_or(Who::Stranger, |principal| {
            Who::Known(Caller::new(Arc::new(principal)).in_request(request))
        }))
    }

    /// The caller of an operation that never makes a user.
    ///
    /// # Errors
    /// 401 without a token that opens, 403 where it may not do this.
    pub(super) async fn caller(
        &self,
        request: &Parts,
        needed: Scope,
    ) -> std::result::Result<Caller, Problem> {
        match self.who(request).await? {
            Who::Known(caller) => allowed(caller, needed),
            Who::Stranger | Who::Refused => Err(unauthorized()),
        }
    }
}

/// The caller, where its key may do this.
pub(super) fn allowed(caller: Caller, needed: Scope) -> std::result::Result<Caller, Problem> {
    if caller.principal.may(needed) {
        return Ok(caller);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        format!("the key lacks the scope `{}`", needed.as_str()),
    ))
}

/// No token, or none that opens.
pub(super) fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "a valid token is required: send a key of this gateway in the header `user_token`, or the token of your first conversation",
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_first_token_that_is_there_counts() {
        type Case<'a> = (
            &'a [(&'static str, &'a str)],
            Option<&'a str>,
            Option<&'a str>,
        );
        let in_query = |query| token_of(&HeaderMap::new(), Some(query));
        let found = in_query("x=1&user_token=c%2B");
        assert_eq!(found, Some(Sent::Query("c+".to_owned())));
        assert_eq!(in_query("user_token="), None);
        assert_eq!(in_query("USER_TOKEN=c"), None);
        let table: &[Case<'_>] = &[
            (&[], None, None),
            (&[("authorization", "Bearer a")], None, Some("a")),
            (&[("user_token", "b")], None, Some("b")),
            (&[("user_token", "  b  ")], None, Some("b")),
            (
                &[("authorization", "Bearer a"), ("user_token", "b")],
                Some("user_token=c"),
                Some("a"),
            ),
            (
                &[("authorization", "bearer a"), ("user_token", "b")],
                None,
                Some("b"),
            ),
            (
                &[("authorization", "Basic a"), ("user_token", "b")],
                None,
                Some("b"),
            ),
            (&[("authorization", "Bearer a b")], None, None),
            (&[("authorization", "a")], None, None),
            (&[("user_token", "b"), ("user_token", "d")], None, Some("b")),
            (&[("user-token", "b")], None, None),
            (&[("x-session-token", "b")], None, None),
            (&[("cookie", "user_token=b")], None, None),
        ];
        for (sent, query, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in *sent {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let found = token_of(&headers, *query);
            let expected = expected.map(|token| Sent::Header(token.to_owned()));
            assert_eq!(found, expected, "{sent:?} {query:?}");
        }
    }
}
