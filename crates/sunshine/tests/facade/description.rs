//! The facade's own description held against the vendor's: it promises nothing that the vendor's does not know.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

static OWN: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../fixtures/facade.openapi.json")).unwrap()
});
static VENDORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../fixtures/openapi.json")).unwrap());

/// What the vendor answers and does not describe.
const UNDESCRIBED: &[&str] = &[
    // The fallback of a list, as of a carousel: it stands in the vendor's examples.
    "messages/content/text of list",
];
/// Deeper than any answer.
const DEPTH: usize = 16;

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => resolve(document, document.pointer(&name[1..]).unwrap()),
        None => schema,
    }
}

/// Whatever a schema consists of or may be, with the values of `type` that choose it.
fn parts<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(document, schema);
    let mut found = vec![schema];
    for name in ["allOf", "oneOf", "anyOf"] {
        for one in schema[name].as_array().into_iter().flatten() {
            found.extend(parts(document, one));
        }
    }
    found
}

/// The word that a schema's `type` member must be, where it is just one.
fn word(schema: &Value) -> Option<&str> {
    match schema["properties"]["type"]["enum"].as_array()?.as_slice() {
        [only] => only.as_str(),
        _ => None,
    }
}

fn words<'a>(schemas: &[&'a Value], name: &str) -> BTreeSet<&'a str> {
    let lists = schemas.iter().filter_map(|one| one[name].as_array());
    lists.flatten().filter_map(Value::as_str).collect()
}

struct Comparison {
    findings: BTreeSet<String>,
    undescribed: BTreeSet<String>,
    looked_at: usize,
}

impl Comparison {
    fn compare(&mut self, place: &str, own: &Value, theirs: &[&Value], depth: usize) {
        assert!(depth < DEPTH, "{place}");
        self.looked_at += 1;
        for own in parts(&OWN, own) {
            let theirs: Vec<&Value> = match word(own) {
                // Alternatives are compared with their like.
                Some(chosen) if theirs.iter().any(|one| word(one) == Some(chosen)) => {
                    let is_like = |one: &&&Value| word(one) == Some(chosen);
                    theirs.iter().filter(is_like).copied().collect()
                }
                _ => theirs.to_vec(),
            };
            self.compare_one(place, own, &theirs, depth);
        }
    }

    fn compare_one(&mut self, place: &str, own: &Value, theirs: &[&Value], depth: usize) {
        let types: BTreeSet<&str> = theirs
            .iter()
            .filter_map(|one| one["type"].as_str())
            .collect();
        if let Some(kind) = own["type"].as_str() {
            let is_known = types.is_empty()
                || types.contains(kind)
                || kind == "integer" && types.contains("number");
            self.check(is_known, || format!("{place} is no {kind}"));
        }
        let (ours, known) = (words(&[own], "enum"), words(theirs, "enum"));
        self.check(
            known.is_empty() || ours.is_subset(&known) && !ours.is_empty(),
            || format!("{place} is one of {known:?}, not of {ours:?}"),
        );
        let is_object = own["type"] == "object" && own["properties"].is_object();
        if is_object && let [_only] = theirs {
            let (ours, needed) = (words(&[own], "required"), words(theirs, "required"));
            let missing: Vec<&&str> = needed.difference(&ours).collect();
            self.check(missing.is_empty(), || format!("{place} needs {missing:?}"));
        }
        if own["items"].is_object() {
            let items: Vec<&Value> = theirs
                .iter()
                .filter(|one| one["items"].is_object())
                .flat_map(|one| parts(&VENDORS, &one["items"]))
                .collect();
            self.compare(place, &own["items"], &items, depth + 1);
        }
        for (name, schema) in own["properties"].as_object().into_iter().flatten() {
            let inner = format!("{place}/{name}");
            let described: Vec<&Value> = theirs
                .iter()
                .filter_map(|one| one["properties"].get(name))
                .flat_map(|one| parts(&VENDORS, one))
                .collect();
            let is_free = theirs.iter().any(|one| {
                one["additionalProperties"] == true
                    || one["type"] == "object" && !one["properties"].is_object()
            });
            if !described.is_empty() {
                self.compare(&inner, schema, &described, depth + 1);
            } else if !is_free {
                let of = word(own).map(|word| format!(" of {word}"));
                self.undescribed.insert(inner + &of.unwrap_or_default());
            }
        }
    }

    fn check(&mut self, is: bool, finding: impl FnOnce() -> String) {
        if !is {
            self.findings.insert(finding());
        }
    }
}

/// The schema of a JSON body, with the name that stands for its only member.
fn body<'a>(document: &'a Value, operation: &'a Value, status: &str) -> &'a Value {
    let schema = &operation["responses"][status]["content"]["application/json"]["schema"];
    resolve(document, schema)
}

#[test]
fn nothing_is_promised_that_the_vendor_does_not_describe() {
    let mut comparison = Comparison {
        findings: BTreeSet::new(),
        undescribed: BTreeSet::new(),
        looked_at: 0,
    };
    for (path, methods) in OWN["paths"].as_object().unwrap() {
        for (method, own) in methods.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let theirs = &VENDORS["paths"][path][method];
            assert!(theirs.is_object(), "{method} {path}");
            for (status, _) in theirs["responses"].as_object().unwrap() {
                assert!(
                    own["responses"][status].is_object(),
                    "{method} {path}: {status}"
                );
                if status.starts_with('2') {
                    let theirs = parts(&VENDORS, body(&VENDORS, theirs, status));
                    let own = body(&OWN, own, status);
                    assert_eq!(own["additionalProperties"], false, "{method} {path}");
                    for (name, schema) in own["properties"].as_object().unwrap() {
                        let theirs: Vec<&Value> = theirs
                            .iter()
                            .filter_map(|one| one["properties"].get(name))
                            .flat_map(|one| parts(&VENDORS, one))
                            .collect();
                        assert!(!theirs.is_empty(), "{method} {path}: {name}");
                        comparison.compare(name, schema, &theirs, 0);
                    }
                }
            }
            let is_good = |status: &&String| status.starts_with('2');
            let good = own["responses"].as_object().unwrap().keys();
            let good: Vec<&String> = good.filter(is_good).collect();
            assert_eq!(good.len(), 1, "{method} {path}");
            assert!(theirs["responses"][good[0]].is_object(), "{method} {path}");
        }
    }
    assert_eq!(comparison.findings, BTreeSet::new());
    let listed: BTreeSet<String> = UNDESCRIBED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(comparison.undescribed, listed);
    assert!(comparison.looked_at > 100, "{}", comparison.looked_at);
}
