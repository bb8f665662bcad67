//! Ids in the vendor's spelling: ULIDs, 26 characters of upper-case base 32.

use backend::Principal;
use conversation::{ConversationId, Digest, Message, MessageId, Time};
use facadekit::{MessageSpelling, Spelling};
use ulid::Ulid;

/// Ids of conversations: the public id's own 26 characters, in upper case.
pub(crate) const CONVERSATIONS: Spelling = Spelling {
    facade: super::KIND,
    spell: spell_conversation,
    read: Some(read_conversation),
};

/// Ids of messages: the 26 characters of ours, a vendor's that is a ULID already, else the time and a hash.
pub(crate) const MESSAGES: MessageSpelling = MessageSpelling {
    spell: spell_message,
    read: read_message,
    time_ms,
};

/// What our ids of messages begin with.
const OURS: &str = "msg_";
/// Bits of a ULID behind its time.
const HASH_BITS: u32 = 80;

/// Whether this is an id as the vendor makes them: 26 characters of upper-case base 32, at most 128 bits.
pub(crate) fn is_ulid(id: &str) -> bool {
    id.len() == 26
        && id.as_bytes()[0] <= b'7'
        && id
            .bytes()
            .all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
}

/// The vendor's id of whoever calls: the same for one user of one tenant, or for one key that is nobody's.
pub(crate) fn user_id(principal: &Principal) -> String {
    let user = principal.user_or_key();
    // No tenant has a slash in its name.
    let name = format!("{}/{user}", principal.tenant);
    Ulid(hash128(name.as_bytes())).to_string()
}

/// A new id, as the newest release makes them for requests that bring none.
pub(crate) fn new_ulid() -> String {
    spell_conversation(ConversationId::generate(), Time::now())
}

fn spell_conversation(id: ConversationId, _created_at: Time) -> String {
    Ulid(id.bits()).to_string()
}

fn read_conversation(spelled: &str) -> Option<ConversationId> {
    is_ulid(spelled)
        .then(|| Ulid::from_string(spelled).ok())
        .flatten()
        .map(|ulid| ConversationId::from_bits(ulid.0))
}

/// The spelling of an id of ours, or of one that is the vendor's already: all that the id alone tells.
pub(crate) fn spell_known(id: &str) -> Option<String> {
    let spelled = match id.strip_prefix(OURS) {
        Some(characters) => {
            let spelled = characters.to_ascii_uppercase();
            (characters == spelled.to_ascii_lowercase()).then_some(spelled)?
        }
        None => id.to_owned(),
    };
    is_ulid(&spelled).then_some(spelled)
}

fn spell_message(message: &Message) -> String {
    let id = message.id.as_str();
    if let Some(spelled) = spell_known(id) {
        return spelled;
    }
    // 48 bits of time; earlier than 1970 is as early as it gets.
    let time = u128::try_from(message.sent_at.as_millis()).unwrap_or_default() & ((1 << 48) - 1);
    let hash = hash128(id.as_bytes()) & ((1 << HASH_BITS) - 1);
    Ulid((time << HASH_BITS) | hash).to_string()
}

fn read_message(spelled: &str) -> Option<MessageId> {
    is_ulid(spelled)
        .then(|| {
            format!("{OURS}{}", spelled.to_ascii_lowercase())
                .parse()
                .ok()
        })
        .flatten()
}

fn time_ms(spelled: &str) -> Option<i64> {
    let ulid = is_ulid(spelled)
        .then(|| Ulid::from_string(spelled).ok())
        .flatten()?;
    i64::try_from(ulid.0 >> HASH_BITS).ok()
}

/// 128 bits of a hash.
pub(crate) fn hash128(bytes: &[u8]) -> u128 {
    let digest = Digest::of(bytes);
    let mut first = [0_u8; 16];
    first.copy_from_slice(&digest.as_bytes()[..16]);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use conversation::{NewMessage, Role};

    use super::*;

    fn message(id: &str) -> Message {
        let time = "2026-11-21T11:03:04.318Z".parse().unwrap();
        NewMessage::text(Role::User, "hello").into_message(
            id.parse().unwrap(),
            ConversationId::generate(),
            time,
        )
    }

    #[test]
    fn ids_of_conversations_read_back() {
        let id = ConversationId::generate();
        let spelled = spell_conversation(id, Time::now());
        assert!(is_ulid(&spelled));
        assert_eq!(read_conversation(&spelled), Some(id));
        assert_eq!(read_conversation(&spelled.to_lowercase()), None);
        assert_eq!(read_conversation("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
    }

    #[test]
    fn every_id_of_a_message_is_a_ulid() {
        let ours = MessageId::generate();
        let spelled = spell_message(&message(ours.as_str()));
        assert!(is_ulid(&spelled));
        assert_eq!(read_message(&spelled), Some(ours));
        let native = "01M7YWC9Z67BX6VW0HCGDSH1VP";
        assert_eq!(spell_message(&message(native)), native);
        let foreign = message("6f0c-aa_Z");
        let spelled = spell_message(&foreign);
        assert!(is_ulid(&spelled), "{spelled}");
        assert_eq!(time_ms(&spelled), Some(foreign.sent_at.as_millis()));
        assert_ne!(spelled, spell_message(&message("6f0c-aa_Y")));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "abc",
            "01m7yw9z67bx6vw0hcgdsh1vpx",
            "01M7YWC9Z67BX6VW0HCGDSH1VI",
        ] {
            assert!(!is_ulid(text), "{text}");
        }
    }
}
