//! Conversations and messages as this vendor shows them.
//!
//! The mapping makes the exact object again where nothing but what the vendor knows was changed. Here everything that
//! the vendor does not know is taken away before, and what it could not show is cut for the view only.

use adapterkit::Unmappable;
use backend::{Error, Kind as ErrorKind};
use conversation::{
    Conversation, Direction, Extensions, JsonMap, Kind, Message, MessageStatus, Part, Participant,
    ParticipantKind, Role, Side, Status, Time,
};

use super::answer::Refused;
use super::ids::MESSAGES;
use super::{checks, described, finish};
use crate::limits::{LABEL_MAX_CHARS, METADATA_MAX_BYTES, TITLE_MAX_CHARS};
use crate::mapping::{EXTENSION, conversation_from_canonical, message_from_canonical};
use crate::wire::{self, Member, Raw};

/// The user's id that came with a message from the vendor itself.
const NATIVE_USER: &str = "userId";

fn unmappable(error: Unmappable) -> Refused {
    Error::new(ErrorKind::Internal, "kept members of the vendor are broken")
        .source(error)
        .into()
}

/// A conversation under this id.
pub(super) fn conversation(
    conversation: &Conversation,
    spelled: &str,
    is_default: bool,
    business_read: Option<Time>,
) -> Result<wire::Conversation, Refused> {
    let created_at = conversation.created_at.to_millis();
    let last = conversation
        .last_message_at
        .map_or(created_at, Time::to_millis);
    let mut seen = Conversation {
        id: conversation.id,
        backend: conversation.backend.clone(),
        kind: match conversation.kind {
            Kind::Group => Kind::Group,
            _ => Kind::Direct,
        },
        title: cut(conversation.title.as_deref(), TITLE_MAX_CHARS),
        description: cut(conversation.description.as_deref(), TITLE_MAX_CHARS),
        status: Status::Open,
        status_native: None,
        priority: None,
        labels: Vec::new(),
        participants: Vec::new(),
        owner: None,
        icon_url: conversation
            .icon_url
            .clone()
            .filter(|url| checks::is_url(url)),
        assistant: None,
        // Put in as it is: the mapping would read some members as the adapter's own.
        metadata: JsonMap::new(),
        unread: None,
        counts: None,
        usage: None,
        created_at,
        updated_at: last,
        last_message_at: Some(last).filter(|time| *time != created_at),
        extensions: own(&conversation.extensions),
    };
    let mut shown = match conversation_from_canonical(&seen, spelled) {
        Ok(shown) => shown,
        Err(_) => {
            // Somebody else wrote what is kept for this vendor, and not as the vendor does.
            seen.extensions.clear();
            conversation_from_canonical(&seen, spelled).map_err(unmappable)?
        }
    };
    shown.id = Member::Value(spelled.to_owned());
    shown.metadata = shown_metadata(flat(&conversation.metadata));
    if shown.is_default.value().is_none() {
        shown.is_default = Member::Value(is_default);
    }
    described::conversation(&mut shown);
    if let Some(read) = business_read {
        shown.business_last_read = Member::Value(read.to_millis().to_string());
    }
    Ok(shown)
}

/// What of a message is this vendor's: nothing that only others know, and no parts that nobody is shown.
pub(super) fn seen(message: &Message) -> Message {
    let is_user = message.direction == Direction::Inbound || message.role == Role::User;
    let author = message.author.as_ref();
    let kind = author.map_or(ParticipantKind::Unknown, |author| author.kind.clone());
    let name = author.and_then(|author| cut(author.name.as_deref(), LABEL_MAX_CHARS));
    let avatar_url = author
        .and_then(|author| author.avatar_url.clone())
        .filter(|url| checks::is_url(url));
    let author = if is_user {
        Some(Participant {
            id: author.and_then(|author| author.id.clone()),
            kind: ParticipantKind::Person,
            side: Some(Side::Customer),
            name,
            avatar_url,
            handles: Vec::new(),
        })
    } else {
        let says_something =
            name.is_some() || avatar_url.is_some() || kind != ParticipantKind::Unknown;
        says_something.then(|| Participant {
            id: None,
            kind,
            side: Some(Side::Business),
            name,
            avatar_url,
            handles: Vec::new(),
        })
    };
    let extensions = own(&message.extensions);
    let quotes = extensions
        .get(EXTENSION)
        .is_some_and(|kept| kept.contains_key("quotedMessage"));
    let mut source = message.source.clone();
    source.retain(|name, _| {
        ["channel", "integration_id", "message_id", "sent_at"].contains(&&**name)
    });
    Message {
        id: message.id.clone(),
        conversation_id: message.conversation_id,
        role: if is_user { Role::User } else { Role::Assistant },
        author,
        direction: if is_user {
            Direction::Inbound
        } else {
            Direction::Outbound
        },
        recipients: Vec::new(),
        subject: None,
        parts: parts(message),
        in_reply_to: message.in_reply_to.clone().filter(|_| quotes),
        status: match message.status {
            MessageStatus::Deleted => MessageStatus::Deleted,
            _ => MessageStatus::Sent,
        },
        rating: None,
        usage: None,
        model: None,
        provider: None,
        finish_reason: None,
        latency_ms: None,
        source,
        metadata: flat(&message.metadata),
        client_message_id: None,
        sent_at: message.sent_at,
        created_at: message.created_at.to_millis(),
        edited_at: None,
        extensions,
    }
}

fn parts(message: &Message) -> Vec<Part> {
    let shown = message.parts.iter().filter(|part| is_for_people(part));
    finish::joined(shown.cloned().map(finish::simpler).collect())
}

fn is_for_people(part: &Part) -> bool {
    match part {
        Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => false,
        Part::Activity(activity) => described::is_activity(activity.activity.as_str()),
        _ => true,
    }
}

/// Whether a message is shown at all: instructions, tools' results and what no part for people is in are not.
pub(super) fn is_shown(message: &Message) -> bool {
    matches!(message.role, Role::User | Role::Assistant)
        && message.direction != Direction::Internal
        && (message.parts.is_empty() || message.parts.iter().any(is_for_people))
}

/// A message that was [`seen`], whose user has this id here.
pub(super) fn message(mut seen: Message, user_id: Option<&str>) -> Result<wire::Message, Refused> {
    let spelled = (MESSAGES.spell)(&seen);
    let metadata = std::mem::take(&mut seen.metadata);
    let is_user = seen.role == Role::User;
    if is_user
        && user_id.is_some()
        && let Some(kept) = seen.extensions.get_mut(EXTENSION)
    {
        // The vendor's own id of the user is another than the one that users have here.
        kept.remove(NATIVE_USER);
        kept.remove("author");
    }
    let mut shown = match message_from_canonical(&seen, user_id) {
        Ok(shown) => shown,
        Err(_) => {
            // Somebody else wrote what is kept for this vendor, and not as the vendor does.
            seen.extensions.clear();
            message_from_canonical(&seen, user_id).map_err(unmappable)?
        }
    };
    shown.id = Member::Value(spelled);
    shown.metadata = shown_metadata(metadata);
    described::message(&mut shown, is_user);
    Ok(shown)
}

/// What is kept for this vendor.
fn own(extensions: &Extensions) -> Extensions {
    extensions
        .iter()
        .filter(|(vendor, _)| &***vendor == EXTENSION)
        .map(|(vendor, kept)| (vendor.clone(), kept.clone()))
        .collect()
}

/// The first characters of a text; `None` where it has none.
fn cut(text: Option<&str>, most: usize) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty())
        .map(|text| finish::cut(text, most).into())
}

fn shown_metadata(metadata: JsonMap) -> Member<Raw> {
    let encoded = Raw::encode(&metadata).ok();
    Member::from(encoded.filter(|_| !metadata.is_empty()))
}

/// The members of metadata that this vendor can show: strings, numbers and booleans, as many as have room, by name.
pub(super) fn flat(metadata: &JsonMap) -> JsonMap {
    // The braces, and for each member two colons' worth of signs.
    let mut room = METADATA_MAX_BYTES.saturating_sub(2);
    let mut shown = JsonMap::new();
    for (name, value) in metadata
        .iter()
        .filter(|(_, value)| checks::is_scalar(value))
    {
        let name_bytes = Raw::encode(name).map_or(usize::MAX, |raw| raw.text().len());
        let bytes = name_bytes.saturating_add(value.get().len() + 2);
        if bytes <= room {
            room -= bytes;
            shown.insert(name.clone(), value.clone());
        }
    }
    shown
}
