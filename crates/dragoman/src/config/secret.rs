//! A secret of the configuration: read like a string, never shown.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in `config show` and in `Debug` instead of a secret.
pub(super) const REDACTED: &str = "[redacted]";

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

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
}
