//! Conversations: `/v2/apps/{appId}/conversations`.

use std::collections::BTreeMap;

use sunshine::wire::{self, ConversationType, Extra, Member, Raw};

use super::answer::{Answer, Refusal};
use super::data::Data;
use super::page::{self, Travel};
use super::serve::Call;

/// What the vendor keeps as metadata of one object.
const METADATA_MAX_BYTES: usize = 4096;

pub(crate) fn create(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::ConversationCreateBody = call.decode()?;
    let sent = request.participants.into_value().unwrap_or_default();
    if sent.len() > call.server.options.participants_max {
        return Err(Refusal::bad_request("There are too many participants"));
    }
    let group = request.kind == ConversationType::SdkGroup;
    let metadata = merged_metadata(&Member::Absent, &request.metadata, true)?;
    let mut data = call.server.data();
    let mut participants: Vec<wire::Participant> = Vec::new();
    for participant in &sent {
        if group && participant.subscribe_sdk_client.value().is_none() {
            return Err(Refusal::bad_request("subscribeSDKClient is required"));
        }
        let user_id = user_of(&data, participant)?;
        let known = participants
            .iter()
            .any(|other| other.user_id.value() == Some(&user_id));
        if !known {
            participants.push(data.new_participant(&user_id));
        }
    }
    let id = data.add_conversation(request.kind, participants);
    let row = &mut data.conversations.get_mut(&id).expect("just made").row;
    row.display_name = request.display_name.into_value().into();
    row.description = request.description.into_value().into();
    row.icon_url = request.icon_url.into_value().into();
    row.metadata = metadata;
    Ok(answer(201, row))
}

/// The id of the user that a participant names.
pub(crate) fn user_of(
    data: &Data,
    participant: &wire::ParticipantSubSchema,
) -> Result<String, Refusal> {
    let found = match (
        participant.user_id.value(),
        participant.user_external_id.value(),
    ) {
        (Some(id), None) => data.users.contains_key(id).then(|| id.clone()),
        (None, Some(name)) => data.by_external_id(name, None),
        _ => return Err(Refusal::bad_request("Exactly one id is required")),
    };
    found.ok_or(Refusal::NO_USER)
}

pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let by_id = call.query.get("filter[userId]");
    let by_external_id = call.query.get("filter[userExternalId]");
    let user_id = match (by_id, by_external_id) {
        (Some(id), None) => data.users.contains_key(id).then(|| id.clone()),
        (None, Some(name)) => data.by_external_id(name, None),
        _ => return Err(Refusal::bad_request("Exactly one filter is required")),
    };
    let user_id = user_id.ok_or(Refusal::NO_USER)?;
    let of_user = data.conversations.iter().filter(|(_, stored)| {
        let mut participants = stored.participants.iter();
        participants.any(|participant| participant.user_id.value() == Some(&user_id))
    });
    let records: Vec<(String, wire::Conversation)> = of_user
        .map(|(id, stored)| (id.clone(), stored.row.clone()))
        .collect();
    let page = page::cut(call, &records, page::size(&call.query)?, Travel::Forwards)?;
    let answer = wire::ConversationListResponse {
        conversations: page.records,
        meta: page.meta,
        links: page.links,
        extra: Extra::new(),
    };
    Ok(Answer::json(200, &answer))
}

pub(crate) fn get(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let stored = data.conversations.get(id).ok_or(Refusal::NO_CONVERSATION)?;
    Ok(answer(200, &stored.row))
}

pub(crate) fn update(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::ConversationUpdateBody = call.decode()?;
    let replaces = call.server.options.metadata_replaces;
    let mut data = call.server.data();
    let stored = data
        .conversations
        .get_mut(id)
        .ok_or(Refusal::NO_CONVERSATION)?;
    let row = &mut stored.row;
    row.metadata = merged_metadata(&row.metadata, &request.metadata, replaces)?;
    change(&mut row.display_name, request.display_name);
    change(&mut row.description, request.description);
    change(&mut row.icon_url, request.icon_url);
    Ok(answer(200, row))
}

pub(crate) fn delete(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let mut data = call.server.data();
    let stored = data.conversations.get(id).ok_or(Refusal::NO_CONVERSATION)?;
    if stored.row.is_default == Member::Value(true) {
        return Err(Refusal::bad_request(
            "The default conversation cannot be deleted",
        ));
    }
    data.remove_conversation(id);
    Ok(Answer::empty_object())
}

fn answer(status: u16, row: &wire::Conversation) -> Answer {
    let conversation = row.clone();
    let extra = Extra::new();
    Answer::json(
        status,
        &wire::ConversationResponse {
            conversation,
            extra,
        },
    )
}

/// Null clears, and what is cleared is left out.
fn change<T>(old: &mut Member<T>, new: Member<T>) {
    if !new.is_absent() {
        *old = new.into_value().into();
    }
}

/// The metadata after a write. Null clears all of it, and one member where both merge.
pub(crate) fn merged_metadata(
    old: &Member<Raw>,
    new: &Member<Raw>,
    replaces: bool,
) -> Result<Member<Raw>, Refusal> {
    let sent = match new {
        Member::Absent => return Ok(old.clone()),
        Member::Null => return Ok(Member::Absent),
        Member::Value(sent) => sent,
    };
    let members = |raw: &Raw| {
        raw.decode::<BTreeMap<String, Raw>>()
            .expect("a checked object")
    };
    let mut merged = match old.value().filter(|_| !replaces) {
        Some(old) => members(old),
        None => BTreeMap::new(),
    };
    merged.extend(members(sent));
    merged.retain(|_, value| value.text() != "null");
    let merged = Raw::encode(&merged).expect("JSON");
    if merged.text().len() > METADATA_MAX_BYTES {
        return Err(Refusal::bad_request("The metadata is too large"));
    }
    Ok(Member::Value(merged))
}
