//! Sessions: users without a key, each made by its first create and known by a token that lives a day.
//!
//! A token is all there is of a session: nothing is stored but the secret that signs them all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{CredentialName, Credentials, Held, Leases, Turns};
use backend::{Error, Kind, Outcome, Principal, Result, Scope};
use http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use uuid::{Builder, Uuid};

use super::FacadeConfig;
use super::access::unauthorized;
use super::problem::Problem;
use crate::backend::tokens::sign;

/// Bytes of the secret that signs tokens.
const SECRET_BYTES: usize = 32;
/// The window in which new users are counted.
const MINUTE: Duration = Duration::from_secs(60);
/// The lease of whoever makes the secret, and how long others wait for it.
const MAKING: &str = "credential/facade/datamonkey/sessions";
const MAKING_PATIENCE: Duration = Duration::from_secs(20);
/// What stands for a key in a session's principal.
const KEY: &str = "datamonkey-session";

/// What a token says of its holder.
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// A new session.
pub(super) struct Begun {
    /// For whom its calls are made.
    pub(super) principal: Principal,
    /// What its owner sends from now on.
    pub(super) token: SecretString,
}

/// All sessions of this facade.
pub(super) struct Sessions {
    config: FacadeConfig,
    credentials: Arc<dyn Credentials>,
    turns: Arc<dyn Turns>,
    /// One of them is held while the secret is made.
    leases: Arc<dyn Leases>,
}

// By hand: credentials print nothing.
impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sessions")
            .field("anonymous", &self.config.anonymous)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    pub(super) fn new(
        credentials: Arc<dyn Credentials>,
        leases: Arc<dyn Leases>,
        turns: Arc<dyn Turns>,
        config: FacadeConfig,
    ) -> Self {
        Self {
            config,
            credentials,
            turns,
            leases,
        }
    }

    /// For whom the holder of this token calls; `None` where it is no token of ours, or has ended.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub(super) async fn holder(&self, token: &str) -> Result<Option<Principal>> {
        let Some(anonymous) = &self.config.anonymous else {
            return Ok(None);
        };
        let Some(secret) = self.secret().await? else {
            return Ok(None);
        };
        let user = subject_of(&secret, token).filter(|user| self.may_be_subject(user));
        Ok(user.map(|user| principal(&anonymous.tenant, &user)))
    }

    /// Whether a token can name this user. With a secret of our own only this facade names users, and all by UUIDs: what
    /// names another one was made with a secret that was guessed or stolen, and opens no user of the tenant's keys.
    fn may_be_subject(&self, user: &str) -> bool {
        match self.config.signing_key {
            Some(_) => keys::is_user_name(user),
            None => Uuid::parse_str(user).is_ok_and(|uuid| uuid.to_string() == user),
        }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// 401 where nobody may come without a key, 429 where too many come.
    pub(super) async fn begin(&self) -> std::result::Result<Begun, Problem> {
        let Some(anonymous) = &self.config.anonymous else {
            return Err(unauthorized());
        };
        // All strangers together: nobody can tell one from another.
        let most = anonymous.sessions_per_minute.get();
        let taken = self
            .turns
            .take(KEY, &anonymous.tenant, most, MINUTE)
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        if !taken.granted {
            return Err(too_many(taken.wait));
        }
        let secret = self.secret_or_new().await?;
        let user = new_user()?;
        let token = sign(&secret, &user)?;
        Ok(Begun {
            principal: principal(&anonymous.tenant, &user),
            token: token.secret,
        })
    }

    /// The secret as it is now: read each time, so that all sessions end when it is removed.
    async fn secret(&self) -> Result<Option<SecretString>> {
        match &self.config.signing_key {
            Some(secret) => Ok(Some(secret.clone())),
            None => self.credentials.get(&name()).await,
        }
    }

    async fn secret_or_new(&self) -> Result<SecretString> {
        if let Some(secret) = self.secret().await? {
            return Ok(secret);
        }
        // Of two replicas that make one at once, one would sign a token with a secret that is not kept.
        let making = Held::take(&self.leases, MAKING, MAKING_PATIENCE).await?;
        let made = self.kept_or_made().await;
        making.release().await;
        made
    }

    async fn kept_or_made(&self) -> Result<SecretString> {
        if let Some(secret) = self.secret().await? {
            return Ok(secret);
        }
        let secret = SecretString::from(
            random::<SECRET_BYTES>()?
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        );
        self.credentials.put(&name(), &secret).await?;
        // What is kept is what counts.
        let kept = self.credentials.get(&name()).await?;
        kept.ok_or_else(|| Error::new(Kind::Internal, "a secret that was just kept is gone"))
    }
}

/// Where the secret is kept.
fn name() -> CredentialName {
    CredentialName {
        backend: "facade/datamonkey".into(),
        reference: "sessions".into(),
    }
}

fn principal(tenant: &str, user: &str) -> Principal {
    Principal {
        tenant: tenant.into(),
        key: KEY.into(),
        user: Some(user.into()),
        scopes: vec![Scope::Read, Scope::Write],
    }
}

fn too_many(wait: Duration) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too many new users at once: try again later, or send a key of this gateway as `user_token`",
    )
    .retry_after(Some(wait))
}

/// The subject of a token that this secret has signed. As the vendor has it: by any HMAC, with an end or without one.
fn subject_of(secret: &SecretString, token: &str) -> Option<String> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    validation.required_spec_claims.clear();
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let claims = decode::<Claims>(token, &key, &validation).ok()?.claims;
    Some(claims.sub)
}

/// A name that nobody has: a random UUID, as the vendor gives them.
fn new_user() -> Result<String> {
    Ok(Builder::from_random_bytes(random()?)
        .into_uuid()
        .to_string())
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0_u8; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("the operating system gave no random bytes for a new user: {error}");
        Error::new(Kind::Internal, message).outcome(Outcome::NotApplied)
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    fn token(algorithm: Algorithm, claims: &Value) -> String {
        let key = EncodingKey::from_secret(b"the secret");
        encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    #[test]
    fn a_token_is_believed_as_the_vendor_believes_it() {
        let secret = SecretString::from("the secret");
        let now = conversation::Time::now().as_millis() / 1_000;
        let read = |algorithm, claims: Value| subject_of(&secret, &token(algorithm, &claims));
        let good = json!({"sub": "u", "exp": now + 60});
        assert_eq!(read(Algorithm::HS256, good.clone()).as_deref(), Some("u"));
        assert_eq!(read(Algorithm::HS512, good.clone()).as_deref(), Some("u"));
        for good in [
            json!({"sub": "u"}),
            json!({"sub": "u", "type": "user", "aud": "x"}),
            json!({"sub": "u", "iat": now + 600}),
        ] {
            assert!(read(Algorithm::HS256, good).is_some());
        }
        for bad in [
            json!({"sub": "u", "exp": now - 1}),
            json!({"sub": "u", "nbf": now + 60}),
            json!({"sub": 7}),
            json!({}),
        ] {
            assert_eq!(read(Algorithm::HS256, bad.clone()), None, "{bad}");
        }
        let other = SecretString::from("another secret");
        assert_eq!(subject_of(&other, &token(Algorithm::HS256, &good)), None);
        // {"alg":"none"} and no signature.
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.";
        assert_eq!(subject_of(&secret, unsigned), None);
        assert_eq!(subject_of(&secret, "not-a-jwt"), None);
    }

    #[tokio::test]
    async fn replicas_sign_with_one_secret_and_count_new_users_together() {
        let directory = tempfile::tempdir().unwrap();
        let config = store::StoreConfig::at(directory.path().join("dragoman.db"));
        let store = store::Store::open(config).unwrap();
        let key = store::SealingKey::from_bytes([7; 32]);
        let state = Arc::new(store.state(&key).unwrap());
        let replica = || {
            let config = FacadeConfig {
                anonymous: Some(super::super::Anonymous {
                    tenant: "public".into(),
                    sessions_per_minute: 5.try_into().unwrap(),
                }),
                signing_key: None,
            };
            Sessions::new(state.clone(), state.clone(), state.clone(), config)
        };
        let replicas = [replica(), replica(), replica()];
        let begun = (0..12).map(|number| replicas[number % 3].begin());
        let begun = futures_util::future::join_all(begun).await;
        let tokens: Vec<_> = begun.into_iter().filter_map(|begun| begun.ok()).collect();
        assert_eq!(tokens.len(), 5, "of all replicas together");
        for begun in &tokens {
            for replica in &replicas {
                let holder = replica.holder(begun.token.expose_secret()).await.unwrap();
                assert_eq!(
                    holder.map(|holder| holder.user),
                    Some(begun.principal.user.clone())
                );
            }
        }
        store.close().await.unwrap();
    }

    #[test]
    fn a_new_user_is_a_random_uuid() {
        let (one, other) = (new_user().unwrap(), new_user().unwrap());
        assert_ne!(one, other);
        assert_eq!(uuid::Uuid::parse_str(&one).unwrap().get_version_num(), 4);
    }
}
