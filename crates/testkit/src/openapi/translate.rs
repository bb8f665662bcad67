//! From OpenAPI's schemas to JSON Schema 2020-12: `nullable`, `discriminator`, read-only and write-only members.

use serde_json::{Map, Value, json};

use super::schema::{Direction, Members, resolve};

/// How schemas of one description are translated.
pub(super) struct Translation {
    document: Value,
    old: bool,
    direction: Direction,
    members: Members,
}

/// Keywords whose value is one schema about a part of the value.
const PARTS: [&str; 2] = ["items", "additionalProperties"];
/// Keywords whose value is a list of schemas about the same value.
const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

impl Translation {
    pub(super) fn new(document: &Value, direction: Direction, members: Members) -> Self {
        Self {
            document: document.clone(),
            old: document["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.0")),
            direction,
            members,
        }
    }

    /// The named schemas, each open: who refers to them closes them.
    pub(super) fn components(&self, document: &Value) -> Value {
        let named = document["components"]["schemas"].as_object();
        let translated = named.into_iter().flatten();
        translated
            .map(|(name, schema)| (name.clone(), self.branch(schema)))
            .collect::<Map<String, Value>>()
            .into()
    }

    /// A schema that stands for a whole value.
    pub(super) fn whole(&self, schema: &Value) -> Value {
        match self.members {
            Members::Any => self.branch(schema),
            Members::Described => self.closed(schema),
        }
    }

    /// A schema that stands for a whole value with described members only.
    pub(super) fn closed(&self, schema: &Value) -> Value {
        let mut translated = self.branch(schema);
        if let Some(object) = translated.as_object_mut() {
            object.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        }
        translated
    }

    /// A schema that may share its value with others.
    fn branch(&self, schema: &Value) -> Value {
        let Some(object) = schema.as_object() else {
            return schema.clone();
        };
        if self.old
            && let Some(reference) = object.get("$ref")
        {
            // Before 3.1 nothing beside a reference counts.
            return json!({"$ref": reference});
        }
        let mut translated = object.clone();
        for keyword in [
            "example",
            "examples",
            "xml",
            "externalDocs",
            "discriminator",
            "nullable",
        ] {
            translated.remove(keyword);
        }
        for keyword in PARTS {
            if let Some(part) = object.get(keyword) {
                translated.insert(keyword.to_owned(), self.whole(part));
            }
        }
        for keyword in BRANCHES {
            if let Some(branches) = object.get(keyword).and_then(Value::as_array) {
                let branches = branches.iter().map(|branch| self.branch(branch)).collect();
                translated.insert(keyword.to_owned(), branches);
            }
        }
        if let Some(not) = object.get("not") {
            translated.insert("not".to_owned(), self.branch(not));
        }
        self.choose(object, &mut translated);
        self.members_of(object, &mut translated);
        if self.old {
            exclusive(&mut translated, "exclusiveMinimum", "minimum");
            exclusive(&mut translated, "exclusiveMaximum", "maximum");
        }
        if object.get("nullable") == Some(&Value::Bool(true)) {
            return or_null(translated);
        }
        Value::Object(translated)
    }

    /// With a discriminator exactly one alternative is meant: the one that the member names.
    fn choose(&self, object: &Map<String, Value>, translated: &mut Map<String, Value>) {
        let Some(name) = object
            .get("discriminator")
            .and_then(|one| one["propertyName"].as_str())
        else {
            return;
        };
        let mapping = object["discriminator"]["mapping"].as_object();
        for keyword in ["oneOf", "anyOf"] {
            let Some(branches) = object.get(keyword).and_then(Value::as_array) else {
                continue;
            };
            let mut choices = Vec::new();
            for branch in branches {
                let Some(reference) = branch["$ref"].as_str() else {
                    choices.push(self.branch(branch));
                    continue;
                };
                let short = reference.rsplit('/').next().unwrap_or_default();
                let mapped = mapping.into_iter().flatten().filter(|(_, target)| {
                    let target = target.as_str().unwrap_or_default();
                    target == reference || target == short
                });
                let mut words: Vec<&str> = mapped.map(|(word, _)| word.as_str()).collect();
                if words.is_empty() {
                    words.push(short);
                }
                let named = json!({"properties": {name: {"enum": words}}, "required": [name]});
                choices.push(json!({"allOf": [named, self.branch(branch)]}));
            }
            translated.remove(keyword);
            translated.insert("anyOf".to_owned(), choices.into());
        }
    }

    /// Members: those of the other direction are forbidden and never required.
    fn members_of(&self, object: &Map<String, Value>, translated: &mut Map<String, Value>) {
        let Some(properties) = object.get("properties").and_then(Value::as_object) else {
            let shapeless = BRANCHES
                .iter()
                .all(|keyword| !object.contains_key(*keyword));
            let described =
                object.contains_key("$ref") || object.contains_key("additionalProperties");
            if shapeless && !described {
                translated.insert("additionalProperties".to_owned(), Value::Bool(true));
            }
            return;
        };
        let mut members = Map::new();
        let mut forbidden = Vec::new();
        for (name, schema) in properties {
            if self.is_of_other_direction(schema) {
                forbidden.push(name.as_str());
                members.insert(name.clone(), Value::Bool(false));
            } else {
                members.insert(name.clone(), self.whole(schema));
            }
        }
        if let Some(required) = translated.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| !forbidden.contains(&name.as_str().unwrap_or_default()));
        }
        translated.insert("properties".to_owned(), members.into());
    }

    fn is_of_other_direction(&self, schema: &Value) -> bool {
        let flag = match self.direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let resolved = resolve(&self.document, schema).unwrap_or(schema);
        resolved[flag].as_bool().unwrap_or(false)
            || (!self.old && schema[flag].as_bool().unwrap_or(false))
    }
}

/// OpenAPI 3.0 says `exclusiveMinimum: true`, JSON Schema the bound itself.
fn exclusive(schema: &mut Map<String, Value>, exclusive: &str, bound: &str) {
    match schema.get(exclusive) {
        Some(Value::Bool(true)) => {
            if let Some(limit) = schema.remove(bound) {
                schema.insert(exclusive.to_owned(), limit);
            }
        }
        Some(Value::Bool(false)) => {
            schema.remove(exclusive);
        }
        _ => {}
    }
}

/// The schema, or null.
fn or_null(schema: Map<String, Value>) -> Value {
    json!({"anyOf": [{"type": "null"}, schema]})
}
