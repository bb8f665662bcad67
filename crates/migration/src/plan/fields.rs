//! What is written of what was read: everything that a caller can set.

use conversation::{Conversation, Message, NewConversation, NewMessage, text_of};

/// A conversation as it is made anew elsewhere.
pub(crate) fn new_conversation(conversation: Conversation) -> NewConversation {
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
        created_at,
        updated_at: _,
        last_message_at: _,
        extensions,
    } = conversation;
    NewConversation {
        kind: Some(kind),
        title,
        description,
        status: Some(status),
        priority,
        labels,
        participants,
        owner,
        icon_url,
        assistant,
        metadata,
        created_at: Some(created_at),
        extensions,
    }
}

/// A message as it is imported elsewhere.
pub(crate) fn new_message(message: Message) -> NewMessage {
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
        usage,
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
    NewMessage {
        role,
        author,
        direction: Some(direction),
        recipients,
        subject,
        parts,
        in_reply_to,
        status: Some(status),
        rating,
        usage,
        model,
        provider,
        finish_reason,
        latency_ms,
        source,
        metadata,
        client_message_id,
        sent_at: Some(sent_at),
        edited_at,
        extensions,
    }
}

/// So many bytes of text a message has.
pub(crate) fn text_bytes(message: &Message) -> u64 {
    u64::try_from(text_of(&message.parts).len()).unwrap_or(u64::MAX)
}
