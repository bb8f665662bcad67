//! Parameters of path, query and headers, in the styles `simple`, `form` and `deepObject`.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::path::{self, Values};
use super::schema::{SchemaId, Schemas, resolve};

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

/// One parameter of an operation.
#[derive(Debug)]
pub(super) struct Parameter {
    name: String,
    place: Place,
    required: bool,
    /// `name[member]=value`.
    deep: bool,
    /// A list is repeated and not separated by commas.
    explode: bool,
    schema: SchemaId,
    /// As the description has it, references followed: which type a text stands for.
    shape: Value,
}

/// Reads the parameters of an operation; its own ones replace those of its path.
pub(super) fn read(
    document: &Value,
    shared: Option<&Value>,
    own: Option<&Value>,
    schemas: &mut Schemas,
) -> Result<Vec<Parameter>, String> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for value in [shared, own].into_iter().flatten() {
        for value in value.as_array().into_iter().flatten() {
            let value = resolve(document, value)?;
            let name = value["name"].as_str().ok_or("a parameter has no name")?;
            let place = match value["in"].as_str() {
                Some("path") => Place::Path,
                Some("query") => Place::Query,
                Some("header") => Place::Header,
                _ => continue,
            };
            let deep = value["style"] == "deepObject";
            let schema = &value["schema"];
            parameters.retain(|other| other.name != name || other.place != place);
            parameters.push(Parameter {
                name: name.to_owned(),
                place,
                required: value["required"].as_bool().unwrap_or(false),
                deep,
                explode: value["explode"].as_bool().unwrap_or(place == Place::Query),
                schema: match deep {
                    true => schemas.add_closed(schema),
                    false => schemas.add(schema),
                },
                shape: flattened(document, schema)?,
            });
        }
    }
    Ok(parameters)
}

/// Checks all parameters of a request.
pub(super) fn check(
    parameters: &[Parameter],
    schemas: &Schemas,
    values: &Values,
    query: &str,
    headers: &HeaderMap,
    violations: &mut Vec<String>,
) {
    if !path::well_encoded(query) {
        violations.push("the query is percent-encoded wrongly".to_owned());
    }
    let mut sent = Sent::read(query);
    for parameter in parameters {
        let value = match parameter.place {
            Place::Path => values
                .iter()
                .find(|(name, _)| *name == parameter.name)
                .map(|(_, text)| typed(&parameter.shape, text)),
            Place::Query if parameter.deep => sent.take_object(parameter, violations),
            Place::Query => sent.take(parameter, violations),
            Place::Header => headers
                .get(&parameter.name)
                .map(|value| typed(&parameter.shape, &String::from_utf8_lossy(value.as_bytes()))),
        };
        let place = match parameter.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        let name = &parameter.name;
        match value {
            Some(value) => {
                for violation in schemas.violations(parameter.schema, &value) {
                    violations.push(format!("{place} parameter `{name}`: {violation}"));
                }
            }
            None if parameter.required => {
                violations.push(format!("{place} parameter `{name}` is missing"));
            }
            None => {}
        }
    }
    for name in sent.0.keys() {
        violations.push(format!("query parameter `{name}` is unknown"));
    }
}

/// The decoded pairs of a query, by name.
struct Sent(BTreeMap<String, Vec<String>>);

impl Sent {
    fn read(query: &str) -> Self {
        let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            sent.entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Self(sent)
    }

    fn take(&mut self, parameter: &Parameter, violations: &mut Vec<String>) -> Option<Value> {
        let name = &parameter.name;
        let texts = self.0.remove(name)?;
        if admits(&parameter.shape, "array") {
            let items = &parameter.shape["items"];
            let texts: Vec<&str> = if parameter.explode {
                texts.iter().map(String::as_str).collect()
            } else {
                texts.iter().flat_map(|text| text.split(',')).collect()
            };
            return Some(texts.into_iter().map(|text| typed(items, text)).collect());
        }
        if texts.len() > 1 {
            violations.push(format!("query parameter `{name}` is repeated"));
        }
        texts.first().map(|text| typed(&parameter.shape, text))
    }

    /// `name[member]=value`, one level deep.
    fn take_object(
        &mut self,
        parameter: &Parameter,
        violations: &mut Vec<String>,
    ) -> Option<Value> {
        let name = &parameter.name;
        let prefix = format!("{name}[");
        let mut object = Map::new();
        let keys: Vec<String> = self
            .0
            .keys()
            .filter(|key| key.starts_with(&prefix))
            .cloned()
            .collect();
        for key in keys {
            let texts = self.0.remove(&key).unwrap_or_default();
            let Some(member) = key[prefix.len()..].strip_suffix(']') else {
                violations.push(format!("query parameter `{key}` has no closing bracket"));
                continue;
            };
            let shape = &parameter.shape["properties"][member];
            if admits(shape, "array") {
                let items = texts.iter().map(|text| typed(&shape["items"], text));
                object.insert(member.to_owned(), items.collect());
                continue;
            }
            if texts.len() > 1 {
                violations.push(format!("query parameter `{key}` is repeated"));
            }
            if let Some(text) = texts.first() {
                object.insert(member.to_owned(), typed(shape, text));
            }
        }
        (!object.is_empty()).then_some(Value::Object(object))
    }
}

/// A schema with its references followed, one level of members deep.
fn flattened(document: &Value, schema: &Value) -> Result<Value, String> {
    let mut shape = resolve(document, schema)?.clone();
    if let Some(items) = shape.get("items") {
        shape["items"] = resolve(document, items)?.clone();
    }
    let members: Vec<(String, Value)> = shape["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, schema)| Ok((name.clone(), resolve(document, schema)?.clone())))
        .collect::<Result<_, String>>()?;
    for (name, schema) in members {
        shape["properties"][name] = schema;
    }
    Ok(shape)
}

/// Whether a schema, or one of its alternatives, names a type.
pub(super) fn admits(shape: &Value, kind: &str) -> bool {
    let own = match &shape["type"] {
        Value::String(name) => name == kind,
        Value::Array(names) => names.iter().any(|name| name == kind),
        _ => false,
    };
    let alternatives = ["anyOf", "oneOf", "allOf"].into_iter();
    own || alternatives
        .filter_map(|keyword| shape[keyword].as_array())
        .flatten()
        .any(|alternative| admits(alternative, kind))
}

/// The value that a text stands for: a number or a truth value where the schema has one and the text is one.
pub(super) fn typed(shape: &Value, text: &str) -> Value {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    match parsed {
        Some(value @ Value::Number(_)) if admits(shape, "integer") || admits(shape, "number") => {
            value
        }
        Some(value @ Value::Bool(_)) if admits(shape, "boolean") => value,
        _ => Value::String(text.to_owned()),
    }
}
