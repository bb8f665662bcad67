//! What of a read is compared: no words of people, only how long they are and their digests.

use conversation::{
    Conversation, Digest, JsonMap, Kind, Message, MessageId, Priority, Role, Status,
    canonical_json, text_of,
};

use super::Seen;

/// So many characters of a digest are told.
const DIGEST_CHARS: usize = 16;

/// What was read, without its words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Portrait {
    pub(super) rows: Vec<Row>,
    /// True where the list goes on behind the last row.
    pub(super) has_more: bool,
}

/// The conversation itself, or one message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) message: Option<MessageId>,
    /// Pointers and what is there, in one order for all.
    pub(super) fields: Vec<(&'static str, Option<Box<str>>)>,
}

impl Portrait {
    pub(super) fn of(seen: &Seen) -> Self {
        let (rows, has_more) = match seen {
            Seen::Conversation(conversation) => (vec![of_conversation(conversation)], false),
            Seen::Messages(messages, has_more) => {
                (messages.iter().map(of_message).collect(), *has_more)
            }
            Seen::Message(message) => (vec![of_message(message)], false),
        };
        Self { rows, has_more }
    }
}

/// The fields by which people know a conversation. What backends count or date by themselves is not among them.
fn of_conversation(conversation: &Conversation) -> Row {
    let text = |text: &Option<Box<str>>| text.as_deref().map(words);
    let Conversation {
        kind,
        title,
        description,
        status,
        priority,
        labels,
        owner,
        metadata,
        ..
    } = conversation;
    Row {
        message: None,
        fields: vec![
            ("/kind", Some(kind_word(kind))),
            ("/title", text(title)),
            ("/description", text(description)),
            ("/status", Some(status_word(status))),
            ("/priority", priority.as_ref().map(priority_word)),
            ("/labels", list(labels)),
            ("/owner", text(owner)),
            ("/metadata", members(metadata)),
        ],
    }
}

/// What the portable digest covers: role and plain text.
fn of_message(message: &Message) -> Row {
    Row {
        message: Some(message.id.clone()),
        fields: vec![
            ("/role", Some(role_word(&message.role))),
            ("/parts", Some(words(&text_of(&message.parts)))),
        ],
    }
}

fn kind_word(kind: &Kind) -> Box<str> {
    match kind {
        Kind::Other(other) => words(other),
        known => known.as_str().into(),
    }
}

fn status_word(status: &Status) -> Box<str> {
    match status {
        Status::Other(other) => words(other),
        known => known.as_str().into(),
    }
}

fn priority_word(priority: &Priority) -> Box<str> {
    match priority {
        Priority::Other(other) => words(other),
        known => known.as_str().into(),
    }
}

fn role_word(role: &Role) -> Box<str> {
    match role {
        Role::Other(other) => words(other),
        known => known.as_str().into(),
    }
}

fn words(text: &str) -> Box<str> {
    let count = text.chars().count();
    format!("{count} characters, {}", digest(text.as_bytes())).into()
}

fn list(labels: &[Box<str>]) -> Option<Box<str>> {
    let of = digest(canonical_json(&labels).as_bytes());
    (!labels.is_empty()).then(|| format!("{} labels, {of}", labels.len()).into())
}

fn members(metadata: &JsonMap) -> Option<Box<str>> {
    let of = digest(canonical_json(metadata).as_bytes());
    (!metadata.is_empty()).then(|| format!("{} members, {of}", metadata.len()).into())
}

fn digest(bytes: &[u8]) -> String {
    let mut text = Digest::of(bytes).to_string();
    text.truncate(DIGEST_CHARS);
    text
}

#[cfg(test)]
mod tests {
    use conversation::{ConversationId, NewConversation, Time};

    use super::*;

    #[test]
    fn nobodys_words_are_in_it() {
        let new: NewConversation = serde_json::from_str(
            r#"{"kind":"gossip","title":"gossip","description":"gossip","status":"gossip","priority":"gossip",
                "labels":["gossip"],"owner":"gossip","metadata":{"gossip":"gossip"}}"#,
        )
        .unwrap();
        let id = ConversationId::generate();
        let conversation = new.into_conversation(id, "gossip", Time::now());
        let portrait = Portrait::of(&Seen::Conversation(Box::new(conversation)));
        assert_eq!(portrait.rows[0].fields.len(), 8);
        let text = format!("{portrait:?}");
        assert!(!text.contains("gossip"), "{text}");
        assert!(text.contains("6 characters, "), "{text}");
    }
}
