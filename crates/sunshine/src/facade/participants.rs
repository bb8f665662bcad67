//! Participants and their activity: `…/participants`, `/join`, `/leave`, `/activity`.

use backend::{Kind as ErrorKind, Location, Order, PageRequest};
use conversation::{Activity, ActivityKind, ConversationId, Direction, Kind, Message, Participant};
use facadekit::hash48;
use http::StatusCode;

use super::answer::{Answer, Refused};
use super::call::Call;
use super::conversations::user_of;
use super::known::Known;
use super::marks::Reads;
use super::messages::author_of;
use super::{checks, show};
use crate::limits::{PAGE_MAX, PARTICIPANTS_MAX};
use crate::wire::{
    self, ActivityPost, ActivityType, AuthorType, Extra, Links, Member, Meta, ParticipantJoinBody,
    ParticipantLeaveBody, ParticipantListResponse, ParticipantResponse,
};

/// The id of a participant: the same for the same user of the same conversation.
fn id_of(conversation: ConversationId, person: &str) -> String {
    let begin = hash48(&format!("{conversation}/{person}"));
    let end = hash48(&format!("{person}/{conversation}"));
    format!("{begin:012x}{end:012x}")
}

/// `GET …/participants`, forwards.
pub(super) async fn list(call: &Call, spelled: &str) -> Result<Answer, Refused> {
    let query = call.query.page()?;
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let all = call.customers(&at).await?;
    let ids: Vec<String> = all
        .iter()
        .map(|one| id_of(at.id, one.id.as_deref().unwrap_or_default()))
        .collect();
    let place = |cursor: &String| {
        let found = ids.iter().position(|id| id == cursor);
        found.ok_or_else(Refused::bad_page)
    };
    let size = query.size.map_or(PAGE_MAX, |size| size as usize);
    let (start, end) = match (&query.after, &query.before) {
        (Some(cursor), _) => {
            let start = place(cursor)? + 1;
            (start, start.saturating_add(size).min(all.len()))
        }
        (None, Some(cursor)) => {
            let end = place(cursor)?;
            (end.saturating_sub(size), end)
        }
        (None, None) => (0, size.min(all.len())),
    };
    let reads = call.reads(at.id).await?;
    let newest = newest(call, &at).await?;
    let mut participants = Vec::new();
    for (person, id) in all[start..end].iter().zip(&ids[start..end]) {
        if let Some(known) = call.user_of(person).await? {
            participants.push(shown(id, &known, &reads, &newest));
        }
    }
    let is_filled = start < end;
    let before = ids.get(start).filter(|_| is_filled && start > 0);
    let after = ids
        .get(end.saturating_sub(1))
        .filter(|_| is_filled && end < ids.len());
    let has_more = match query.before {
        Some(_) => before.is_some(),
        None => after.is_some(),
    };
    let body = ParticipantListResponse {
        participants,
        links: Member::Value(Links {
            prev: before.map(|id| call.link("page[before]", id)).into(),
            next: after.map(|id| call.link("page[after]", id)).into(),
            extra: Extra::new(),
        }),
        meta: Member::Value(Meta {
            has_more: Member::Value(has_more),
            after_cursor: after.cloned().into(),
            before_cursor: before.cloned().into(),
            extra: Extra::new(),
        }),
        extra: Extra::new(),
    };
    Answer::json(StatusCode::OK, &body)
}

/// The newest messages, by which is told what nobody has read: more than these are not counted.
async fn newest(call: &Call, at: &Location) -> Result<Vec<Message>, Refused> {
    let request = PageRequest {
        limit: PAGE_MAX,
        order: Order::Desc,
        position: None,
    };
    let page = call
        .backend()
        .list_messages(&call.cx(), at, &request)
        .await?;
    Ok(page.items)
}

fn shown(id: &str, known: &Known, reads: &Reads, newest: &[Message]) -> wire::Participant {
    let person = known.person();
    let read = reads.get(person).copied();
    let is_own = |message: &Message| {
        let author = message.author.as_ref();
        message.direction == Direction::Inbound
            && author
                .and_then(|author| author.id.as_deref())
                .is_none_or(|id| id == person)
    };
    let unread = newest
        .iter()
        .filter(|message| show::is_shown(message) && !is_own(message))
        .filter(|message| read.is_none_or(|read| message.created_at > read))
        .count();
    wire::Participant {
        id: Member::Value(id.to_owned()),
        user_id: Member::Value(known.id().to_owned()),
        unread_count: Member::Value(i64::try_from(unread).unwrap_or(i64::MAX)),
        client_associations: Member::Value(Vec::new()),
        user_external_id: known.user.external_id.clone(),
        last_read: Member::from(read.map(|read| read.to_millis().to_string())),
        extra: Extra::new(),
    }
}

/// The conversation, which must be a group.
async fn group(call: &Call, spelled: &str) -> Result<Location, Refused> {
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let found = call.backend().get_conversation(&call.cx(), &at).await?;
    checks::check(
        found.kind == Kind::Group,
        "The conversation is not of type sdkGroup",
    )?;
    Ok(at)
}

/// `POST …/join`. Who takes part already stays the same participant.
pub(super) async fn join(call: &Call, spelled: &str, body: &[u8]) -> Result<Answer, Refused> {
    let request: ParticipantJoinBody = call.decode(body)?;
    let at = group(call, spelled).await?;
    let known = user_of(call, &request, true).await?;
    let there = call.customers(&at).await?;
    let is_there = |one: &Participant| one.id.as_deref() == Some(known.person());
    checks::check(
        there.len() < PARTICIPANTS_MAX || there.iter().any(is_there),
        "There are too many participants",
    )?;
    // Read before: what fails behind a write must not ask for it again.
    let newest = newest(call, &at).await?;
    let reads = call.reads(at.id).await?;
    let added = call
        .backend()
        .add_participants(&call.cx(), &at, vec![known.participant()])
        .await;
    match added {
        Err(error) if error.kind == ErrorKind::Conflict => {}
        added => drop(added?),
    }
    let id = id_of(at.id, known.person());
    let body = ParticipantResponse {
        participant: shown(&id, &known, &reads, &newest),
        extra: Extra::new(),
    };
    Answer::json(StatusCode::CREATED, &body)
}

/// `POST …/leave`
pub(super) async fn leave(call: &Call, spelled: &str, body: &[u8]) -> Result<Answer, Refused> {
    let request: ParticipantLeaveBody = call.decode(body)?;
    let sent = (
        request.user_id.value(),
        request.user_external_id.value(),
        request.participant_id.value(),
    );
    let at = group(call, spelled).await?;
    let person = match sent {
        (Some(id), None, None) => call.user_by_id(id).await?.person().to_owned(),
        (None, Some(external_id), None) => {
            let known = call.user_by_external_id(external_id, None).await?;
            known.person().to_owned()
        }
        (None, None, Some(id)) => {
            let all = call.customers(&at).await?;
            let people = all.into_iter().filter_map(|one| one.id);
            let found = people
                .map(String::from)
                .find(|one| id_of(at.id, one) == *id);
            found.ok_or_else(Refused::not_found)?
        }
        _ => {
            return Err(Refused::bad_request(
                "Exactly one of userId, userExternalId and participantId is required",
            ));
        }
    };
    let removed = call
        .backend()
        .remove_participant(&call.cx(), &at, &person)
        .await;
    match removed {
        Err(error) if error.kind == ErrorKind::NotFound => Err(Refused::not_found()),
        removed => {
            removed?;
            Answer::empty_object()
        }
    }
}

/// `POST …/activity`. Reading moves marks, also where the backend is told nothing of activity; typing leaves no trace.
pub(super) async fn activity(call: &Call, spelled: &str, body: &[u8]) -> Result<Answer, Refused> {
    let request: ActivityPost = call.decode(body)?;
    let kind = match request.kind {
        ActivityType::ConversationRead => ActivityKind::Read,
        ActivityType::TypingStart => ActivityKind::TypingStart,
        ActivityType::TypingStop => ActivityKind::TypingStop,
        ActivityType::Other(_) => return Err(Refused::bad_request("The type is unknown")),
    };
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    call.backend().get_conversation(&call.cx(), &at).await?;
    let person = match request.author.kind {
        AuthorType::Business => None,
        AuthorType::User => {
            checks::check(kind == ActivityKind::Read, "A user can only read")?;
            let known = author_of(call, &at, &request.author).await?;
            Some(known.person().to_owned())
        }
        AuthorType::Other(_) => {
            return Err(Refused::bad_request("The author is a business or a user"));
        }
    };
    if kind == ActivityKind::Read {
        call.note_read(at.id, person.as_deref()).await?;
    }
    let activity = Activity {
        activity: kind,
        participant_id: person.map(Into::into),
    };
    let told = call
        .backend()
        .send_activity(&call.cx(), &at, activity)
        .await;
    match told {
        Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::NotHeld) => {}
        told => told?,
    }
    Answer::empty_object()
}
