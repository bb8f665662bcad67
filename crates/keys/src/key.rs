//! The key itself: making, spelling and reading `drg_<id>_<secret>`.

use std::fmt;

use backend::Scope;
use backend::ports::KeyRecord;
use conversation::{Digest, Time};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

const PREFIX: &str = "drg_";
/// Bytes of the public id: enough that two never meet.
const ID_BYTES: usize = 8;
/// Bytes of the secret: cannot be guessed, so it needs no slow hash.
const SECRET_BYTES: usize = 32;
/// A longer text is no key of ours and is not hashed.
const KEY_MAX_BYTES: usize = 256;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes for a new key: {0}")]
pub struct NoRandomness(getrandom::Error);

/// What a new key is for.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// The tenant that it belongs to.
    pub tenant: Box<str>,
    /// A name for people.
    pub name: Box<str>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The end user to whom it is limited.
    pub user: Option<Box<str>>,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
}

/// A new key: the record to store, and the text to show once.
pub struct NewKey {
    /// What is stored: no secret, only its hash.
    pub record: KeyRecord,
    /// The whole key as its owner sends it. It cannot be shown again.
    pub key: SecretString,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NewKey")
            .field("id", &self.record.id)
            .finish_non_exhaustive()
    }
}

impl NewKey {
    /// Makes a key.
    ///
    /// # Errors
    /// [`NoRandomness`] from the operating system.
    pub fn generate(request: KeyRequest) -> Result<Self, NoRandomness> {
        let id = random_hex::<ID_BYTES>()?;
        let secret = random_hex::<SECRET_BYTES>()?;
        let key = SecretString::from(format!("{PREFIX}{id}_{secret}"));
        Ok(NewKey {
            record: KeyRecord {
                id: id.into(),
                tenant: request.tenant,
                name: request.name,
                secret_hash: Digest::of(secret.as_bytes()),
                scopes: request.scopes,
                user: request.user,
                created_at: Time::now(),
                expires_at: request.expires_at,
                revoked_at: None,
            },
            key,
        })
    }
}

fn random_hex<const LENGTH: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; LENGTH];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A key as it was presented, split.
pub struct Presented {
    /// Its public part.
    pub id: Box<str>,
    secret: SecretString,
}

impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Presented")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Presented {
    /// Splits `drg_<id>_<secret>`; any other text is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > KEY_MAX_BYTES {
            return None;
        }
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_plain =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_plain(id) && is_plain(secret)).then(|| Presented {
            id: id.into(),
            secret: SecretString::from(secret),
        })
    }

    /// Compares with a stored hash in constant time. Without a record it does the same work and says no.
    #[must_use]
    pub fn matches(&self, record: Option<&KeyRecord>) -> bool {
        let presented = Digest::of(self.secret.expose_secret().as_bytes());
        let stored = record.map_or([0; 32], |record| *record.secret_hash.as_bytes());
        let is_equal = presented.as_bytes().ct_eq(&stored);
        bool::from(is_equal) && record.is_some()
    }
}

#[cfg(test)]
mod tests {
    use backend::Scope;
    use secrecy::ExposeSecret;

    use super::{KeyRequest, NewKey, Presented};

    fn new_key() -> NewKey {
        NewKey::generate(KeyRequest {
            tenant: "acme".into(),
            name: "test".into(),
            scopes: vec![Scope::Read],
            user: None,
            expires_at: None,
        })
        .unwrap()
    }

    #[test]
    fn new_key_opens_its_own_record_and_no_other() {
        let (first, second) = (new_key(), new_key());
        let presented = Presented::parse(first.key.expose_secret()).unwrap();
        assert_eq!(presented.id, first.record.id);
        assert!(presented.matches(Some(&first.record)));
        assert!(!presented.matches(Some(&second.record)));
        assert!(!presented.matches(None));
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "drg_",
            "drg_a",
            "drg_a_",
            "drg__b",
            "abc_a_b",
            "drg_a_b_c",
            "drg_a_b c",
            "DRG_a_b",
        ] {
            assert!(Presented::parse(text).is_none(), "{text}");
        }
        assert!(Presented::parse(&format!("drg_a_{}", "b".repeat(1_000))).is_none());
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = new_key();
        let secret = key
            .key
            .expose_secret()
            .rsplit('_')
            .next()
            .unwrap()
            .to_owned();
        assert!(!format!("{key:?}").contains(&secret));
    }
}
