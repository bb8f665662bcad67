//! Ids: 128 bits for a conversation and their TypeID spelling; a message's id is text that somebody made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(&'static str);

/// 128 bits in the base32 of TypeID: 26 lower-case characters, the first at most `7`.
fn spell_base32(bits: u128) -> String {
    ulid::Ulid(bits).to_string().to_ascii_lowercase()
}

/// Reads exactly what [`spell_base32`] writes: no upper case, no look-alike letters.
fn read_base32(text: &str) -> Option<u128> {
    if text.len() != 26
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    {
        return None;
    }
    let bits = ulid::Ulid::from_string(&text.to_ascii_uppercase()).ok()?.0;
    (spell_base32(bits) == text).then_some(bits)
}

/// 128 bits of SHA-256 over `parts`, each led by its length so that no two lists of parts collide.
fn hash_bits(parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let mut first = [0_u8; 16];
    first.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(first)
}

/// A conversation's public id: 128 bits, for ever. Spelled `conv_` and 26 characters (a TypeID).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(u128);

impl ConversationId {
    /// A new id for a conversation that we make (UUIDv7: ordered by time of creation).
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7().as_u128())
    }

    /// The id of a conversation that a vendor made: a hash of the backend's name and the native id,
    /// so that finding it again after losing all state gives the same id.
    #[must_use]
    pub fn derive(backend: &str, native: &str) -> Self {
        Self(hash_bits(&[
            b"dragoman.conversation.v1",
            backend.as_bytes(),
            native.as_bytes(),
        ]))
    }

    /// The 128 bits themselves.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.0
    }

    /// From the 128 bits.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv_{}", spell_base32(self.0))
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConversationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix("conv_")
            .and_then(read_base32)
            .map(Self)
            .ok_or(InvalidId(
                "not a conversation id: `conv_` and 26 characters of 0-9 a-z without i, l, o, u",
            ))
    }
}

impl Serialize for ConversationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConversationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Declares an id that is short, safe text.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest id, in bytes.
            pub const MAX_BYTES: usize = 128;

            /// A new id of ours: the prefix and a UUIDv7 in 26 characters.
            #[must_use]
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "{}"), spell_base32(Uuid::now_v7().as_u128())).into())
            }

            /// An id derived from `parts`: the same parts give the same id, on every read.
            #[must_use]
            pub fn derive(parts: &[&str]) -> Self {
                let bytes: Vec<&[u8]> = std::iter::once($prefix.as_bytes())
                    .chain(parts.iter().map(|part| part.as_bytes()))
                    .collect();
                Self(format!(concat!($prefix, "{}"), spell_base32(hash_bits(&bytes))).into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
                if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(safe) {
                    return Err(InvalidId(concat!("not ", $what, " id: 1 to 128 characters of A-Z a-z 0-9 - _")));
                }
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// A message's public id: the first id that we ever returned for it. A vendor's own, one that
    /// its adapter derives, or ours (`msg_` and 26 characters).
    MessageId,
    "msg_",
    "a message"
);
text_id!(
    /// An attachment's id: ours (`att_` and 26 characters) or a vendor's.
    AttachmentId,
    "att_",
    "an attachment"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_id_reads_back_and_refuses_every_other_spelling() {
        let id = ConversationId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 31);
        let largest = ConversationId::from_bits(u128::MAX);
        assert_eq!(largest.to_string(), "conv_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        for bad in [
            "",
            "conv_",
            "conv_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "CONV_7zzzzzzzzzzzzzzzzzzzzzzzzz",
            "conv_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "conv_ozzzzzzzzzzzzzzzzzzzzzzzzz",
            "conv_7zzzzzzzzzzzzzzzzzzzzzzzz",
            "conv_0000000000000000000000000l",
            "conv_../../etc/passwd",
            "msg_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert!(bad.parse::<ConversationId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn derived_ids_are_fixed_for_ever() {
        // A changed hash would give every adopted conversation a new public id. The values were also computed by
        // another program: SHA-256 over each part led by its length in eight bytes, first half, Crockford's base32.
        insta::assert_snapshot!(ConversationId::derive("support", "01M7YWC9W20H0Y6NEKKP3A2EFM"), @"conv_21gwx0vnprvbqrxthwj3vjsdtk");
        insta::assert_snapshot!(MessageId::derive(&["a", "bc"]), @"msg_1099tfr5hg3greseppp5z5sq42");
        assert_ne!(
            MessageId::derive(&["ab", "c"]),
            MessageId::derive(&["a", "bc"])
        );
    }

    #[test]
    fn a_message_id_is_short_safe_text() {
        for good in ["01M7YWC9W20H0Y6NEKKP3A2EFM", "msg_1", "6f0c-aa_Z"] {
            assert_eq!(
                good.parse::<MessageId>().map(|id| id.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", "a/b", "..", "a%2Fb", "a\0b", "ü", &"a".repeat(129)] {
            assert!(bad.parse::<MessageId>().is_err(), "{bad:?}");
        }
    }
}
