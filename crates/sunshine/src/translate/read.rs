//! From the vendor's objects and requests.

use adapterkit::{members, read_body, to_new_conversation, to_new_message, without_home};
use backend::ports::{Canonical, Translated};
use backend::{FieldFate, Result};
use conversation::{
    ConversationId, JsonMap, MessageId, Participant, ParticipantKind, RawJson, Side, Time,
};

use super::{VENDOR, unmappable};
use crate::mapping::{
    EXTENSION, SENT_AT_KEY, conversation_from_canonical, conversation_to_canonical,
    message_from_canonical, message_to_canonical, own_member,
};
use crate::wire::{self, ConversationCreateBody, Member, MessagePost, ParticipantSubSchema};

/// An id for what has none, in the vendor's alphabet.
const NO_ID: &str = "000000000000000000000000";
/// A time for what has none.
const NO_TIME: &str = "1970-01-01T00:00:00.000Z";
/// Why a user's id is not exact.
const USER_ID: &str = "the vendor's id of the user stands for ours, which only a lookup could tell";

fn or_dummy(member: &mut Member<String>, dummy: &str) {
    if member.value().is_none() {
        *member = Member::Value(dummy.to_owned());
    }
}

pub(super) fn conversation(body: &RawJson, is_stored: bool) -> Result<Translated<Canonical>> {
    let mut wire: wire::Conversation = read_body(body, VENDOR)?;
    let mut participants = Vec::new();
    let mut sent = if is_stored {
        members(&wire)
    } else {
        let create: ConversationCreateBody = read_body(body, VENDOR)?;
        participants = create.participants.value().cloned().unwrap_or_default();
        wire.extra.remove("participants");
        members(&create)
    }
    .map_err(unmappable)?;
    or_dummy(&mut wire.id, NO_ID);
    or_dummy(&mut wire.created_at, NO_TIME);
    let mut read = conversation_to_canonical(&wire, VENDOR).map_err(unmappable)?;
    read.extensions.clear();
    let (id, created_at) = (read.id, read.created_at);
    let mut new = to_new_conversation(read);
    // Whatever this does not make again is lost unless it is kept.
    let alone = new.clone().into_conversation(id, VENDOR, created_at);
    let alone = conversation_from_canonical(&alone, NO_ID).map_err(unmappable)?;
    let mut built = members(&alone).map_err(unmappable)?;
    built.retain(|name, _| !["id", "createdAt", "lastUpdatedAt"].contains(&&**name));
    let users = sent.remove("participants");
    let (mut kept, mut fates) = without_home(&sent, &built, EXTENSION);
    let mut is_exact = true;
    for (index, user) in participants.iter().enumerate() {
        new.participants.push(participant(user));
        let (_, lost) = without_home(&user_members(user)?, &JsonMap::new(), EXTENSION);
        for mut fate in lost {
            let pointer = format!("/participants/{index}{}", fate.pointer);
            if fate.pointer == "/userId" {
                fate = FieldFate::converted(pointer.as_str(), USER_ID);
            }
            fate.pointer = pointer;
            fates.push(fate);
            is_exact = false;
        }
    }
    if let Some(users) = users.filter(|_| !is_exact) {
        kept.insert("participants".into(), users);
    }
    if !kept.is_empty() {
        new.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(Translated {
        body: Canonical::Conversation(Box::new(new)),
        fates,
    })
}

/// What of a participant is no id of ours.
fn user_members(user: &ParticipantSubSchema) -> Result<JsonMap> {
    let mut sent = members(user).map_err(unmappable)?;
    sent.remove("userExternalId");
    Ok(sent)
}

fn participant(user: &ParticipantSubSchema) -> Participant {
    let id = user.user_external_id.value().or(user.user_id.value());
    Participant {
        id: id.map(|id| id.as_str().into()),
        kind: ParticipantKind::Person,
        side: Some(Side::Customer),
        ..Participant::default()
    }
}

pub(super) fn message(body: &RawJson, is_stored: bool) -> Result<Translated<Canonical>> {
    let mut wire: wire::Message = read_body(body, VENDOR)?;
    let sent = if is_stored {
        members(&wire)
    } else {
        let post: MessagePost = read_body(body, VENDOR)?;
        members(&post)
    }
    .map_err(unmappable)?;
    let has_time =
        wire.received.value().is_some() || own_member(&wire.metadata, SENT_AT_KEY).is_some();
    let external_id = wire
        .author
        .value()
        .and_then(|author| author.user_external_id.value().cloned());
    let user_id = wire
        .author
        .value()
        .and_then(|author| author.user_id.value().cloned());
    or_dummy(&mut wire.id, NO_ID);
    or_dummy(&mut wire.received, NO_TIME);
    let conversation_id = ConversationId::derive(VENDOR, NO_ID);
    let mut read = message_to_canonical(&wire, conversation_id, &|_| None).map_err(unmappable)?;
    read.extensions.clear();
    if let (Some(author), Some(id)) = (&mut read.author, &external_id) {
        author.id = Some(id.as_str().into());
    }
    let said_at: Time = read.sent_at;
    let mut new = to_new_message(read);
    if !has_time {
        new.sent_at = None;
    }
    let id = MessageId::derive(&[VENDOR]);
    let alone = new.clone().into_message(id, conversation_id, said_at);
    let mut alone = message_from_canonical(&alone, user_id.as_deref()).map_err(unmappable)?;
    if let Member::Value(author) = &mut alone.author {
        author.user_external_id = Member::from(external_id);
    }
    let mut built = members(&alone).map_err(unmappable)?;
    built.remove("id");
    let (kept, mut fates) = without_home(&sent, &built, EXTENSION);
    if user_id.is_some() {
        fates.push(FieldFate::converted("/author/userId", USER_ID));
    }
    if !kept.is_empty() {
        new.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(Translated {
        body: Canonical::Message(Box::new(new)),
        fates,
    })
}
