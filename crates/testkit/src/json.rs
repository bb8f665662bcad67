//! Canonical values as JSON members, so that cases can choose and compare fields by name.

use backend::{Fate, FieldFate};
use conversation::{Extensions, JsonMap, RawJson};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The members of a value.
///
/// # Panics
/// Where it is no JSON object.
pub(crate) fn members<T: Serialize>(value: &T) -> JsonMap {
    RawJson::from_serialize(value)
        .and_then(|json| json.to())
        .unwrap_or_else(|error| panic!("not an object: {error}"))
}

/// The value with these members.
///
/// # Panics
/// Where they do not make one.
pub(crate) fn from_members<T: DeserializeOwned>(members: &JsonMap) -> T {
    RawJson::from_serialize(members)
        .and_then(|json| serde_json::from_str(json.get()))
        .unwrap_or_else(|error| panic!("not such a value: {error}"))
}

/// A value from JSON text that a case wrote.
///
/// # Panics
/// Where the text is not one.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The vendor under whose name the cases send extensions. Under other names backends show what is their own, which
/// changes when they like.
const CALLERS: &str = "acme";

/// A member as a caller can rely on it.
pub(crate) fn member(members: &JsonMap, name: &str) -> Option<RawJson> {
    let value = members.get(name)?.clone();
    if name != "extensions" {
        return Some(value);
    }
    let mut extensions: Extensions = value
        .to()
        .unwrap_or_else(|error| panic!("not extensions: {error}"));
    extensions.retain(|vendor, _| &**vendor == CALLERS);
    (!extensions.is_empty()).then(|| {
        RawJson::from_serialize(&extensions).unwrap_or_else(|error| panic!("not JSON: {error}"))
    })
}

/// Expects each member of `sent` to stand in `seen` just so, except those named in `except`.
#[track_caller]
pub(crate) fn assert_kept(sent: &JsonMap, seen: &JsonMap, except: &[&str], what: &str) {
    for name in sent.keys() {
        if !except.contains(&&**name) {
            assert_eq!(member(seen, name), member(sent, name), "`{name}` of {what}");
        }
    }
}

/// Expects two objects to be equal, except for the members named in `except`.
#[track_caller]
pub(crate) fn assert_same(before: &JsonMap, after: &JsonMap, except: &[&str], what: &str) {
    for name in before.keys().chain(after.keys()) {
        if !except.contains(&&**name) {
            assert_eq!(member(after, name), member(before, name), "`{name}` {what}");
        }
    }
}

/// The fate that a projection gives to the field at `pointer` or to something in it; exact where it names none.
pub(crate) fn fate_of(fates: &[FieldFate], pointer: &str) -> Fate {
    let inside = format!("{pointer}/");
    fates
        .iter()
        .find(|fate| fate.pointer == pointer || fate.pointer.starts_with(&inside))
        .map_or(Fate::Exact, |fate| fate.fate)
}
