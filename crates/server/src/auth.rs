//! Who calls: bearer keys, end users and scopes. Everything under `/v1` and `/admin` goes through here.

mod key;

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{KeyRecord, Keys};
use backend::{Principal, Scope};
use conversation::Time;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method};
use moka::future::Cache;

use self::key::Presented;
pub use self::key::{KeyRequest, NewKey, NoRandomness};
use crate::problem::{Code, FieldError, Place, Problem};
use crate::router::TRANSLATE;

/// Header that names the end user for whom a call is made.
pub(crate) const USER_HEADER: &str = "dragoman-user";
/// A revoked key is dead on every replica after this.
const CACHE_TIME: Duration = Duration::from_secs(5);
/// Keys kept in the cache; unknown ids are kept too, so that guessing does not reach the database.
const CACHE_ENTRIES_MAX: u64 = 10_000;
/// The longest name of an end user.
const USER_MAX_CHARS: usize = 255;
/// The longest name of a tenant.
const TENANT_MAX_CHARS: usize = 64;

/// A key as it was found, with the principal that it makes.
#[derive(Debug)]
struct Found {
    record: KeyRecord,
    principal: Arc<Principal>,
}

/// Checks keys, with a short memory.
#[derive(Clone)]
pub(crate) struct KeyCheck {
    keys: Arc<dyn Keys>,
    cache: Cache<Box<str>, Option<Arc<Found>>>,
}

impl std::fmt::Debug for KeyCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyCheck")
    }
}

impl KeyCheck {
    pub(crate) fn new(keys: Arc<dyn Keys>) -> Self {
        KeyCheck {
            keys,
            cache: Cache::builder()
                .max_capacity(CACHE_ENTRIES_MAX)
                .time_to_live(CACHE_TIME)
                .build(),
        }
    }

    /// Forgets a key, so that a change made here counts here at once.
    pub(crate) async fn forget(&self, id: &str) {
        self.cache.invalidate(id).await;
    }

    /// The principal of a request, with every scope that its method and path need.
    ///
    /// # Errors
    /// 401 for every kind of bad key alike; 403 for a good key that may not do this.
    pub(crate) async fn principal(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<Principal>, Problem> {
        let found = self.authenticate(headers).await?;
        let needed = required_scope(method, path);
        if !found.principal.may(needed) {
            return Err(lacks(needed));
        }
        act_for(&found, headers)
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Found>, Problem> {
        let presented = bearer(headers)
            .and_then(Presented::parse)
            .ok_or_else(unauthenticated)?;
        let found = self.find(&presented.id).await?;
        let record = found.as_ref().map(|found| &found.record);
        let is_good =
            presented.matches(record) && record.is_some_and(|record| record.is_active(Time::now()));
        found.filter(|_| is_good).ok_or_else(unauthenticated)
    }

    async fn find(&self, id: &str) -> Result<Option<Arc<Found>>, Problem> {
        if let Some(found) = self.cache.get(id).await {
            return Ok(found);
        }
        let load = async {
            let record = self.keys.find(id).await?;
            Ok::<_, backend::Error>(record.map(|record| {
                let principal = Arc::new(Principal {
                    tenant: record.tenant.clone(),
                    key: record.id.clone(),
                    user: record.user.clone(),
                    scopes: record.scopes.clone(),
                });
                Arc::new(Found { record, principal })
            }))
        };
        self.cache
            .try_get_with(id.into(), load)
            .await
            .map_err(|error| Problem::from((*error).clone()))
    }
}

/// What a key must be allowed to do for a route. The one rule, for requests and for the API description.
pub(crate) fn required_scope(method: &Method, path: &str) -> Scope {
    if path.starts_with("/admin/") {
        Scope::Admin
    } else if method.is_safe() || path == TRANSLATE {
        // A translation is asked with POST because it has a body; it changes nothing.
        Scope::Read
    } else {
        Scope::Write
    }
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
fn act_for(found: &Found, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let Some(header) = headers.get(USER_HEADER) else {
        return Ok(Arc::clone(&found.principal));
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
    match found.principal.user.as_deref() {
        Some(own) if own == user => Ok(Arc::clone(&found.principal)),
        Some(_) => Err(Problem::new(
            Code::Forbidden,
            "the key acts for another user only",
        )),
        None if found.principal.may(Scope::ActAs) => Ok(Arc::new(Principal {
            user: Some(user.into()),
            ..(*found.principal).clone()
        })),
        None => Err(lacks(Scope::ActAs)),
    }
}

/// What [`is_user_name`] asks for, in words.
pub(crate) const USER_RULE: &str = "1 to 255 characters without control characters";
/// What [`is_tenant_name`] asks for, in words.
pub(crate) const TENANT_RULE: &str = "1 to 64 characters out of A-Z a-z 0-9 _ -";

/// Whether a text can name an end user.
pub(crate) fn is_user_name(user: &str) -> bool {
    !user.is_empty()
        && user.chars().count() <= USER_MAX_CHARS
        && !user.chars().any(char::is_control)
}

/// Whether a text can name a tenant: names at vendors are made of tenant and end user, and are told apart by what no
/// tenant has in it.
pub(crate) fn is_tenant_name(tenant: &str) -> bool {
    (1..=TENANT_MAX_CHARS).contains(&tenant.len())
        && tenant
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
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
