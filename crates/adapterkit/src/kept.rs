//! Vendor members without a canonical home, and members whose spelling the canonical form does not bring back.

use std::fmt;

use conversation::{JsonMap, RawJson};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The member that lists what a body did not send although this version of the wire knows it.
pub(crate) const ABSENT: &str = "absent_members";

/// A vendor's object with a value that has no canonical form. Names the member, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmappable(pub &'static str);

impl fmt::Display for Unmappable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "member `{}` of the vendor's object cannot be read",
            self.0
        )
    }
}

impl std::error::Error for Unmappable {}

/// Every member as it is spelled.
///
/// # Errors
/// Where the object nests too deep to be kept.
pub fn members<T: Serialize>(object: &T) -> Result<JsonMap, Unmappable> {
    RawJson::from_serialize(object)
        .and_then(|raw| raw.to())
        .map_err(|_| Unmappable("object"))
}

/// What `built` lacks to be `sent`: members of another value, and the names of those that were not sent.
/// A member named in `loosely` is equal where its value is, however it is spelled.
///
/// # Errors
/// Never in practice: names are always JSON.
pub fn difference(
    sent: &JsonMap,
    built: &JsonMap,
    loosely: &[&str],
) -> Result<JsonMap, Unmappable> {
    let mut kept = lacking(sent, built, loosely);
    let absent: Vec<&str> = built
        .keys()
        .filter(|name| !sent.contains_key(*name))
        .map(AsRef::as_ref)
        .collect();
    if !absent.is_empty() {
        let names = RawJson::from_serialize(&absent).map_err(|_| Unmappable("object"))?;
        kept.insert(ABSENT.into(), names);
    }
    Ok(kept)
}

/// The members of `sent` that `built` does not have, or with another value. `loosely` is as in [`difference`].
#[must_use]
pub fn lacking(sent: &JsonMap, built: &JsonMap, loosely: &[&str]) -> JsonMap {
    let same = |name: &str, value: &RawJson| {
        built.get(name).is_some_and(|other| {
            value.get() == other.get() || (loosely.contains(&name) && value == other)
        })
    };
    sent.iter()
        .filter(|(name, value)| !same(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The object that `built` becomes with what was kept.
///
/// # Errors
/// Where a kept member has lost the shape that the vendor gave it.
pub fn with_kept<T: DeserializeOwned>(mut built: JsonMap, kept: &JsonMap) -> Result<T, Unmappable> {
    for (name, value) in kept {
        if &**name == ABSENT {
            let absent: Vec<String> = value.to().map_err(|_| Unmappable(ABSENT))?;
            built.retain(|name, _| !absent.iter().any(|absent| **absent == **name));
        } else {
            built.insert(name.clone(), value.clone());
        }
    }
    RawJson::from_serialize(&built)
        .and_then(|raw| raw.to())
        .map_err(|_| Unmappable("object"))
}
