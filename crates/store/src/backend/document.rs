//! What of a conversation or message goes into its document: what a caller can set. The rest has columns.

use backend::Result;
use conversation::{
    Conversation, Direction, Message, MessageStatus, NewConversation, NewMessage, Part, Role,
    TextFormat,
};

use crate::json;

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
        created_at: None,
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

/// What a message's row holds of it: the columns `role` and `content`.
pub(super) struct Content {
    pub(super) role: Option<Box<str>>,
    pub(super) content: Box<str>,
}

impl Content {
    /// Packs a message. Its time and its id have columns of their own; `new` comes back unchanged.
    pub(super) fn of(new: &mut NewMessage) -> Result<Self> {
        if let [Part::Text(text)] = &new.parts[..]
            && text.format == TextFormat::Plain
        {
            let text = text.text.clone();
            let parts = std::mem::take(&mut new.parts);
            let nothing_else = *new == NewMessage::of(new.role.clone(), Vec::new());
            new.parts = parts;
            if nothing_else {
                return Ok(Self {
                    role: Some(new.role.as_str().into()),
                    content: text,
                });
            }
        }
        let content = json::to_text("message", new)?.into();
        Ok(Self {
            role: None,
            content,
        })
    }

    /// Unpacks what [`Content::of`] packed.
    pub(super) fn read(role: Option<&str>, content: &str) -> Result<NewMessage> {
        match role {
            Some(role) => Ok(NewMessage::text(Role::from(role), content)),
            None => json::from_text("message", content),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_alone_is_kept_as_text_and_everything_else_as_a_document() {
        let plain = |role| NewMessage::text(role, "a \"text\" with NUL \0 and \u{1f600}");
        let subject = NewMessage {
            subject: Some("subject".into()),
            ..plain(Role::User)
        };
        let two = NewMessage::of(Role::User, vec![Part::text("one"), Part::text("two")]);
        let markdown = Part::Text(conversation::Text {
            text: "*x*".into(),
            format: TextFormat::Markdown,
        });
        for (message, is_text) in [
            (plain(Role::User), true),
            (plain(Role::Tool), true),
            (NewMessage::text(Role::Assistant, ""), true),
            (subject, false),
            (two, false),
            (NewMessage::of(Role::User, Vec::new()), false),
            (NewMessage::of(Role::User, vec![markdown]), false),
            (
                NewMessage {
                    status: Some(MessageStatus::Failed),
                    ..plain(Role::User)
                },
                false,
            ),
        ] {
            let mut packed = message.clone();
            let Content { role, content } = Content::of(&mut packed).unwrap();
            assert_eq!(packed, message);
            assert_eq!(role.is_some(), is_text, "{message:?}");
            assert_eq!(Content::read(role.as_deref(), &content).unwrap(), message);
        }
    }
}
