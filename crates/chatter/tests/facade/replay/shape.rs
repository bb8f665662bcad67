//! What two answers have in common and what not: statuses, headers, and the JSON's members, types and formats.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::differences::FILLED;
use super::recording::{Response, is_id};
use crate::support::Answer;

/// Headers that must be the same, to the letter.
const SAME: [&str; 5] = [
    "allow",
    "cache-control",
    "content-type",
    "retry-after",
    "www-authenticate",
];
/// Headers that must be there, or not be there.
const PRESENT: [&str; 5] = [
    "x-correlation-id",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-window",
];
/// What the finding of a filled member begins with.
const FILL: &str = "filled ";
/// Members of successful answers whose words must be the same.
const WORDS: [&str; 4] = ["message", "role", "status", "type"];

/// What came of a comparison.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) differences: Vec<String>,
    /// Members that only the facade fills, as far as that is allowed.
    pub(super) filled: BTreeSet<String>,
}

/// Everything in which the facade's answer differs from the vendor's.
pub(super) fn compare(vendor: &Response, ours: &Answer) -> Compared {
    let (filled, differences) = differences(vendor, ours)
        .into_iter()
        .partition::<Vec<String>, _>(|found| found.starts_with(FILL));
    Compared {
        differences,
        filled: filled
            .iter()
            .map(|found| found.trim_start_matches(FILL).to_owned())
            .collect(),
    }
}

fn differences(vendor: &Response, ours: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if vendor.status != ours.status {
        // Whatever else is in it follows from that.
        return vec![format!("status {} -> {}", vendor.status, ours.status)];
    }
    for name in SAME {
        let theirs = vendor.headers.get(name).map(String::as_str);
        if theirs != ours.header(name) {
            found.push(format!("{name}: {theirs:?} -> {:?}", ours.header(name)));
        }
    }
    for name in PRESENT {
        let (theirs, own) = (vendor.headers.get(name), ours.header(name));
        if theirs.is_some() != own.is_some() {
            found.push(format!("{name}: {theirs:?} -> {own:?}"));
        }
    }
    let theirs = vendor.headers.get("location").map(|to| path_of(to));
    let own = ours.header("location").map(path_of);
    if theirs != own {
        found.push(format!("location: {theirs:?} -> {own:?}"));
    }
    bodies(vendor, ours, &mut found);
    found
}

/// A full address without its beginning, which differs.
fn path_of(address: &str) -> &str {
    address.find("/api/").map_or(address, |at| &address[at..])
}

fn bodies(vendor: &Response, ours: &Answer, found: &mut Vec<String>) {
    if vendor.body.starts_with("data: ") {
        let (theirs, own) = (frames(&vendor.body), frames(&ours.text));
        if theirs != own {
            found.push(format!("frames: {theirs:?} -> {own:?}"));
        }
        return;
    }
    let own: Option<Value> = serde_json::from_str(&ours.text).ok();
    match (vendor.json(), own) {
        // What a caller did wrong is told in the same words.
        (Some(theirs), Some(own)) if vendor.status >= 400 => {
            same(&settled(theirs), &settled(own), "", found);
        }
        (Some(theirs), Some(own)) => shaped(&theirs, &own, "", found),
        _ if vendor.body == ours.text => {}
        _ => found.push(format!("body: {:?} -> {:?}", vendor.body, ours.text)),
    }
}

/// A problem without what every request has another of.
fn settled(mut problem: Value) -> Value {
    if let Some(instance) = problem.get_mut("instance") {
        *instance = path_of(instance.as_str().unwrap()).into();
        let path = instance.as_str().unwrap();
        let segments: Vec<String> = path
            .split_inclusive(['/', '?'])
            .map(|segment| {
                let word = segment.trim_end_matches(['/', '?']);
                match is_id(&word.to_ascii_uppercase()) {
                    true => segment.replace(word, "<id>"),
                    false => segment.to_owned(),
                }
            })
            .collect();
        *instance = segments.concat().into();
    }
    problem
}

/// Differences between two values that should be equal.
fn same(theirs: &Value, own: &Value, at: &str, found: &mut Vec<String>) {
    match (theirs, own) {
        (Value::Object(_), Value::Object(_)) => members(theirs, own, at, found, same),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (theirs, own)) in a.iter().zip(b).enumerate() {
                same(theirs, own, &format!("{at}/{index}"), found);
            }
        }
        _ if theirs == own => {}
        _ => found.push(format!("{at}: {theirs} -> {own}")),
    }
}

/// Differences between two values that should have the same members, types and formats.
fn shaped(theirs: &Value, own: &Value, at: &str, found: &mut Vec<String>) {
    match (theirs, own) {
        // What is in there is the caller's.
        (Value::Object(_), Value::Object(_)) if at.ends_with("/extra_metadata") => {
            if theirs != own {
                found.push(format!("{at}: {theirs} -> {own}"));
            }
        }
        (Value::Object(_), Value::Object(_)) => members(theirs, own, at, found, shaped),
        (Value::Array(a), Value::Array(b)) => {
            if a.is_empty() != b.is_empty() {
                found.push(format!("{at}: {} elements -> {}", a.len(), b.len()));
            }
            // How many there are follows from what else was done: each has to look like one of the vendor's.
            let looks_alike = |own: &Value| {
                let compared = a.iter().map(|theirs| {
                    let mut found = Vec::new();
                    shaped(theirs, own, &format!("{at}/*"), &mut found);
                    found
                });
                compared.min_by_key(Vec::len)
            };
            found.extend(b.iter().filter_map(looks_alike).flatten());
        }
        (Value::Null, _) if is_filled(at) && !own.is_null() => {
            found.push(format!("{FILL}{}", name_of(at)));
        }
        _ => {
            let is_word = WORDS.iter().any(|word| at.ends_with(&format!("/{word}")));
            if (is_word && theirs != own) || kind(theirs) != kind(own) {
                found.push(format!("{at}: {theirs} -> {own}"));
            }
        }
    }
}

fn members(
    theirs: &Value,
    own: &Value,
    at: &str,
    found: &mut Vec<String>,
    compare: fn(&Value, &Value, &str, &mut Vec<String>),
) {
    let (a, b) = (theirs.as_object().unwrap(), own.as_object().unwrap());
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let at = format!("{at}/{name}");
        match (a.get(name), b.get(name)) {
            (Some(theirs), Some(own)) => compare(theirs, own, &at, found),
            (theirs, own) => found.push(format!("{at}: {theirs:?} -> {own:?}")),
        }
    }
}

/// Whether this member is one that only the facade fills.
fn is_filled(at: &str) -> bool {
    FILLED.contains(&name_of(at))
}

fn name_of(at: &str) -> &str {
    at.rsplit('/').next().unwrap()
}

/// What a plain value is.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "flag",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "whole number",
        Value::String(text) if is_id(text) => "id",
        Value::String(text) if is_time(text) => "time",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// UTC, with microseconds unless they are zero.
fn is_time(text: &str) -> bool {
    let Some((seconds, fraction)) = text
        .strip_suffix('Z')
        .map(|text| text.split_once('.').unwrap_or((text, "000000")))
    else {
        return false;
    };
    let shape: String = seconds
        .chars()
        .map(|character| match character.is_ascii_digit() {
            true => '0',
            false => character,
        })
        .collect();
    shape == "0000-00-00T00:00:00" && fraction.len() == 6 && fraction.parse::<u32>().is_ok()
}

/// The frames of a stream: what each is and which of its members say something. Tokens in a row count as one, because
/// nothing says where one ends.
fn frames(stream: &str) -> Vec<String> {
    let mut found: Vec<String> = stream
        .split("\n\n")
        .filter(|frame| !frame.is_empty())
        .map(|frame| {
            let data = frame.strip_prefix("data: ").unwrap();
            let Ok(Value::Object(frame)) = serde_json::from_str(data) else {
                return data.to_owned();
            };
            let mut shape = frame["type"].as_str().unwrap().to_owned();
            for (name, value) in &frame {
                match value {
                    _ if name == "type" => {}
                    Value::Null => shape.push_str(&format!(" {name}:null")),
                    Value::Object(members) => {
                        let names: Vec<&str> = members.keys().map(String::as_str).collect();
                        shape.push_str(&format!(" {name}:{{{}}}", names.join(",")));
                    }
                    Value::String(text) if text.is_empty() => {
                        shape.push_str(&format!(" {name}:empty"));
                    }
                    // Whatever a caller named its request.
                    _ if name == "correlation_id" => shape.push_str(" correlation_id"),
                    value => shape.push_str(&format!(" {name}:{}", kind(value))),
                }
            }
            shape
        })
        .collect();
    found.dedup_by(|second, first| second == first && first.starts_with("token"));
    found
}

#[test]
fn shapes_differ_by_member_type_format_and_emptiness() {
    let found = |theirs: &Value, own: &Value| {
        let mut found = Vec::new();
        shaped(theirs, own, "", &mut found);
        found
    };
    let theirs = json!({
        "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "at": "2026-11-21T11:03:04.318619Z", "n": 1.0, "l": [1],
    });
    assert_eq!(found(&theirs, &theirs), Vec::<String>::new());
    for (name, other) in [
        ("id", json!("abc")),
        ("at", json!("2026-11-21T11:03:04.318Z")),
        ("n", json!(1)),
        ("n", json!(null)),
        ("l", json!([])),
        ("l", json!([1, "x"])),
        ("more", json!(1)),
    ] {
        let mut own = theirs.clone();
        own[name] = other;
        assert_eq!(found(&theirs, &own).len(), 1, "{own}");
    }
}
