//! Who may ask: the key by HTTP Basic, or a JWT signed with its secret.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::answer::Refusal;
use super::{KEY_ID, SECRET};

#[derive(serde::Deserialize)]
struct Claims {
    scope: Option<String>,
}

/// Checks the credentials of a request.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match header.split_once(' ') {
        Some(("Basic", pair)) if STANDARD.encode(format!("{KEY_ID}:{SECRET}")) == pair => Ok(()),
        Some(("Bearer", token)) => bearer(token),
        _ => Err(Refusal::UNAUTHORIZED),
    }
}

/// Scope `app` is enough here; `account` needs another sort of key, and `user` belongs to SDKs.
fn bearer(token: &str) -> Result<(), Refusal> {
    let header = decode_header(token).map_err(|_| Refusal::UNAUTHORIZED)?;
    if header.kid.as_deref() != Some(KEY_ID) || header.alg != Algorithm::HS256 {
        return Err(Refusal::UNAUTHORIZED);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // A token need not expire; one that says when is held to it.
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let token = decode::<Claims>(token, &key, &validation).map_err(|_| Refusal::UNAUTHORIZED)?;
    match token.claims.scope.as_deref() {
        Some("app") => Ok(()),
        Some("account" | "user") => Err(Refusal::FORBIDDEN),
        _ => Err(Refusal::UNAUTHORIZED),
    }
}
