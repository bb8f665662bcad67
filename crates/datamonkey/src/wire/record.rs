//! One record of a list: read, or kept as it came.

use adapterkit::Raw;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// A record of a list. One that cannot be read does not take the others with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Record<T> {
    /// A record of the contract's shape.
    Read(T),
    /// A record of another shape, kept byte for byte.
    Unreadable(Raw),
}

impl<T> Record<T> {
    /// The record, where it was read.
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(record) => Some(record),
            Self::Unreadable(_) => None,
        }
    }
}

impl<T> From<T> for Record<T> {
    fn from(record: T) -> Self {
        Self::Read(record)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match serde_json::from_str(raw.get()) {
            Ok(record) => Ok(Self::Read(record)),
            Err(_) => Raw::from_text(raw.get().to_owned())
                .map(Self::Unreadable)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl<T: Serialize> Serialize for Record<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(record) => record.serialize(serializer),
            Self::Unreadable(raw) => raw.serialize(serializer),
        }
    }
}
