//! Who takes part: people, assistants, bots, and the addresses at which they are reached.

use serde::{Deserialize, Serialize};

use crate::open_enum::open_enum;

open_enum! {
    /// What a participant is.
    #[derive(Default)]
    pub enum ParticipantKind {
        /// A human.
        Person = "person",
        /// An AI that answers.
        Assistant = "assistant",
        /// A program that posts by rules.
        Bot = "bot",
        /// The platform itself.
        System = "system",
        /// The backend does not say.
        #[default]
        Unknown = "unknown",
    }
}

open_enum! {
    /// Which side of the conversation a participant stands on.
    pub enum Side {
        /// The person who is served.
        Customer = "customer",
        /// The organisation that serves.
        Business = "business",
    }
}

open_enum! {
    /// How a recipient is addressed.
    pub enum RecipientKind {
        /// A main recipient.
        To = "to",
        /// A copy that everybody sees.
        Cc = "cc",
        /// A copy that nobody else sees.
        Bcc = "bcc",
    }
}

/// An address of a participant: `email`, `phone`, a channel's user id, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handle {
    /// What kind of address: `email`, `phone`, or a backend's own word.
    #[serde(rename = "type")]
    pub kind: Box<str>,
    /// The address.
    pub value: Box<str>,
}

/// A participant of a conversation, or the author of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// The participant's id, unique in its conversation. Absent in a request: the backend makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Box<str>>,
    /// What the participant is; `unknown` where the backend does not say.
    #[serde(default)]
    pub kind: ParticipantKind,
    /// Which side the participant stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// The name shown to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<Box<str>>,
    /// Where the participant is reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handles: Vec<Handle>,
}

/// A recipient of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// To, cc or bcc.
    pub kind: RecipientKind,
    /// The participant who receives it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_id: Option<Box<str>>,
    /// The name used in the address line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// The address used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
}
