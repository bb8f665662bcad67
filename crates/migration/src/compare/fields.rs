//! Which fields of two objects differ, by JSON pointer. Never what they hold.

use std::collections::BTreeSet;

use conversation::{Conversation, JsonMap, Message, Rating, RawJson, Time, canonical_json};
use serde::Serialize;

/// Members of a conversation that servers make: strict digests leave them out.
const MADE_CONVERSATION: [&str; 10] = [
    "id",
    "backend",
    "status_native",
    "unread",
    "counts",
    "usage",
    "created_at",
    "updated_at",
    "last_message_at",
    "object",
];
/// The same of a message.
const MADE_MESSAGE: [&str; 5] = ["id", "conversation_id", "usage", "created_at", "object"];

/// The fields in which two conversations differ for [`conversation::strict_digest`].
pub(crate) fn conversation_fields(one: &Conversation, other: &Conversation) -> Vec<String> {
    differing(one, other, &MADE_CONVERSATION)
}

/// The fields in which two messages differ for [`conversation::strict_message_digest`].
pub(crate) fn message_fields(one: &Message, other: &Message) -> Vec<String> {
    differing(&compared(one), &compared(other), &MADE_MESSAGE)
}

/// A message with times at milliseconds, and of a rating only what all readers see.
fn compared(message: &Message) -> Message {
    Message {
        sent_at: message.sent_at.to_millis(),
        edited_at: message.edited_at.map(Time::to_millis),
        rating: message.rating.as_ref().map(|rating| Rating {
            mine: None,
            ..rating.clone()
        }),
        ..message.clone()
    }
}

fn differing<T: Serialize>(one: &T, other: &T, left_out: &[&str]) -> Vec<String> {
    let (one, other) = (members(one), members(other));
    let names: BTreeSet<&str> = one.keys().chain(other.keys()).map(|name| &**name).collect();
    names
        .into_iter()
        .filter(|name| !left_out.contains(name))
        .filter(|name| {
            let text = |members: &JsonMap| members.get(*name).map(canonical_json::<RawJson>);
            text(&one) != text(&other)
        })
        .map(|name| format!("/{name}"))
        .collect()
}

fn members<T: Serialize>(object: &T) -> JsonMap {
    RawJson::from_serialize(object)
        .and_then(|json| json.to())
        .unwrap_or_default()
}

/// The pointers as words of a finding.
pub(crate) fn named(pointers: &[String]) -> String {
    if pointers.is_empty() {
        "it differs".to_owned()
    } else {
        format!("differs in {}", pointers.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conversation::{ConversationId, strict_digest, strict_message_digest};
    use serde::de::DeserializeOwned;
    use testkit::builders::{full_conversation, full_message};

    const NOW: i64 = 1_700_000_000_000_000;

    /// The object without one member, or with another value where it cannot be without.
    fn changed<T: Serialize + DeserializeOwned>(object: &T, name: &str) -> T {
        let mut members = members(object);
        members.remove(name);
        let whole = |members: &JsonMap| RawJson::from_serialize(members).unwrap().to().ok();
        if let Some(object) = whole(&members) {
            return object;
        }
        for other in [
            r#""system""#,
            r#""internal""#,
            r#""2020-01-01T00:00:00Z""#,
            "[]",
            r#""m2""#,
            r#""conv_00000000000000000000000009""#,
        ] {
            members.insert(name.into(), RawJson::parse(other).unwrap());
            if let Some(object) = whole(&members) {
                return object;
            }
        }
        panic!("no other value for {name}");
    }

    #[test]
    fn exactly_the_fields_of_strict_digests_are_named() {
        let now = Time::from_micros(NOW).unwrap();
        let id = ConversationId::from_bits(7);
        let mut conversation = full_conversation().into_conversation(id, "old", now);
        conversation.unread = Some(1);
        conversation.usage = Some(conversation::Usage::default());
        conversation.status_native = Some("odd".into());
        for name in members(&conversation).keys() {
            let other = changed(&conversation, name);
            let named = conversation_fields(&conversation, &other);
            let is_other = strict_digest(&conversation) != strict_digest(&other);
            let expected = is_other.then(|| format!("/{name}"));
            assert_eq!(named, expected.into_iter().collect::<Vec<_>>());
        }
        let message = full_message().into_message("m1".parse().unwrap(), id, now);
        let mut met = 0;
        for name in members(&message).keys() {
            let other = changed(&message, name);
            let named = message_fields(&message, &other);
            let is_other = strict_message_digest(&message) != strict_message_digest(&other);
            let expected = is_other.then(|| format!("/{name}"));
            met += usize::from(is_other);
            assert_eq!(named, expected.into_iter().collect::<Vec<_>>());
        }
        assert!(met >= 15, "{met}");
    }

    #[test]
    fn what_no_digest_sees_is_not_named() {
        let now = Time::from_micros(NOW).unwrap();
        let id = ConversationId::from_bits(7);
        let one = full_message().into_message("m1".parse().unwrap(), id, now);
        let mut other = one.clone();
        other.sent_at = other.sent_at.to_millis().saturating_add_micros(7);
        if let Some(rating) = &mut other.rating {
            rating.mine = Some(1.0);
        }
        assert_eq!(message_fields(&one, &other), [""; 0]);
        assert_eq!(strict_message_digest(&one), strict_message_digest(&other));
    }
}
