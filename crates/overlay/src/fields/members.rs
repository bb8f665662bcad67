//! An object of the canonical model as fields: each that a client can set has a pointer and a JSON value, or is absent.
//!
//! Lists of labels and participants are sets, and not here.

use std::collections::{BTreeMap, BTreeSet};

use backend::{Error, Kind, Outcome, Result};
use conversation::{JsonMap, RawJson};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::pointers;

/// The fields of a conversation that are kept whole.
const CONVERSATION: &[&str] = &[
    "kind",
    "title",
    "description",
    "status",
    "priority",
    "owner",
    "icon_url",
    "created_at",
];

/// The fields of a message that are kept whole.
const MESSAGE: &[&str] = &[
    "role",
    "author",
    "direction",
    "recipients",
    "subject",
    "parts",
    "in_reply_to",
    "status",
    "rating",
    "usage",
    "model",
    "provider",
    "finish_reason",
    "latency_ms",
    "source",
    "client_message_id",
    "sent_at",
    "edited_at",
];

/// Objects whose members are fields of their own: free ones, those of an AI, and vendors' by vendor.
const METADATA: &str = "/metadata";
const ASSISTANT: &str = "/assistant";
const EXTENSIONS: &str = "/extensions";

/// A conversation or a message, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    whole: &'static [&'static str],
    top: JsonMap,
    metadata: JsonMap,
    /// Present where the object has one, though it may be empty.
    assistant: Option<JsonMap>,
    extensions: BTreeMap<Box<str>, JsonMap>,
}

impl Members {
    /// Takes a conversation apart, or what is sent to make one.
    pub(crate) fn of_conversation<T: Serialize>(conversation: &T) -> Result<Self> {
        Self::of(conversation, CONVERSATION)
    }

    /// Takes a message apart, or what is sent to make one.
    pub(crate) fn of_message<T: Serialize>(message: &T) -> Result<Self> {
        Self::of(message, MESSAGE)
    }

    fn of<T: Serialize>(object: &T, whole: &'static [&'static str]) -> Result<Self> {
        let mut top: JsonMap = read(&write(object)?)?;
        let metadata = top
            .remove("metadata")
            .map_or(Ok(JsonMap::new()), |json| read(&json))?;
        let assistant = top
            .remove("assistant")
            .map(|json| read(&json))
            .transpose()?;
        let extensions = top
            .remove("extensions")
            .map_or(Ok(BTreeMap::new()), |json| read(&json))?;
        Ok(Self {
            whole,
            top,
            metadata,
            assistant,
            extensions,
        })
    }

    /// Puts the object together again.
    pub(crate) fn into_object<T: DeserializeOwned>(mut self) -> Result<T> {
        if !self.metadata.is_empty() {
            self.top.insert("metadata".into(), write(&self.metadata)?);
        }
        if let Some(assistant) = &self.assistant {
            self.top.insert("assistant".into(), write(assistant)?);
        }
        if !self.extensions.is_empty() {
            self.top
                .insert("extensions".into(), write(&self.extensions)?);
        }
        read(&write(&self.top)?)
    }

    /// The value of a field.
    pub(crate) fn get(&self, pointer: &str) -> Option<RawJson> {
        match Place::of(pointer)? {
            Place::Whole(name) => self.top.get(name.as_str()).cloned(),
            Place::Metadata(name) => self.metadata.get(name.as_str()).cloned(),
            Place::Assistant(name) => self.assistant.as_ref()?.get(name.as_str()).cloned(),
            Place::Extension(vendor, name) => self
                .extensions
                .get(vendor.as_str())?
                .get(name.as_str())
                .cloned(),
            Place::NoAssistant => self
                .assistant
                .as_ref()
                .filter(|map| map.is_empty())
                .map(|_| empty()),
            Place::NoExtension(vendor) => self
                .extensions
                .get(vendor.as_str())
                .filter(|map| map.is_empty())
                .map(|_| empty()),
        }
    }

    /// Sets or clears a field. An object whose last member goes is absent; one that is to be there and empty is set
    /// after its members.
    pub(crate) fn set(&mut self, pointer: &str, value: Option<RawJson>) {
        match Place::of(pointer) {
            Some(Place::Whole(name)) => put(&mut self.top, name, value),
            Some(Place::Metadata(name)) => put(&mut self.metadata, name, value),
            Some(Place::Assistant(name)) => {
                let mut map = self.assistant.take().unwrap_or_default();
                put(&mut map, name, value);
                self.assistant = Some(map).filter(|map| !map.is_empty());
            }
            Some(Place::Extension(vendor, name)) => {
                let vendor: Box<str> = vendor.into();
                let mut map = self.extensions.remove(&vendor).unwrap_or_default();
                put(&mut map, name, value);
                if !map.is_empty() {
                    self.extensions.insert(vendor, map);
                }
            }
            Some(Place::NoAssistant) => match value {
                Some(_) => drop(self.assistant.get_or_insert_default()),
                None => self.assistant = self.assistant.take().filter(|map| !map.is_empty()),
            },
            Some(Place::NoExtension(vendor)) => match value {
                Some(_) => drop(self.extensions.entry(vendor.into()).or_default()),
                None => self
                    .extensions
                    .retain(|name, map| **name != *vendor || !map.is_empty()),
            },
            None => {}
        }
    }

    /// The pointers of all fields that are there and that a client can set.
    pub(crate) fn pointers(&self) -> BTreeSet<Box<str>> {
        let whole = self
            .whole
            .iter()
            .filter(|name| self.top.contains_key(**name));
        whole
            .map(|name| pointers::member("", name))
            .chain(self.members_of("metadata"))
            .chain(self.members_of("assistant"))
            .chain(self.members_of("extensions"))
            .collect()
    }

    /// The pointers of all members of `metadata`, `assistant` or `extensions`.
    pub(crate) fn members_of(&self, field: &str) -> Vec<Box<str>> {
        let below = |at: &str, map: &JsonMap| -> Vec<Box<str>> {
            map.keys().map(|name| pointers::member(at, name)).collect()
        };
        match field {
            "metadata" => below(METADATA, &self.metadata),
            "assistant" => match &self.assistant {
                Some(map) if map.is_empty() => vec![ASSISTANT.into()],
                Some(map) => below(ASSISTANT, map),
                None => Vec::new(),
            },
            "extensions" => self
                .extensions
                .iter()
                .flat_map(|(vendor, map)| {
                    let at = pointers::member(EXTENSIONS, vendor);
                    if map.is_empty() {
                        vec![at]
                    } else {
                        below(&at, map)
                    }
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// True where a pointer says that an object is there and empty: such fields are laid after those inside the object.
pub(crate) fn is_about_emptiness(pointer: &str) -> bool {
    matches!(
        Place::of(pointer),
        Some(Place::NoAssistant | Place::NoExtension(_))
    )
}

/// Where a pointer leads.
enum Place {
    /// A field that is kept whole.
    Whole(String),
    /// A free member.
    Metadata(String),
    /// How the AI is set up.
    Assistant(String),
    /// A vendor's member.
    Extension(String, String),
    /// `assistant`, there and empty.
    NoAssistant,
    /// A vendor's object, there and empty.
    NoExtension(String),
}

impl Place {
    fn of(pointer: &str) -> Option<Self> {
        let mut names = pointers::names(pointer).into_iter();
        let (first, second, third) = (names.next()?, names.next(), names.next());
        match (first.as_str(), second, third) {
            ("metadata", Some(name), None) => Some(Self::Metadata(name)),
            ("assistant", Some(name), None) => Some(Self::Assistant(name)),
            ("assistant", None, None) => Some(Self::NoAssistant),
            ("extensions", Some(vendor), Some(name)) => Some(Self::Extension(vendor, name)),
            ("extensions", Some(vendor), None) => Some(Self::NoExtension(vendor)),
            ("metadata" | "extensions" | "labels" | "participants", ..) => None,
            (_, None, None) => Some(Self::Whole(first)),
            _ => None,
        }
    }
}

fn put(map: &mut JsonMap, name: String, value: Option<RawJson>) {
    match value {
        Some(value) => drop(map.insert(name.into(), value)),
        None => drop(map.remove(name.as_str())),
    }
}

fn empty() -> RawJson {
    RawJson::parse("{}").unwrap_or_default()
}

/// A value as JSON.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<RawJson> {
    RawJson::from_serialize(value).map_err(|error| unfit(error, "a field cannot be written"))
}

/// A value from JSON that was kept.
pub(crate) fn read<T: DeserializeOwned>(json: &RawJson) -> Result<T> {
    serde_json::from_str(json.get())
        .map_err(|error| unfit(error, "what is kept of a conversation cannot be read"))
}

fn unfit(error: serde_json::Error, what: &str) -> Error {
    // serde's words may quote what was sent, so they stay in the source.
    Error::new(Kind::Internal, what)
        .outcome(Outcome::NotApplied)
        .source(error)
}

#[cfg(test)]
mod tests {
    use conversation::{Assistant, Conversation, ConversationId, NewConversation, Time};

    use super::*;

    fn conversation(json: &str) -> Conversation {
        let new: NewConversation = serde_json::from_str(json).unwrap();
        let assistant = new.assistant.clone();
        let mut made = new.into_conversation(ConversationId::from_bits(1), "b", Time::now());
        made.assistant = assistant;
        made
    }

    #[test]
    fn an_object_taken_apart_and_put_together_is_the_same() {
        let whole = conversation(
            r#"{"title":"t","metadata":{"a/b":1.50,"":null},"assistant":{"model":"m"},
                "extensions":{"acme":{"x":[1]},"empty":{}},"labels":["l"],"participants":[{"id":"p"}]}"#,
        );
        let members = Members::of_conversation(&whole).unwrap();
        let pointers: Vec<Box<str>> = members.pointers().into_iter().collect();
        assert_eq!(
            pointers.iter().map(|one| &**one).collect::<Vec<_>>(),
            [
                "/assistant/model",
                "/created_at",
                "/extensions/acme/x",
                "/extensions/empty",
                "/kind",
                "/metadata/",
                "/metadata/a~1b",
                "/status",
                "/title",
            ]
        );
        assert_eq!(members.get("/metadata/a~1b").unwrap().get(), "1.50");
        assert!(
            members.get("/metadata/").unwrap().is_null(),
            "null is there"
        );
        assert_eq!(members.get("/metadata/none"), None, "absent is not");
        assert_eq!(members.into_object::<Conversation>().unwrap(), whole);
    }

    #[test]
    fn an_object_goes_with_its_last_member_unless_it_is_kept_empty() {
        let mut members =
            Members::of_conversation(&conversation(r#"{"assistant":{"model":"m"}}"#)).unwrap();
        members.set("/assistant/model", None);
        assert_eq!(members.get("/assistant"), None);
        members.set("/assistant", Some(empty()));
        assert!(members.get("/assistant").is_some());
        let kept: Conversation = members.clone().into_object().unwrap();
        assert_eq!(kept.assistant, Some(Assistant::default()));
        members.set("/assistant", None);
        assert_eq!(
            members.into_object::<Conversation>().unwrap().assistant,
            None
        );
    }
}
