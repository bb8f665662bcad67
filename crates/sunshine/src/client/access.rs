//! What a call carries so that the vendor knows us: a key, a token, or a token that is signed here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::Mutex;
use transport::Request;

use crate::config::{JwtScope, SunshineCredentials};

/// How long a token of ours is good for.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long before its end a token is replaced: longer than any call takes, and than clocks differ.
const TOKEN_RESERVE: Duration = Duration::from_secs(6 * 60);
/// How far the vendor's clock may be behind ours.
const ISSUED_BEFORE: Duration = Duration::from_secs(30);

/// The payload of a token. The vendor refuses one without `scope`.
#[derive(Serialize)]
struct Claims {
    scope: &'static str,
    iat: u64,
    exp: u64,
}

/// A token that is signed here, and until when it is used.
struct Signed {
    token: SecretString,
    good_until: Instant,
}

/// The credentials of one backend.
pub(super) struct Access {
    credentials: SunshineCredentials,
    signed: Mutex<Option<Signed>>,
}

impl Access {
    pub(super) fn new(credentials: SunshineCredentials) -> Self {
        Self {
            credentials,
            signed: Mutex::new(None),
        }
    }

    /// Another credential, used as this one is: `<key id>:<secret>`, or a token.
    pub(super) fn with_secret(&self, stored: &SecretString) -> Self {
        let text = stored.expose_secret();
        // No token of the vendor's holds a colon, and no key's id does.
        let credentials = match (text.split_once(':'), &self.credentials) {
            (None, _) => SunshineCredentials::Token(stored.clone()),
            (Some((key_id, secret)), SunshineCredentials::Jwt { scope, .. }) => {
                SunshineCredentials::Jwt {
                    key_id: key_id.to_owned(),
                    secret: secret.into(),
                    scope: *scope,
                }
            }
            (Some((key_id, secret)), _) => SunshineCredentials::Basic {
                key_id: key_id.to_owned(),
                secret: secret.into(),
            },
        };
        Self::new(credentials)
    }

    /// The request with what it needs.
    pub(super) async fn apply<'t>(&self, request: Request<'t>) -> Request<'t> {
        match &self.credentials {
            SunshineCredentials::Basic { key_id, secret } => request.basic(key_id, secret),
            SunshineCredentials::Token(token) => request.bearer(token),
            SunshineCredentials::Jwt {
                key_id,
                secret,
                scope,
            } => {
                let token = self.token(key_id, secret, *scope).await;
                // Signing fails on no key; an empty token would be refused like a wrong one.
                request.bearer(&token.unwrap_or_else(|| SecretString::from("")))
            }
        }
    }

    async fn token(
        &self,
        key_id: &str,
        secret: &SecretString,
        scope: JwtScope,
    ) -> Option<SecretString> {
        let mut signed = self.signed.lock().await;
        if let Some(signed) = &*signed
            && signed.good_until > Instant::now()
        {
            return Some(signed.token.clone());
        }
        let token = sign(key_id, secret, scope)?;
        *signed = Some(Signed {
            token: token.clone(),
            good_until: Instant::now() + (TOKEN_LIFE - TOKEN_RESERVE),
        });
        Some(token)
    }
}

/// A new token: HMAC with SHA-256, the key's id in its header.
fn sign(key_id: &str, secret: &SecretString, scope: JwtScope) -> Option<SecretString> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let header = Header {
        kid: Some(key_id.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let claims = Claims {
        scope: scope.as_str(),
        iat: now.saturating_sub(ISSUED_BEFORE).as_secs(),
        exp: (now + TOKEN_LIFE).as_secs(),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    encode(&header, &claims, &key).ok().map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_signed_token_names_its_key_and_its_scope() {
        let secret = SecretString::from("a secret that is long enough for a test");
        for scope in [JwtScope::App, JwtScope::Account] {
            let token = sign("app_1", &secret, scope).unwrap();
            let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
            let decoded = decode::<BTreeMap<String, Value>>(
                token.expose_secret(),
                &key,
                &Validation::new(Algorithm::HS256),
            )
            .unwrap();
            assert_eq!(decoded.header.kid.as_deref(), Some("app_1"));
            assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
            assert_eq!(decoded.claims["scope"], scope.as_str());
        }
    }

    #[tokio::test]
    async fn a_signed_token_is_used_again() {
        let secret = SecretString::from("a secret that is long enough for a test");
        let access = Access::new(SunshineCredentials::Token("unused".into()));
        let first = access.token("app_1", &secret, JwtScope::App).await.unwrap();
        let second = access.token("app_1", &secret, JwtScope::App).await.unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
    }
}
