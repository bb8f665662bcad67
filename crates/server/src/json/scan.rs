//! The strict look at a whole body before it is read into a type: depth, number of values, keys that come twice, bad
//! strings.
//!
//! `serde_json` alone keeps the last of two equal keys, accepts any depth where a type keeps raw JSON, and does not
//! look into members that a type skips.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::json::pointer::escape;

/// A pointer is cut here: it names a place, it does not repeat a hostile body.
const POINTER_MAX_BYTES: usize = 256;

/// What a body may be, whatever its size: each value costs many times its own bytes once it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The deepest nesting, in levels.
    pub(crate) depth: usize,
    /// The most members of objects and elements of arrays, all together.
    pub(crate) values: usize,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) pointer: String,
    pub(super) code: &'static str,
    pub(super) detail: String,
}

/// Reads the text once and reports the first thing that is wrong.
pub(super) fn scan(text: &str, bounds: Bounds) -> Result<(), Finding> {
    let state = State {
        bounds,
        values: Cell::new(0),
        finding: RefCell::new(None),
        reached: RefCell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = Value {
        state: &state,
        path: Path::Root,
        depth: 0,
    }
    .deserialize(&mut deserializer)
    .and_then(|()| deserializer.end());
    let Err(error) = result else {
        return Ok(());
    };
    Err(match state.finding.into_inner() {
        Some(finding) => finding,
        // The text of a syntax error names a line and a column, never the content.
        None => Finding {
            pointer: state.reached.into_inner().unwrap_or_default(),
            code: "syntax",
            detail: error.to_string(),
        },
    })
}

struct State {
    bounds: Bounds,
    /// How many were met so far.
    values: Cell<usize>,
    finding: RefCell<Option<Finding>>,
    /// Where a syntax error was met; set by the innermost value, kept by the outer ones.
    reached: RefCell<Option<String>>,
}

#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn write(&self, pointer: &mut String) {
        match self {
            Path::Root => {}
            Path::Key(parent, key) => {
                parent.write(pointer);
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            Path::Index(parent, index) => {
                parent.write(pointer);
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.write(&mut pointer);
        if pointer.len() > POINTER_MAX_BYTES {
            let mut end = POINTER_MAX_BYTES;
            while !pointer.is_char_boundary(end) {
                end -= 1;
            }
            pointer.truncate(end);
        }
        pointer
    }
}

#[derive(Clone, Copy)]
struct Value<'a> {
    state: &'a State,
    path: Path<'a>,
    depth: usize,
}

impl Value<'_> {
    fn refuse<E: Error>(&self, path: Path<'_>, code: &'static str, detail: String) -> E {
        *self.state.finding.borrow_mut() = Some(Finding {
            pointer: path.pointer(),
            code,
            detail,
        });
        E::custom(code)
    }

    fn enter<E: Error>(&self) -> Result<usize, E> {
        let depth = self.depth + 1;
        let most = self.state.bounds.depth;
        if depth > most {
            let detail = format!("nested deeper than {most} levels");
            return Err(self.refuse(self.path, "too-deep", detail));
        }
        Ok(depth)
    }

    /// Counts a member or element of this value.
    fn count<E: Error>(&self) -> Result<(), E> {
        let values = self.state.values.get() + 1;
        let most = self.state.bounds.values;
        if values > most {
            let detail = format!("more than {most} members and elements in one body");
            return Err(self.refuse(self.path, "too-many-values", detail));
        }
        self.state.values.set(values);
        Ok(())
    }

    fn note<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.state
                .reached
                .borrow_mut()
                .get_or_insert_with(|| self.path.pointer());
        }
        result
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.note(deserializer.deserialize_any(self))
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _value: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _value: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let depth = self.enter()?;
        let mut index = 0;
        while elements
            .next_element_seed(Value {
                state: self.state,
                path: Path::Index(&self.path, index),
                depth,
            })?
            .is_some()
        {
            self.count()?;
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.enter()?;
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Key(key)) = members.next_key()? {
            self.count()?;
            let path = Path::Key(&self.path, &key);
            if seen.contains(&key) {
                return Err(self.refuse(
                    path,
                    "duplicate-key",
                    "this key stands twice in its object".to_owned(),
                ));
            }
            members.next_value_seed(Value {
                state: self.state,
                path,
                depth,
            })?;
            seen.insert(key);
        }
        Ok(())
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bounds, Finding};

    const BOUNDS: Bounds = Bounds {
        depth: 64,
        values: 200,
    };

    fn scan(text: &str) -> Result<(), Finding> {
        super::scan(text, BOUNDS)
    }

    #[track_caller]
    fn finding(text: &str) -> (String, &'static str) {
        let finding = scan(text).expect_err("the text is wrong");
        (finding.pointer, finding.code)
    }

    #[test]
    fn key_that_stands_twice_is_found_with_its_pointer() {
        assert_eq!(
            finding(r#"{"a":[{"b/c":1},{"b/c":1,"d":2,"b\u002fc":3}]}"#),
            ("/a/1/b~1c".to_owned(), "duplicate-key")
        );
    }

    #[test]
    fn same_key_in_two_objects_is_fine() {
        assert_eq!(scan(r#"[{"a":1},{"a":{"a":1}}]"#), Ok(()));
    }

    #[test]
    fn depth_is_counted_over_arrays_and_objects() {
        let fits = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(scan(&fits), Ok(()));
        let mixed = format!("{}1{}", r#"{"a":["#.repeat(32), "]}".repeat(32));
        assert_eq!(scan(&mixed), Ok(()));
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        assert_eq!(finding(&deep).1, "too-deep");
    }

    #[test]
    fn members_and_elements_are_counted_all_together() {
        let numbers = |count: usize| vec!["0"; count].join(",");
        let members = |count: usize| {
            let members: Vec<String> = (0..count).map(|number| format!("\"{number}\":0")).collect();
            members.join(",")
        };
        assert_eq!(scan(&format!("[{}]", numbers(200))), Ok(()));
        assert_eq!(finding(&format!("[{}]", numbers(201))).1, "too-many-values");
        assert_eq!(scan(&format!("{{{}}}", members(200))), Ok(()));
        let mixed = |count| format!("{{\"a\":[{}],\"b\":{{{}}}}}", numbers(100), members(count));
        assert_eq!(scan(&mixed(98)), Ok(()));
        assert_eq!(finding(&mixed(99)), ("/b".to_owned(), "too-many-values"));
    }

    #[test]
    fn hundred_thousand_levels_do_not_overflow_the_stack() {
        assert_eq!(finding(&"[".repeat(100_000)).1, "too-deep");
        assert_eq!(finding(&r#"{"a":"#.repeat(100_000)).1, "too-deep");
    }

    #[test]
    fn lone_surrogate_is_a_syntax_error_with_its_pointer() {
        assert_eq!(
            finding(r#"{"text":["ok","\ud800"]}"#),
            ("/text/1".to_owned(), "syntax")
        );
        assert_eq!(finding(r#"{"\udc00":1}"#).1, "syntax");
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert_eq!(finding("{} {}").1, "syntax");
        assert_eq!(finding("").1, "syntax");
        assert_eq!(finding("NaN").1, "syntax");
        assert_eq!(finding("[1e999]").1, "syntax");
    }

    #[test]
    fn syntax_error_text_holds_no_content() {
        let error = scan(r#"{"secret": "planted"#).expect_err("the text is cut");
        assert!(!error.detail.contains("planted"), "{}", error.detail);
    }

    proptest! {
        #[test]
        fn scan_accepts_exactly_what_serde_json_accepts_without_duplicates(text in "[\\[\\]{}\",:0-9a\\\\ ]{0,24}") {
            let parsed = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match scan(&text) {
                Ok(()) => prop_assert!(parsed),
                Err(finding) => prop_assert!(!parsed || finding.code == "duplicate-key"),
            }
        }
    }
}
