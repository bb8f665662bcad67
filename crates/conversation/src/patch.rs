//! Changes to conversations and messages: JSON Merge Patch (RFC 7396) with types.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Assistant, Conversation, Extensions, JsonMap, Kind, Message, MessageStatus, Part, Participant,
    Priority, RawJson, Status, Time,
};

/// What a patch says of one field.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Patch<T> {
    /// Nothing: the member is absent.
    #[default]
    Keep,
    /// It goes: the member is null.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// True where the patch leaves the field alone.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value, where there is one.
    pub fn set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    fn apply_or_default(self, field: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Keep => {}
            Self::Clear => *field = T::default(),
            Self::Set(value) => *field = value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.set().serialize(serializer)
    }
}

/// A change to a conversation. Absent keeps, null clears, a value sets; `metadata`, `extensions` and `assistant`
/// merge member by member, lists are replaced whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationPatch {
    /// What sort it is; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub kind: Patch<Kind>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub title: Patch<Box<str>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<Box<str>>,
    /// Where it stands; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub status: Patch<Status>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub priority: Patch<Priority>,
    /// All labels.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub labels: Patch<Vec<Box<str>>>,
    /// All participants.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub participants: Patch<Vec<Participant>>,
    /// Who it is assigned to.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub owner: Patch<Box<str>>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub icon_url: Patch<Box<str>>,
    /// How its AI is set up; merged member by member.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub assistant: Patch<JsonMap>,
    /// Free fields; merged member by member, null removes one.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<JsonMap>,
    /// Vendors' fields; merged member by member, null removes one.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub extensions: Patch<JsonMap>,
}

/// A change to a message. Absent keeps, null clears, a value sets; `metadata` and `extensions` merge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessagePatch {
    /// All parts; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub parts: Patch<Vec<Part>>,
    /// A mail's subject.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub subject: Patch<Box<str>>,
    /// What became of it; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub status: Patch<MessageStatus>,
    /// Free fields; merged member by member, null removes one.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<JsonMap>,
    /// Vendors' fields; merged member by member, null removes one.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub extensions: Patch<JsonMap>,
}

impl ConversationPatch {
    /// True where nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes `conversation`. Does not touch its times.
    ///
    /// # Errors
    /// Where `assistant` or `extensions` get a shape that they cannot have; `conversation` is then half changed and
    /// must be thrown away.
    pub fn apply(self, conversation: &mut Conversation) -> Result<(), serde_json::Error> {
        if let Patch::Set(kind) = self.kind {
            conversation.kind = kind;
        }
        if let Patch::Set(status) = self.status {
            conversation.status = status;
        }
        self.title.apply(&mut conversation.title);
        self.description.apply(&mut conversation.description);
        self.priority.apply(&mut conversation.priority);
        self.labels.apply_or_default(&mut conversation.labels);
        conversation.labels.sort_unstable();
        conversation.labels.dedup();
        self.participants
            .apply_or_default(&mut conversation.participants);
        self.owner.apply(&mut conversation.owner);
        self.icon_url.apply(&mut conversation.icon_url);
        match self.assistant {
            Patch::Keep => {}
            Patch::Clear => conversation.assistant = None,
            Patch::Set(changes) => {
                let current = conversation.assistant.clone().unwrap_or_default();
                let mut members: JsonMap = RawJson::from_serialize(&current)?.to()?;
                merge_map(&mut members, changes)?;
                let changed: Assistant = RawJson::from_serialize(&members)?.to()?;
                conversation.assistant = Some(changed).filter(|assistant| !assistant.is_empty());
            }
        }
        apply_map(self.metadata, &mut conversation.metadata)?;
        apply_extensions(self.extensions, &mut conversation.extensions)
    }
}

impl MessagePatch {
    /// True where nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes `message`; its content counts as edited at `now`.
    ///
    /// # Errors
    /// Where `extensions` get a shape that they cannot have; `message` must then be thrown away.
    pub fn apply(self, message: &mut Message, now: Time) -> Result<(), serde_json::Error> {
        if !self.parts.is_keep() || !self.subject.is_keep() {
            message.edited_at = Some(now);
        }
        if let Patch::Set(parts) = self.parts {
            message.parts = parts;
        }
        if let Patch::Set(status) = self.status {
            message.status = status;
        }
        self.subject.apply(&mut message.subject);
        apply_map(self.metadata, &mut message.metadata)?;
        apply_extensions(self.extensions, &mut message.extensions)
    }
}

fn apply_map(patch: Patch<JsonMap>, map: &mut JsonMap) -> Result<(), serde_json::Error> {
    match patch {
        Patch::Keep => Ok(()),
        Patch::Clear => {
            map.clear();
            Ok(())
        }
        Patch::Set(changes) => merge_map(map, changes),
    }
}

fn apply_extensions(
    patch: Patch<JsonMap>,
    extensions: &mut Extensions,
) -> Result<(), serde_json::Error> {
    let mut members: JsonMap = RawJson::from_serialize(extensions)?.to()?;
    apply_map(patch, &mut members)?;
    *extensions = RawJson::from_serialize(&members)?.to()?;
    Ok(())
}

/// JSON Merge Patch on the members of an object: null removes, objects merge, everything else replaces.
///
/// # Errors
/// When a kept value is no JSON, which [`RawJson`] rules out.
pub fn merge_map(target: &mut JsonMap, changes: JsonMap) -> Result<(), serde_json::Error> {
    for (key, change) in changes {
        if change.is_null() {
            target.remove(&key);
        } else if change.get().starts_with('{') {
            // Only an object merges; everything else keeps its text exactly.
            let mut inner: JsonMap = match target.get(&key) {
                Some(current) if current.get().starts_with('{') => current.to()?,
                _ => JsonMap::new(),
            };
            merge_map(&mut inner, change.to()?)?;
            target.insert(key, RawJson::from_serialize(&inner)?);
        } else {
            target.insert(key, change);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(target: &str, patch: &str) -> String {
        let mut map: JsonMap = serde_json::from_str(target).unwrap();
        merge_map(&mut map, serde_json::from_str(patch).unwrap()).unwrap();
        serde_json::to_string(&map).unwrap()
    }

    #[test]
    fn merging_follows_rfc_7396() {
        // The object cases of the RFC's appendix A.
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            (
                r#"{"a":"foo"}"#,
                r#"{"b":{"bb":{"ccc":null}}}"#,
                r#"{"a":"foo","b":{"bb":{}}}"#,
            ),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merged(target, patch), result, "{target} + {patch}");
        }
    }

    #[test]
    fn absent_keeps_null_clears_and_a_value_sets() {
        let patch: ConversationPatch =
            serde_json::from_str(r#"{"title":null,"owner":"ann"}"#).unwrap();
        assert_eq!(
            (&patch.title, &patch.owner, &patch.icon_url),
            (&Patch::Clear, &Patch::Set("ann".into()), &Patch::Keep)
        );
        assert_eq!(
            serde_json::to_string(&patch).unwrap(),
            r#"{"title":null,"owner":"ann"}"#
        );
    }
}
