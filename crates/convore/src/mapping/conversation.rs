//! Conversations, both ways.

use adapterkit::{Extra, Member, Unmappable, difference, members, with_kept};
use conversation::{
    Conversation, ConversationId, Counts, Extensions, JsonMap, Kind, MessageId, Priority, Status,
    Time,
};

use super::EXTENSION;
use super::kept::Kept;
use super::message::time;
use super::participant::{participants_from_canonical, participants_to_canonical};
use crate::wire::{self, ConversationPriority, ConversationStatus, Label, LabelType, spelled_time};

/// A conversation of the vendor in canonical form.
///
/// # Errors
/// Where a time cannot be read.
pub fn conversation_to_canonical(
    wire: &wire::Conversation,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    let mut conversation = core(wire, backend)?;
    // The channel has no canonical home.
    let built = build(&conversation, &wire.id, "");
    let kept = match kept(wire, &built)? {
        Some(kept) => kept,
        None => difference(&members(wire)?, &members(&built)?, &[])?,
    };
    conversation.extensions.insert(EXTENSION.into(), kept);
    conversation.extensions.retain(|_, kept| !kept.is_empty());
    Ok(conversation)
}

/// The vendor's object of a conversation: exactly the one it came from, where nothing was changed since.
///
/// `native` is its id there, `channel_id` the channel of one that never was there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn conversation_from_canonical(
    conversation: &Conversation,
    native: &str,
    channel_id: &str,
) -> Result<wire::Conversation, Unmappable> {
    let built = members(&build(conversation, native, channel_id))?;
    let Some(kept) = conversation.extensions.get(EXTENSION) else {
        return with_kept(built, &JsonMap::new());
    };
    let same: wire::Conversation = with_kept(built.clone(), kept)?;
    let mut again = core(&same, &conversation.backend)?;
    again.extensions.clone_from(&conversation.extensions);
    again.id = conversation.id;
    if again == *conversation {
        return Ok(same);
    }
    // Something with a canonical home was changed: a kept spelling of it is out of date.
    let homeless: JsonMap = kept
        .iter()
        .filter(|(name, _)| !built.contains_key(*name) || &***name == "channel_id")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with_kept(built, &homeless)
}

/// When the newest message of a conversation was said.
///
/// # Errors
/// Where its time cannot be read.
pub fn last_said_at(wire: &wire::Conversation) -> Result<Option<Time>, Unmappable> {
    let last = wire.last_message_date.value();
    last.map(|text| time(text, "last_message_date")).transpose()
}

/// What [`build`] does not bring back.
fn kept(
    wire: &wire::Conversation,
    built: &wire::Conversation,
) -> Result<Option<JsonMap>, Unmappable> {
    let mut kept = Kept::default();
    kept.required("channel_id", &wire.channel_id, &built.channel_id)?;
    kept.required("status", &wire.status, &built.status)?;
    kept.required("priority", &wire.priority, &built.priority)?;
    kept.required("labels", &wire.labels, &built.labels)?;
    kept.required("participants", &wire.participants, &built.participants)?;
    kept.optional("subject", &wire.subject, &built.subject)?;
    kept.optional("snippet", &wire.snippet, &built.snippet)?;
    kept.optional("is_unread", &wire.is_unread, &built.is_unread)?;
    kept.optional(
        "last_message_date",
        &wire.last_message_date,
        &built.last_message_date,
    )?;
    kept.optional(
        "external_conversation_id",
        &wire.external_conversation_id,
        &built.external_conversation_id,
    )?;
    kept.optional("message_count", &wire.message_count, &built.message_count)?;
    kept.optional("draft_count", &wire.draft_count, &built.draft_count)?;
    kept.optional(
        "attachment_count",
        &wire.attachment_count,
        &built.attachment_count,
    )?;
    kept.required("created_at", &wire.created_at, &built.created_at)?;
    kept.extra(&wire.extra)?;
    Ok(kept.finish())
}

/// The names of labels, sorted, each once: twins of several channels share one.
fn label_names(labels: &[Label]) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = labels
        .iter()
        .map(|label| label.name.as_str().into())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Everything with a canonical home.
fn core(wire: &wire::Conversation, backend: &str) -> Result<Conversation, Unmappable> {
    let created_at = time(&wire.created_at, "created_at")?;
    let last_message_at = last_said_at(wire)?;
    let (status, status_native) = match &wire.status {
        ConversationStatus::Open => (Status::Open, None),
        ConversationStatus::Done => (Status::Closed, None),
        ConversationStatus::Trash => (Status::Trashed, None),
        ConversationStatus::Spam => (Status::Spam, None),
        ConversationStatus::Other(word) => (Status::Open, Some(word.as_str().into())),
    };
    let priority = match &wire.priority {
        // What nobody has judged has no priority.
        ConversationPriority::NoPriority => None,
        ConversationPriority::Urgent => Some(Priority::Urgent),
        ConversationPriority::High => Some(Priority::High),
        ConversationPriority::Medium => Some(Priority::Medium),
        ConversationPriority::Low => Some(Priority::Low),
        ConversationPriority::Other(word) => Some(Priority::Other(word.as_str().into())),
    };
    Ok(Conversation {
        id: ConversationId::derive(backend, &wire.id),
        backend: backend.into(),
        // Every conversation has subject, recipients and copies, whatever its channel: the model's mail thread.
        kind: Kind::Mail,
        title: wire
            .subject
            .value()
            .filter(|subject| !subject.is_empty())
            .map(|subject| subject.as_str().into()),
        description: None,
        status,
        status_native,
        priority,
        labels: label_names(&wire.labels),
        participants: participants_to_canonical(&wire.participants),
        owner: None,
        icon_url: None,
        assistant: None,
        metadata: JsonMap::new(),
        // Convore tells whether, not how many.
        unread: wire.is_unread.value().map(|unread| u64::from(*unread)),
        counts: wire.message_count.value().map(|count| Counts {
            messages: Some(*count),
        }),
        usage: None,
        created_at,
        // The vendor tells no time of change.
        updated_at: last_message_at.map_or(created_at, |last| last.max(created_at)),
        last_message_at,
        extensions: Extensions::new(),
    })
}

/// The wire object as far as canonical fields give it.
fn build(conversation: &Conversation, native: &str, channel_id: &str) -> wire::Conversation {
    let created_at = spelled_time(conversation.created_at);
    let counts = conversation.counts.as_ref();
    wire::Conversation {
        id: native.to_owned(),
        channel_id: channel_id.to_owned(),
        status: match &conversation.status_native {
            Some(native) => ConversationStatus::from(&**native),
            None => wire_status(&conversation.status).unwrap_or(ConversationStatus::Open),
        },
        priority: wire_priority(conversation.priority.as_ref()),
        labels: conversation
            .labels
            .iter()
            .map(|name| label(name, &created_at))
            .collect(),
        participants: participants_from_canonical(&conversation.participants, &[]),
        subject: Member::from(conversation.title.as_deref().map(str::to_owned)),
        // No canonical home.
        snippet: Member::Absent,
        is_unread: Member::from(conversation.unread.map(|unread| unread > 0)),
        last_message_date: Member::from(conversation.last_message_at.map(spelled_time)),
        external_conversation_id: Member::Absent,
        message_count: Member::from(counts.and_then(|counts| counts.messages)),
        draft_count: Member::Absent,
        attachment_count: Member::Absent,
        created_at,
        extra: Extra::new(),
    }
}

/// A label that never was at Convore: the same name has the same id.
fn label(name: &str, created_at: &str) -> Label {
    let id = MessageId::derive(&["convore.label", name]);
    Label {
        id: id.as_str().replacen("msg_", "lbl_", 1),
        name: name.to_owned(),
        description: Member::Absent,
        created_at: created_at.to_owned(),
        kind: LabelType::Shared,
        channel_id: Member::Absent,
        external_label_id: Member::Absent,
        shared_label_id: Member::Absent,
        extra: Extra::new(),
    }
}

/// The vendor's word for a status; nothing where it has none.
pub(super) fn wire_status(status: &Status) -> Option<ConversationStatus> {
    match status {
        Status::Open => Some(ConversationStatus::Open),
        Status::Closed => Some(ConversationStatus::Done),
        Status::Spam => Some(ConversationStatus::Spam),
        Status::Trashed => Some(ConversationStatus::Trash),
        Status::Archived | Status::Other(_) => None,
    }
}

/// The vendor's word for a priority.
pub(super) fn wire_priority(priority: Option<&Priority>) -> ConversationPriority {
    match priority {
        None | Some(Priority::None) => ConversationPriority::NoPriority,
        Some(priority) => ConversationPriority::from(priority.as_str()),
    }
}
