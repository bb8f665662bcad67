//! Messages, both ways.

use adapterkit::{Unmappable, difference, members, with_kept};
use conversation::{
    ConversationId, Extensions, JsonMap, Message, MessageId, MessageStatus, Part, Role, text_of,
};

use super::{EXTENSION, time};
use crate::wire::{ChatMessage, Extra, Member, MessageRole};

/// A message of the vendor in canonical form. It has no id there: see [`Placed::id`](super::Placed::id).
///
/// # Errors
/// Where its time cannot be read.
pub fn message_to_canonical(
    wire: &ChatMessage,
    id: MessageId,
    conversation_id: ConversationId,
) -> Result<Message, Unmappable> {
    let mut message = core(wire, id, conversation_id)?;
    let is_usual = wire.extra.is_empty()
        && wire.timestamp.value().is_some()
        && !matches!(wire.role, MessageRole::Other(_));
    if !is_usual {
        let kept = difference(&members(wire)?, &members(&build(&message))?, &[])?;
        if !kept.is_empty() {
            message.extensions.insert(EXTENSION.into(), kept);
        }
    }
    Ok(message)
}

/// The vendor's object of a message: exactly the one it came from, where nothing was changed since. Roles that the
/// vendor has not are spelled as words of their own.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn message_from_canonical(message: &Message) -> Result<ChatMessage, Unmappable> {
    let built = build(message);
    let Some(kept) = message.extensions.get(EXTENSION) else {
        return Ok(built);
    };
    let built = members(&built)?;
    let same: ChatMessage = with_kept(built.clone(), kept)?;
    let mut again = core(&same, message.id.clone(), message.conversation_id)?;
    again.extensions.clone_from(&message.extensions);
    if again == *message {
        return Ok(same);
    }
    // Something with a canonical home was changed: a kept spelling of it is out of date.
    let homeless: JsonMap = kept
        .iter()
        .filter(|(name, _)| !["role", "content", "timestamp", "absent_members"].contains(&&***name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with_kept(built, &homeless)
}

/// Everything with a canonical home.
fn core(
    wire: &ChatMessage,
    id: MessageId,
    conversation_id: ConversationId,
) -> Result<Message, Unmappable> {
    let said_at = time(wire.timestamp.into_value().unwrap_or_default(), "timestamp")?;
    let role = match &wire.role {
        MessageRole::User => Role::User,
        MessageRole::Assistant => Role::Assistant,
        MessageRole::Other(word) => Role::from(word.as_str()),
    };
    Ok(Message {
        id,
        conversation_id,
        direction: role.direction(),
        role,
        author: None,
        recipients: Vec::new(),
        subject: None,
        parts: vec![Part::text(wire.content.as_str())],
        in_reply_to: None,
        status: MessageStatus::Sent,
        rating: None,
        usage: None,
        model: None,
        provider: None,
        finish_reason: None,
        latency_ms: None,
        source: JsonMap::new(),
        metadata: JsonMap::new(),
        client_message_id: None,
        sent_at: said_at,
        created_at: said_at,
        edited_at: None,
        extensions: Extensions::new(),
    })
}

/// The wire object as far as canonical fields give it.
pub(crate) fn build(message: &Message) -> ChatMessage {
    ChatMessage {
        role: MessageRole::from(message.role.as_str()),
        content: text_of(&message.parts),
        timestamp: Member::Value(message.sent_at.as_millis()),
        extra: Extra::new(),
    }
}
