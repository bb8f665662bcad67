//! The request check of the vendor's framework: scalars are coerced, unknown members are ignored, and all errors of a
//! request are reported together, in pydantic's names.

mod body;
mod numbers;
mod scalar;

use conversation::{JsonMap, RawJson};
use serde_json::{Value, json};

use self::scalar::{Number, Shape, shape};
use super::answers::{Problems, Refusal};
use crate::wire::{ErrorLocation, Extra, Member, Raw, ValidationError};

/// The longest whole number that the vendor's database takes as a limit.
pub(crate) const I64_MAX: i128 = i64::MAX as i128;

/// Reads members of one body or one query, collecting what is wrong with them.
pub(crate) struct Check {
    place: &'static str,
    members: JsonMap,
    /// The whole object, which a missing member's error repeats.
    whole: RawJson,
    errors: Vec<ValidationError>,
}

impl Check {
    /// Reads a query string; of a repeated parameter the last one counts.
    pub(crate) fn query(query: &str) -> Self {
        let members = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into(), RawJson::string(&value)))
            .collect();
        Self {
            place: "query",
            members,
            whole: RawJson::default(),
            errors: Vec::new(),
        }
    }

    /// Refuses the request with all errors found.
    pub(crate) fn finish(self, problems: &Problems) -> Result<(), Refusal> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(problems.invalid(self.errors))
        }
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> String {
        if !self.members.contains_key(name) {
            self.missing(name);
            return String::new();
        }
        self.some_text(name).unwrap_or_default()
    }

    /// A text that may be missing or null.
    pub(crate) fn text(&mut self, name: &str) -> Member<String> {
        match self.given(name) {
            Given::Value(_) => Member::from(self.some_text(name)),
            Given::Null => Member::Null,
            Given::Absent => Member::Absent,
        }
    }

    /// Whether a text was sent under this name.
    pub(crate) fn is_text(&self, name: &str) -> bool {
        let value = self.members.get(name);
        value.is_some_and(|value| matches!(shape(value), Shape::Text(Some(_))))
    }

    /// Refuses a text that is shorter or longer, or has NUL in it: the vendor's database takes none of them.
    pub(crate) fn limit_text(&mut self, name: &str, text: &str, least: usize, most: usize) {
        let input = RawJson::string(text);
        let length = text.chars().count();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if length < least {
            let words = format!(
                "String should have at least {least} character{}",
                plural(least)
            );
            let context = json!({"min_length": least});
            self.wrong(name, "string_too_short", &words, &input, Some(&context));
        } else if length > most {
            let words = format!(
                "String should have at most {most} character{}",
                plural(most)
            );
            let context = json!({"max_length": most});
            self.wrong(name, "string_too_long", &words, &input, Some(&context));
        } else if text.contains('\0') {
            self.refuse(name, "the character NUL is not allowed", &input);
        }
    }

    fn some_text(&mut self, name: &str) -> Option<String> {
        let value = self.members.get(name)?.clone();
        match shape(&value) {
            Shape::Text(Some(text)) => return Some(text),
            Shape::Text(None) => {
                let words =
                    "Input should be a valid string, unable to parse raw data as a unicode string";
                self.wrong(name, "string_unicode", words, &RawJson::default(), None);
            }
            _ => self.wrong(
                name,
                "string_type",
                "Input should be a valid string",
                &value,
                None,
            ),
        }
        None
    }

    /// Yes or no, in any of the ways that the vendor reads.
    pub(crate) fn flag(&mut self, name: &str, is_nullable: bool) -> Option<bool> {
        let value = self.members.get(name)?.clone();
        let word = match shape(&value) {
            Shape::Flag(flag) => return Some(flag),
            Shape::Null if is_nullable => return None,
            Shape::Text(Some(text)) => text.to_lowercase(),
            Shape::Number(Number::Whole(0)) => "0".to_owned(),
            Shape::Number(Number::Whole(1)) => "1".to_owned(),
            Shape::Number(_) => String::new(),
            _ => {
                let words = "Input should be a valid boolean";
                self.wrong(name, "bool_type", words, &value, None);
                return None;
            }
        };
        match word.as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
            "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
            _ => {
                let words = "Input should be a valid boolean, unable to interpret input";
                self.wrong(name, "bool_parsing", words, &value, None);
                None
            }
        }
    }

    /// An object, kept as it came.
    pub(crate) fn object(&mut self, name: &str) -> Member<RawJson> {
        let value = match self.given(name) {
            Given::Value(value) => value,
            Given::Null => return Member::Null,
            Given::Absent => return Member::Absent,
        };
        if !matches!(shape(&value), Shape::Object) {
            let words = "Input should be a valid dictionary";
            self.wrong(name, "dict_type", words, &value, None);
        } else if value.to::<Value>().is_err() {
            // Half a surrogate pair, or a number beyond all bounds, somewhere inside.
            let input = RawJson::default();
            self.refuse(name, "a text or number in it cannot be read", &input);
        } else {
            return Member::Value(value);
        }
        Member::Absent
    }

    /// A list of texts, which nothing here needs but which must be one.
    pub(crate) fn check_texts(&mut self, name: &str) {
        let Given::Value(value) = self.given(name) else {
            return;
        };
        let Ok(items) = value.to::<Vec<RawJson>>() else {
            let words = "Input should be a valid list";
            self.wrong(name, "list_type", words, &value, None);
            return;
        };
        for (index, item) in items.iter().enumerate() {
            if !matches!(shape(item), Shape::Text(Some(_))) {
                let mut place = self.place_of(name);
                place.push(ErrorLocation::Index(
                    u64::try_from(index).unwrap_or_default(),
                ));
                let words = "Input should be a valid string";
                let error = error("string_type", place, words, item, None);
                self.errors.push(error);
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice(
        &mut self,
        name: &str,
        is_nullable: bool,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        let value = self.members.get(name)?.clone();
        match shape(&value) {
            Shape::Null if is_nullable => return None,
            Shape::Text(Some(text)) => {
                let mut known = choices.iter().copied();
                if let Some(choice) = known.find(|choice| *choice == text) {
                    return Some(choice);
                }
            }
            _ => {}
        }
        let quoted: Vec<String> = choices.iter().map(|choice| format!("'{choice}'")).collect();
        let expected = match quoted.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} or {last}", first.join(", ")),
            None => String::new(),
        };
        let words = format!("Input should be {expected}");
        let context = json!({"expected": expected});
        self.wrong(name, "enum", &words, &value, Some(&context));
        None
    }

    /// `asc` or `desc`: true for the second.
    pub(crate) fn is_descending(&mut self, name: &str) -> Option<bool> {
        let value = self.members.get(name)?.clone();
        match shape(&value) {
            Shape::Text(Some(text)) if text == "asc" => Some(false),
            Shape::Text(Some(text)) if text == "desc" => Some(true),
            _ => {
                let pattern = "^(asc|desc)$";
                let words = format!("String should match pattern '{pattern}'");
                let context = json!({"pattern": pattern});
                self.wrong(
                    name,
                    "string_pattern_mismatch",
                    &words,
                    &value,
                    Some(&context),
                );
                None
            }
        }
    }

    /// Refuses a member for a reason of ours.
    pub(crate) fn refuse(&mut self, name: &str, reason: &str, input: &RawJson) {
        let words = format!("Value error, {reason}");
        let context = json!({"error": {}});
        self.wrong(name, "value_error", &words, input, Some(&context));
    }

    fn given(&self, name: &str) -> Given {
        match self.members.get(name) {
            None => Given::Absent,
            Some(value) if value.is_null() => Given::Null,
            Some(value) => Given::Value(value.clone()),
        }
    }

    fn missing(&mut self, name: &str) {
        let place = self.place_of(name);
        let found = error("missing", place, "Field required", &self.whole, None);
        self.errors.push(found);
    }

    fn wrong(
        &mut self,
        name: &str,
        kind: &str,
        words: &str,
        input: &RawJson,
        context: Option<&Value>,
    ) {
        let place = self.place_of(name);
        self.errors.push(error(kind, place, words, input, context));
    }

    fn place_of(&self, name: &str) -> Vec<ErrorLocation> {
        vec![
            ErrorLocation::Name(self.place.to_owned()),
            ErrorLocation::Name(name.to_owned()),
        ]
    }
}

/// A member as it was sent.
enum Given {
    Absent,
    Null,
    Value(RawJson),
}

/// One finding.
pub(crate) fn error(
    kind: &str,
    loc: Vec<ErrorLocation>,
    words: &str,
    input: &RawJson,
    context: Option<&Value>,
) -> ValidationError {
    ValidationError {
        kind: kind.to_owned(),
        loc,
        msg: words.to_owned(),
        input: Member::or_null(Raw::from_text(input.get().to_owned()).ok()),
        ctx: Member::from(context.and_then(|context| Raw::encode(context).ok())),
        extra: Extra::new(),
    }
}
