//! The API description (OpenAPI 3.1), made from the route table, the types and the list of problem codes.

mod examples;
mod operations;
mod schemas;

use http::Method;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use self::operations::{BYTES, Description, LINES, description_of};
use self::schemas::{of_type, reference};
use crate::auth::required_scope;
use crate::list::LIMIT_MAX;
use crate::problem::{Code, ProblemDocument};
use crate::router::{Operation, PASSTHROUGH, TRANSLATE};

/// The whole document.
pub(crate) fn describe(operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let Some(description) = description_of(operation.id) else {
            continue;
        };
        // A path that goes on is one parameter, as in every description.
        let path = operation.path.replace("{*", "{");
        let path = paths.entry(path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] =
            operation_object(operation, &description);
    }
    for (path, summary) in [
        ("/healthz", "The process is alive"),
        ("/readyz", "Requests can be served; 503 while stopping"),
    ] {
        paths.insert(
            path.to_owned(),
            json!({"get": {
                "operationId": path.trim_start_matches('/'),
                "summary": summary,
                "tags": ["probes"],
                "security": [],
                "responses": {"200": {"description": "yes"}},
            }}),
        );
    }
    let mut components = schemas::all();
    problem_schemas(&mut components);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dragoman",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One API for conversations, whoever stores them. Every error is a problem document; its codes are listed at /docs/errors.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "drg_<id>_<secret>",
                "description": "A key made with `dragoman keys create`. Each operation names the scope that it needs.",
            }},
            "headers": {"Dragoman-Fidelity": {
                "description": "Which fields the conversation's backend alone does not hold as they are shown: `exact`, or `overlay` (kept beside the backend) or `converted` (held in another form) with their names. A translation may also say `rejected`.",
                "schema": {"type": "string"},
                "examples": {
                    "exact": {"value": "exact"},
                    "overlay": {"value": "overlay; fields=\"title,labels\""},
                },
            }},
            "responses": {"Problem": {
                "description": "An error.",
                "content": {"application/problem+json": {"schema": reference("Problem")}},
            }},
        },
    })
}

/// The one type that utoipa describes from the code itself, with what it refers to.
fn problem_schemas(components: &mut Map<String, Value>) {
    let mut found = vec![("Problem".to_owned(), ProblemDocument::schema())];
    <ProblemDocument as ToSchema>::schemas(&mut found);
    for (name, schema) in found {
        if let Ok(schema) = serde_json::to_value(schema) {
            components.insert(name, schema);
        }
    }
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    if let Some(problem) = components.get_mut("Problem") {
        problem["properties"]["code"]["enum"] = json!(codes);
    }
}

fn operation_object(operation: &Operation, description: &Description) -> Value {
    let mut parameters: Vec<Value> = operation
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    for (name, kind, meaning) in description.query {
        let required = name.ends_with('!');
        let name = name.trim_end_matches('!');
        let mut parameter =
            json!({"name": name, "in": "query", "description": meaning, "schema": of_type(kind)});
        if required {
            parameter["required"] = json!(true);
        }
        if name == "limit" {
            parameter["schema"] = json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX});
        }
        parameters.push(parameter);
    }
    parameters.extend(header_parameters(operation, description));

    if description.shows_fates && operation.id != "getConversation" {
        parameters.push(json!({
            "name": "include", "in": "query", "description": "`fidelity`: also what became of each field.",
            "schema": {"type": "string", "enum": ["fidelity"]},
        }));
    }

    let (status, schema) = description.success;
    let mut success = json!({"description": description.summary});
    match schema {
        None => {}
        Some(BYTES) => success["content"] = bytes(),
        Some(LINES) => {
            let line = json!({"type": "string", "description": "Objects with one member each, one on a line."});
            success["content"] = json!({"application/jsonl": {"schema": line}});
        }
        Some(schema) => {
            let schema = answer_schema(schema, description.shows_fates);
            success["content"] = json!({"application/json": {"schema": schema}});
        }
    }
    if tells_fidelity(operation) {
        success["headers"] =
            json!({"Dragoman-Fidelity": {"$ref": "#/components/headers/Dragoman-Fidelity"}});
    }
    if operation.id == "respond" {
        success["content"]["text/event-stream"] = json!({"schema": {
            "type": "string",
            "description": "Events: message.started, part.started, part.delta, part.completed, message.usage, then one of message.completed, message.incomplete, message.failed.",
        }});
    }
    let scope = required_scope(&operation.method, operation.path);
    let mut object = json!({
        "operationId": operation.id,
        "summary": description.summary,
        "description": format!("Needs the scope `{}`. {}", scope.as_str(), description.details).trim_end(),
        "tags": [tag_of(operation.path)],
        "security": [{"key": [scope.as_str()]}],
        "parameters": parameters,
        "responses": {
            status.to_string(): success,
            "default": {"$ref": "#/components/responses/Problem"},
        },
    });
    if operation.id == "openAttachment" {
        object["responses"]["206"] =
            json!({"description": "The range that was asked for", "content": bytes()});
        object["responses"]["304"] = json!({"description": "The caller has these bytes already"});
    }
    if operation.id == "erasePerson" {
        object["responses"]["202"] = json!({
            "description": "It still runs; what was done until now",
            "content": {"application/json": {"schema": reference("ErasureReceipt")}},
        });
    }
    if description.body == Some(BYTES) {
        object["requestBody"] = json!({"required": true, "content": bytes()});
    } else if let Some(body) = description.body {
        let schema = reference(body);
        let mut content = json!({"application/json": {"schema": schema}});
        if let Some(examples) = examples::of(operation.id) {
            content["application/json"]["examples"] = examples;
        }
        if operation.method == Method::PATCH {
            content["application/merge-patch+json"] = json!({"schema": schema});
        }
        let is_optional = matches!(operation.id, "createConversation" | "respond")
            || operation.path.starts_with("/admin/v1/migrations/");
        object["requestBody"] = json!({"required": !is_optional, "content": content});
    }
    object
}

fn header_parameters(operation: &Operation, description: &Description) -> Vec<Value> {
    let header = |name: &str, meaning: &str| json!({"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}});
    let mut headers = Vec::new();
    // A vendor's own API knows none of them.
    let is_vendors = operation.path == PASSTHROUGH;
    let is_write = !operation.method.is_safe() && operation.path != TRANSLATE && !is_vendors;
    if is_write
        && operation.method != Method::DELETE
        && !matches!(operation.id, "createKey" | "erasePerson")
    {
        headers.push(header(
            "Idempotency-Key",
            "1 to 255 visible characters. A repeat with the same key and body gets the stored answer.",
        ));
    }
    let is_conditional = matches!(operation.method, Method::PATCH | Method::DELETE)
        && !is_vendors
        && !matches!(
            operation.id,
            "removeParticipant" | "revokeKey" | "forgetIntent"
        );
    if is_conditional {
        headers.push(header(
            "If-Match",
            "The ETag that the resource must still have.",
        ));
    }
    if operation.method == Method::GET && description.is_resource {
        headers.push(header("If-None-Match", "The ETag that the caller has."));
    }
    if operation.id == "openAttachment" {
        headers.push(header(
            "Range",
            "One range of bytes, such as `bytes=0-1023`; several are answered with everything.",
        ));
        headers.push(header(
            "If-Range",
            "The ETag of the bytes of which a range is wanted.",
        ));
    }
    if is_vendors {
        headers.push(header("Dragoman-User", "The end user to act for."));
    }
    if ["/v1/conversations", "/v1/attachments"]
        .iter()
        .any(|place| operation.path.starts_with(place))
    {
        headers.push(header("Dragoman-User", "The end user to act for."));
        if is_write {
            headers.push(header(
                "Prefer",
                "`handling=strict` refuses, before anything is sent, what the backend alone cannot hold exactly; `handling=lenient`, which is the default, keeps it beside the backend.",
            ));
        }
    }
    if operation.path == TRANSLATE {
        headers.push(header(
            "Prefer",
            "`handling=strict` refuses where a field is not exact.",
        ));
    }
    if operation.id == "createConversation" {
        headers.push(header("Dragoman-Backend", "The backend to create it on."));
    }
    if operation.path.starts_with("/v1/") {
        headers.push(header(
            "Dragoman-Explain",
            "`true` has the way of this request noted, `text` with the words of people; see `/admin/v1/explain`. Needs the scope `admin`.",
        ));
    }
    headers
}

/// Any bytes, under their own media type.
fn bytes() -> Value {
    json!({"*/*": {"schema": {"type": "string", "format": "binary"}}})
}

/// Whether the answer names the fields that are not held exactly.
fn tells_fidelity(operation: &Operation) -> bool {
    operation.path.starts_with("/v1/conversations")
        || matches!(operation.id, "putAttachment" | "translate")
}

fn answer_schema(schema: &str, shows_fates: bool) -> Value {
    if !schema.starts_with('[') {
        return match shows_fates {
            // Results of an import are a list with a schema of their own.
            true if schema != "ImportAnswer" => json!({"allOf": [
                of_type(schema),
                {"type": "object", "properties": {"fidelity": of_type("[FieldFate]")}},
            ]}),
            _ => of_type(schema),
        };
    }
    let mut list = json!({
        "type": "object",
        "properties": {
            "data": of_type(schema),
            "next_cursor": {"type": "string"},
            "previous_cursor": {"type": "string"},
            "has_more": {"type": "boolean"},
            "as_of": {"type": "string", "format": "date-time"},
        },
        "required": ["data", "has_more"],
    });
    if shows_fates {
        list["properties"]["fidelity"] = of_type("fates");
    }
    list
}

fn tag_of(path: &str) -> &'static str {
    match path {
        path if path.starts_with("/admin") => "administration",
        path if path.starts_with("/v1/backends") => "backends",
        path if path.starts_with("/v1/attachments") => "attachments",
        TRANSLATE => "shapes",
        path if path.contains("/messages") => "messages",
        path if path.contains("/responses") => "answers",
        path if path.contains("/participants") => "participants",
        _ => "conversations",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::describe;
    use super::operations::description_of;
    use crate::router::operations;

    #[test]
    fn every_operation_of_the_route_table_is_described() {
        let mut seen = BTreeSet::new();
        for operation in operations() {
            assert!(description_of(operation.id).is_some(), "{}", operation.id);
            assert!(seen.insert(operation.id), "{} twice", operation.id);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    for (key, value) in members {
                        match value {
                            Value::String(target) if key == "$ref" => {
                                found.insert(target.clone());
                            }
                            _ => references(value, found),
                        }
                    }
                }
                Value::Array(elements) => {
                    elements
                        .iter()
                        .for_each(|element| references(element, found));
                }
                _ => {}
            }
        }
        let document = describe(&operations());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 30);
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn description_is_unchanged() {
        insta::assert_json_snapshot!(describe(&operations()));
    }
}
