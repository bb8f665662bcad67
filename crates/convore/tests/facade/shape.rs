//! What answers look like, whatever they say: members, types, forms of texts.

use std::collections::{BTreeMap, BTreeSet};

use conversation::Time;
use serde_json::Value;

/// What several values of one kind have in common, and what only some of them have.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// How many values were looked at.
    seen: usize,
    forms: BTreeSet<String>,
    members: BTreeMap<String, Shape>,
    items: Option<Box<Shape>>,
}

impl Shape {
    /// Looks at one more value.
    pub(crate) fn add(&mut self, value: &Value) {
        self.seen += 1;
        self.forms.insert(form(value));
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.members.entry(name.clone()).or_default().add(member);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.items.get_or_insert_default().add(item);
                }
            }
            _ => {}
        }
    }

    /// How these values differ from others: by members that only one side ever has, by such that are always there on the
    /// other side only, by types and forms that the other side never has.
    pub(crate) fn differences(&self, theirs: &Self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.collect(theirs, "", &mut found);
        found
    }

    fn collect(&self, theirs: &Self, at: &str, found: &mut BTreeSet<String>) {
        for form in self.forms.difference(&theirs.forms) {
            found.insert(format!("{at} is {form}"));
        }
        for (name, member) in &self.members {
            match theirs.members.get(name) {
                Some(other) => member.collect(other, &format!("{at}/{name}"), found),
                None => {
                    found.insert(format!("{at}/{name} is only here"));
                }
            }
        }
        for (name, other) in &theirs.members {
            let times = self.members.get(name).map_or(0, |member| member.seen);
            if times == 0 {
                found.insert(format!("{at}/{name} is never here"));
            } else if other.seen == theirs.seen && times < self.seen {
                found.insert(format!("{at}/{name} is not always here"));
            }
        }
        match (&self.items, &theirs.items) {
            (Some(items), Some(others)) => items.collect(others, &format!("{at}/*"), found),
            (Some(_), None) => {
                found.insert(format!("{at} has items only here"));
            }
            (None, _) => {}
        }
    }
}

/// The type of a value; of a text also what it is.
fn form(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(number) if number.is_u64() => "count".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(text) => form_of_text(text),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    }
}

fn form_of_text(text: &str) -> String {
    if text.ends_with('Z') && text.parse::<Time>().is_ok() {
        return "time".to_owned();
    }
    if let Some((prefix, rest)) = text.split_once('_')
        && rest.len() == 26
        && format!("conv_{rest}")
            .parse::<conversation::ConversationId>()
            .is_ok()
    {
        return format!("{prefix}_ id");
    }
    "text".to_owned()
}

#[test]
fn shapes_differ_by_members_types_and_forms() {
    let of = |values: &[Value]| {
        let mut shape = Shape::default();
        values.iter().for_each(|value| shape.add(value));
        shape
    };
    let theirs = of(&[
        serde_json::json!({"a": 1, "b": "msg_01hrakwwcveccsnm6xpn1wvmd4", "c": [{"d": "2024-03-06T19:29:57Z"}], "e": 1}),
        serde_json::json!({"a": 2, "b": "msg_01hrakwwcveccsnm6xpn1wvmd4", "c": []}),
    ]);
    assert_eq!(theirs.differences(&theirs), BTreeSet::new());
    let ours = of(&[
        serde_json::json!({"a": "1", "b": "conv_01hrakwwcveccsnm6xpn1wvmd4", "c": [{"d": "2024-03-06"}], "f": null}),
        serde_json::json!({"b": "msg_01hrakwwcveccsnm6xpn1wvmd4", "c": []}),
    ]);
    let found: Vec<String> = ours.differences(&theirs).into_iter().collect();
    assert_eq!(
        found,
        [
            "/a is not always here",
            "/a is text",
            "/b is conv_ id",
            "/c/*/d is text",
            "/e is never here",
            "/f is only here",
        ]
    );
}
