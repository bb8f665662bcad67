//! Tokens: whose they are, until when they live, and new ones where the operator has the signing key.

use std::fmt;

use backend::{Error, Kind, Outcome, Result};
use conversation::Time;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// How long a token lives that we sign, in seconds: as long as the vendor's own.
const LIFETIME_SECONDS: i64 = 24 * 60 * 60;
/// How long before its end a token is too old for a create, in microseconds: a create with a token that ends on the
/// way silently makes another user.
const MARGIN_MICROS: i64 = 60_000_000;
/// The longest name of a vendor's user that is taken, in bytes; the server's are UUIDs.
const SUBJECT_MAX_BYTES: usize = 128;

/// What a token says. Its signature is not checked: only the server has to believe it.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    exp: Option<serde_json::Value>,
}

/// What a token says that we sign.
#[derive(Serialize)]
struct NewClaims<'s> {
    sub: &'s str,
    iat: i64,
    exp: i64,
}

/// A token of one user of the vendor.
#[derive(Clone)]
pub(crate) struct Token {
    /// The vendor's name of the user.
    pub(super) subject: String,
    /// When it ends; absent: never, as far as we can read.
    expires_at: Option<Time>,
    /// What is sent.
    pub(crate) secret: SecretString,
}

// By hand: the subject belongs to no log.
impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").finish_non_exhaustive()
    }
}

impl Token {
    /// Reads a token.
    ///
    /// # Errors
    /// [`Kind::InvalidResponse`] where it is no JWT with a usable subject.
    pub(super) fn read(secret: SecretString) -> Result<Self> {
        let unreadable = || {
            Error::new(
                Kind::InvalidResponse,
                "a token of datamonkey cannot be read",
            )
            .outcome(Outcome::NotApplied)
        };
        // The error below may quote the token.
        let claims: Claims =
            insecure_decode_claims(secret.expose_secret()).map_err(|_| unreadable())?;
        if !is_subject(&claims.sub) {
            return Err(unreadable());
        }
        Ok(Self {
            subject: claims.sub,
            expires_at: claims.exp.as_ref().and_then(end),
            secret,
        })
    }

    /// Whether the server takes it at `now`.
    pub(super) fn lives(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the server still takes it when a request sent at `now` arrives, by any clock within `skew` of ours.
    pub(super) fn lives_long(&self, now: Time, skew_micros: i64) -> bool {
        let needed = MARGIN_MICROS.saturating_add(skew_micros);
        self.lives(now.saturating_add_micros(needed))
    }
}

/// Whether this can name a user of the vendor. It becomes part of a credential's reference, whose other parts are told
/// from it by `@` and `:`.
pub(super) fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_MAX_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The end as a time: seconds, whole or not.
fn end(exp: &serde_json::Value) -> Option<Time> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a second does not count, and the cast saturates"
    )]
    let seconds = exp
        .as_i64()
        .or_else(|| exp.as_f64().map(|end| end as i64))?;
    Time::from_micros(seconds.saturating_mul(1_000_000)).ok()
}

/// Signs a token for a user of the vendor. The subject must be one that the server has given: any other makes its
/// creates fail (measured on commit 8fa7f84).
///
/// # Errors
/// [`Kind::Internal`] where the key cannot sign.
pub(crate) fn sign(key: &SecretString, subject: &str) -> Result<Token> {
    let iat = Time::now().as_millis() / 1_000;
    let claims = NewClaims {
        sub: subject,
        iat,
        exp: iat + LIFETIME_SECONDS,
    };
    let key = EncodingKey::from_secret(key.expose_secret().as_bytes());
    let token = encode(&Header::default(), &claims, &key).map_err(|error| {
        Error::new(Kind::Internal, "a token for datamonkey could not be signed")
            .outcome(Outcome::NotApplied)
            .source(error)
    })?;
    Token::read(token.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &serde_json::Value) -> Result<Token> {
        let key = EncodingKey::from_secret(b"somebody else's key");
        Token::read(encode(&Header::default(), claims, &key).unwrap().into())
    }

    #[test]
    fn a_token_lives_until_its_end_and_for_ever_without_one() {
        let now = Time::now();
        let seconds = now.as_millis() / 1_000;
        let table = [
            (serde_json::json!(seconds + 3600), true, true),
            (serde_json::json!(seconds + 40), true, false),
            (serde_json::json!(seconds as f64 + 3600.5), true, true),
            (serde_json::json!(seconds - 1), false, false),
            (serde_json::json!("soon"), true, true),
            (serde_json::json!(null), true, true),
        ];
        for (exp, lives, lives_long) in table {
            let token = token(&serde_json::json!({"sub": "u", "exp": exp})).unwrap();
            assert_eq!(
                (token.lives(now), token.lives_long(now, 5_000_000)),
                (lives, lives_long),
                "{exp}"
            );
        }
        assert!(token(&serde_json::json!({"sub": "u"})).unwrap().lives(now));
    }

    #[test]
    fn what_is_no_token_of_a_user_is_refused_without_repeating_it() {
        for claims in [
            serde_json::json!({}),
            serde_json::json!({"sub": ""}),
            serde_json::json!({"sub": 42}),
            serde_json::json!({"sub": "a@b"}),
            serde_json::json!({"sub": "user:t"}),
            serde_json::json!({"sub": "x".repeat(200)}),
        ] {
            assert_eq!(token(&claims).unwrap_err().kind, Kind::InvalidResponse);
        }
        for text in ["", "planted", "a.b.c", "planted.planted.planted"] {
            let error = Token::read(text.into()).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidResponse, "{text}");
            assert!(!format!("{error:?}").contains("planted"), "{error:?}");
        }
    }

    #[test]
    fn a_signed_token_reads_back_and_lives_a_day() {
        let token = sign(&"the server's key".into(), "u-1").unwrap();
        let day = 86_400_000_000;
        assert_eq!(token.subject, "u-1");
        assert!(token.lives(Time::now().saturating_add_micros(day - 60_000_000)));
        assert!(!token.lives(Time::now().saturating_add_micros(day)));
        assert_eq!(format!("{token:?}"), "Token { .. }");
    }
}
