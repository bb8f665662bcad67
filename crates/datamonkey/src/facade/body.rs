//! Request bodies as the vendor's decoder reads them: names in any case, the last of equal ones counts, what follows the
//! first value does not, and whatever is no Unicode becomes U+FFFD. `Content-Type` is not looked at.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep arrays and objects may be nested. Nothing that deep is ever built, so this protects nobody; it is the
/// vendor's own number.
const DEPTH_MAX: usize = 10_000;

/// What is wrong with the body of a send, in words without a word of it.
pub(super) type Fault = &'static str;

/// The title of a create. Every problem with the body reads as none.
pub(super) fn title(body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let title = members(&body).and_then(|members| members.text("title", ""));
    title.ok().flatten().filter(|title| !title.is_empty())
}

/// The message of a send.
pub(super) fn message(body: &[u8]) -> Result<String, Fault> {
    let body = String::from_utf8_lossy(body);
    let members = members(&body)?;
    // Read and not used, like the vendor; only a text passes.
    members.text("fileId", "`fileId` must be a text")?;
    members
        .text("message", "`message` must be a text")?
        .filter(|message| !message.is_empty())
        .ok_or("`message` is required and must not be empty")
}

/// The members of an object in their order, each name and value as it was spelled.
struct Members<'b>(Vec<(&'b RawValue, &'b RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Members<'_> {
    /// The last text under this name, in any case; `null` changes nothing. `fault` where something else stands there.
    fn text(&self, name: &str, fault: Fault) -> Result<Option<String>, Fault> {
        let mut found = None;
        for (key, value) in &self.0 {
            if !unescaped(key.get()).eq_ignore_ascii_case(name) || value.get() == "null" {
                continue;
            }
            if !value.get().starts_with('"') {
                return Err(fault);
            }
            found = Some(unescaped(value.get()));
        }
        Ok(found)
    }
}

/// The members of the first value of a body. `null` has none.
fn members(body: &str) -> Result<Members<'_>, Fault> {
    const NOT_JSON: Fault = "the body is not JSON";
    let first = serde_json::Deserializer::from_str(body)
        .into_iter::<&RawValue>()
        .next()
        .ok_or("the body is empty")?
        .map_err(|_| NOT_JSON)?
        .get();
    if !transport::json_depth_within(first.as_bytes(), DEPTH_MAX) {
        return Err("the body is nested too deep");
    }
    match first.as_bytes() {
        b"null" => Ok(Members(Vec::new())),
        [b'{', ..] => serde_json::from_str(first).map_err(|_| NOT_JSON),
        _ => Err("the body must be an object"),
    }
}

/// The text of a JSON string, quotes included in `spelled`. A lone surrogate becomes U+FFFD.
fn unescaped(spelled: &str) -> String {
    if let Ok(text) = serde_json::from_str(spelled) {
        return text;
    }
    // It was read as JSON before, so only lone surrogates can be wrong with it.
    let mut mended = String::with_capacity(spelled.len());
    let mut rest = spelled;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                mended.push('\u{FFFD}');
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // A backslash and what it escapes, which is ASCII.
            (None, _) => 2,
        };
        let (escape, after) = rest.split_at(length.min(rest.len()));
        mended.push_str(escape);
        rest = after;
    }
    mended.push_str(rest);
    serde_json::from_str(&mended).unwrap_or_default()
}

/// The UTF-16 unit that an escape at the beginning of this text stands for.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_read_from_whatever_was_measured() {
        let table: &[(&[u8], Option<&str>)] = &[
            (br#"{"title": "First"}"#, Some("First")),
            (br#"{"title":"kept"} trailing"#, Some("kept")),
            (br#"{"TITLE":"any case"}"#, Some("any case")),
            (br#"{"title":"one","title":"two"}"#, Some("two")),
            (br#"{"title":"one","title":null}"#, Some("one")),
            (br#"{"t\u0069tle":"escaped name"}"#, Some("escaped name")),
            (br#"{"title":"   "}"#, Some("   ")),
            (br#"{"title":"a\u0000b"}"#, Some("a\0b")),
            (br#"{"title":"x\ud800y"}"#, Some("x\u{FFFD}y")),
            (
                br#"{"title":"\\ud800 \ud83d\ude00 \udc00\"q\""}"#,
                Some("\\ud800 😀 \u{FFFD}\"q\""),
            ),
            (b"{\"title\":\"x\xffy\"}", Some("x\u{FFFD}y")),
            (b"{\"title\":\"a\0b\"}", None),
            (br#"{"title":""}"#, None),
            (br#"{"title":42}"#, None),
            (br#"{"title":null}"#, None),
            (b"{}", None),
            (b"[]", None),
            (b"null", None),
            (b"", None),
            (b"{\"title\":", None),
            (b"title=form", None),
            (b"\xef\xbb\xbf{\"title\":\"bom\"}", None),
            (b"\x1f\x8b\x08", None),
        ];
        for (body, expected) in table {
            let sent = String::from_utf8_lossy(body);
            assert_eq!(title(body).as_deref(), *expected, "{sent}");
        }
    }

    #[test]
    fn a_message_is_a_text_with_something_in_it() {
        let good: &[(&[u8], &str)] = &[
            (br#"{"message": "Hello"}"#, "Hello"),
            (br#"{"message": "   \n\t"}"#, "   \n\t"),
            (br#"{"Message": "a", "fileId": "f1", "id": [1]}"#, "a"),
            (br#"{"message": "a", "fileId": null}"#, "a"),
            (br#"{"message":"x\ud800y"}"#, "x\u{FFFD}y"),
        ];
        for (body, expected) in good {
            assert_eq!(message(body).as_deref(), Ok(*expected));
        }
        let bad: &[&[u8]] = &[
            b"",
            b"{}",
            b"null",
            b"hello",
            b"message=hi",
            b"[\"x\"]",
            b"\"x\"",
            b"7",
            br#"{"message": "#,
            br#"{"message": ""}"#,
            br#"{"message": null}"#,
            br#"{"message": 7}"#,
            br#"{"message": {"a": "b"}}"#,
            br#"{"message": "f", "fileId": 3}"#,
            b"\xef\xbb\xbf{\"message\":\"bom\"}",
            b"\xff\xfe{\0\"\0",
        ];
        for body in bad {
            assert!(message(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_is_read_as_deep_as_the_vendor_reads_it() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"message":"d","x":{open}{close}}}"#)
        };
        assert_eq!(message(nested(9_999).as_bytes()), Ok("d".to_owned()));
        assert!(message(nested(10_000).as_bytes()).is_err());
        assert_eq!(title(nested(10_000).as_bytes()), None);
        assert!(message(nested(1_000_000).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _title = title(&bytes);
            if let Ok(words) = message(&bytes) {
                proptest::prop_assert!(!words.is_empty());
            }
        }

        #[test]
        fn any_text_arrives_as_it_was_sent(words in "\\PC+") {
            let body = serde_json::json!({"title": words, "message": words}).to_string();
            proptest::prop_assert_eq!(title(body.as_bytes()), Some(words.clone()));
            proptest::prop_assert_eq!(message(body.as_bytes()), Ok(words));
        }
    }
}
