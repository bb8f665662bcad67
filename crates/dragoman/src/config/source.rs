//! The text of the configuration file: where each key stands in it, and what may be shown of it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{Place, Problem};
use super::keys::{join, nearest};

/// Keys whose values are masked in every excerpt of the file.
const SECRET_KEYS: [&str; 7] = [
    "database_url",
    "token",
    "sealing_key",
    "signing_key",
    "api_key",
    "secret",
    "password",
];

/// The one key that may be a word instead of its table.
const WORD_OR_TABLE: &str = ".responder";

/// The one key that may be a word instead of its array.
const WORD_OR_ARRAY: &str = "].to";

/// A word that holds one of them and counts something, and what stands for it: as long, so that places stay.
const NO_SECRET: (&str, &str) = ("max_tokens", "max_______");

/// A configuration file that is well-formed TOML.
#[derive(Debug)]
pub(super) struct Source {
    /// Path of every key, array positions included, to the bytes of its value.
    values: BTreeMap<String, Range<usize>>,
}

impl Source {
    /// Parses the text; syntax errors and keys that do not exist come back as problems.
    pub(super) fn parse(text: &str, shape: &Value) -> Result<Self, Vec<Problem>> {
        let root = DeTable::parse(text).map_err(|error| vec![syntax_problem(&error)])?;
        let mut walk = Walk {
            values: BTreeMap::new(),
            problems: Vec::new(),
        };
        walk.table(root.get_ref(), shape, "");
        if walk.problems.is_empty() {
            Ok(Self {
                values: walk.values,
            })
        } else {
            Err(walk.problems)
        }
    }

    /// The bytes of the value at a path, or of the nearest table around it.
    pub(super) fn span_of(&self, path: &str) -> Option<Range<usize>> {
        let mut path = path;
        loop {
            if let Some(span) = self.values.get(path) {
                return Some(span.clone());
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// Whether the file itself sets exactly this path.
    pub(super) fn sets(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }
}

/// Line and column of a byte, both counted from 1, columns in characters.
pub(super) fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The same text, byte for byte as long, with everything that could be a secret masked: an excerpt
/// around a mistake must not print the credential on the line beside it.
pub(super) fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut in_secret_block = false;
    for line in text.split_inclusive('\n') {
        let start = if in_secret_block {
            Some(0)
        } else {
            secret_start(line)
        };
        let Some(start) = start else {
            shown.push_str(line);
            continue;
        };
        let (open, hidden) = line.split_at(start);
        // A multi-line string hides the rest of the file: where it ends cannot be told safely in
        // a file that may be broken.
        in_secret_block |= hidden.contains("\"\"\"") || hidden.contains("'''");
        shown.push_str(open);
        for character in hidden.chars() {
            match character {
                '\n' | '\r' => shown.push(character),
                _ => shown.extend(std::iter::repeat_n('*', character.len_utf8())),
            }
        }
    }
    shown
}

/// The byte in a line after which a secret may stand: behind the key and its equals sign.
fn secret_start(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase().replace(NO_SECRET.0, NO_SECRET.1);
    SECRET_KEYS
        .iter()
        .filter_map(|key| {
            let after_key = lower.find(key)? + key.len();
            let equals = lower[after_key..].find('=')?;
            Some(after_key + equals + 1)
        })
        .min()
}

fn syntax_problem(error: &toml::de::Error) -> Problem {
    Problem {
        message: format!("this is not valid TOML: {}", first_line(error.message())),
        place: error.span().map_or(Place::File(0..0), Place::File),
        label: "here".to_owned(),
        help: Some("strings stand in double quotes, tables in [brackets]".to_owned()),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// Goes through the file beside the shape of the configuration.
struct Walk {
    values: BTreeMap<String, Range<usize>>,
    problems: Vec<Problem>,
}

impl Walk {
    fn table(&mut self, table: &DeTable<'_>, shape: &Value, path: &str) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let here = join(path, name);
            self.values.insert(here.clone(), value.span());
            match shape.as_object() {
                // Here the operator chooses the keys; every value is text.
                Some(members) if members.is_empty() => {
                    self.value(value, &Value::String(String::new()), &here);
                }
                Some(members) => match members.get(name) {
                    Some(member) => self.value(value, member, &here),
                    None => self.problems.push(unknown_key(
                        name,
                        path,
                        key.span(),
                        members.keys().map(String::as_str),
                    )),
                },
                None => {}
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, shape: &Value, path: &str) {
        match (value.get_ref(), shape) {
            (DeValue::Table(table), Value::Object(_)) => self.table(table, shape, path),
            (DeValue::Array(elements), Value::Array(shapes)) => {
                for (position, element) in elements.iter().enumerate() {
                    let here = format!("{path}[{position}]");
                    self.values.insert(here.clone(), element.span());
                    if let Some(shape) = shapes.first() {
                        self.value(element, shape, &here);
                    }
                }
            }
            (DeValue::String(_), Value::Object(_)) if path.ends_with(WORD_OR_TABLE) => {}
            (DeValue::String(_), Value::Array(_)) if path.ends_with(WORD_OR_ARRAY) => {}
            (DeValue::Float(_), Value::Number(number)) if number.is_f64() => {}
            (DeValue::String(_), Value::String(_))
            | (DeValue::Integer(_), Value::Number(_))
            | (DeValue::Boolean(_), Value::Bool(_)) => {}
            // What `${env:…}` stands for is checked when it is known.
            (DeValue::String(text), Value::Number(_) | Value::Bool(_)) if text.contains("${") => {}
            (found, _) => self.problems.push(Problem {
                message: format!(
                    "`{path}` takes {}, not {}",
                    kind_of_shape(shape),
                    kind_of_value(found)
                ),
                place: Place::File(value.span()),
                label: format!("{} expected", kind_of_shape(shape)),
                help: array_of_tables_help(shape, path),
            }),
        }
    }
}

fn unknown_key<'a>(
    name: &str,
    table: &str,
    span: Range<usize>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Problem {
    let place = if table.is_empty() {
        "at the top of the file".to_owned()
    } else {
        format!("in `{table}`")
    };
    let help = nearest(name, known.clone()).map_or_else(
        || format!("known keys here: {}", known.collect::<Vec<_>>().join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    );
    Problem {
        message: format!("unknown key `{name}` {place}"),
        place: Place::File(span),
        label: "unknown key".to_owned(),
        help: Some(help),
    }
}

fn kind_of_shape(shape: &Value) -> &'static str {
    match shape {
        Value::String(_) => "a string",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::Bool(_) => "true or false",
        Value::Array(shapes) if shapes.first().is_some_and(Value::is_string) => {
            "an array of strings"
        }
        Value::Array(_) => "an array of tables",
        Value::Object(_) => "a table",
        Value::Null => "nothing",
    }
}

fn kind_of_value(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn array_of_tables_help(shape: &Value, path: &str) -> Option<String> {
    let shapes = shape.as_array()?;
    shapes
        .first()
        .is_none_or(Value::is_object)
        .then(|| format!("write [[{path}]] with two brackets, once per {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_text_keeps_its_length_and_hides_secrets() {
        let text = "[[backend]]\nname = \"a\"\ntoken = \"sécret\"\nurl = { token=\"inline\" }\n";
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        assert!(!shown.contains("cret\""), "{shown}");
        assert!(!shown.contains("inline"), "{shown}");
        assert!(shown.contains("name = \"a\""), "{shown}");
        let text = "signing_key = \"planted\"\ncontext_max_tokens = 4000\n";
        let shown = masked(text);
        assert!(!shown.contains("planted"), "{shown}");
        assert!(shown.contains("tokens = 4000"), "{shown}");
    }

    #[test]
    fn masked_text_hides_everything_after_a_multi_line_secret() {
        let shown = masked("token = \"\"\"\nplanted\n\"\"\"\nname = 1\n");
        assert!(!shown.contains("planted"), "{shown}");
    }

    #[test]
    fn line_and_column_count_characters_from_one() {
        assert_eq!(line_and_column("a\nbé = 1", 5), (2, 3));
    }
}
