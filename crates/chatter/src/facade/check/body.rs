//! Bodies: what the framework says of one that is no JSON object.

use conversation::{JsonMap, RawJson};
use serde_json::{Value, json};

use super::{Check, error};
use crate::facade::answers::{Problems, Refusal};
use crate::wire::ErrorLocation;

/// What the framework asks for.
const NO_OBJECT: &str = "Input should be a valid dictionary or object to extract fields from";

impl Check {
    /// Reads a body; one that is no JSON object is refused at once.
    pub(crate) fn body(
        problems: &Problems,
        content_type: Option<&str>,
        body: &[u8],
        depth_max: usize,
    ) -> Result<Self, Refusal> {
        let nothing = RawJson::default();
        if body.is_empty() {
            return Err(refused(problems, "missing", "Field required", &nothing));
        }
        if !content_type.is_none_or(is_json) {
            let input = RawJson::string(&format!("<bytes: {} bytes>", body.len()));
            return Err(refused(
                problems,
                "model_attributes_type",
                NO_OBJECT,
                &input,
            ));
        }
        let Ok(text) = std::str::from_utf8(body) else {
            return Err(problems.bad_request("There was an error parsing the body"));
        };
        if let Some(place) = too_deep(text, depth_max) {
            return Err(broken(problems, place, "Nested too deeply"));
        }
        let whole = RawJson::parse(text).map_err(|error| {
            let place = characters_before(text, error.line(), error.column());
            broken(problems, place, words(&error))
        })?;
        match whole.get().as_bytes().first() {
            Some(b'{') => {}
            Some(b'n') => return Err(refused(problems, "missing", "Field required", &nothing)),
            _ => {
                return Err(refused(
                    problems,
                    "model_attributes_type",
                    NO_OBJECT,
                    &whole,
                ));
            }
        }
        // Only a name with half a surrogate pair fails here.
        let members: JsonMap = whole
            .to()
            .map_err(|_| broken(problems, 0, "Invalid \\escape"))?;
        Ok(Self {
            place: "body",
            members,
            whole,
            errors: Vec::new(),
        })
    }
}

/// Whether a media type says JSON.
fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    match media.strip_prefix("application/") {
        Some(subtype) => subtype == "json" || subtype.ends_with("+json"),
        None => media.is_empty(),
    }
}

/// One error about the body as a whole.
fn refused(problems: &Problems, kind: &str, words: &str, input: &RawJson) -> Refusal {
    let place = vec![ErrorLocation::Name("body".to_owned())];
    problems.invalid(vec![error(kind, place, words, input, None)])
}

/// A body that is no JSON from this character on.
fn broken(problems: &Problems, place: u64, words: &str) -> Refusal {
    let place = vec![
        ErrorLocation::Name("body".to_owned()),
        ErrorLocation::Index(place),
    ];
    let input = RawJson::parse("{}").unwrap_or_default();
    let context: Value = json!({"error": words});
    let found = error(
        "json_invalid",
        place,
        "JSON decode error",
        &input,
        Some(&context),
    );
    problems.invalid(vec![found])
}

/// The nearest of the words that the vendor's JSON library has.
fn words(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    if text.starts_with("trailing characters") {
        "Extra data"
    } else if text.starts_with("key must be a string") {
        "Expecting property name enclosed in double quotes"
    } else if text.starts_with("expected `:`") {
        "Expecting ':' delimiter"
    } else if text.starts_with("expected `,`") {
        "Expecting ',' delimiter"
    } else if text.starts_with("EOF while parsing a string") {
        "Unterminated string starting at"
    } else {
        "Expecting value"
    }
}

/// How many characters stand before this line and column, both of which begin at one; columns count bytes.
fn characters_before(text: &str, line: usize, column: usize) -> u64 {
    let lines: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let bytes = (lines + column.saturating_sub(1)).min(text.len());
    let before = text
        .char_indices()
        .take_while(|(index, _)| *index < bytes)
        .count();
    u64::try_from(before).unwrap_or_default()
}

/// The character at which arrays and objects are nested deeper than this.
fn too_deep(text: &str, depth_max: usize) -> Option<u64> {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            '{' | '[' if !in_text => {
                depth += 1;
                if depth > depth_max {
                    return u64::try_from(index).ok();
                }
            }
            '}' | ']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.api+json",
        ] {
            assert!(is_json(media), "{media}");
        }
        for media in ["text/plain", "text/json", "application/jsonp"] {
            assert!(!is_json(media), "{media}");
        }
    }

    #[test]
    fn depth_counts_outside_of_texts_only() {
        assert_eq!(too_deep(r#"{"a":"[[[[\"["}"#, 1), None);
        assert_eq!(too_deep("[[1]]", 2), None);
        assert_eq!(too_deep("[[1]]", 1), Some(1));
    }

    #[test]
    fn a_place_counts_characters() {
        assert_eq!(characters_before("äö\nx?", 2, 2), 4);
        assert_eq!(characters_before("", 1, 0), 0);
    }
}
