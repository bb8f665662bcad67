//! What a message says: one object for each content type, told apart by `type`.

use std::borrow::Cow;
use std::fmt;

use adapterkit::{wire_object, wire_word};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;

use super::{Action, Member, Raw};

/// The content of a message.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// `text`.
    Text(TextMessage),
    /// `image`.
    Image(ImageMessage),
    /// `file`.
    File(FileMessage),
    /// `carousel`.
    Carousel(CarouselMessage),
    /// `list`.
    List(ListMessage),
    /// `form`.
    Form(FormMessage),
    /// `formResponse`.
    FormResponse(FormResponseMessage),
    /// `location`.
    Location(LocationMessage),
    /// `template`.
    Template(TemplateMessage),
    /// A type that this version of the wire does not know, or one that is not shaped as documented: kept whole.
    Other(Raw),
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Image(_) => "Image(..)",
            Self::File(_) => "File(..)",
            Self::Carousel(_) => "Carousel(..)",
            Self::List(_) => "List(..)",
            Self::Form(_) => "Form(..)",
            Self::FormResponse(_) => "FormResponse(..)",
            Self::Location(_) => "Location(..)",
            Self::Template(_) => "Template(..)",
            Self::Other(_) => "Other(..)",
        })
    }
}

/// The member that tells contents apart.
#[derive(serde::Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

impl Content {
    fn read(raw: &Raw) -> Option<Self> {
        fn of<T: DeserializeOwned>(raw: &Raw, content: impl Fn(T) -> Content) -> Option<Content> {
            raw.decode().ok().map(content)
        }
        let tag: Tag<'_> = serde_json::from_str(raw.text()).ok()?;
        match tag.kind.as_ref() {
            "text" => of(raw, Self::Text),
            "image" => of(raw, Self::Image),
            "file" => of(raw, Self::File),
            "carousel" => of(raw, Self::Carousel),
            "list" => of(raw, Self::List),
            "form" => of(raw, Self::Form),
            "formResponse" => of(raw, Self::FormResponse),
            "location" => of(raw, Self::Location),
            "template" => of(raw, Self::Template),
            _ => None,
        }
    }
}

// The tag may stand anywhere, and a content that is not shaped as documented must survive: so it is read twice.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        Ok(Self::read(&raw).unwrap_or(Self::Other(raw)))
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(content) => content.serialize(serializer),
            Self::Image(content) => content.serialize(serializer),
            Self::File(content) => content.serialize(serializer),
            Self::Carousel(content) => content.serialize(serializer),
            Self::List(content) => content.serialize(serializer),
            Self::Form(content) => content.serialize(serializer),
            Self::FormResponse(content) => content.serialize(serializer),
            Self::Location(content) => content.serialize(serializer),
            Self::Template(content) => content.serialize(serializer),
            Self::Other(raw) => raw.serialize(serializer),
        }
    }
}

wire_object! {
    /// `text`: at least one of `text`, `actions`, `htmlText` and `markdownText`.
    pub struct TextMessage {
        /// `text`.
        required kind = "type": String,
        /// At most 4,096 characters; made from HTML or Markdown where only those are sent.
        optional text: String,
        /// At most 4,096 characters.
        optional html_text = "htmlText": String,
        /// In requests only: it comes back as `htmlText`.
        optional markdown_text = "markdownText": String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// All six types.
        optional actions: Vec<Action>,
        /// What a pressed reply had as its payload.
        optional payload: String,
    }
}

wire_object! {
    /// `image`.
    pub struct ImageMessage {
        /// `image`.
        required kind = "type": String,
        /// Text shown with it.
        optional text: String,
        /// Where the picture is.
        required media_url = "mediaUrl": String,
        /// At most 128 characters; the file's name where none is sent.
        optional alt_text = "altText": String,
        /// Made by the vendor.
        optional media_type = "mediaType": String,
        /// In bytes; made by the vendor.
        optional media_size = "mediaSize": Number,
        /// Text shown with it.
        optional html_text = "htmlText": String,
        /// In requests only.
        optional markdown_text = "markdownText": String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// All six types.
        optional actions: Vec<Action>,
        /// The vendor's own.
        optional attachment_id = "attachmentId": String,
    }
}

wire_object! {
    /// `file`: also sound and video, which have no type of their own.
    pub struct FileMessage {
        /// `file`.
        required kind = "type": String,
        /// Text shown with it.
        optional text: String,
        /// Where the file is.
        required media_url = "mediaUrl": String,
        /// At most 128 characters; the file's name where none is sent.
        optional alt_text = "altText": String,
        /// Made by the vendor.
        optional media_type = "mediaType": String,
        /// In bytes; made by the vendor.
        optional media_size = "mediaSize": Number,
        /// Text shown with it.
        optional html_text = "htmlText": String,
        /// In requests only.
        optional markdown_text = "markdownText": String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// The vendor's own.
        optional attachment_id = "attachmentId": String,
    }
}

wire_object! {
    /// `carousel`: items side by side.
    pub struct CarouselMessage {
        /// `carousel`.
        required kind = "type": String,
        /// Made by the vendor, for channels without carousels.
        optional text: String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// 1 to 10.
        required items: Vec<Item>,
        /// How it is shown.
        optional display_settings = "displaySettings": DisplaySettings,
    }
}

wire_object! {
    /// How a carousel is shown.
    pub struct DisplaySettings {
        /// `horizontal` or `square`.
        optional image_aspect_ratio = "imageAspectRatio": String,
    }
}

wire_object! {
    /// `list`: items below each other.
    pub struct ListMessage {
        /// `list`.
        required kind = "type": String,
        /// In answers, though not documented: a fallback made by the vendor.
        optional text: String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// 1 to 10.
        required items: Vec<Item>,
        /// 1 to 10, of the four types for items.
        optional actions: Vec<Action>,
    }
}

wire_object! {
    /// An item of a carousel or list.
    pub struct Item {
        /// 1 to 128 characters.
        required title: String,
        /// At most 128 characters.
        optional description: String,
        /// A picture's URL, at most 2,048 characters.
        optional media_url = "mediaUrl": String,
        /// At most 128 characters; the file's name where none is sent.
        optional alt_text = "altText": String,
        /// At most 128 characters.
        optional media_type = "mediaType": String,
        /// `compact` or `large`.
        optional size: String,
        /// 1 to 3, of the four types for items.
        optional actions: Vec<Action>,
        /// Free fields.
        optional metadata: Raw,
    }
}

wire_object! {
    /// `form`: questions.
    pub struct FormMessage {
        /// `form`.
        required kind = "type": String,
        /// Whether it was answered; made by the vendor.
        optional submitted: bool,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// 1 to 20.
        required fields: Vec<FormField>,
        /// Shown above the link to the form on channels without forms.
        optional text: String,
    }
}

wire_object! {
    /// `formResponse`: answers. Cannot be posted.
    pub struct FormResponseMessage {
        /// `formResponse`.
        required kind = "type": String,
        /// 1 to 20.
        required fields: Vec<FormField>,
        /// `label: value` lines, made by the vendor.
        optional text_fallback = "textFallback": String,
    }
}

wire_word! {
    /// What may be entered.
    pub enum FieldType {
        /// A mail address.
        Email = "email",
        /// One of the options.
        Select = "select",
        /// Text.
        Text = "text",
    }
}

wire_object! {
    /// A question, or its answer.
    pub struct FormField {
        /// What may be entered.
        required kind = "type": FieldType,
        /// Unique in its form, 1 to 128 characters.
        required name: String,
        /// The words beside it, 1 to 128 characters; documented as required.
        optional label: String,
        /// The answer to a `text`, 1 to 256 characters.
        optional text: String,
        /// The answer to an `email`, 1 to 128 characters.
        optional email: String,
        /// The answer to a `select`.
        optional select: Vec<FieldOption>,
        /// `integer` or `decimal`: what a `text` must be.
        optional format: String,
        /// Shown while it is empty, 1 to 128 characters.
        optional placeholder: String,
        /// 1 to 256, default 1.
        optional min_size = "minSize": u64,
        /// 1 to 256, default 128.
        optional max_size = "maxSize": u64,
        /// At most 200.
        optional options: Vec<FieldOption>,
        /// In requests only: the form that is answered.
        optional quoted_message_id = "quotedMessageId": String,
    }
}

wire_object! {
    /// A choice.
    pub struct FieldOption {
        /// Unique in its field, 1 to 128 characters.
        optional name: String,
        /// The words for it, 1 to 128 characters.
        optional label: String,
    }
}

wire_object! {
    /// `location`.
    pub struct LocationMessage {
        /// `location`.
        required kind = "type": String,
        /// A link to a map, made by the vendor.
        optional text: String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// Where.
        required coordinates: Coordinates,
        /// What is there.
        optional location: Place,
    }
}

wire_object! {
    /// Degrees.
    pub struct Coordinates {
        /// North.
        required lat: Number,
        /// East.
        required long: Number,
    }
}

wire_object! {
    /// What is at a location.
    pub struct Place {
        /// Its address.
        optional address: String,
        /// Its name.
        optional name: String,
    }
}

wire_object! {
    /// `template`: a message of a channel's own, with `schema: whatsapp`.
    pub struct TemplateMessage {
        /// `template`.
        required kind = "type": String,
        /// Whether the reader's input is closed.
        optional block_chat_input = "blockChatInput": bool,
        /// The template in the channel's own form.
        required template: Raw,
    }
}

impl TextMessage {
    /// A plain text.
    #[must_use]
    pub fn plain(text: String) -> Self {
        Self {
            text: Member::Value(text),
            ..Self::empty()
        }
    }

    /// A text content that says nothing yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            kind: "text".to_owned(),
            text: Member::Absent,
            html_text: Member::Absent,
            markdown_text: Member::Absent,
            block_chat_input: Member::Absent,
            actions: Member::Absent,
            payload: Member::Absent,
            extra: super::Extra::new(),
        }
    }
}
