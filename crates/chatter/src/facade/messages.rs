//! Messages: lists by number, deletes, votes.

use backend::{Kind, Result as BackendResult};
use conversation::{Message, MessageId, RawJson};
use http::StatusCode;

use super::answers::{Answered, Refusal, json};
use super::call::{Call, Named};
use super::check::I64_MAX;
use super::ids::MESSAGES;
use super::{errors, view};
use crate::wire::{Extra, MessageDeleteResponse, MessageRatingResponse, MessageResponse};

/// The most rows of one answer: the vendor has no maximum, and takes the memory for it.
pub(super) const ROWS_MAX: usize = 20_000;
/// Rows where nothing is said.
const LIMIT_DEFAULT: u64 = 50;
/// Messages of a step while one is being counted.
const COUNT_PAGE: usize = 200;

/// Which rows are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub(super) skip: u64,
    pub(super) limit: u64,
}

impl Rows {
    /// Every row.
    pub(super) const ALL: Self = Self {
        skip: 0,
        limit: u64::MAX,
    };
}

/// The messages of a conversation as their callers see them. `asked_by` is the parameter that asked for too many.
pub(super) async fn messages_of(
    call: &Call,
    named: &Named,
    spelled: &str,
    rows: Rows,
    asked_by: &str,
) -> Result<Vec<MessageResponse>, Refusal> {
    let limit = usize::try_from(rows.limit).unwrap_or(usize::MAX);
    let limit = limit.min(ROWS_MAX + 1);
    let messages = &call.api.messages;
    let cx = call.cx();
    let found = messages.by_number(&cx, &named.at, rows.skip, limit).await;
    let found = found.map_err(|error| call.failed(&error))?;
    if found.len() > ROWS_MAX {
        return Err(too_many(call, asked_by));
    }
    messages.remember(&MESSAGES, named.at.id, &found);
    (rows.skip..)
        .zip(&found)
        .map(|(number, message)| view::message(message, spelled, number, &call.problems))
        .collect()
}

/// The refusal of more rows than an answer may have.
pub(super) fn too_many(call: &Call, asked_by: &str) -> Refusal {
    let mut check = call.check_query();
    let reason = format!("an answer has at most {ROWS_MAX} rows: read them in pages");
    check.refuse(asked_by, &reason, &RawJson::default());
    match check.finish(&call.problems) {
        Err(refusal) => refusal,
        Ok(()) => call.problems.internal(),
    }
}

/// `GET C/{id}/messages`
pub(super) async fn list(call: &Call, id: &str) -> Answered {
    let mut check = call.check_query();
    let limit = check.integer("limit", 1, I64_MAX).into_value();
    let offset = check.integer("offset", 0, I64_MAX).into_value();
    check.finish(&call.problems)?;
    let rows = Rows {
        skip: offset.map_or(0, number),
        limit: limit.map_or(LIMIT_DEFAULT, number),
    };
    let named = call.conversation(id).await?;
    let page = messages_of(call, &named, id, rows, "limit").await?;
    Ok(json(StatusCode::OK, &page))
}

/// A number that was checked to be one of at most 63 bits.
pub(super) fn number(value: i128) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// The message that a caller's id names.
async fn find(call: &Call, named: &Named, spelled: &str) -> BackendResult<Message> {
    let cx = call.cx();
    if named.is_own
        && let Ok(native) = spelled.parse::<MessageId>()
    {
        // Where the vendor's server made the conversation, it made most of the messages.
        let backend = &call.api.parts.backend;
        match backend.get_message(&cx, &named.at, &native).await {
            Err(error) if error.kind == Kind::NotFound => {}
            found => return found,
        }
    }
    let messages = &call.api.messages;
    messages.find(&cx, &named.at, &MESSAGES, spelled).await
}

/// The conversation and the message that a caller's ids name. Whatever is not there, the vendor says the message.
async fn both(call: &Call, id: &str, message: &str) -> Result<(Named, Message), Refusal> {
    let refusal = |error| errors::message_refusal(&call.problems, &error);
    let named = call.find(id).await.map_err(refusal)?;
    let named = named.ok_or_else(|| call.problems.no_message())?;
    let found = find(call, &named, message).await.map_err(refusal)?;
    Ok((named, found))
}

/// `DELETE C/{id}/messages/{mid}`
pub(super) async fn delete(call: &Call, id: &str, message: &str) -> Answered {
    let (named, message) = both(call, id, message).await?;
    let backend = &call.api.parts.backend;
    let cx = call.cx();
    let deleted = backend
        .delete_message(&cx, &named.at, &message.id, None)
        .await;
    // Also where nobody knows what became of it.
    call.api.messages.forget(named.at.id);
    call.api.walked.invalidate(&named.at.id);
    deleted.map_err(|error| errors::message_refusal(&call.problems, &error))?;
    let answer = MessageDeleteResponse {
        message: "Message deleted successfully".to_owned(),
        extra: Extra::new(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// `PATCH C/{id}/messages/{mid}/rating`
pub(super) async fn rate(call: &Call, id: &str, message: &str) -> Answered {
    let mut check = call.check_body()?;
    let value = check.required_number("rating", 0.0, 5.0);
    check.finish(&call.problems)?;
    let (named, message) = both(call, id, message).await?;
    let backend = &call.api.parts.backend;
    let cx = call.cx();
    let rated = backend
        .rate_message(&cx, &named.at, &message.id, value)
        .await;
    let rated = rated.map_err(|error| errors::message_refusal(&call.problems, &error))?;
    let rating = rated.rating.unwrap_or_default();
    let answer = MessageRatingResponse {
        message: "Message rating updated successfully".to_owned(),
        // A vote was just cast, so there is a mean, and at least one vote.
        rating: rating.mean.unwrap_or(value),
        rating_count: rating.count.max(1),
        extra: Extra::new(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// The place of a conversation's newest message. Where the backend does not count, the messages are walked.
pub(super) async fn place_of(
    call: &Call,
    named: &Named,
    counted: Option<u64>,
    message: &Message,
) -> BackendResult<u64> {
    if let Some(count) = counted.filter(|count| *count > 0) {
        return Ok(count - 1);
    }
    let cx = call.cx();
    let (messages, walked) = (&call.api.messages, &call.api.walked);
    // The last page of the walk before this one: answers stand at the end.
    let mut before = walked.get(&named.at.id).unwrap_or_default();
    loop {
        let page = messages
            .by_number(&cx, &named.at, before, COUNT_PAGE)
            .await?;
        if page.is_empty() && before > 0 && walked.remove(&named.at.id).is_some() {
            // There are fewer than there were.
            messages.forget(named.at.id);
            before = 0;
            continue;
        }
        walked.insert(named.at.id, before);
        let length = u64::try_from(page.len()).unwrap_or(u64::MAX);
        if let Some((place, _)) = (before..)
            .zip(&page)
            .find(|(_, found)| found.id == message.id)
        {
            return Ok(place);
        }
        before = before.saturating_add(length);
        if page.len() < COUNT_PAGE {
            return Ok(before.saturating_sub(1));
        }
    }
}
