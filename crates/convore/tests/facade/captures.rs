//! What the fixtures hold of the vendor: requests of its client, and answers that this client reads.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::shape::Shape;

#[derive(Deserialize)]
struct Requests {
    source: String,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) form: Option<Form>,
    #[serde(default)]
    pub(crate) is_anonymous: bool,
}

#[derive(Deserialize)]
pub(crate) struct Form {
    pub(crate) content_type: String,
    pub(crate) body: String,
}

#[derive(Deserialize)]
struct Answers {
    answers: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    name: String,
    body: String,
}

/// Every captured request, in their order.
pub(crate) fn requests() -> Vec<Request> {
    let texts = [
        include_str!("../fixtures/requests.json"),
        include_str!("../fixtures/facade.requests.json"),
    ];
    let mut all = Vec::new();
    for text in texts {
        let file: Requests = serde_json::from_str(text).unwrap();
        assert!(file.source.starts_with("captured from"));
        all.extend(file.requests);
    }
    all
}

/// Shapes by kind. All pages are of one kind, whatever stands on them.
#[derive(Default)]
pub(crate) struct Shapes(pub(crate) BTreeMap<&'static str, Shape>);

impl Shapes {
    /// Looks at one more answer.
    pub(crate) fn add(&mut self, kind: &'static str, mut value: Value) {
        let items = match value.get_mut("data") {
            Some(items) => items.take(),
            None => return self.0.entry(kind).or_default().add(&value),
        };
        value["data"] = json!([]);
        self.0.entry("page").or_default().add(&value);
        for item in items.as_array().unwrap() {
            self.0.entry(kind).or_default().add(item);
        }
    }

    /// Those of the vendor's examples.
    pub(crate) fn of_examples() -> Self {
        let texts = [
            include_str!("../fixtures/answers.json"),
            include_str!("../fixtures/facade.answers.json"),
        ];
        let mut shapes = Self::default();
        for text in texts {
            let file: Answers = serde_json::from_str(text).unwrap();
            for example in file.answers {
                let value = serde_json::from_str(&example.body).unwrap();
                shapes.add(kind_of_example(&example.name), value);
            }
        }
        shapes
    }

    /// How they differ, each with its kind.
    pub(crate) fn differences(&self, theirs: &Self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for (kind, shape) in &self.0 {
            let differences = shape.differences(&theirs.0[kind]);
            found.extend(
                differences
                    .into_iter()
                    .map(|what| ((*kind).to_owned(), what)),
            );
        }
        found
    }
}

fn kind_of_example(name: &str) -> &'static str {
    let operation = name.split('.').next().unwrap();
    let (_, object) = operation.split_once('_').unwrap();
    kind(object.trim_end_matches('s'))
}

/// What an operation answers with; nothing where that is no JSON.
pub(crate) fn kind_of_request(request: &Request) -> Option<&'static str> {
    let path = request.path.split('?').next().unwrap();
    if request.method == "DELETE" || path.ends_with("/download") {
        return None;
    }
    let object = path.split('/').nth(2).unwrap();
    Some(kind(object.trim_end_matches('s')))
}

fn kind(object: &str) -> &'static str {
    const KINDS: [&str; 7] = [
        "message",
        "conversation",
        "attachment",
        "label",
        "contact",
        "event",
        "channel",
    ];
    KINDS.into_iter().find(|kind| *kind == object).unwrap()
}
