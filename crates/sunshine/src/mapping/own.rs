//! Members of our own in the vendor's metadata. The vendor has no idempotency key, no original times and no way to
//! delete a user's first conversation; its metadata carries what is needed for that.

use conversation::{JsonMap, Part, text_of};
use uuid::Uuid;

use crate::wire::{Member, Message, Raw};

/// The id of the write that made a conversation or message: by this a lost write is found again.
pub const INTENT_KEY: &str = "dragoman_intent";
/// When an imported message was said.
pub const SENT_AT_KEY: &str = "dragoman_sent_at";
/// That a conversation which the vendor does not let go counts as deleted.
pub const DELETED_KEY: &str = "dragoman_deleted";

/// All of them: callers can neither set nor see them.
pub(super) const OWN_KEYS: [&str; 3] = [INTENT_KEY, SENT_AT_KEY, DELETED_KEY];

/// What the key of a post ends in that the vendor may make several messages of.
const SEVERAL: &str = "/several";
/// What begins the vendor's shorthand for a template inside a text.
const SHORTHANDS: [&str; 2] = ["((", "{{"];

/// The value of [`INTENT_KEY`] of a message with these parts. A text with the vendor's shorthand for a template may
/// become several messages, which all carry it: so that they can be told from others of the same import, the key is of
/// this message alone.
#[must_use]
pub fn message_key(intent: Uuid, parts: &[Part]) -> String {
    let words = text_of(parts);
    if SHORTHANDS.iter().any(|begin| words.contains(begin)) {
        format!("{intent}/{}{SEVERAL}", Uuid::now_v7().simple())
    } else {
        intent.to_string()
    }
}

/// The id of the write that made a message.
#[must_use]
pub fn intent_of(message: &Message) -> Option<String> {
    let mut key = own_member(&message.metadata, INTENT_KEY)?;
    key.truncate(key.find('/').unwrap_or(key.len()));
    Some(key)
}

/// The key of a post that may have become several messages.
#[must_use]
pub fn several_key(message: &Message) -> Option<String> {
    own_member(&message.metadata, INTENT_KEY).filter(|key| key.ends_with(SEVERAL))
}

/// The value of a member of ours, where it is a string.
#[must_use]
pub fn own_member(metadata: &Member<Raw>, key: &str) -> Option<String> {
    let raw = metadata.value()?;
    // Most metadata has none; the text says so without being parsed.
    if !raw.text().contains(key) {
        return None;
    }
    raw.decode::<JsonMap>().ok()?.get(key)?.to().ok()
}

/// The caller's metadata, and the original time of an imported message. `None` where it is no object.
pub(super) fn split(metadata: &Member<Raw>) -> Option<(JsonMap, Option<String>)> {
    let Some(raw) = metadata.value() else {
        return Some((JsonMap::new(), None));
    };
    let mut members: JsonMap = raw.decode().ok()?;
    let mut sent_at = None;
    if raw.text().contains("dragoman_") {
        sent_at = members
            .get(SENT_AT_KEY)
            .and_then(|value| value.to::<String>().ok());
        for key in OWN_KEYS {
            members.remove(key);
        }
    }
    Some((members, sent_at))
}

/// Metadata as it is compared: without what is ours.
pub(super) fn without_own(metadata: &Member<Raw>) -> Member<Raw> {
    match metadata {
        Member::Value(raw) if raw.text().contains("dragoman_") => match split(metadata) {
            Some((members, _)) if members.is_empty() => Member::Absent,
            Some((members, _)) => Member::from(Raw::encode(&members).ok()),
            None => metadata.clone(),
        },
        _ => metadata.clone(),
    }
}
