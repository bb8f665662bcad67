//! Conversations, both ways.

use adapterkit::Unmappable;
use conversation::{
    Conversation, ConversationId, ConversationPatch, Extensions, JsonMap, Kind, NewConversation,
    Patch, Status,
};

use super::EXTENSION;
use super::keep::{Keeper, again};
use super::own::{split, without_own};
use super::structured::raw_map;
use super::times::{optional_time, spelled, time_or_id};
use crate::wire::{
    self, ConversationCreateBody, ConversationType, ConversationUpdateBody, Extra, Member,
    ParticipantSubSchema, Raw,
};

/// A conversation of the vendor in canonical form. It names no participants.
///
/// # Errors
/// Where it has no id, or a time cannot be read.
pub fn conversation_to_canonical(
    wire: &wire::Conversation,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    let native = wire.id.value().ok_or(Unmappable("id"))?;
    let mut conversation = core(wire, native, backend)?;
    let built = build(&conversation, native);
    let mut keeper = Keeper::new();
    keeper.member("type", &wire.kind, &built.kind)?;
    keeper.member("metadata", &without_own(&wire.metadata), &built.metadata)?;
    keeper.member(
        "activeSwitchboardIntegration",
        &wire.active_switchboard_integration,
        &built.active_switchboard_integration,
    )?;
    keeper.member(
        "pendingSwitchboardIntegration",
        &wire.pending_switchboard_integration,
        &built.pending_switchboard_integration,
    )?;
    keeper.member("isDefault", &wire.is_default, &built.is_default)?;
    keeper.member("displayName", &wire.display_name, &built.display_name)?;
    keeper.member("description", &wire.description, &built.description)?;
    keeper.member("iconUrl", &wire.icon_url, &built.icon_url)?;
    keeper.member(
        "businessLastRead",
        &wire.business_last_read,
        &built.business_last_read,
    )?;
    keeper.member(
        "lastUpdatedAt",
        &wire.last_updated_at,
        &built.last_updated_at,
    )?;
    keeper.member("createdAt", &wire.created_at, &built.created_at)?;
    keeper.extra(&wire.extra)?;
    let kept = keeper.finish()?;
    if !kept.is_empty() {
        conversation.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(conversation)
}

/// The vendor's object of a conversation: exactly the one it came from, where nothing was changed since.
///
/// `native` is its id there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn conversation_from_canonical(
    conversation: &Conversation,
    native: &str,
) -> Result<wire::Conversation, Unmappable> {
    let built = build(conversation, native);
    let Some(kept) = conversation.extensions.get(EXTENSION) else {
        return Ok(built);
    };
    let (same, changed) = again(&built, kept, &[])?;
    let mut read = core(&same, native, &conversation.backend)?;
    read.extensions.clone_from(&conversation.extensions);
    read.id = conversation.id;
    // Else something with a canonical home was changed: a kept spelling of it is out of date.
    Ok(if read == *conversation { same } else { changed })
}

/// The body of a create for these users, in the order in which they are given. Takes what
/// [`preview`](super::preview()) left over; `metadata` is the caller's with ours.
#[must_use]
pub fn create_body(
    new: &NewConversation,
    external_ids: &[String],
    is_group: bool,
    metadata: &JsonMap,
) -> ConversationCreateBody {
    let participants = external_ids.iter().map(|id| ParticipantSubSchema {
        user_id: Member::Absent,
        user_external_id: Member::Value(id.clone()),
        subscribe_sdk_client: Member::from(is_group.then_some(true)),
        extra: Extra::new(),
    });
    let text = |text: &Option<Box<str>>| Member::from(text.as_deref().map(str::to_owned));
    ConversationCreateBody {
        kind: if is_group {
            ConversationType::SdkGroup
        } else {
            ConversationType::Personal
        },
        participants: Member::Value(participants.collect()),
        display_name: text(&new.title),
        description: text(&new.description),
        icon_url: text(&new.icon_url),
        metadata: raw_map(metadata),
        extra: Extra::new(),
    }
}

/// The body of an update; `metadata` is the whole map to be sent, where it changes.
#[must_use]
pub fn update_body(
    patch: &ConversationPatch,
    metadata: Option<&JsonMap>,
) -> ConversationUpdateBody {
    let text = |patch: &Patch<Box<str>>| match patch {
        Patch::Keep => Member::Absent,
        Patch::Clear => Member::Null,
        Patch::Set(text) => Member::Value(String::from(&**text)),
    };
    ConversationUpdateBody {
        display_name: text(&patch.title),
        description: text(&patch.description),
        icon_url: text(&patch.icon_url),
        metadata: match metadata {
            None => Member::Absent,
            Some(metadata) if metadata.is_empty() => Member::Null,
            Some(metadata) => Member::from(Raw::encode(metadata).ok()),
        },
        extra: Extra::new(),
    }
}

/// Everything with a canonical home.
fn core(
    wire: &wire::Conversation,
    native: &str,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    let created_at = time_or_id(&wire.created_at, native, "createdAt")?;
    let last_updated_at = optional_time(&wire.last_updated_at, "lastUpdatedAt")?;
    let (metadata, _) = split(&wire.metadata).unwrap_or_default();
    let text = |member: &Member<String>| member.value().map(|text| text.as_str().into());
    Ok(Conversation {
        id: ConversationId::derive(backend, native),
        backend: backend.into(),
        kind: match wire.kind.value() {
            Some(ConversationType::SdkGroup) => Kind::Group,
            Some(ConversationType::Personal | ConversationType::Other(_)) | None => Kind::Direct,
        },
        title: text(&wire.display_name),
        description: text(&wire.description),
        status: Status::Open,
        status_native: None,
        priority: None,
        labels: Vec::new(),
        participants: Vec::new(),
        owner: None,
        icon_url: text(&wire.icon_url),
        assistant: None,
        metadata,
        unread: None,
        counts: None,
        usage: None,
        created_at,
        updated_at: last_updated_at.unwrap_or(created_at),
        // Without a message the vendor names the beginning here.
        last_message_at: last_updated_at.filter(|time| *time != created_at),
        extensions: Extensions::new(),
    })
}

/// The wire object as far as canonical fields give it.
fn build(conversation: &Conversation, native: &str) -> wire::Conversation {
    let text = |text: &Option<Box<str>>| Member::from(text.as_deref().map(str::to_owned));
    wire::Conversation {
        id: Member::Value(native.to_owned()),
        kind: Member::Value(match conversation.kind {
            Kind::Group => ConversationType::SdkGroup,
            _ => ConversationType::Personal,
        }),
        metadata: raw_map(&conversation.metadata),
        // These have no canonical home; with a value they are kept.
        active_switchboard_integration: Member::Absent,
        pending_switchboard_integration: Member::Absent,
        is_default: Member::Absent,
        display_name: text(&conversation.title),
        description: text(&conversation.description),
        icon_url: text(&conversation.icon_url),
        business_last_read: Member::Absent,
        last_updated_at: Member::Value(spelled(
            conversation
                .last_message_at
                .unwrap_or(conversation.updated_at),
        )),
        created_at: Member::Value(spelled(conversation.created_at)),
        extra: Extra::new(),
    }
}
