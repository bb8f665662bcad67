//! The canonical types as JSON Schema. A test compares every member with what serde really reads.

use conversation::{
    ActionKind, ActivityKind, Direction, Kind, MessageStatus, ParticipantKind, Priority,
    RecipientKind, ReplyKind, Role, Side, Status, TextFormat,
};
use serde_json::{Map, Value, json};

/// One object: its name, and its members as `name` or `name!` (always present) and type.
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) members: &'static [(&'static str, &'static str)],
}

const fn object(name: &'static str, members: &'static [(&'static str, &'static str)]) -> Object {
    Object { name, members }
}

/// A type is `string`, `integer`, `number`, `boolean`, `time`, `any`, `object`, `extensions`, a name out of this
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
        ("name!", "string"), ("kind!", "string"), ("health", "Health"), ("capabilities", "Capabilities"),
    ]),
    object("Health", &[("ok!", "boolean"), ("detail!", "string")]),
    object("Template", &[("name!", "string"), ("description", "string"), ("extensions", "object")]),
    object("Tool", &[
        ("name!", "string"), ("description", "string"), ("parameters", "any"), ("extensions", "object"),
    ]),
    object("ImportRequest", &[("messages!", "[NewMessage]")]),
    object("ImportAnswer", &[("data!", "[ImportResult]")]),
    object("ImportResult", &[
        ("index!", "integer"), ("status!", "string"), ("message", "Message"), ("error", "Problem"),
    ]),
    object("RatingRequest", &[("value!", "number")]),
    object("Response", &[("message!", "Message"), ("input", "Message")]),
    object("Attachment", &[
        ("id!", "string"), ("url", "string"), ("name", "string"), ("media_type!", "string"), ("size!", "integer"),
    ]),
    object("AddParticipants", &[("participants!", "[Participant]")]),
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
    for object in OBJECTS {
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
mod tests {
    use std::collections::BTreeSet;

    use serde::Deserialize;
    use serde::de::value::Error as ReadError;
    use serde::de::{Deserializer, Error, Visitor};
    use serde::forward_to_deserialize_any;

    use super::{OBJECTS, PARTS, PATCHES, all};

    /// Asks a type for its members instead of giving it any.
    struct Members<'a>(&'a mut Option<&'static [&'static str]>);

    impl<'de> Deserializer<'de> for Members<'_> {
        type Error = ReadError;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, ReadError> {
            *self.0 = Some(fields);
            Err(ReadError::custom("asked"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, ReadError> {
            Err(ReadError::custom("not a struct"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn members_of<'de, T: Deserialize<'de>>() -> BTreeSet<&'static str> {
        let mut members = None;
        assert!(T::deserialize(Members(&mut members)).is_err());
        members.expect("a struct").iter().copied().collect()
    }

    fn described(name: &str) -> BTreeSet<String> {
        let schemas = all();
        let properties = schemas[name]["properties"].as_object().unwrap();
        properties.keys().cloned().collect()
    }

    #[track_caller]
    fn compare<'de, T: Deserialize<'de>>(name: &str) {
        let real: BTreeSet<String> = members_of::<T>().into_iter().map(str::to_owned).collect();
        assert_eq!(described(name), real, "{name}");
    }

    #[test]
    fn every_described_object_has_exactly_the_members_that_are_read() {
        compare::<conversation::Conversation>("Conversation");
        compare::<conversation::NewConversation>("NewConversation");
        compare::<conversation::ConversationPatch>("ConversationPatch");
        compare::<conversation::Message>("Message");
        compare::<conversation::NewMessage>("NewMessage");
        compare::<conversation::MessagePatch>("MessagePatch");
        compare::<backend::RespondRequest>("RespondRequest");
        compare::<conversation::Participant>("Participant");
        compare::<conversation::Handle>("Handle");
        compare::<conversation::Recipient>("Recipient");
        compare::<conversation::InReplyTo>("InReplyTo");
        compare::<conversation::Rating>("Rating");
        compare::<conversation::Assistant>("Assistant");
        compare::<conversation::Counts>("Counts");
        compare::<conversation::Usage>("Usage");
        compare::<conversation::Text>("Text");
        compare::<conversation::Media>("Media");
        compare::<conversation::Location>("Location");
        compare::<conversation::Item>("Item");
        compare::<conversation::Action>("Action");
        compare::<conversation::Field>("Field");
        compare::<conversation::FieldOption>("FieldOption");
        compare::<conversation::Template>("TemplatePart");
        compare::<conversation::ToolCall>("ToolCall");
        compare::<conversation::ToolResult>("ToolResult");
        compare::<conversation::Quote>("Quote");
        compare::<conversation::Activity>("Activity");
        compare::<conversation::Unknown>("Unknown");
        compare::<backend::Attachment>("Attachment");
        compare::<backend::Template>("Template");
        compare::<backend::Tool>("Tool");
        compare::<crate::api::messages::ImportRequest>("ImportRequest");
        compare::<crate::api::messages::RatingRequest>("RatingRequest");
        compare::<crate::api::participants::AddRequest>("AddParticipants");
        compare::<crate::api::keys::CreateRequest>("NewKey");
    }

    #[test]
    fn every_part_type_is_described() {
        let described: Vec<&str> = PARTS.iter().map(|(part_type, _)| *part_type).collect();
        assert_eq!(described, conversation::Part::TYPES);
        for (_, object) in PARTS {
            assert!(
                OBJECTS.iter().any(|known| known.name == *object),
                "{object}"
            );
        }
        for (_, of, _) in PATCHES {
            assert!(OBJECTS.iter().any(|known| known.name == *of), "{of}");
        }
    }
}
