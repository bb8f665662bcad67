//! The operations of a description, read once.

use serde_json::Value;

use super::parameters::{self, Parameter};
use super::path::Template;
use super::schema::{SchemaId, Schemas, resolve};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) method: &'static str,
    pub(super) path: Template,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    responses: Vec<(String, Option<SchemaId>)>,
}

/// The body that a request has.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) content: Vec<Content>,
}

/// One media type of a body.
#[derive(Debug)]
pub(super) struct Content {
    /// Lower case, without parameters; may be a range.
    pub(super) media_type: String,
    pub(super) schema: Option<SchemaId>,
    /// As the description has it, with its first reference followed: which type a form's member has.
    pub(super) shape: Value,
}

impl Operation {
    /// The JSON schema of a status; `Some(None)` where the status is described without one.
    pub(super) fn response(&self, status: u16) -> Option<Option<SchemaId>> {
        let (exact, range) = (status.to_string(), format!("{}XX", status / 100));
        [exact.as_str(), &range, "default"]
            .into_iter()
            .find_map(|wanted| {
                let found = self
                    .responses
                    .iter()
                    .find(|(status, _)| status.eq_ignore_ascii_case(wanted));
                found.map(|(_, schema)| *schema)
            })
    }
}

/// Reads all operations; schemas are left to be compiled.
pub(super) fn all(
    document: &Value,
    requests: &mut Schemas,
    responses: &mut Schemas,
) -> Result<Vec<Operation>, String> {
    let paths = document["paths"].as_object().ok_or("there are no paths")?;
    let mut operations = Vec::new();
    for (path, item) in paths {
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let shared = item.get("parameters");
            let own = operation.get("parameters");
            operations.push(Operation {
                name: operation["operationId"]
                    .as_str()
                    .map_or_else(|| format!("{method} {path}"), str::to_owned),
                method,
                path: Template::new(path),
                parameters: parameters::read(document, shared, own, requests)?,
                body: body(document, operation.get("requestBody"), requests)?,
                responses: statuses(document, &operation["responses"], responses)?,
            });
        }
    }
    Ok(operations)
}

fn body(
    document: &Value,
    body: Option<&Value>,
    schemas: &mut Schemas,
) -> Result<Option<Body>, String> {
    let Some(body) = body else {
        return Ok(None);
    };
    let body = resolve(document, body)?;
    let mut content = Vec::new();
    for (media_type, value) in body["content"].as_object().into_iter().flatten() {
        content.push(Content {
            media_type: media_type.to_ascii_lowercase(),
            schema: value.get("schema").map(|schema| schemas.add(schema)),
            shape: match value.get("schema") {
                Some(schema) => resolve(document, schema)?.clone(),
                None => Value::Null,
            },
        });
    }
    Ok(Some(Body {
        required: body["required"].as_bool().unwrap_or(false),
        content,
    }))
}

fn statuses(
    document: &Value,
    responses: &Value,
    schemas: &mut Schemas,
) -> Result<Vec<(String, Option<SchemaId>)>, String> {
    let mut statuses = Vec::new();
    for (status, response) in responses.as_object().into_iter().flatten() {
        let content = resolve(document, response)?["content"].as_object();
        let json = content.into_iter().flatten().find(|(media_type, _)| {
            let essence = media_type.split(';').next().unwrap_or_default().trim();
            essence == "application/json" || essence.ends_with("+json")
        });
        let schema = json.and_then(|(_, value)| value.get("schema"));
        statuses.push((status.clone(), schema.map(|schema| schemas.add(schema))));
    }
    Ok(statuses)
}
