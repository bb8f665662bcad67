//! Who calls: a key by HTTP Basic, or a token that is signed with the key's signing secret.

use backend::Scope;
use backend::ports::CredentialName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facadekit::Caller;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret as _;

use super::Shared;
use super::answer::Refused;

/// Where signing secrets are kept.
const SECRETS: &str = "facade/sunshine";
/// What a whole key begins with.
const KEY_PREFIX: &str = "drg_";
/// By how much a caller's clock may be ahead of ours.
const CLOCK_SKEW_SECONDS: u64 = 300;
/// A longer header is nobody's credentials.
const HEADER_MAX_BYTES: usize = 8_192;

#[derive(serde::Deserialize)]
struct Claims {
    scope: Option<String>,
}

/// The caller of a request.
pub(super) async fn caller(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Refused> {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.len() <= HEADER_MAX_BYTES)
        .ok_or_else(Refused::unauthorized)?;
    let (scheme, credentials) = header.split_once(' ').ok_or_else(Refused::unauthorized)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        basic(shared, credentials).await
    } else if scheme.eq_ignore_ascii_case("bearer") {
        bearer(shared, credentials).await
    } else {
        Err(Refused::unauthorized())
    }
}

/// `<key id>:<secret>`, or any name with the whole key as the password.
async fn basic(shared: &Shared, credentials: &str) -> Result<Caller, Refused> {
    let pair = STANDARD
        .decode(credentials)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(Refused::unauthorized)?;
    let (name, password) = pair.split_once(':').ok_or_else(Refused::unauthorized)?;
    let key = if password.starts_with(KEY_PREFIX) {
        password.to_owned()
    } else {
        let id = name.strip_prefix(KEY_PREFIX).unwrap_or(name);
        format!("{KEY_PREFIX}{id}_{password}")
    };
    match shared.parts.keys.check(&key).await? {
        Some(principal) => Ok(Caller::new(principal)),
        None => Err(Refused::unauthorized()),
    }
}

/// A token signed by HS256, whose header names the key in `kid`. The scope `user` belongs to the vendor's SDKs for end
/// users and is good for nothing here.
async fn bearer(shared: &Shared, token: &str) -> Result<Caller, Refused> {
    let header = decode_header(token).map_err(|_| Refused::unauthorized())?;
    let id = header
        .kid
        .filter(|_| header.alg == Algorithm::HS256)
        .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(Refused::unauthorized)?;
    // The key first: it is remembered, so that guessed ids do not reach the secrets.
    let principal = shared.parts.keys.holder(&id).await?;
    let principal = principal.ok_or_else(Refused::unauthorized)?;
    let name = CredentialName {
        backend: SECRETS.into(),
        reference: format!("signing/{id}").into(),
    };
    let secret = shared.parts.credentials.get(&name).await?;
    let secret = secret.ok_or_else(Refused::unauthorized)?;
    let mut validation = Validation::new(Algorithm::HS256);
    // A token need not expire; one that says when is held to it.
    validation.required_spec_claims.clear();
    validation.validate_nbf = true;
    validation.validate_aud = false;
    // Clocks differ: one that is ahead of ours makes tokens that are not good yet. Who is over stays over, which the second
    // takes back from the first.
    validation.leeway = CLOCK_SKEW_SECONDS;
    validation.reject_tokens_expiring_in_less_than = CLOCK_SKEW_SECONDS;
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let claims = decode::<Claims>(token, &key, &validation)
        .map_err(|_| Refused::unauthorized())?
        .claims;
    match claims.scope.as_deref() {
        Some("app" | "account") => {}
        Some("user") => return Err(Refused::forbidden()),
        _ => return Err(Refused::unauthorized()),
    }
    Ok(Caller::new(principal))
}

/// Whether the key may do what the method does.
pub(super) fn may(caller: &Caller, method: &Method) -> Result<(), Refused> {
    let scope = if method.is_safe() {
        Scope::Read
    } else {
        Scope::Write
    };
    if caller.principal.may(scope) {
        Ok(())
    } else {
        Err(Refused::forbidden())
    }
}
