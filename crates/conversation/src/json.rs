//! JSON that we keep without reading it: vendor fields, metadata values, tool arguments.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::canonical_json;

/// A JSON value kept as its text, without insignificant white space: numbers and escapes stay as they came.
///
/// Two values are equal when their canonical JSON is, so key order and spelling of escapes do not matter.
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

/// A JSON object whose values are kept as text, in key order.
pub type JsonMap = BTreeMap<Box<str>, RawJson>;

/// Kept fields by vendor: `extensions.<vendor>.<field>`.
pub type Extensions = BTreeMap<Box<str>, JsonMap>;

impl RawJson {
    /// From JSON text.
    ///
    /// # Errors
    /// When the text is no JSON value, or nests deeper than 128 levels.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// From anything that serialises.
    ///
    /// # Errors
    /// When the value cannot be JSON (a map with keys that are no strings), or nests deeper than 128 levels.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Self::keep(serde_json::value::to_raw_value(value)?)
    }

    /// Keeps `raw`, which is JSON already, without its white space.
    fn keep<E: serde::de::Error>(raw: Box<RawValue>) -> Result<Self, E> {
        if nests_too_deep(raw.get()) {
            return Err(E::custom(format_args!(
                "nests deeper than {MAX_DEPTH} levels"
            )));
        }
        match compact(raw.get()) {
            Cow::Borrowed(_) => Ok(Self(raw)),
            Cow::Owned(text) => RawValue::from_string(text).map(Self).map_err(E::custom),
        }
    }

    /// A JSON string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::parse(&serde_json::Value::from(text).to_string()).unwrap_or_default()
    }

    /// The JSON text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Reads it as a type.
    ///
    /// # Errors
    /// When the value has another shape.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }

    /// True for JSON `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// The value as plain text where it is a string, number or boolean: what filters compare.
    #[must_use]
    pub fn as_scalar_text(&self) -> Option<String> {
        match self.get().as_bytes().first()? {
            b'"' => self.to().ok(),
            b'{' | b'[' | b'n' => None,
            _ => Some(self.get().to_owned()),
        }
    }
}

impl Default for RawJson {
    /// JSON `null`.
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get() || canonical_json(self) == canonical_json(other)
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::keep(Box::<RawValue>::deserialize(deserializer)?)
    }
}

/// The deepest nesting of a kept value, in levels. What reads kept values calls itself once per level, and a vendor
/// decides what we keep: without a limit a deep value would end the process.
const MAX_DEPTH: usize = 128;

/// Whether `json`, which is JSON, nests deeper than [`MAX_DEPTH`].
fn nests_too_deep(json: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Removes white space outside strings, so that kept JSON never breaks a line-based format (SSE, JSON Lines).
fn compact(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            in_string = character == '"';
        }
        kept.push(character);
    }
    if kept.len() == text.len() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(kept)
    }
}

/// The largest integer that every JSON reader holds exactly: 2^53 − 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The first integer beyond ±(2^53−1) in `value`, as its JSON pointer below the value.
///
/// Metadata may not hold one: half of all JSON readers would change it silently.
#[must_use]
pub fn too_large_integer(value: &RawJson) -> Option<String> {
    // Whatever has no run of sixteen digits cannot hold one; most metadata ends here.
    if !value
        .get()
        .as_bytes()
        .windows(16)
        .any(|run| run.iter().all(u8::is_ascii_digit))
    {
        return None;
    }
    find_large(&value.0, &mut String::new())
}

fn find_large(value: &RawValue, pointer: &mut String) -> Option<String> {
    let text = value.get();
    let at = pointer.len();
    match text.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
            members.iter().find_map(|(key, member)| {
                pointer.truncate(at);
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                find_large(member, pointer)
            })
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            items.iter().enumerate().find_map(|(index, item)| {
                pointer.truncate(at);
                pointer.push('/');
                pointer.push_str(&index.to_string());
                find_large(item, pointer)
            })
        }
        b'-' | b'0'..=b'9' => {
            let digits = text.trim_start_matches('-');
            let integer = digits.bytes().all(|byte| byte.is_ascii_digit());
            let large = digits
                .parse::<u64>()
                .map_or(true, |number| number > MAX_SAFE_INTEGER);
            (integer && large).then(|| pointer.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_json_loses_white_space_and_nothing_else() {
        let kept = |text: &str| {
            RawJson::parse(text)
                .map(|value| value.get().to_owned())
                .ok()
        };
        assert_eq!(
            kept(r#"{ "a" : [ 1e2 , "x \" y\\" ] }"#),
            Some(r#"{"a":[1e2,"x \" y\\"]}"#.to_owned())
        );
        assert_eq!(
            kept("12345678901234567890123"),
            Some("12345678901234567890123".to_owned())
        );
        for bad in ["{", "1 2", "tr ue", "- 1", "", " ", "[1]]", "nul"] {
            assert_eq!(kept(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_value_that_nests_too_deep_is_refused_before_anything_reads_it() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(RawJson::parse(&nested(MAX_DEPTH)).is_ok());
        let error = RawJson::parse(&nested(MAX_DEPTH + 1))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("nests deeper than 128 levels"), "{error}");
        assert!(RawJson::parse(&nested(200_000)).is_err());
        assert!(
            RawJson::parse(&format!("{:?}", nested(200_000))).is_ok(),
            "brackets in a string are no levels"
        );
        let kept = RawJson::parse(&nested(MAX_DEPTH)).unwrap();
        assert!(
            RawJson::from_serialize(&[kept]).is_err(),
            "what is kept can be read again"
        );
    }

    #[test]
    fn equality_ignores_key_order_and_spelling() {
        let value = |text| RawJson::parse(text).unwrap();
        assert_eq!(
            value(r#"{"a":1,"b":"\u0041"}"#),
            value(r#"{"b":"A","a":1.0}"#)
        );
        assert_ne!(value("9007199254740993"), value("9007199254740992"));
    }

    #[test]
    fn integers_beyond_two_to_the_53_are_found_with_their_pointer() {
        let find = |text| too_large_integer(&RawJson::parse(text).unwrap());
        assert_eq!(
            find(r#"{"a":[1,{"b/c":9007199254740992}]}"#),
            Some("/a/1/b~1c".to_owned())
        );
        assert_eq!(find("-9007199254740992"), Some(String::new()));
        assert_eq!(find("9007199254740991"), None);
        assert_eq!(find(r#""9007199254740992""#), None);
        assert_eq!(find("123456789012345678901234567890"), Some(String::new()));
        assert_eq!(find("0.12345678901234567890"), None);
    }
}
