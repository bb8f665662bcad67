//! Who calls, and what the path names.

use axum::extract::{FromRequestParts, Path};
use backend::{Context, Scope};
use facadekit::Caller;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};

use super::App;
use super::answer::Problem;

/// Somebody with a key that may do this.
pub(super) struct Call {
    pub(super) cx: Context,
}

impl Call {
    /// The tenant whose objects are meant.
    pub(super) fn tenant(&self) -> &str {
        &self.cx.principal.tenant
    }
}

impl FromRequestParts<App> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer)
            .ok_or_else(Problem::unauthorized)?;
        let found = app.parts.keys.check(key).await?;
        let principal = found.ok_or_else(Problem::unauthorized)?;
        let scope = if parts.method == Method::GET {
            Scope::Read
        } else {
            Scope::Write
        };
        if !principal.may(scope) {
            let message = format!("this key has no scope `{}`", scope.as_str());
            return Err(Problem::new(StatusCode::FORBIDDEN, message));
        }
        let caller = Caller::new(principal).in_request(parts);
        Ok(Self {
            cx: caller.context(app.parts.limits.request_timeout),
        })
    }
}

/// The token of a header. The scheme's case does not matter.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// The id in the path. Ids are opaque: any text may be one, and most are not.
pub(super) struct Id(pub(super) String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_not_text) => Err(Problem::not_found("there is nothing with this id")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_has_a_token() {
        for (header, token) in [
            ("Bearer a", Some("a")),
            ("bearer  a ", Some("a")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic a", None),
            ("a", None),
        ] {
            assert_eq!(bearer(header), token, "{header}");
        }
    }
}
