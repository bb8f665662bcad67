//! Digests: what must be equal when a conversation is said to be the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Assistant, Conversation, Direction, Extensions, InReplyTo, JsonMap, Kind, Message, Part,
    Participant, Priority, Recipient, Status, Time, canonical_json, text_of,
};

/// SHA-256 over canonical JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of any bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest that was made before, from its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut bytes = [0_u8; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidDigest);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                .map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 64 hexadecimal digits")]
pub struct InvalidDigest;

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The strong validator of a representation: the digest of the very bytes that are sent, as 32 hex characters.
#[must_use]
pub fn etag(representation: &[u8]) -> String {
    let mut text = Digest::of(representation).to_string();
    text.truncate(32);
    text
}

/// Every field of a conversation that a client can set. Not: ids, backend, native values, counts, unread, usage,
/// times that a server makes.
#[derive(Serialize)]
struct StrictConversation<'a> {
    kind: &'a Kind,
    title: &'a Option<Box<str>>,
    description: &'a Option<Box<str>>,
    status: &'a Status,
    priority: &'a Option<Priority>,
    labels: &'a [Box<str>],
    participants: &'a [Participant],
    owner: &'a Option<Box<str>>,
    icon_url: &'a Option<Box<str>>,
    assistant: &'a Option<Assistant>,
    metadata: &'a JsonMap,
    extensions: &'a Extensions,
}

/// Every field of a message that a client can set, times at milliseconds. Embedded ids are public ids; of a rating
/// only what all readers see.
#[derive(Serialize)]
struct StrictMessage<'a> {
    role: &'a crate::Role,
    author: &'a Option<Participant>,
    direction: &'a Direction,
    recipients: &'a [Recipient],
    subject: &'a Option<Box<str>>,
    parts: &'a [Part],
    in_reply_to: &'a Option<InReplyTo>,
    status: &'a crate::MessageStatus,
    rating: Option<(Option<f64>, u64)>,
    model: &'a Option<Box<str>>,
    provider: &'a Option<Box<str>>,
    finish_reason: &'a Option<Box<str>>,
    latency_ms: &'a Option<u64>,
    source: &'a JsonMap,
    metadata: &'a JsonMap,
    client_message_id: &'a Option<Box<str>>,
    sent_at: Time,
    edited_at: Option<Time>,
    extensions: &'a Extensions,
}

/// The strict digest of a conversation's own fields, without its messages.
#[must_use]
pub fn strict_digest(conversation: &Conversation) -> Digest {
    let Conversation {
        id: _,
        backend: _,
        kind,
        title,
        description,
        status,
        status_native: _,
        priority,
        labels,
        participants,
        owner,
        icon_url,
        assistant,
        metadata,
        unread: _,
        counts: _,
        usage: _,
        created_at: _,
        updated_at: _,
        last_message_at: _,
        extensions,
    } = conversation;
    let fields = StrictConversation {
        kind,
        title,
        description,
        status,
        priority,
        labels,
        participants,
        owner,
        icon_url,
        assistant,
        metadata,
        extensions,
    };
    Digest::of(canonical_json(&fields).as_bytes())
}

/// The strict digest of one message.
#[must_use]
pub fn strict_message_digest(message: &Message) -> Digest {
    let Message {
        id: _,
        conversation_id: _,
        role,
        author,
        direction,
        recipients,
        subject,
        parts,
        in_reply_to,
        status,
        rating,
        usage: _,
        model,
        provider,
        finish_reason,
        latency_ms,
        source,
        metadata,
        client_message_id,
        sent_at,
        created_at: _,
        edited_at,
        extensions,
    } = message;
    let fields = StrictMessage {
        role,
        author,
        direction,
        recipients,
        subject,
        parts,
        in_reply_to,
        status,
        rating: rating.as_ref().map(|rating| (rating.mean, rating.count)),
        model,
        provider,
        finish_reason,
        latency_ms,
        source,
        metadata,
        client_message_id,
        sent_at: sent_at.to_millis(),
        edited_at: edited_at.map(Time::to_millis),
        extensions,
    };
    Digest::of(canonical_json(&fields).as_bytes())
}

/// The portable digest of a message: its role and its plain text, whoever holds it.
#[must_use]
pub fn portable_digest(message: &Message) -> Digest {
    Digest::of(canonical_json(&(message.role.as_str(), text_of(&message.parts))).as_bytes())
}

/// The digest of a whole conversation: its own digest, where given, and those of its messages in their order.
#[must_use]
pub fn conversation_digest(
    own: Option<Digest>,
    messages: impl IntoIterator<Item = Digest>,
) -> Digest {
    let mut running = RunningDigest::default();
    for digest in own.into_iter().chain(messages) {
        running.add(digest);
    }
    running.finish()
}

/// A digest over digests that come one after the other: [`conversation_digest`] without holding them all.
#[derive(Clone, Default)]
pub struct RunningDigest(Sha256);

impl RunningDigest {
    /// Adds the next one.
    pub fn add(&mut self, next: Digest) {
        self.0.update(next.0);
    }

    /// The digest over all that were added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for RunningDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunningDigest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_and_refuses_every_other_text() {
        let digest = Digest::of(b"words");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        for bad in ["", "ab", &"g".repeat(64), &"ü".repeat(32), &"0".repeat(65)] {
            assert_eq!(bad.parse::<Digest>(), Err(InvalidDigest), "{bad}");
        }
    }
}
