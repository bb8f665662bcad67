//! A secret of the configuration: read like a string, never shown.

use std::cell::Cell;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// What stands in `config show` and in `Debug` instead of a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// What begins a fingerprint; no text of a file does.
const FINGERPRINT: &str = "\u{0}fingerprint ";

thread_local! {
    /// Whether secrets are written as fingerprints, on this thread and now.
    static AS_FINGERPRINTS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; meanwhile secrets are serialized as fingerprints, so that two of them can be compared. What comes out is
/// for [`shown`], and for nobody else.
pub(super) fn with_fingerprints<T>(work: impl FnOnce() -> T) -> T {
    /// Also where the work panics.
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            AS_FINGERPRINTS.set(false);
        }
    }
    AS_FINGERPRINTS.set(true);
    let _back = Back;
    work()
}

/// A text as it may be shown: of a fingerprint, the placeholder.
pub(super) fn shown(text: &str) -> &str {
    match text.starts_with(FINGERPRINT) {
        true => REDACTED,
        false => text,
    }
}

/// A credential or key. `Debug` and `Serialize` print a placeholder.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The secret for the one who sends or uses it.
    pub fn to_secret_string(&self) -> SecretString {
        self.0.clone()
    }

    /// Whether nothing was given.
    pub(super) fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }

    /// Whether it has at least so many bytes.
    pub(super) fn has_bytes(&self, least: usize) -> bool {
        self.0.expose_secret().len() >= least
    }

    /// Whether this is exactly so many hexadecimal digits.
    pub(super) fn is_hexadecimal(&self, digits: usize) -> bool {
        let text = self.0.expose_secret();
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl PartialEq for Secret {
    /// Compares two of the operator's own: nobody else can measure how long that takes.
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if AS_FINGERPRINTS.get() {
            let digest = Sha256::digest(self.0.expose_secret().as_bytes());
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            return serializer.serialize_str(&format!("{FINGERPRINT}{digits}"));
        }
        serializer.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_in_neither_debug_nor_json() {
        let secret = Secret::from("planted-secret".to_owned());
        let shown = format!("{secret:?} {}", serde_json::to_string(&secret).unwrap());
        assert!(!shown.contains("planted"), "{shown}");
        assert!(shown.contains(REDACTED), "{shown}");
    }

    #[test]
    fn fingerprints_tell_secrets_apart_and_show_none() {
        let json = |text: &str| serde_json::to_value(Secret::from(text.to_owned())).unwrap();
        let (one, other) = with_fingerprints(|| (json("planted"), json("another")));
        assert_ne!(one, other);
        assert_eq!(one, with_fingerprints(|| json("planted")));
        assert_eq!(shown(one.as_str().unwrap()), REDACTED);
        // Only while it is asked for.
        assert_eq!(json("planted"), REDACTED);
    }
}
