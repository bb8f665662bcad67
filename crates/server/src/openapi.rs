//! The API description (OpenAPI 3.1), made from the route table, the types and the list of problem codes.

mod schemas;

use http::Method;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use self::schemas::{of_type, reference};
use crate::auth::required_scope;
use crate::list::LIMIT_MAX;
use crate::problem::{Code, ProblemDocument};
use crate::router::Operation;

/// What the route table does not say about one operation.
struct Description {
    summary: &'static str,
    /// Query parameters: name or `name!` (must be there), type, meaning.
    query: &'static [(&'static str, &'static str, &'static str)],
    body: Option<&'static str>,
    /// Status and schema of success; a schema in brackets is a list.
    success: (u16, Option<&'static str>),
    /// Whether the answer has an `ETag` and the request may have conditions.
    is_resource: bool,
}

const PAGE: [(&str, &str, &str); 3] = [
    (
        "limit",
        "integer",
        "Items on a page, 1 to 200; 50 where absent.",
    ),
    ("order", "string", "`asc` or `desc`."),
    (
        "cursor",
        "string",
        "`next_cursor` or `previous_cursor` of an earlier page.",
    ),
];

const CONVERSATION_FILTERS: &[(&str, &str, &str)] = &[
    PAGE[0],
    PAGE[1],
    PAGE[2],
    (
        "sort",
        "string",
        "`created_at`, `updated_at`, `id` or `title`.",
    ),
    ("status", "[string]", "Any of these; may be repeated."),
    ("kind", "[string]", "Any of these; may be repeated."),
    ("priority", "[string]", "Any of these; may be repeated."),
    ("label", "[string]", "All of these; may be repeated."),
    ("participant", "string", "A participant's id or handle."),
    ("backend", "string", "Only on this backend."),
    ("updated_after", "time", "Changed after this time."),
    (
        "metadata",
        "object",
        "`metadata.<key>=<value>`: scalar metadata equal to this.",
    ),
];

const MESSAGE_PAGE: &[(&str, &str, &str)] = &[
    PAGE[0],
    PAGE[1],
    PAGE[2],
    ("after", "string", "Begin right after this message."),
    ("before", "string", "End right before this message."),
];

const ATTACHMENT_CONVERSATION: (&str, &str, &str) = (
    "conversation_id!",
    "string",
    "The conversation that it belongs to.",
);

/// In the place of a schema's name: any bytes, under their own media type.
const BYTES: &str = "(bytes)";

/// One row per operation of the route table; a test compares both.
fn description_of(id: &str) -> Option<Description> {
    let plain = |summary, body, success| Description {
        summary,
        query: &[],
        body,
        success,
        is_resource: false,
    };
    let resource = |summary, body, success| Description {
        is_resource: true,
        ..plain(summary, body, success)
    };
    Some(match id {
        "listConversations" => Description {
            query: CONVERSATION_FILTERS,
            ..plain(
                "List conversations across all backends",
                None,
                (200, Some("[Conversation]")),
            )
        },
        "createConversation" => resource(
            "Create a conversation",
            Some("NewConversation"),
            (201, Some("Conversation")),
        ),
        "getConversation" => Description {
            query: &[(
                "include",
                "string",
                "`messages`: also the first page of messages.",
            )],
            ..resource("Read a conversation", None, (200, Some("Conversation")))
        },
        "updateConversation" => resource(
            "Change a conversation (JSON Merge Patch)",
            Some("ConversationPatch"),
            (200, Some("Conversation")),
        ),
        "deleteConversation" => plain("Delete a conversation", None, (204, None)),
        "listMessages" => Description {
            query: MESSAGE_PAGE,
            ..plain("List messages", None, (200, Some("[Message]")))
        },
        "postMessage" => resource(
            "Store a message that is said now; never runs an AI",
            Some("NewMessage"),
            (201, Some("Message")),
        ),
        "importMessages" => plain(
            "Store up to 1,000 messages with their own times; never delivers, never runs an AI",
            Some("ImportRequest"),
            (200, Some("ImportAnswer")),
        ),
        "getMessage" => resource("Read a message", None, (200, Some("Message"))),
        "updateMessage" => resource(
            "Change a message (JSON Merge Patch)",
            Some("MessagePatch"),
            (200, Some("Message")),
        ),
        "deleteMessage" => plain("Delete a message", None, (204, None)),
        "rateMessage" => resource(
            "Rate a message, 0 to 5",
            Some("RatingRequest"),
            (200, Some("Message")),
        ),
        "respond" => plain(
            "Have an AI answer; with `Accept: text/event-stream` as a stream of events",
            Some("RespondRequest"),
            (200, Some("Response")),
        ),
        "listParticipants" => plain("List participants", None, (200, Some("[Participant]"))),
        "addParticipants" => plain(
            "Add participants",
            Some("AddParticipants"),
            (201, Some("[Participant]")),
        ),
        "removeParticipant" => plain("Remove a participant", None, (204, None)),
        "sendActivity" => plain(
            "Tell the others that somebody reads or types: `read`, `typing_start` or `typing_stop`",
            Some("Activity"),
            (204, None),
        ),
        "putAttachment" => Description {
            query: &[
                ATTACHMENT_CONVERSATION,
                (
                    "message_id",
                    "string",
                    "The stored message of which it becomes a part. Absent: a part of a later message names it, by `url` where the answer has one, else by `attachment_id`.",
                ),
                ("name", "string", "The file's name, 1 to 255 characters."),
            ],
            ..plain(
                "Store a file's own bytes, under their own media type",
                Some(BYTES),
                (201, Some("Attachment")),
            )
        },
        "openAttachment" => Description {
            query: &[ATTACHMENT_CONVERSATION],
            ..resource("Read the bytes of an attachment", None, (200, Some(BYTES)))
        },
        "listBackends" => plain("List backends", None, (200, Some("[Backend]"))),
        "getBackend" => plain(
            "A backend, its health and what it can do",
            None,
            (200, Some("Backend")),
        ),
        "listTemplates" => plain(
            "Templates of a backend's AI",
            None,
            (200, Some("[Template]")),
        ),
        "listTools" => plain("Tools of a backend's AI", None, (200, Some("[Tool]"))),
        "getBackendStatus" => plain(
            "State of a backend's tool servers",
            None,
            (200, Some("object")),
        ),
        "getBackendStatistics" => plain("Statistics of a backend", None, (200, Some("object"))),
        "listKeys" => Description {
            query: &[("tenant", "string", "Only keys of this tenant.")],
            ..plain("List keys", None, (200, Some("[Key]")))
        },
        "createKey" => plain(
            "Make a key; its secret is shown only in this answer",
            Some("NewKey"),
            (201, Some("CreatedKey")),
        ),
        "revokeKey" => plain("Revoke a key", None, (204, None)),
        _ => return None,
    })
}

/// The whole document.
pub(crate) fn describe(operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let Some(description) = description_of(operation.id) else {
            continue;
        };
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
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

    let (status, schema) = description.success;
    let mut success = json!({"description": description.summary});
    match schema {
        None => {}
        Some(BYTES) => success["content"] = bytes(),
        Some(schema) => {
            success["content"] = json!({"application/json": {"schema": answer_schema(schema)}});
        }
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
        "description": format!("Needs the scope `{}`.", scope.as_str()),
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
    if description.body == Some(BYTES) {
        object["requestBody"] = json!({"required": true, "content": bytes()});
    } else if let Some(body) = description.body {
        let schema = reference(body);
        let mut content = json!({"application/json": {"schema": schema}});
        if operation.method == Method::PATCH {
            content["application/merge-patch+json"] = json!({"schema": schema});
        }
        let is_optional = matches!(operation.id, "createConversation" | "respond");
        object["requestBody"] = json!({"required": !is_optional, "content": content});
    }
    object
}

fn header_parameters(operation: &Operation, description: &Description) -> Vec<Value> {
    let header = |name: &str, meaning: &str| json!({"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}});
    let mut headers = Vec::new();
    let is_write = !operation.method.is_safe();
    if is_write && operation.method != Method::DELETE && operation.id != "createKey" {
        headers.push(header(
            "Idempotency-Key",
            "1 to 255 visible characters. A repeat with the same key and body gets the stored answer.",
        ));
    }
    let is_conditional = matches!(operation.method, Method::PATCH | Method::DELETE)
        && !matches!(operation.id, "removeParticipant" | "revokeKey");
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
    if ["/v1/conversations", "/v1/attachments"]
        .iter()
        .any(|place| operation.path.starts_with(place))
    {
        headers.push(header("Dragoman-User", "The end user to act for."));
        if is_write {
            headers.push(header(
                "Prefer",
                "`handling=strict` refuses what the backend cannot hold exactly.",
            ));
        }
    }
    if operation.id == "createConversation" {
        headers.push(header("Dragoman-Backend", "The backend to create it on."));
    }
    headers
}

/// Any bytes, under their own media type.
fn bytes() -> Value {
    json!({"*/*": {"schema": {"type": "string", "format": "binary"}}})
}

fn answer_schema(schema: &str) -> Value {
    if !schema.starts_with('[') {
        return of_type(schema);
    }
    json!({
        "type": "object",
        "properties": {
            "data": of_type(schema),
            "next_cursor": {"type": "string"},
            "previous_cursor": {"type": "string"},
            "has_more": {"type": "boolean"},
            "as_of": {"type": "string", "format": "date-time"},
        },
        "required": ["data", "has_more"],
    })
}

fn tag_of(path: &str) -> &'static str {
    match path {
        path if path.starts_with("/admin") => "administration",
        path if path.starts_with("/v1/backends") => "backends",
        path if path.starts_with("/v1/attachments") => "attachments",
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

    use super::{describe, description_of};
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
