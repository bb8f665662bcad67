//! Message parts: one tagged union, every kind of content that a backend can hold.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::open_enum::open_enum;
use crate::{AttachmentId, MessageId, RawJson};

mod action;
mod structured;

pub use action::{Action, ActionKind};
pub use structured::{Field, FieldOption, Item, Template};

open_enum! {
    /// How a text is written.
    #[derive(Default)]
    pub enum TextFormat {
        /// As it is.
        #[default]
        Plain = "plain",
        /// Markdown (CommonMark).
        Markdown = "markdown",
        /// HTML.
        Html = "html",
    }
}

impl TextFormat {
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

open_enum! {
    /// What a participant is doing, or did.
    pub enum ActivityKind {
        /// Began to write.
        TypingStart = "typing_start",
        /// Ceased to write.
        TypingStop = "typing_stop",
        /// Read the conversation up to now.
        Read = "read",
        /// Came into the conversation.
        Joined = "joined",
        /// Went out of the conversation.
        Left = "left",
    }
}

/// Text.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The text itself. May be empty, may hold NUL.
    pub text: Box<str>,
    /// How it is written; plain where absent.
    #[serde(default, skip_serializing_if = "TextFormat::is_plain")]
    pub format: TextFormat,
}

/// An image, file, audio or video: at a URL or stored as an attachment.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Where the bytes are, for a part that is not stored here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
    /// The stored attachment that holds the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<AttachmentId>,
    /// Media type, such as `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Box<str>>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// File name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Text for who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<Box<str>>,
    /// Text shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<Box<str>>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
    /// The place's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// The place's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Box<str>>,
}

/// An assistant's request to run a tool.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The call's id, which its result repeats.
    pub id: Box<str>,
    /// The tool's name.
    pub name: Box<str>,
    /// The arguments; kept as they came.
    #[serde(default)]
    pub arguments: RawJson,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolResult {
    /// The id of the call that this answers.
    pub tool_call_id: Box<str>,
    /// The tool's name, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// The result; kept as it came.
    #[serde(default)]
    pub result: RawJson,
    /// True where the tool failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

/// Words of another message, shown inside this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The quoted words.
    pub text: Box<str>,
    /// The message they come from, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
}

/// Something that happened rather than was said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// What happened. (`activity` and not `kind` on the wire, so that it never looks like the part's type.)
    pub activity: ActivityKind,
    /// The participant who did it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_id: Option<Box<str>>,
}

/// A vendor's part that has no canonical form, kept whole.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// Whose part it is.
    pub vendor: Box<str>,
    /// The part as the vendor wrote it.
    pub value: RawJson,
}

/// Text that an assistant thought but did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasoning {
    text: Box<str>,
}

#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Items {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    fields: Vec<Field>,
}

#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Actions {
    actions: Vec<Action>,
}

/// One part of a message. On the wire an object whose `type` names the variant.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// `text`.
    Text(Text),
    /// `image`.
    Image(Media),
    /// `file`.
    File(Media),
    /// `audio`.
    Audio(Media),
    /// `video`.
    Video(Media),
    /// `location`.
    Location(Location),
    /// `carousel`: items side by side.
    Carousel(Vec<Item>),
    /// `list`: items below each other.
    List(Vec<Item>),
    /// `form`: questions.
    Form(Vec<Field>),
    /// `form_response`: their answers.
    FormResponse(Vec<Field>),
    /// `template`: a text made by the backend from a template.
    Template(Template),
    /// `actions`: buttons.
    Actions(Vec<Action>),
    /// `tool_call`.
    ToolCall(ToolCall),
    /// `tool_result`.
    ToolResult(ToolResult),
    /// `reasoning`.
    Reasoning(Box<str>),
    /// `quote`.
    Quote(Quote),
    /// `activity`.
    Activity(Activity),
    /// `unknown`: a vendor's part without a canonical form.
    Unknown(Unknown),
}

impl Part {
    /// Every value of `type`, in the order of the variants.
    pub const TYPES: &'static [&'static str] = &[
        "text",
        "image",
        "file",
        "audio",
        "video",
        "location",
        "carousel",
        "list",
        "form",
        "form_response",
        "template",
        "actions",
        "tool_call",
        "tool_result",
        "reasoning",
        "quote",
        "activity",
        "unknown",
    ];

    /// A plain text part.
    #[must_use]
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(Text {
            text: text.into(),
            format: TextFormat::Plain,
        })
    }

    /// The value of `type`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Image(_) => "image",
            Self::File(_) => "file",
            Self::Audio(_) => "audio",
            Self::Video(_) => "video",
            Self::Location(_) => "location",
            Self::Carousel(_) => "carousel",
            Self::List(_) => "list",
            Self::Form(_) => "form",
            Self::FormResponse(_) => "form_response",
            Self::Template(_) => "template",
            Self::Actions(_) => "actions",
            Self::ToolCall(_) => "tool_call",
            Self::ToolResult(_) => "tool_result",
            Self::Reasoning(_) => "reasoning",
            Self::Quote(_) => "quote",
            Self::Activity(_) => "activity",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The shape on the wire, borrowed; only ever written.
#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    Text(&'a Text),
    Image(&'a Media),
    File(&'a Media),
    Audio(&'a Media),
    Video(&'a Media),
    Location(&'a Location),
    Carousel { items: &'a [Item] },
    List { items: &'a [Item] },
    Form { fields: &'a [Field] },
    FormResponse { fields: &'a [Field] },
    Template(&'a Template),
    Actions { actions: &'a [Action] },
    ToolCall(&'a ToolCall),
    ToolResult(&'a ToolResult),
    Reasoning { text: &'a str },
    Quote(&'a Quote),
    Activity(&'a Activity),
    Unknown(&'a Unknown),
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::Text(text) => Written::Text(text),
            Self::Image(media) => Written::Image(media),
            Self::File(media) => Written::File(media),
            Self::Audio(media) => Written::Audio(media),
            Self::Video(media) => Written::Video(media),
            Self::Location(location) => Written::Location(location),
            Self::Carousel(items) => Written::Carousel { items },
            Self::List(items) => Written::List { items },
            Self::Form(fields) => Written::Form { fields },
            Self::FormResponse(fields) => Written::FormResponse { fields },
            Self::Template(template) => Written::Template(template),
            Self::Actions(actions) => Written::Actions { actions },
            Self::ToolCall(call) => Written::ToolCall(call),
            Self::ToolResult(result) => Written::ToolResult(result),
            Self::Reasoning(text) => Written::Reasoning { text },
            Self::Quote(quote) => Written::Quote(quote),
            Self::Activity(activity) => Written::Activity(activity),
            Self::Unknown(unknown) => Written::Unknown(unknown),
        };
        written.serialize(serializer)
    }
}

fn read_variant<'de, D: Deserializer<'de>>(kind: &str, content: D) -> Result<Part, D::Error> {
    Ok(match kind {
        "text" => Part::Text(Text::deserialize(content)?),
        "image" => Part::Image(Media::deserialize(content)?),
        "file" => Part::File(Media::deserialize(content)?),
        "audio" => Part::Audio(Media::deserialize(content)?),
        "video" => Part::Video(Media::deserialize(content)?),
        "location" => Part::Location(Location::deserialize(content)?),
        "carousel" => Part::Carousel(Items::deserialize(content)?.items),
        "list" => Part::List(Items::deserialize(content)?.items),
        "form" => Part::Form(Fields::deserialize(content)?.fields),
        "form_response" => Part::FormResponse(Fields::deserialize(content)?.fields),
        "template" => Part::Template(Template::deserialize(content)?),
        "actions" => Part::Actions(Actions::deserialize(content)?.actions),
        "tool_call" => Part::ToolCall(ToolCall::deserialize(content)?),
        "tool_result" => Part::ToolResult(ToolResult::deserialize(content)?),
        "reasoning" => Part::Reasoning(Reasoning::deserialize(content)?.text),
        "quote" => Part::Quote(Quote::deserialize(content)?),
        "activity" => Part::Activity(Activity::deserialize(content)?),
        "unknown" => Part::Unknown(Unknown::deserialize(content)?),
        other => return Err(de::Error::unknown_variant(other, Part::TYPES)),
    })
}

/// Derived readers of tagged enums buffer the object, which kept JSON does not survive; so the tag is read by hand.
/// `type` first, as we write it, streams; elsewhere the other members are kept as text until it is found.
impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;

        impl<'de> Visitor<'de> for PartVisitor {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message part: an object with a `type`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let mut before: Vec<(String, RawJson)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key != "type" {
                        before.push((key, map.next_value()?));
                        continue;
                    }
                    let kind: String = map.next_value()?;
                    if before.is_empty() {
                        return read_variant(&kind, MapAccessDeserializer::new(map));
                    }
                    while let Some((key, value)) = map.next_entry::<String, RawJson>()? {
                        before.push((key, value));
                    }
                    return read_members(&kind, &before).map_err(de::Error::custom);
                }
                Err(de::Error::missing_field("type"))
            }
        }

        deserializer.deserialize_map(PartVisitor)
    }
}

fn read_members(kind: &str, members: &[(String, RawJson)]) -> Result<Part, serde_json::Error> {
    let mut text = String::from("{");
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(key)?);
        text.push(':');
        text.push_str(value.get());
    }
    text.push('}');
    read_variant(kind, &mut serde_json::Deserializer::from_str(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Part, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_part_reads_the_same_wherever_its_type_stands() {
        let first = read(
            r#"{"type":"tool_call","id":"1","name":"sum","arguments":{"a":12345678901234567890123}}"#,
        );
        let last = read(
            r#"{"id":"1","name":"sum","arguments":{"a":12345678901234567890123},"type":"tool_call"}"#,
        );
        assert_eq!(first, last);
        let Ok(Part::ToolCall(call)) = first else {
            panic!("{first:?}")
        };
        assert_eq!(call.arguments.get(), r#"{"a":12345678901234567890123}"#);
    }

    #[test]
    fn a_part_without_a_known_type_is_refused() {
        for (text, words) in [
            ("{}", "missing field `type`"),
            (r#"{"type":"hologram"}"#, "unknown variant `hologram`"),
            (r#"{"type":"text"}"#, "missing field `text`"),
            (
                r#"{"type":"text","text":"a","colour":"red"}"#,
                "unknown field `colour`",
            ),
            (
                r#"{"text":"a","type":"text","text":"b"}"#,
                "duplicate field `text`",
            ),
            (r#""text""#, "a message part"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
