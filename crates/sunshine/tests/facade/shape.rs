//! The shape of an answer: which members it has, and what sort of value each is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// For each place, `*` for all places of a list, what stands there.
pub(crate) type Shape = BTreeMap<String, BTreeSet<&'static str>>;

/// The shape of a value.
pub(crate) fn shape(value: &Value) -> Shape {
    let mut found = Shape::new();
    note(&mut found, String::new(), value);
    found
}

fn note(found: &mut Shape, place: String, value: &Value) {
    let sort = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(text) => sort_of(text),
        Value::Array(items) => {
            for item in items {
                note(found, format!("{place}/*"), item);
            }
            "list"
        }
        Value::Object(members) => {
            for (name, value) in members {
                note(found, format!("{place}/{name}"), value);
            }
            "object"
        }
    };
    found.entry(place).or_default().insert(sort);
}

fn sort_of(text: &str) -> &'static str {
    if text.len() == 24
        && text
            .bytes()
            .all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f'))
    {
        return "id";
    }
    let is_time = text.parse::<jiff::Timestamp>().is_ok();
    // Milliseconds, and UTC as a letter.
    match text.len() {
        24 if is_time && text.ends_with('Z') && text.as_bytes()[19] == b'.' => "time",
        _ if is_time => "another time",
        _ if text.starts_with("http://") || text.starts_with("https://") => "URL",
        _ => "text",
    }
}

/// Where `answer` has not what `documented` has, or another sort of value.
pub(crate) fn lacks(answer: &Value, documented: &Value) -> BTreeSet<String> {
    let (answer, documented) = (shape(answer), shape(documented));
    let is_other = |place: &String, sorts: &BTreeSet<&str>| {
        answer.get(place).is_none_or(|found| found != sorts)
    };
    documented
        .iter()
        .filter(|(place, sorts)| is_other(place, sorts))
        .map(|(place, _)| place.clone())
        .collect()
}

#[test]
fn shapes_tell_members_and_sorts_apart() {
    let one =
        serde_json::json!({"id": "5e552ef595e5206375bb835d", "at": "2020-06-23T14:33:47.492Z"});
    assert_eq!(lacks(&one, &one), BTreeSet::new());
    for (name, value) in [
        ("id", "5e552ef595e5206375bb835"),
        ("at", "2020-06-23T14:33:47Z"),
        ("at", "2020-06-23T14:33:47.492+00:00"),
    ] {
        let mut other = one.clone();
        other[name] = value.into();
        assert_eq!(lacks(&other, &one), BTreeSet::from([format!("/{name}")]));
    }
    assert_eq!(lacks(&serde_json::json!({}), &one).len(), 2);
}
