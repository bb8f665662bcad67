//! What of a conversation or message goes into its document: what a caller can set. The rest has columns.

use conversation::{Conversation, Direction, Message, MessageStatus, NewConversation, NewMessage};

/// The document of a conversation.
pub(super) fn of_conversation(conversation: Conversation) -> NewConversation {
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
        extensions,
    }
}

/// The document of a message; `imported_rating` is what it was imported with, which votes never change.
pub(super) fn of_message(
    message: Message,
    imported_rating: Option<conversation::Rating>,
) -> NewMessage {
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
        rating: _,
        usage,
        model,
        provider,
        finish_reason,
        latency_ms,
        source,
        metadata,
        client_message_id,
        sent_at: _,
        created_at: _,
        edited_at,
        extensions,
    } = message;
    // What a reader derives again is left out: short documents read faster.
    NewMessage {
        direction: Some(direction).filter(|direction| *direction != role.direction()),
        role,
        author,
        recipients,
        subject,
        parts,
        in_reply_to,
        status: Some(status).filter(|status| *status != MessageStatus::Sent),
        rating: imported_rating,
        usage,
        model,
        provider,
        finish_reason,
        latency_ms,
        source,
        metadata,
        client_message_id,
        sent_at: None,
        edited_at,
        extensions,
    }
}

/// What a message means for the number of unread messages; the column `turn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Neither of the others.
    Neutral = 0,
    /// From the customer, not marked as read: waits.
    Waiting = 1,
    /// From the business, which has read what came before.
    Business = 2,
}

impl Turn {
    pub(super) fn of(direction: &Direction, status: &MessageStatus) -> Self {
        match direction {
            Direction::Inbound if *status != MessageStatus::Read => Self::Waiting,
            Direction::Outbound => Self::Business,
            Direction::Inbound | Direction::Internal | Direction::Other(_) => Self::Neutral,
        }
    }
}
