//! Ids as the vendor spells them.

use conversation::{AttachmentId, ConversationId, Message, Part, Time};
use facadekit::{MessageSpelling, Spelling};
use uuid::Uuid;

use super::KIND;

/// The public id is in the vendor's spelling already.
pub(super) const CONVERSATIONS: Spelling = Spelling {
    facade: KIND,
    spell: |id, _created_at| id.to_string(),
    read: Some(|text| text.parse().ok()),
};

/// Most ids are in the vendor's spelling already; others become one of the time and the id.
pub(super) const MESSAGES: MessageSpelling = MessageSpelling {
    spell: spelled_message,
    read: |text| text.parse().ok(),
    time_ms: |text| time_of("msg_", text),
};

/// An id of the vendor's kind: the prefix and 128 bits.
pub(super) fn typed_id(prefix: &str, bits: u128) -> String {
    let spelled = ConversationId::from_bits(bits).to_string();
    spelled.replacen("conv_", prefix, 1)
}

/// A new id of the vendor's kind. Later ones are greater.
pub(super) fn new_id(prefix: &str) -> String {
    typed_id(prefix, Uuid::now_v7().as_u128())
}

/// The bits of an id with this prefix.
fn bits_of(prefix: &str, text: &str) -> Option<u128> {
    let rest = text.strip_prefix(prefix)?;
    let id: ConversationId = format!("conv_{rest}").parse().ok()?;
    Some(id.bits())
}

/// The time in an id, in milliseconds: its first 48 bits, where it is of a version that has one.
fn time_of(prefix: &str, text: &str) -> Option<i64> {
    let bits = bits_of(prefix, text)?;
    let has_time = (bits >> 76) & 0xf == 7;
    has_time.then(|| i64::try_from(bits >> 80).ok()).flatten()
}

/// The id of a message.
pub(super) fn spelled_message(message: &Message) -> String {
    let id = message.id.as_str();
    if id.starts_with("msg_") {
        return id.to_owned();
    }
    // Elsewhere an id may say something in its own conversation only.
    let known_as = format!("{}/{id}", message.conversation_id);
    typed_id("msg_", timed(message.sent_at, &known_as))
}

/// A UUIDv7 of this time, which tells apart by a hash.
fn timed(time: Time, text: &str) -> u128 {
    let millis = u128::try_from(time.as_millis()).unwrap_or(0) & ((1 << 48) - 1);
    let hash = ConversationId::derive("convore.message", text).bits();
    let (high, low) = ((hash >> 64) & 0xfff, hash & ((1 << 62) - 1));
    (millis << 80) | (7 << 76) | (high << 64) | (2 << 62) | low
}

/// The id of a file. The vendor's has another prefix than ours.
pub(super) fn spelled_file(id: &AttachmentId) -> String {
    match id.as_str().strip_prefix("att_") {
        Some(rest) => format!("attch_{rest}"),
        None => id.to_string(),
    }
}

/// The ids that are spelled like this: the one that really is, and ours.
pub(super) fn read_file(spelled: &str) -> impl Iterator<Item = AttachmentId> {
    let ours = spelled
        .strip_prefix("attch_")
        .map(|rest| format!("att_{rest}"));
    let both = [Some(spelled.to_owned()), ours];
    both.into_iter()
        .flatten()
        .filter_map(|id| id.parse::<AttachmentId>().ok())
}

/// The stored file of a part.
pub(super) fn file_of(part: &Part) -> Option<&AttachmentId> {
    match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            media.attachment_id.as_ref()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use conversation::{MessageId, NewMessage, Role};

    use super::*;

    fn message(id: &str, sent_at: &str) -> Message {
        let mut new = NewMessage::text(Role::User, "x");
        new.sent_at = Some(sent_at.parse().unwrap());
        let at = ConversationId::from_bits(1);
        new.into_message(id.parse().unwrap(), at, Time::now())
    }

    #[test]
    fn an_id_of_the_vendors_kind_stays_and_another_becomes_one_of_its_time() {
        let own = message("msg_01hggtpfewf0y91nde7cz02p0k", "2024-03-06T19:29:57.659Z");
        assert_eq!(spelled_message(&own), own.id.as_str());
        let other = message("01M7YWC9W20H0Y6NEKKP3A2EFM", "2024-03-06T19:29:57.659Z");
        let spelled = spelled_message(&other);
        assert_eq!(spelled, spelled_message(&other));
        assert_eq!((spelled.len(), &spelled[..4]), (30, "msg_"));
        assert_eq!(
            (MESSAGES.time_ms)(&spelled),
            Some(other.sent_at.as_millis())
        );
        let third = message("01M7YWC9W20H0Y6NEKKP3A2EFN", "2024-03-06T19:29:57.659Z");
        assert_ne!(spelled, spelled_message(&third));
    }

    #[test]
    fn a_time_is_read_from_ids_that_have_one_only() {
        let derived = MessageId::derive(&["a"]);
        assert_eq!(time_of("msg_", "msg_x"), None);
        assert_eq!(time_of("msg_", "conv_01hrak3m9qe27v5dbyr1ba968m"), None);
        let bits = bits_of("msg_", derived.as_str()).unwrap();
        assert_eq!(
            time_of("msg_", &typed_id("msg_", bits & !(0xf << 76))),
            None
        );
        assert_eq!(
            time_of("msg_", "msg_01hrakwwcveccsnm6xpn1wvmd4"),
            Some(1_709_753_397_659)
        );
    }

    #[test]
    fn our_files_have_the_vendors_prefix() {
        let ours: AttachmentId = "att_01hggtpfewf0y91nde7cz02p0k".parse().unwrap();
        let spelled = spelled_file(&ours);
        assert_eq!(spelled, "attch_01hggtpfewf0y91nde7cz02p0k");
        assert!(read_file(&spelled).any(|id| id == ours));
        assert_eq!(read_file("a/b").count(), 0);
    }
}
