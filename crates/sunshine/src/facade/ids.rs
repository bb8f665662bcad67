//! Ids in the vendor's spelling: 24 lower-case hexadecimal digits, of which the first twelve are the time in milliseconds
//! and the others a hash. What lived at the vendor first keeps the id that it got there.

use std::sync::Arc;

use conversation::{Conversation, ConversationId, Message, MessageId, Time};
use facadekit::{FacadeParts, MessageSpelling, Spelling, hash48};

use super::answer::Refused;
use super::call::Call;
use crate::wire::CURSOR_CHARS;

/// The digits of a time.
const TIME_DIGITS: usize = 12;
/// The digits of the vendor's own times, which are seconds.
const SECONDS_DIGITS: usize = 8;
/// What the vendor's own ids, read as milliseconds, lie far beyond: the year 2223.
const LATEST_MS: i64 = 8_000_000_000_000;

/// How conversations are spelled.
const SPELLING: Spelling = Spelling {
    facade: super::KIND,
    spell: spell_conversation,
    read: None,
};

/// How messages are spelled.
pub(super) const MESSAGES: MessageSpelling = MessageSpelling {
    spell: spell_message,
    read: read_message,
    time_ms: time_of,
};

/// Ids of conversations.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    parts: Arc<FacadeParts>,
}

impl Ids {
    pub(super) fn new(parts: FacadeParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The ids of these conversations, in their order.
    pub(super) async fn of(&self, conversations: &[&Conversation]) -> Result<Vec<String>, Refused> {
        Ok(SPELLING.spelled(&self.parts, conversations).await?)
    }

    /// The id of one conversation.
    pub(super) async fn of_one(&self, conversation: &Conversation) -> Result<String, Refused> {
        Ok(SPELLING.spelled_one(&self.parts, conversation).await?)
    }

    /// The conversation with this id. Whether the caller may see it is not asked.
    pub(super) async fn read(&self, spelled: &str) -> Result<Option<ConversationId>, Refused> {
        Ok(SPELLING.read(&self.parts, spelled).await?)
    }
}

impl Call {
    /// The conversation that a path names.
    pub(super) async fn conversation_id(&self, spelled: &str) -> Result<ConversationId, Refused> {
        let found = self.shared.ids.read(spelled).await?;
        found.ok_or_else(Refused::no_conversation)
    }
}

/// Whether a text has the form of the vendor's ids.
pub(super) fn is_object_id(text: &str) -> bool {
    text.len() == CURSOR_CHARS
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The id of something that began at `at` and is told from others by `name`.
pub(super) fn spell(at: Time, name: &str) -> String {
    let millis = u64::try_from(at.as_millis()).unwrap_or_default() & 0xffff_ffff_ffff;
    format!("{millis:012x}{:012x}", hash48(name))
}

fn spell_conversation(id: ConversationId, created_at: Time) -> String {
    spell(created_at, &id.to_string())
}

fn spell_message(message: &Message) -> String {
    if is_object_id(message.id.as_str()) {
        return message.id.to_string();
    }
    spell(message.sent_at, message.id.as_str())
}

fn read_message(spelled: &str) -> Option<MessageId> {
    is_object_id(spelled).then(|| spelled.parse().ok())?
}

/// When something with this id began, in milliseconds of Unix time; `None` where the id tells no time.
pub(super) fn time_of(spelled: &str) -> Option<i64> {
    if !is_object_id(spelled) {
        return None;
    }
    let millis = i64::from_str_radix(&spelled[..TIME_DIGITS], 16).ok()?;
    match millis {
        // Nothing was said then: whoever asks for such an id guesses, and is not worth a walk.
        0 => None,
        1..LATEST_MS => Some(millis),
        _ => {
            let seconds = i64::from_str_radix(&spelled[..SECONDS_DIGITS], 16).ok()?;
            Some(seconds * 1_000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_time_whoever_made_it() {
        let at: Time = "2026-11-22T03:00:00.123Z".parse().unwrap();
        let spelled = spell(at, "msg_1");
        assert!(is_object_id(&spelled));
        assert_eq!(time_of(&spelled), Some(at.as_millis()));
        assert_ne!(spelled, spell(at, "msg_2"));
        assert_eq!(
            time_of("5e552ef595e5206375bb835d"),
            Some(0x5e55_2ef5 * 1_000)
        );
        assert_eq!(time_of("000000000000000000000404"), None);
        assert_eq!(time_of("5E552EF595E5206375BB835D"), None);
    }
}
