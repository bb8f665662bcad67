//! Bodies compared leaf by leaf: what one has that another has not.

use backend::FieldFate;
use conversation::{JsonMap, RawJson};
use serde_json::Value;

use crate::{homeless_fates, member_pointer};

/// JSON pointers to what `sent` has and `built` has not, or has otherwise: each to the outermost value that is missing
/// as a whole, or to the innermost that is another one. Where `built` has nothing, `null` and empty lists and objects
/// are nothing as well.
#[must_use]
pub fn differing(sent: &RawJson, built: &RawJson) -> Vec<String> {
    let mut found = Vec::new();
    // What nests too deep for this cannot be kept either.
    if let (Ok(sent), Ok(built)) = (sent.to(), built.to()) {
        compare(&sent, Some(&built), String::new(), &mut found);
    }
    found
}

fn compare(sent: &Value, built: Option<&Value>, pointer: String, found: &mut Vec<String>) {
    match (sent, built) {
        (Value::Null, None) => {}
        (Value::Array(items), None) if items.is_empty() => {}
        (Value::Object(members), None) if members.is_empty() => {}
        (Value::Object(sent), Some(Value::Object(built))) => {
            for (name, value) in sent {
                let pointer = member_pointer(&pointer, name);
                compare(value, built.get(name), pointer, found);
            }
        }
        (Value::Array(sent), Some(Value::Array(built))) if sent.len() == built.len() => {
            for (index, (sent, built)) in sent.iter().zip(built).enumerate() {
                compare(sent, Some(built), format!("{pointer}/{index}"), found);
            }
        }
        (sent, Some(built)) if sent == built => {}
        _ => found.push(pointer),
    }
}

/// The members of `sent` that `built` does not make again, and the fate of each leaf of them: kept under `extensions`,
/// in `extension`.
#[must_use]
pub fn without_home(sent: &JsonMap, built: &JsonMap, extension: &str) -> (JsonMap, Vec<FieldFate>) {
    let detail = format!("has no canonical home as it is: kept in `extensions.{extension}`");
    let (mut kept, mut fates) = (JsonMap::new(), Vec::new());
    for (name, value) in sent {
        let pointers = missing(name, value, built);
        if !pointers.is_empty() {
            kept.insert(name.clone(), value.clone());
        }
        let named = pointers
            .into_iter()
            .map(|pointer| FieldFate::overlay(pointer, detail.clone()));
        fates.extend(named);
    }
    (kept, fates)
}

/// Pointers to what a member has that the object has not.
fn missing(name: &str, value: &RawJson, object: &JsonMap) -> Vec<String> {
    let of_member = |pointer: String| format!("{}{pointer}", member_pointer("", name));
    match object.get(name) {
        Some(other) => differing(value, other).into_iter().map(of_member).collect(),
        None if matches!(value.get(), "null" | "[]" | "{}") => Vec::new(),
        None => vec![of_member(String::new())],
    }
}

/// Puts kept members back into a body that has them not: a member by `/name`, a member of one of its members by
/// `/name/member`.
pub fn put_back_at(body: &mut JsonMap, kept: &JsonMap, pointers: &[&str]) {
    for pointer in pointers {
        let mut names = pointer.split('/').skip(1);
        let (Some(name), inner) = (names.next(), names.next()) else {
            continue;
        };
        let Some(value) = kept.get(name) else {
            continue;
        };
        match (inner, body.get(name)) {
            (None, None) => {
                body.insert(name.into(), value.clone());
            }
            (Some(inner), Some(current)) => {
                if let Some(whole) = with_member(current, value, inner) {
                    body.insert(name.into(), whole);
                }
            }
            _ => {}
        }
    }
}

/// `current` with the member `name` of `kept`, where only that one has it.
fn with_member(current: &RawJson, kept: &RawJson, name: &str) -> Option<RawJson> {
    let mut current: JsonMap = current.to().ok()?;
    let kept: JsonMap = kept.to().ok()?;
    let value = kept.get(name)?;
    if current.contains_key(name) {
        return None;
    }
    current.insert(name.into(), value.clone());
    RawJson::from_serialize(&current).ok()
}

/// The fates of kept members of which a body does not have everything.
#[must_use]
pub fn still_missing(
    kept: &JsonMap,
    body: &JsonMap,
    extension: &str,
    vendor: &str,
) -> Vec<FieldFate> {
    let mut rest = kept.clone();
    rest.retain(|name, value| !missing(name, value, body).is_empty());
    homeless_fates(&rest, extension, vendor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> JsonMap {
        serde_json::from_str(json).unwrap()
    }

    fn pointers(fates: &[FieldFate]) -> Vec<&str> {
        fates.iter().map(|fate| fate.pointer.as_str()).collect()
    }

    #[test]
    fn every_leaf_that_is_lost_is_named_and_its_member_kept() {
        let sent = object(
            r#"{"same":1.0,"null":null,"none":[],"a/b":{"kept":[1,2],"lost":{"x":1},"other":[1]},"gone":"x","list":[{"y":1},{"y":2}]}"#,
        );
        let built = object(
            r#"{"same":1.0,"a/b":{"kept":[1,2],"other":[1,2],"more":1},"list":[{"y":1},{"y":3}]}"#,
        );
        let (kept, fates) = without_home(&sent, &built, "acme");
        assert_eq!(
            pointers(&fates),
            ["/a~1b/lost", "/a~1b/other", "/gone", "/list/1/y"]
        );
        let names: Vec<&str> = kept.keys().map(AsRef::as_ref).collect();
        assert_eq!(names, ["a/b", "gone", "list"]);
    }

    #[test]
    fn what_is_put_back_is_no_longer_missing() {
        let kept = object(r#"{"top":1,"inner":{"a":1,"b":2},"never":3}"#);
        let mut body = object(r#"{"inner":{"a":1}}"#);
        put_back_at(
            &mut body,
            &kept,
            &["/top", "/inner/b", "/inner/a", "/absent/x"],
        );
        let expected = object(r#"{"top":1,"inner":{"a":1,"b":2}}"#);
        assert_eq!(body, expected);
        let fates = still_missing(&kept, &body, "acme", "acme");
        assert_eq!(pointers(&fates), ["/extensions/acme/never"]);
    }
}
