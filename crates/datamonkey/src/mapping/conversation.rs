//! Conversations, both ways.

use adapterkit::{Unmappable, difference, members, with_kept};
use conversation::{
    Conversation, ConversationId, Extensions, JsonMap, Kind, NewConversation, Status,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{EXTENSION, time};
use crate::wire::{ChatConversation, CreateRequest, CreatedConversation, Extra, Member};

/// A conversation of the vendor in canonical form. With messages it also tells when the newest was said.
///
/// # Errors
/// Where a time cannot be read.
pub fn conversation_to_canonical(
    wire: &ChatConversation,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    let mut conversation = core(
        &wire.id,
        wire.title.value(),
        wire.created,
        wire.updated,
        backend,
    )?;
    let messages = wire.messages.value().map(Vec::as_slice).unwrap_or_default();
    let newest = messages
        .iter()
        // A message whose time cannot be held is left out of its list too.
        .filter_map(|message| time(message.timestamp.into_value()?, "timestamp").ok())
        .max();
    conversation.last_message_at = newest;
    if wire.title.value().is_none() || !wire.extra.is_empty() {
        // Messages are entities of their own.
        let mut sent = members(wire)?;
        sent.remove("messages");
        keep(&mut conversation, &sent, build(&wire.id))?;
    }
    Ok(conversation)
}

/// The answer of a create in canonical form.
///
/// # Errors
/// Where a time cannot be read.
pub fn created_to_canonical(
    wire: &CreatedConversation,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    let mut conversation = core(
        &wire.id,
        wire.title.value(),
        wire.created,
        wire.updated,
        backend,
    )?;
    let is_usual = match &wire.title {
        Member::Absent => true,
        Member::Null => false,
        Member::Value(title) => !title.is_empty(),
    };
    if !is_usual || !wire.extra.is_empty() {
        keep(&mut conversation, &members(wire)?, build_created(&wire.id))?;
    }
    Ok(conversation)
}

/// The vendor's object of a conversation, without its messages: exactly the one it came from, where nothing was
/// changed since. `native` is its id there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn conversation_from_canonical(
    conversation: &Conversation,
    native: &str,
) -> Result<ChatConversation, Unmappable> {
    again(conversation, build(native), |wire: &ChatConversation| {
        core(
            &wire.id,
            wire.title.value(),
            wire.created,
            wire.updated,
            &conversation.backend,
        )
    })
}

/// As [`conversation_from_canonical`], in the shape that a create answers.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn created_from_canonical(
    conversation: &Conversation,
    native: &str,
) -> Result<CreatedConversation, Unmappable> {
    again(
        conversation,
        build_created(native),
        |wire: &CreatedConversation| {
            core(
                &wire.id,
                wire.title.value(),
                wire.created,
                wire.updated,
                &conversation.backend,
            )
        },
    )
}

/// The body of a create. Takes what [`preview`](super::preview()) left over: everything else is not held.
#[must_use]
pub fn create_request(new: &NewConversation) -> CreateRequest {
    CreateRequest::titled(new.title.as_deref())
}

/// Everything with a canonical home.
fn core(
    native: &str,
    title: Option<&String>,
    created: i64,
    updated: i64,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    Ok(Conversation {
        id: ConversationId::derive(backend, native),
        backend: backend.into(),
        kind: Kind::Assistant,
        title: title
            .filter(|title| !title.is_empty())
            .map(|title| title.as_str().into()),
        description: None,
        status: Status::Open,
        status_native: None,
        priority: None,
        labels: Vec::new(),
        participants: Vec::new(),
        owner: None,
        icon_url: None,
        assistant: None,
        metadata: JsonMap::new(),
        unread: None,
        counts: None,
        usage: None,
        created_at: time(created, "created")?,
        updated_at: time(updated, "updated")?,
        last_message_at: None,
        extensions: Extensions::new(),
    })
}

/// The wire object as far as canonical fields give it.
pub(crate) fn build(native: &str) -> impl Fn(&Conversation) -> ChatConversation {
    let id = native.to_owned();
    move |conversation| ChatConversation {
        created: conversation.created_at.as_millis(),
        id: id.clone(),
        messages: Member::Absent,
        title: Member::Value(
            conversation
                .title
                .as_deref()
                .map(str::to_owned)
                .unwrap_or_default(),
        ),
        updated: conversation.updated_at.as_millis(),
        extra: Extra::new(),
    }
}

/// The same in the shape that a create answers.
pub(crate) fn build_created(native: &str) -> impl Fn(&Conversation) -> CreatedConversation {
    let id = native.to_owned();
    move |conversation| CreatedConversation {
        id: id.clone(),
        title: Member::from(
            conversation
                .title
                .as_deref()
                .filter(|title| !title.is_empty())
                .map(str::to_owned),
        ),
        created: conversation.created_at.as_millis(),
        updated: conversation.updated_at.as_millis(),
        extra: Extra::new(),
    }
}

/// Keeps what `build` does not make again.
fn keep<T: Serialize>(
    conversation: &mut Conversation,
    sent: &JsonMap,
    build: impl Fn(&Conversation) -> T,
) -> Result<(), Unmappable> {
    let kept = difference(sent, &members(&build(conversation))?, &[])?;
    if !kept.is_empty() {
        conversation.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(())
}

fn again<T: Serialize + DeserializeOwned>(
    conversation: &Conversation,
    build: impl Fn(&Conversation) -> T,
    core: impl Fn(&T) -> Result<Conversation, Unmappable>,
) -> Result<T, Unmappable> {
    let built = build(conversation);
    let Some(kept) = conversation.extensions.get(EXTENSION) else {
        return Ok(built);
    };
    let built = members(&built)?;
    let same: T = with_kept(built.clone(), kept)?;
    let mut read = core(&same)?;
    read.extensions.clone_from(&conversation.extensions);
    read.id = conversation.id;
    read.last_message_at = conversation.last_message_at;
    if read == *conversation {
        return Ok(same);
    }
    // Something with a canonical home was changed: a kept spelling of it is out of date.
    let homeless: JsonMap = kept
        .iter()
        .filter(|(name, _)| !built.contains_key(*name) && &***name != "title")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with_kept(built, &homeless)
}
