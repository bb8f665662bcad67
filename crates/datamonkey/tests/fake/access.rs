//! Tokens: where they are looked for, which are accepted, and new ones.

use axum::http::HeaderMap;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

/// The token of a request: `Authorization: Bearer <token>` before the header before the query; the first that is
/// there counts, accepted or not. Another authorization, or `bearer` in lower case, is passed over.
pub(crate) fn token_of(headers: &HeaderMap, query: &str) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let words: Vec<&str> = value.split(' ').collect();
        match words.as_slice() {
            ["Bearer", token] => Some((*token).to_owned()),
            _ => None,
        }
    });
    let header = || text("user_token").map(|value| value.trim().to_owned());
    let in_query = || {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "user_token")
            .map(|(_, value)| value.into_owned())
    };
    bearer
        .or_else(header)
        .or_else(in_query)
        .filter(|token| !token.is_empty())
}

/// The subject of a token that this key has signed, by any HMAC, with a lifetime or without.
pub(crate) fn subject_of(key: &str, token: &str) -> Option<String> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    validation.required_spec_claims.clear();
    validation.leeway = 0;
    validation.validate_nbf = true;
    let key = DecodingKey::from_secret(key.as_bytes());
    let claims = decode::<Value>(token, &key, &validation).ok()?.claims;
    claims["sub"].as_str().map(str::to_owned)
}

/// A token; `lifetime` in seconds from now, negative for one that has ended, absent for one that never ends.
pub(crate) fn sign(key: &str, subject: &str, lifetime: Option<i64>) -> String {
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).expect("a time");
    let mut claims = json!({"sub": subject, "iat": now});
    if let Some(lifetime) = lifetime {
        claims["exp"] = (now + lifetime).into();
    }
    let key = EncodingKey::from_secret(key.as_bytes());
    encode(&Header::default(), &claims, &key).expect("a token")
}
