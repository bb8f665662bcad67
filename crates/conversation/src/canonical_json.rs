//! Canonical JSON (RFC 8785): one text for every spelling of a value, so that digests can be compared.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// `value` as canonical JSON: no white space, keys in UTF-16 order, one spelling of strings and numbers.
///
/// RFC 8785 holds every number as a double. Integers are written from their own digits instead, so that a kept
/// vendor field beyond ±(2^53−1) is never rounded; below that both agree.
///
/// A value that cannot be JSON gives an empty text; canonical types always can.
#[must_use]
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = String::new();
    if let Ok(raw) = serde_json::value::to_raw_value(value) {
        write_value(&raw, &mut out);
    }
    out
}

fn write_value(value: &RawValue, out: &mut String) {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => write_object(text, out),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Some(b'"') => write_string(text, out),
        Some(b'-' | b'0'..=b'9') => write_number(text, out),
        _ => out.push_str(text),
    }
}

fn write_object(text: &str, out: &mut String) {
    let Ok(Members(mut members)) = serde_json::from_str(text) else {
        return;
    };
    members.sort_by_cached_key(|(key, _)| -> Vec<u16> {
        read_string(key.get()).encode_utf16().collect()
    });
    out.push('{');
    for (index, (key, member)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key.get(), out);
        out.push(':');
        write_value(member, out);
    }
    out.push('}');
}

/// The words of a JSON string. One that has none (half a surrogate pair, which JSON allows and a vendor may send)
/// stands for itself, so that two of them are never taken for equal.
fn read_string(json: &str) -> Cow<'_, str> {
    serde_json::from_str(json).unwrap_or(Cow::Borrowed(json))
}

fn write_string(json: &str, out: &mut String) {
    match serde_json::from_str::<Cow<'_, str>>(json) {
        // serde_json escapes exactly what RFC 8785 asks for.
        Ok(string) => out.push_str(&serde_json::Value::from(string).to_string()),
        Err(_) => out.push_str(json),
    }
}

fn write_number(text: &str, out: &mut String) {
    if text != "-0" && !text.contains(['.', 'e', 'E']) {
        out.push_str(text);
        return;
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => {
            out.push_str(ryu_js::Buffer::new().format_finite(number));
        }
        _ => out.push_str(text),
    }
}

/// An object's members in their order, duplicates included.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::RawJson;

    fn canonical(text: &str) -> String {
        super::canonical_json(&RawJson::parse(text).unwrap())
    }

    #[test]
    fn numbers_strings_and_keys_have_one_spelling() {
        // The example of RFC 8785, section 3.2.2, with its number and string cases.
        assert_eq!(
            canonical(
                r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#
            ),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        assert_eq!(canonical("[1.0,100,-0,1e2]"), "[1,100,0,100]");
    }

    #[test]
    fn halves_of_surrogate_pairs_keep_their_spelling() {
        assert_eq!(
            canonical(r#"{"b":1,"\udfff":["\ud800"],"\u0061":2}"#),
            r#"{"\udfff":["\ud800"],"a":2,"b":1}"#
        );
        assert_ne!(
            RawJson::parse(r#""\ud800""#).ok(),
            RawJson::parse(r#""\ud801""#).ok()
        );
        assert_ne!(
            RawJson::parse(r#"{"\ud800":1}"#).ok(),
            RawJson::parse(r#"{"\ud801":1}"#).ok()
        );
    }

    #[test]
    fn keys_sort_by_utf16_code_units() {
        assert_eq!(
            canonical(r#"{"\ufb33":1,"😀":2,"€":3,"1":4}"#),
            "{\"1\":4,\"€\":3,\"😀\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn large_integers_keep_their_digits() {
        assert_eq!(
            canonical("[12345678901234567890123,9007199254740993]"),
            "[12345678901234567890123,9007199254740993]"
        );
    }
}
