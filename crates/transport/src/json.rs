//! Reading JSON from an answer: the parse is the proof that the answer is complete.

use memchr::memchr2;
use serde::Deserialize;

use crate::error::TransportError;

/// UTF-8 byte order mark. RFC 8259 section 8.1 lets a reader ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Whether no array or object in this JSON text is nested deeper than `max_depth`; a scalar has depth 0.
///
/// For a text that is not JSON the result means nothing. Needed before raw JSON is kept or passed on unread, because
/// `RawValue` has no limit of its own (200 000 levels were accepted), and the next reader may overflow its stack.
pub fn json_depth_within(bytes: &[u8], max_depth: usize) -> bool {
    // Most answers hold fewer brackets than the limit, and counting is far cheaper than reading.
    let brackets = bytes
        .iter()
        .filter(|byte| matches!(byte, b'[' | b'{'))
        .count();
    brackets <= max_depth || deepest(bytes) <= max_depth
}

/// What an answer's JSON may cost, whatever its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonLimits {
    /// Deepest nesting.
    pub(crate) depth: usize,
    /// Most members and elements.
    pub(crate) values: usize,
}

/// Whether this JSON text has no more members and elements than `max_values`, about: what is counted is what parts them.
fn values_within(bytes: &[u8], max_values: usize) -> bool {
    // Most answers hold fewer of these than the limit, those in texts included.
    let parted = bytes
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'))
        .count();
    parted <= max_values || measured(bytes).1 <= max_values
}

fn deepest(bytes: &[u8]) -> usize {
    measured(bytes).0
}

/// The deepest nesting, and how many brackets are opened and commas stand between values: those inside strings left out.
fn measured(bytes: &[u8]) -> (usize, usize) {
    let (mut depth, mut deepest, mut parted, mut position) = (0_usize, 0, 0, 0);
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                parted += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => parted += 1,
            b'"' => position = after_string(bytes, position),
            _ => {}
        }
    }
    (deepest, parted)
}

/// The position behind the string whose first character is at `position`.
fn after_string(bytes: &[u8], mut position: usize) -> usize {
    while let Some(found) = bytes
        .get(position..)
        .and_then(|rest| memchr2(b'"', b'\\', rest))
    {
        position += found;
        if bytes[position] == b'"' {
            return position + 1;
        }
        position += 2; // the backslash and what it escapes
    }
    bytes.len()
}

/// Reads a complete JSON text as `T`, after checking its depth and how many values it has. A byte order mark is skipped:
/// the text is whole and plain without it.
///
/// The error names the place but never the content, which may be somebody's message.
pub(crate) fn decode<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    limits: JsonLimits,
) -> Result<T, TransportError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(TransportError::invalid_response(
            "the body is empty, json was expected",
        ));
    }
    if !json_depth_within(bytes, limits.depth) {
        return Err(TransportError::invalid_response(format!(
            "the json is nested deeper than {} levels",
            limits.depth
        )));
    }
    if !values_within(bytes, limits.values) {
        return Err(TransportError::invalid_response(format!(
            "the json has more than {} values",
            limits.values
        )));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        TransportError::invalid_response(format!(
            "{} at line {} column {} of {} bytes",
            problem(&error),
            error.line(),
            error.column(),
            bytes.len()
        ))
    })
}

/// What is wrong, without a word of the text: serde quotes values and unknown names in most of its messages, but a
/// missing or doubled field is one of our own names.
fn problem(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "the json ends too early".to_owned(),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            "the body is not json".to_owned()
        }
        serde_json::error::Category::Data => {
            let message = error.to_string();
            let ours = ["missing field `", "duplicate field `"]
                .into_iter()
                .find_map(|start| {
                    let name = message.strip_prefix(start)?.split('`').next()?;
                    Some(format!("the json has a {start}{name}`"))
                });
            ours.unwrap_or_else(|| "the json has another shape than expected".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    const LIMITS: JsonLimits = JsonLimits {
        depth: 100,
        values: 1_000,
    };

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn json_depth_counts_arrays_and_objects_and_not_the_insides_of_strings() {
        let table = [
            ("1", 0),
            ("\"[[[[\"", 0),
            ("[]", 1),
            ("[[],[],[]]", 2),
            (r#"{"a":{"b":[1,{"c":2}]}}"#, 4),
            (r#"["\"[[[[",[]]"#, 2),
            (r#"["\\",[],"\\\"[[[",[]]"#, 2),
            (r#"["[[[["#, 1),
            (r#"["[[[[\"#, 1),
        ];
        for (text, depth) in table {
            assert_eq!(deepest(text.as_bytes()), depth, "{text}");
        }
    }

    #[test]
    fn json_deeper_than_the_limit_is_refused_even_where_it_would_be_kept_raw() {
        assert!(decode::<&RawValue>(nested(100).as_bytes(), LIMITS).is_ok());
        let error = decode::<&RawValue>(nested(101).as_bytes(), LIMITS).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid answer: the json is nested deeper than 100 levels"
        );
        assert!(decode::<&RawValue>(nested(200_000).as_bytes(), LIMITS).is_err());
    }

    #[test]
    fn json_of_more_values_than_the_limit_is_refused_and_a_text_with_commas_is_not() {
        let list = |elements: usize| format!("[{}1]", "1,".repeat(elements - 1));
        let members = |count: usize| format!("{{{}\"z\":0}}", "\"a\":{},".repeat(count));
        let text = serde_json::to_string(&[",[{".repeat(100_000)]).unwrap();
        for (json, is_read) in [
            (list(1_000), true),
            (list(1_001), false),
            (list(8_000_000), false),
            (members(499), true),
            (members(500), false),
            (text, true),
        ] {
            let read = decode::<&RawValue>(json.as_bytes(), LIMITS);
            assert_eq!(read.is_ok(), is_read, "{} bytes", json.len());
        }
    }

    #[test]
    fn bodies_that_are_not_one_complete_json_text_are_refused() {
        let table: [&[u8]; 15] = [
            b"",
            b" ",
            b"<html><body>502 Bad Gateway</body></html>",
            b"{\"a\":1",
            b"{\"a\":\"cut in the mid",
            b"[1,2,",
            b"{\"a\":NaN}",
            b"{\"a\":Infinity}",
            b"{\"a\":1} trailing",
            b"{\"a\":1}{\"a\":2}",
            b"{'a':1}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\xff\"}",
            b"\xFF\xFE{\0\"\0a\0\"\0:\x001\0}\0",
            b"{\0\"\0a\0\"\0:\x001\0}\0",
        ];
        for body in table {
            assert!(
                decode::<Value>(body, LIMITS).is_err(),
                "{:?}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn a_byte_order_mark_before_json_is_skipped() {
        assert_eq!(
            decode::<Value>(b"\xEF\xBB\xBF[1]", LIMITS).unwrap(),
            serde_json::json!([1])
        );
        assert!(decode::<Value>(b"\xEF\xBB\xBF", LIMITS).is_err());
    }

    #[test]
    fn decode_errors_name_the_place_and_never_the_content() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only the errors matter")]
        struct Message {
            role: Role,
            content: u32,
        }
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Role {
            User,
        }
        let table = [
            (
                r#"{"role":"user"}"#,
                "the json has a missing field `content` at line 1 column 15",
            ),
            (
                r#"{"role":"user","role":"user"}"#,
                "the json has a duplicate field `role` at line 1 column 21",
            ),
            (
                r#"{"role":"user","content":"planted-secret"}"#,
                "the json has another shape than expected at line 1 column 41",
            ),
            (
                r#"{"role":"planted-secret"}"#,
                "the json has another shape than expected at line 1 column 24",
            ),
            (
                r#"{"role":"user","content":"#,
                "the json ends too early at line 1 column 25",
            ),
            ("planted-secret", "the body is not json at line 1 column 1"),
        ];
        for (text, expected) in table {
            let error = decode::<Message>(text.as_bytes(), LIMITS).unwrap_err();
            assert!(error.detail().starts_with(expected), "{text}: {error}");
            assert!(
                !format!("{error} {error:?}").contains("planted"),
                "{text}: {error:?}"
            );
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[\\[\\]{}\"\\\\a\u{e9}]{0,6}".prop_map(Value::from),
        ];
        scalar.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[\\[{\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn depth_of(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn json_depth_equals_the_depth_of_the_parsed_value(value in any_json()) {
            let text = serde_json::to_vec(&value).unwrap();
            let depth = depth_of(&value);
            prop_assert_eq!(deepest(&text), depth);
            prop_assert!(json_depth_within(&text, depth));
            prop_assert!(depth == 0 || !json_depth_within(&text, depth - 1));
        }
    }
}
