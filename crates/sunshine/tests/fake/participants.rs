//! Participants and their activity: `…/conversations/{conversationId}/participants`, `/join`, `/leave`, `/activity`.

use sunshine::wire::{self, ActivityType, AuthorType, ConversationType, Extra, Member};

use super::answer::{Answer, Refusal};
use super::conversations::user_of;
use super::data::{Data, StoredConversation};
use super::page::{self, Travel};
use super::serve::Call;

pub(crate) fn list(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let stored = data.conversations.get(id).ok_or(Refusal::NO_CONVERSATION)?;
    let records: Vec<(String, wire::Participant)> = stored
        .participants
        .iter()
        .map(|participant| {
            let id = participant.id.value().expect("an id").clone();
            (id, participant.clone())
        })
        .collect();
    let page = page::cut(call, &records, page::size(&call.query)?, Travel::Forwards)?;
    let answer = wire::ParticipantListResponse {
        participants: page.records,
        meta: page.meta,
        links: page.links,
        extra: Extra::new(),
    };
    Ok(Answer::json(200, &answer))
}

/// Groups only. Who is a member already stays the same member.
pub(crate) fn join(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::ParticipantJoinBody = call.decode()?;
    let mut data = call.server.data();
    group(&data, id)?;
    if request.subscribe_sdk_client.value().is_none() {
        return Err(Refusal::bad_request("subscribeSDKClient is required"));
    }
    let user_id = user_of(&data, &request)?;
    let known = position(&data.conversations[id], &user_id);
    let at = if let Some(at) = known {
        at
    } else {
        if data.conversations[id].participants.len() >= call.server.options.participants_max {
            return Err(Refusal::bad_request("There are too many participants"));
        }
        let participant = data.new_participant(&user_id);
        let stored = data.conversations.get_mut(id).expect("just found");
        stored.participants.push(participant);
        stored.participants.len() - 1
    };
    let participant = data.conversations[id].participants[at].clone();
    let extra = Extra::new();
    Ok(Answer::json(
        201,
        &wire::ParticipantResponse { participant, extra },
    ))
}

pub(crate) fn leave(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::ParticipantLeaveBody = call.decode()?;
    let mut data = call.server.data();
    group(&data, id)?;
    let stored = data.conversations.get_mut(id).expect("just found");
    let before = stored.participants.len();
    stored.participants.retain(|participant| {
        let is = |sent: &Member<String>, held: &Member<String>| {
            sent.value().is_some() && sent.value() == held.value()
        };
        !is(&request.user_id, &participant.user_id)
            && !is(&request.user_external_id, &participant.user_external_id)
            && !is(&request.participant_id, &participant.id)
    });
    if stored.participants.len() == before {
        return Err(Refusal::NOT_FOUND);
    }
    Ok(Answer::empty_object())
}

fn group(data: &Data, id: &str) -> Result<(), Refusal> {
    let stored = data.conversations.get(id).ok_or(Refusal::NO_CONVERSATION)?;
    match stored.row.kind.value() {
        Some(ConversationType::SdkGroup) => Ok(()),
        _ => Err(Refusal::bad_request("The conversation is not a group")),
    }
}

/// Reading moves marks; typing leaves no trace. A user can only read.
pub(crate) fn activity(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::ActivityPost = call.decode()?;
    let mut data = call.server.data();
    let now = data.now();
    if !data.conversations.contains_key(id) {
        return Err(Refusal::NO_CONVERSATION);
    }
    let read = request.kind == ActivityType::ConversationRead;
    if request.author.kind == AuthorType::Business {
        if read {
            let stored = data.conversations.get_mut(id).expect("just found");
            stored.row.business_last_read = Member::Value(now);
        }
        return Ok(Answer::empty_object());
    }
    if !read {
        return Err(Refusal::bad_request("A user can only read"));
    }
    let user_id = author(&data, &request.author)?;
    let stored = data.conversations.get_mut(id).expect("just found");
    let at = position(stored, &user_id).ok_or(Refusal::NOT_FOUND)?;
    let participant = &mut stored.participants[at];
    participant.last_read = Member::Value(now);
    participant.unread_count = Member::Value(0);
    Ok(Answer::empty_object())
}

/// The id of the user who writes or acts.
pub(crate) fn author(data: &Data, author: &wire::Author) -> Result<String, Refusal> {
    let brand_id = author.brand_id.value().map(String::as_str);
    let found = match (author.user_id.value(), author.user_external_id.value()) {
        (Some(id), None) => data.users.contains_key(id).then(|| id.clone()),
        (None, Some(name)) => data.by_external_id(name, brand_id),
        _ => return Err(Refusal::bad_request("A user needs exactly one id")),
    };
    found.ok_or(Refusal::NO_USER)
}

/// Where a user stands among the participants.
pub(crate) fn position(stored: &StoredConversation, user_id: &str) -> Option<usize> {
    let is_user = |participant: &wire::Participant| {
        participant.user_id.value().is_some_and(|id| id == user_id)
    };
    stored.participants.iter().position(is_user)
}
