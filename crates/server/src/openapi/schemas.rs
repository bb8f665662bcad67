//! The canonical types as JSON Schema. A test compares every member with what serde really reads.

mod administration;

use conversation::{
    ActionKind, ActivityKind, Direction, Kind, MessageStatus, ParticipantKind, Priority,
    RecipientKind, ReplyKind, Role, Side, Status, TextFormat,
};
use serde_json::{Map, Value, json};

use crate::api::responses::TRANSCRIPT_TOKENS_MAX;

/// One object: its name, and its members as `name` or `name!` (always present) and type.
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) members: &'static [(&'static str, &'static str)],
}

const fn object(name: &'static str, members: &'static [(&'static str, &'static str)]) -> Object {
    Object { name, members }
}

/// A type is `string`, `integer`, `number`, `boolean`, `time`, `any`, `object`, `extensions`, `fates`, a name out of this
/// file, or one of these in brackets for an array.
#[rustfmt::skip]
pub(super) const OBJECTS: &[Object] = &[
    object("Conversation", &[
        ("id!", "string"), ("backend!", "string"), ("kind!", "Kind"), ("title", "string"), ("description", "string"),
        ("status!", "Status"), ("status_native", "string"), ("priority", "Priority"), ("labels", "[string]"),
        ("participants", "[Participant]"), ("owner", "string"), ("icon_url", "string"), ("assistant", "Assistant"),
        ("metadata", "object"), ("unread", "integer"), ("counts", "Counts"), ("usage", "Usage"),
        ("created_at!", "time"), ("updated_at!", "time"), ("last_message_at", "time"), ("extensions", "extensions"),
    ]),
    object("NewConversation", &[
        ("kind", "Kind"), ("title", "string"), ("description", "string"), ("status", "Status"),
        ("priority", "Priority"), ("labels", "[string]"), ("participants", "[Participant]"), ("owner", "string"),
        ("icon_url", "string"), ("assistant", "Assistant"), ("metadata", "object"), ("extensions", "extensions"),
    ]),
    object("Message", &[
        ("id!", "string"), ("conversation_id!", "string"), ("role!", "Role"), ("author", "Participant"),
        ("direction!", "Direction"), ("recipients", "[Recipient]"), ("subject", "string"), ("parts!", "[Part]"),
        ("in_reply_to", "InReplyTo"), ("status!", "MessageStatus"), ("rating", "Rating"), ("usage", "Usage"),
        ("model", "string"), ("provider", "string"), ("finish_reason", "string"), ("latency_ms", "integer"),
        ("source", "object"), ("metadata", "object"), ("client_message_id", "string"), ("sent_at!", "time"),
        ("created_at!", "time"), ("edited_at", "time"), ("extensions", "extensions"),
    ]),
    object("NewMessage", &[
        ("role", "Role"), ("author", "Participant"), ("direction", "Direction"), ("recipients", "[Recipient]"),
        ("subject", "string"), ("parts!", "[Part]"), ("in_reply_to", "InReplyTo"), ("status", "MessageStatus"),
        ("rating", "Rating"), ("usage", "Usage"), ("model", "string"), ("provider", "string"),
        ("finish_reason", "string"), ("latency_ms", "integer"), ("source", "object"), ("metadata", "object"),
        ("client_message_id", "string"), ("sent_at", "time"), ("edited_at", "time"), ("extensions", "extensions"),
    ]),
    object("RespondRequest", &[
        ("input", "NewMessage"), ("assistant", "Assistant"), ("template", "string"), ("metadata", "object"),
        ("context", "History"),
    ]),
    object("Participant", &[
        ("id", "string"), ("kind", "ParticipantKind"), ("side", "Side"), ("name", "string"),
        ("avatar_url", "string"), ("handles", "[Handle]"),
    ]),
    object("Handle", &[("type!", "string"), ("value!", "string")]),
    object("Recipient", &[
        ("kind!", "RecipientKind"), ("participant_id", "string"), ("name", "string"), ("handle", "Handle"),
    ]),
    object("InReplyTo", &[("id!", "string"), ("kind", "ReplyKind")]),
    object("Rating", &[("mean", "number"), ("count", "integer"), ("mine", "number")]),
    object("Assistant", &[
        ("provider", "string"), ("model", "string"), ("temperature", "number"), ("top_p", "number"),
        ("max_tokens", "integer"), ("system_prompt", "string"), ("workflow", "string"), ("workflow_config", "any"),
        ("retrieval", "boolean"), ("profile_id", "string"),
    ]),
    object("Counts", &[("messages", "integer")]),
    object("Usage", &[
        ("input_tokens", "integer"), ("output_tokens", "integer"), ("total_tokens", "integer"), ("cost", "number"),
    ]),
    object("Text", &[("text!", "string"), ("format", "TextFormat")]),
    object("Media", &[
        ("url", "string"), ("attachment_id", "string"), ("media_type", "string"), ("size", "integer"),
        ("name", "string"), ("alt_text", "string"), ("caption", "string"),
    ]),
    object("Location", &[
        ("latitude!", "number"), ("longitude!", "number"), ("name", "string"), ("address", "string"),
    ]),
    object("Item", &[
        ("title!", "string"), ("description", "string"), ("media_url", "string"), ("media_type", "string"),
        ("alt_text", "string"), ("size", "string"), ("actions", "[Action]"), ("metadata", "object"),
        ("extensions", "object"),
    ]),
    object("Action", &[
        ("type!", "ActionKind"), ("text!", "string"), ("payload", "string"), ("uri", "string"),
        ("fallback", "string"), ("icon_url", "string"), ("amount", "integer"), ("currency", "string"),
        ("default", "boolean"), ("metadata", "object"), ("extensions", "object"),
    ]),
    object("Field", &[
        ("name!", "string"), ("label", "string"), ("type", "string"), ("placeholder", "string"),
        ("min_chars", "integer"), ("max_chars", "integer"), ("options", "[FieldOption]"), ("value", "string"),
        ("chosen", "[FieldOption]"), ("extensions", "object"),
    ]),
    object("FieldOption", &[("name!", "string"), ("label", "string")]),
    object("TemplatePart", &[
        ("name!", "string"), ("language", "string"), ("parameters", "object"), ("text", "string"),
    ]),
    object("ToolCall", &[("id!", "string"), ("name!", "string"), ("arguments", "any")]),
    object("ToolResult", &[
        ("tool_call_id!", "string"), ("name", "string"), ("result", "any"), ("is_error", "boolean"),
    ]),
    object("Quote", &[("text!", "string"), ("message_id", "string")]),
    object("Activity", &[("activity!", "ActivityKind"), ("participant_id", "string")]),
    object("Unknown", &[("vendor!", "string"), ("value!", "any")]),
    object("Reasoning", &[("text!", "string")]),
    object("Items", &[("items!", "[Item]")]),
    object("Fields", &[("fields!", "[Field]")]),
    object("Actions", &[("actions!", "[Action]")]),
    object("Backend", &[
        ("name!", "string"), ("kind!", "string"), ("health", "Health"),
        ("capabilities", "BothCapabilities"),
    ]),
    object("BothCapabilities", &[("native!", "Capabilities"), ("effective!", "Capabilities")]),
    object("FieldFate", FATE),
    object("Health", &[("ok!", "boolean"), ("detail!", "string")]),
    object("Template", &[("name!", "string"), ("description", "string"), ("extensions", "object")]),
    object("Tool", &[
        ("name!", "string"), ("description", "string"), ("parameters", "any"), ("extensions", "object"),
    ]),
    object("ImportRequest", &[("messages!", "[NewMessage]")]),
    object("ImportAnswer", &[("data!", "[ImportResult]"), ("fidelity", "fates")]),
    object("ImportResult", &[
        ("index!", "integer"), ("status!", "string"), ("message", "Message"), ("error", "Problem"),
    ]),
    object("RatingRequest", &[("value!", "number")]),
    object("Response", &[("message!", "Message"), ("input", "Message")]),
    object("Attachment", &[
        ("id!", "string"), ("url", "string"), ("name", "string"), ("media_type!", "string"), ("size!", "integer"),
    ]),
    object("AddParticipants", &[("participants!", "[Participant]")]),
    object("TranslateRequest", &[
        ("from!", "string"), ("to!", "string"), ("object!", "Subject"), ("body!", "any"),
    ]),
    object("Translation", &[
        ("object!", "Subject"), ("from!", "string"), ("to!", "string"), ("body!", "any"), ("canonical!", "any"),
        ("fidelity!", "[StepFate]"),
    ]),
    object("DriftedField", &[
        ("conversation_id!", "string"), ("backend!", "string"), ("message_id", "string"), ("pointer!", "string"),
        ("kept", "any"), ("base", "any"), ("found", "any"), ("since", "time"), ("unexpected!", "boolean"),
    ]),
    object("RepairRequest", &[
        ("conversation_id!", "string"), ("backend", "string"), ("message_id", "string"), ("pointer", "string"),
        ("resolution!", "Resolution"),
    ]),
    object("RepairAnswer", &[("repaired!", "integer")]),
    object("Intent", &[
        ("id!", "string"), ("backend!", "string"), ("conversation_id", "string"), ("operation!", "string"),
        ("state!", "IntentState"), ("started_at!", "time"), ("deadline_at!", "time"), ("detail", "string"),
        ("request_id!", "string"), ("migration", "string"),
    ]),
    object("NewCredential", &[
        ("backend!", "string"), ("tenant!", "string"), ("user", "string"), ("secret!", "string"),
    ]),
    object("Credential", &[
        ("backend!", "string"), ("reference!", "string"), ("tenant", "string"), ("user", "string"),
    ]),
    object("NewKey", &[
        ("tenant!", "string"), ("name!", "string"), ("scopes!", "[Scope]"), ("user", "string"),
        ("expires_at", "time"),
    ]),
    object("Key", &[
        ("id!", "string"), ("tenant!", "string"), ("name!", "string"), ("scopes!", "[Scope]"), ("user", "string"),
        ("created_at!", "time"), ("expires_at", "time"), ("revoked_at", "time"),
    ]),
    object("CreatedKey", &[
        ("id!", "string"), ("tenant!", "string"), ("name!", "string"), ("scopes!", "[Scope]"), ("user", "string"),
        ("created_at!", "time"), ("expires_at", "time"), ("revoked_at", "time"), ("key!", "string"),
    ]),
];

/// What became of a field.
const FATE: &[(&str, &str)] = &[
    ("pointer!", "string"),
    ("fate!", "Fate"),
    ("detail!", "string"),
    ("limit", "integer"),
    ("value", "integer"),
    ("unexpected", "boolean"),
    ("drifted", "boolean"),
];

/// Closed lists of words, each with what the words are about.
const WORDS: &[(&str, &str, &[&str])] = &[
    (
        "Fate",
        "Where a field is: held by the backend as it is, kept beside it, held in another form, or nowhere.",
        &["exact", "overlay", "converted", "rejected"],
    ),
    ("Subject", "What a body is.", &["conversation", "message"]),
    (
        "Resolution",
        "Whose value is right.",
        &["keep_backend", "send_ours"],
    ),
    (
        "IntentState",
        "Whether it can still be known what became of a write.",
        &["open", "unknown"],
    ),
    (
        "MigrationPhase",
        "How far a migration has come.",
        &[
            "planning",
            "planned",
            "copying",
            "paused",
            "copied",
            "switching",
            "switched",
            "rolling_back",
            "rolled_back",
            "finished",
            "cancelled",
        ],
    ),
    (
        "MigrationItemState",
        "How far one conversation of a migration has come.",
        &[
            "pending", "copied", "failed", "skipped", "switched", "born", "deleted",
        ],
    ),
    (
        "DifferenceKind",
        "With other values, only at the primary, only at the shadow, or nothing to read there.",
        &["changed", "missing", "added", "unreadable"],
    ),
    (
        "MigrationSign",
        "Equal on both sides, only at the source, only at the target, different, or not compared.",
        &["=", "-", "+", "*", "!"],
    ),
    (
        "Oversize",
        "What becomes of a conversation with more messages than the target takes.",
        &["refuse", "split", "recent"],
    ),
    (
        "RestoreOutcome",
        "Whether a restored conversation is written, or lives there from before and is compared only.",
        &["begun", "present"],
    ),
    (
        "ErasureOutcome",
        "What became of a conversation at one place.",
        &["deleted", "absent", "still_held", "failed"],
    ),
];

/// Members of a patch, all of which may also be null.
pub(super) const PATCHES: &[(&str, &str, &[&str])] = &[
    ("ConversationPatch", "NewConversation", &[]),
    (
        "MessagePatch",
        "NewMessage",
        &["parts", "subject", "status", "metadata", "extensions"],
    ),
];

/// The object that each part type carries.
pub(super) const PARTS: &[(&str, &str)] = &[
    ("text", "Text"),
    ("image", "Media"),
    ("file", "Media"),
    ("audio", "Media"),
    ("video", "Media"),
    ("location", "Location"),
    ("carousel", "Items"),
    ("list", "Items"),
    ("form", "Fields"),
    ("form_response", "Fields"),
    ("template", "TemplatePart"),
    ("actions", "Actions"),
    ("tool_call", "ToolCall"),
    ("tool_result", "ToolResult"),
    ("reasoning", "Reasoning"),
    ("quote", "Quote"),
    ("activity", "Activity"),
    ("unknown", "Unknown"),
];

/// Every schema by name.
pub(super) fn all() -> Map<String, Value> {
    let mut schemas = Map::new();
    for object in OBJECTS.iter().chain(administration::OBJECTS) {
        let members = object.members.iter().copied();
        schemas.insert(object.name.to_owned(), object_schema(members, false));
    }
    for (name, of, only) in PATCHES {
        let members = OBJECTS
            .iter()
            .filter(|object| object.name == *of)
            .flat_map(|object| object.members.iter().copied())
            .map(|(member, kind)| (member.trim_end_matches('!'), kind))
            .filter(|(member, _)| only.is_empty() || only.contains(member));
        schemas.insert((*name).to_owned(), object_schema(members, true));
    }
    let parts: Vec<Value> = PARTS
        .iter()
        .map(|(part_type, object)| {
            json!({
                "title": part_type,
                "allOf": [
                    {"type": "object", "properties": {"type": {"const": part_type}}, "required": ["type"]},
                    reference(object),
                ],
            })
        })
        .collect();
    schemas.insert("Part".to_owned(), json!({ "oneOf": parts }));
    for (name, known) in [
        ("Kind", Kind::KNOWN),
        ("Status", Status::KNOWN),
        ("Priority", Priority::KNOWN),
        ("Role", Role::KNOWN),
        ("Direction", Direction::KNOWN),
        ("MessageStatus", MessageStatus::KNOWN),
        ("ReplyKind", ReplyKind::KNOWN),
        ("ParticipantKind", ParticipantKind::KNOWN),
        ("Side", Side::KNOWN),
        ("RecipientKind", RecipientKind::KNOWN),
        ("TextFormat", TextFormat::KNOWN),
        ("ActivityKind", ActivityKind::KNOWN),
        ("ActionKind", ActionKind::KNOWN),
    ] {
        let description = format!(
            "Requests use one of: {}. Answers may carry other values, out of a newer vendor.",
            known.join(", ")
        );
        schemas.insert(
            name.to_owned(),
            json!({"type": "string", "description": description, "examples": known}),
        );
    }
    for (name, description, words) in WORDS {
        schemas.insert(
            (*name).to_owned(),
            json!({"type": "string", "description": description, "enum": words}),
        );
    }
    let step = json!({"type": "string", "enum": ["read", "write"]});
    schemas.insert(
        "StepFate".to_owned(),
        json!({"allOf": [
            {"type": "object", "properties": {"step": step}, "required": ["step"]},
            reference("FieldFate"),
        ]}),
    );
    schemas.insert("History".to_owned(), history());
    let scopes: Vec<&str> = backend::Scope::ALL
        .iter()
        .map(|scope| scope.as_str())
        .collect();
    schemas.insert(
        "Scope".to_owned(),
        json!({"type": "string", "enum": scopes}),
    );
    schemas.insert("Capabilities".to_owned(), capabilities());
    schemas
}

fn history() -> Value {
    let tokens = json!({
        "type": "integer",
        "minimum": 1,
        "maximum": TRANSCRIPT_TOKENS_MAX,
        "description": "The longest transcript; a token is counted as four characters.",
    });
    let transcript = json!({
        "type": "object",
        "properties": {"max_tokens": tokens},
        "required": ["max_tokens"],
        "additionalProperties": false,
    });
    json!({
        "description": "What the AI is told of messages that its backend does not hold: nothing, or the newest of them.",
        "oneOf": [
            {"const": "none"},
            {
                "type": "object",
                "properties": {"transcript": transcript},
                "required": ["transcript"],
                "additionalProperties": false,
            },
        ],
    })
}

fn capabilities() -> Value {
    let level = json!({"enum": ["full", "partial", "converted", "overlay", "rejected", "none"]});
    let levels: Map<String, Value> = backend::Capabilities::default()
        .levels()
        .into_iter()
        .map(|(name, _)| (name.to_owned(), level.clone()))
        .collect();
    json!({
        "type": "object",
        "description": "A level for each operation, field and part, then limits and qualifiers.",
        "properties": levels,
    })
}

fn object_schema(
    members: impl Iterator<Item = (&'static str, &'static str)>,
    is_patch: bool,
) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (member, kind) in members {
        let name = member.trim_end_matches('!');
        if member.ends_with('!') {
            required.push(name);
        }
        let schema = of_type(kind);
        let schema = match is_patch {
            true => json!({"anyOf": [schema, {"type": "null"}]}),
            false => schema,
        };
        properties.insert(name.to_owned(), schema);
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The schema of a type as [`OBJECTS`] writes it.
pub(super) fn of_type(kind: &str) -> Value {
    if let Some(element) = kind.strip_prefix('[') {
        return json!({"type": "array", "items": of_type(element.trim_end_matches(']'))});
    }
    match kind {
        "string" | "number" | "boolean" => json!({ "type": kind }),
        "integer" => json!({"type": "integer", "format": "int64"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "any" => json!({}),
        "object" => json!({"type": "object", "additionalProperties": true}),
        "fates" => json!({
            "type": "object",
            "description": "What became of fields, by the id of the object; one that is exact does not appear.",
            "additionalProperties": {"type": "array", "items": reference("FieldFate")},
        }),
        "extensions" => json!({
            "type": "object",
            "description": "Vendors' own fields, by vendor.",
            "additionalProperties": {"type": "object", "additionalProperties": true},
        }),
        name => reference(name),
    }
}

/// A reference to a schema of this document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests;
