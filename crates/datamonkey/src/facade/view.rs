//! What callers are shown of conversations and messages: ids in the vendor's spelling, and nothing that its clients choke
//! on. Built from canonical fields alone: what a caller keeps under `extensions` never shapes an answer.

use conversation::{Conversation, ConversationId, Message, MessageStatus, Part, Role, Time};
use facadekit::{Spelling, hash48};

use crate::mapping::{plain_conversation, plain_created, plain_message};
use crate::wire::{ChatConversation, ChatMessage, CreatedConversation, Member, MessageRole};

/// What stands for a message of a user that has no words: the vendor stores none without.
const NO_WORDS: &str = "[no text]";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters behind the time.
const LETTERS: usize = 8;

/// Ids of conversations: `conv-`, the time in milliseconds, `-`, 8 letters and digits. They hold less than a public id,
/// so each is noted before it is shown.
pub(super) const SPELLING: Spelling = Spelling {
    facade: super::KIND,
    spell,
    read: None,
};

fn spell(id: ConversationId, created_at: Time) -> String {
    let mut rest = hash48(&id.to_string());
    let mut letters = String::with_capacity(LETTERS);
    for _ in 0..LETTERS {
        let place = usize::try_from(rest % 62).unwrap_or_default();
        letters.push(char::from(ALPHABET[place]));
        rest /= 62;
    }
    // A minus would read as one more part.
    format!("conv-{}-{letters}", created_at.as_millis().max(0))
}

/// The answer of a create.
pub(super) fn created(conversation: &Conversation, spelled: &str) -> CreatedConversation {
    let built = plain_created(spelled)(conversation);
    CreatedConversation {
        created: built.created.max(0),
        updated: built.updated.max(0),
        ..built
    }
}

/// A conversation of a list.
pub(super) fn listed(conversation: &Conversation, spelled: &str) -> ChatConversation {
    let built = plain_conversation(spelled)(conversation);
    ChatConversation {
        created: built.created.max(0),
        updated: built.updated.max(0),
        ..built
    }
}

/// A conversation with its messages.
pub(super) fn whole(
    conversation: &Conversation,
    spelled: &str,
    messages: Vec<ChatMessage>,
) -> ChatConversation {
    ChatConversation {
        messages: or_null(messages),
        ..listed(conversation, spelled)
    }
}

/// Messages as the vendor sends them: `null` where there are none.
pub(super) fn or_null(messages: Vec<ChatMessage>) -> Member<Vec<ChatMessage>> {
    Member::or_null((!messages.is_empty()).then_some(messages))
}

/// A message, where the vendor could have stored such a one.
pub(super) fn message(message: &Message) -> Option<ChatMessage> {
    let is_user = match message.role {
        Role::User => true,
        Role::Assistant => false,
        Role::System | Role::Tool | Role::Other(_) => return None,
    };
    let is_gone = match message.status {
        MessageStatus::Deleted => true,
        // The vendor stores nothing of an answer that could not be made.
        MessageStatus::Failed => !is_user,
        _ => false,
    };
    if is_gone {
        return None;
    }
    let mut shown = said(message);
    if shown.content.is_empty() {
        if !says_something(&message.parts) {
            return None;
        }
        if is_user {
            shown.content = NO_WORDS.to_owned();
        }
    }
    Some(shown)
}

/// The answer of a send, whatever it says.
pub(super) fn answer(message: &Message) -> ChatMessage {
    ChatMessage {
        role: MessageRole::Assistant,
        ..said(message)
    }
}

/// The vendor has no time before 1970, and leaves out one that is 0.
fn said(message: &Message) -> ChatMessage {
    ChatMessage {
        timestamp: Member::Value(message.sent_at.as_millis().max(1)),
        ..plain_message(message)
    }
}

/// False for what only happened, or was only thought.
fn says_something(parts: &[Part]) -> bool {
    let is_silent = |part: &Part| {
        matches!(
            part,
            Part::Activity(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_)
        )
    };
    parts.is_empty() || !parts.iter().all(is_silent)
}

#[cfg(test)]
mod tests {
    use conversation::{MessageId, NewConversation, NewMessage};

    use super::*;

    fn said(role: Role, parts: Vec<Part>) -> Message {
        let at = ConversationId::generate();
        NewMessage::of(role, parts).into_message(MessageId::generate(), at, Time::now())
    }

    #[test]
    fn an_id_is_the_vendors_and_the_same_every_time() {
        let id = ConversationId::generate();
        let created_at = Time::from_micros(1_795_258_942_493_999).unwrap();
        let spelled = spell(id, created_at);
        assert_eq!(spelled, spell(id, created_at));
        let letters = spelled.strip_prefix("conv-1795258942493-").unwrap();
        assert_eq!(letters.len(), LETTERS);
        assert!(letters.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let old = Time::from_micros(-5_000_000).unwrap();
        assert!(spell(id, old).starts_with("conv-0-"));
        assert_ne!(spelled, spell(ConversationId::generate(), created_at));
    }

    #[test]
    fn nothing_happened_before_1970() {
        let old = Time::from_micros(-5_000_000).unwrap();
        let mut conversation = NewConversation::default().into_conversation(
            ConversationId::generate(),
            "store",
            Time::now(),
        );
        conversation.created_at = old;
        conversation.updated_at = old;
        let made = created(&conversation, "conv-0-a");
        assert_eq!((made.created, made.updated), (0, 0));
        let shown = listed(&conversation, "conv-0-a");
        assert_eq!((shown.created, shown.updated), (0, 0));
        let mut first = self::said(Role::User, vec![Part::text("a")]);
        first.sent_at = old;
        let shown = message(&first).unwrap();
        assert_eq!(shown.timestamp, Member::Value(1));
    }

    #[test]
    fn only_what_the_vendor_could_store_is_shown() {
        let text = |text: &str| vec![Part::text(text)];
        let content = |role, parts| message(&said(role, parts)).map(|shown| shown.content);
        assert_eq!(content(Role::User, text("a")).as_deref(), Some("a"));
        assert_eq!(content(Role::User, text("")).as_deref(), Some(NO_WORDS));
        assert_eq!(content(Role::User, Vec::new()).as_deref(), Some(NO_WORDS));
        assert_eq!(content(Role::Assistant, text("")).as_deref(), Some(""));
        let thought = || vec![Part::Reasoning("hm".into())];
        assert_eq!(content(Role::Assistant, thought()), None);
        for role in [Role::System, Role::Tool, Role::from("narrator")] {
            assert_eq!(content(role, text("a")), None);
        }
        let with_status = |role, status| {
            let mut one = said(role, text("a"));
            one.status = status;
            message(&one).is_some()
        };
        assert!(!with_status(Role::User, MessageStatus::Deleted));
        assert!(!with_status(Role::Assistant, MessageStatus::Failed));
        assert!(with_status(Role::User, MessageStatus::Failed));
        assert!(with_status(Role::Assistant, MessageStatus::Incomplete));
    }
}
