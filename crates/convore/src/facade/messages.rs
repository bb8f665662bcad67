//! `/v1/messages`, one message, and its change.

use axum::extract::State;
use backend::{Cursor, Order, PageRequest, Position};
use conversation::{
    JsonMap, Message, MessagePatch, NewMessage, Part, Patch, RawJson, Role, validate_message,
};

use super::answer::{Answer, Listed, Problem, Shown};
use super::body::{self, Json, unknown_word};
use super::call::{Call, Id};
use super::query::{PAGE_MAX, Parameters, Query};
use super::walk::{self, Spot, Walk};
use super::{App, KIND, ids, people, places, show};
use crate::mapping::{EXTENSION, parts_of};
use crate::wire::{self, MessageDirection, MessageFormat, MessageParticipant, MessageUpdate};

const KNOWN: &[&str] = &["conversation_id", "format", "cursor", "limit"];
/// Pages of messages that are looked at for one page; it may be short, and still not the last.
const SCANNED_PAGES_MAX: usize = 20;

/// `GET /v1/messages`
pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Answer<Listed<wire::Message>> {
    let asked = query.read(KNOWN, &[])?;
    let limit = asked.limit(PAGE_MAX)?;
    // Nobody knows the vendor's default; its own programs need what only the full form has.
    let format = match asked.words("format").pop() {
        None => MessageFormat::Full,
        Some(word) => match MessageFormat::from(&*word) {
            MessageFormat::Other(_) => return Err(unknown_word("format")),
            known => known,
        },
    };
    match asked.one("conversation_id") {
        Some(id) => of_conversation(&app, &call, &asked, id, limit, &format).await,
        None => of_all(&app, &call, &asked, limit, &format).await,
    }
}

async fn of_conversation(
    app: &App,
    call: &Call,
    asked: &Parameters,
    id: &str,
    limit: usize,
    format: &MessageFormat,
) -> Answer<Listed<wire::Message>> {
    let at = places::conversation(app, id).await?;
    let mut found: Vec<Message> = Vec::new();
    let mut position = asked.cursor().map(Cursor::from);
    // What is not shown leaves room for what comes behind it.
    for _ in 0..SCANNED_PAGES_MAX {
        let request = PageRequest {
            limit: limit - found.len(),
            order: Order::Asc,
            position: position.map(Position::After),
        };
        let backend = &app.parts.backend;
        let page = backend.list_messages(&call.cx, &at, &request).await?;
        found.extend(page.items.into_iter().filter(show::is_visible));
        position = page.next;
        if position.is_none() || found.len() >= limit {
            break;
        }
    }
    let rows = show::messages(app, &call.cx, at.id, &found, format).await?;
    let next = position.map(|cursor| cursor.as_str().to_owned());
    Ok(Shown(Listed::new(rows, next).counted(asked.cursor())))
}

async fn of_all(
    app: &App,
    call: &Call,
    asked: &Parameters,
    limit: usize,
    format: &MessageFormat,
) -> Answer<Listed<wire::Message>> {
    let name = format!("{KIND}/{}/messages", call.tenant());
    let spot = match asked.cursor() {
        Some(cursor) => Cursor::from(cursor).decode(&name)?,
        None => Spot::default(),
    };
    let (found, next) = walk::page(app, &call.cx, &Walk::All, spot, limit, |_| true).await?;
    let mut rows = Vec::new();
    for (at, messages) in found {
        rows.extend(show::messages(app, &call.cx, at, &messages, format).await?);
    }
    let next = next.map(|spot| Cursor::encode(&name, &spot)).transpose()?;
    let next = next.map(|cursor| cursor.as_str().to_owned());
    Ok(Shown(Listed::new(rows, next).counted(asked.cursor())))
}

/// `GET /v1/messages/{message_id}`
pub(super) async fn get(State(app): State<App>, call: Call, Id(id): Id) -> Answer<wire::Message> {
    let (_, message) = places::message(&app, &call.cx, &id).await?;
    Ok(Shown(show::message(&app, &call.cx, &message).await?))
}

/// `PATCH /v1/messages/{message_id}`: text, subject and snippet. Who said something to whom, and when, stays.
pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
    Json(request): Json<MessageUpdate>,
) -> Answer<wire::Message> {
    check(&request)?;
    let (at, message) = places::message(&app, &call.cx, &id).await?;
    let before = show::message(&app, &call.cx, &message).await?;
    only_what_it_has(&request, &before)?;
    let mut patch = MessagePatch::default();
    if let Some(subject) = request.subject.value()
        && before.subject.value() != Some(subject)
    {
        patch.subject = match subject.is_empty() {
            true => Patch::Clear,
            false => Patch::Set(subject.as_str().into()),
        };
    }
    if let Some(body) = request.body.value()
        && before.body.value() != Some(body)
    {
        patch.parts = Patch::Set(with_body(&message.parts, body));
    }
    if let Some(snippet) = request.snippet.value()
        && before.snippet.value() != Some(snippet)
    {
        let kept = JsonMap::from([("snippet".into(), RawJson::string(snippet))]);
        let kept = RawJson::from_serialize(&kept).unwrap_or_default();
        patch.extensions = Patch::Set(JsonMap::from([(EXTENSION.into(), kept)]));
    }
    if patch.is_empty() {
        return Ok(Shown(before));
    }
    refuse(validate_message(&NewMessage {
        subject: patch.subject.set().cloned(),
        ..NewMessage::text(Role::User, "")
    }))?;
    let backend = &app.parts.backend;
    let changed = backend.update_message(&call.cx, &at, &message.id, patch, None);
    let changed = changed.await?;
    Ok(Shown(show::message(&app, &call.cx, &changed).await?))
}

fn check(request: &MessageUpdate) -> Result<(), Problem> {
    if let Some(MessageDirection::Other(_)) = request.direction.value() {
        return Err(unknown_word("direction"));
    }
    if let Some(sender) = request.sender.value() {
        people::check("sender", std::slice::from_ref(sender))?;
    }
    if let Some(recipients) = request.recipients.value() {
        people::check("recipients", recipients)?;
    }
    Ok(())
}

/// Refuses a change of what no backend can change. What is sent as it is changes nothing.
fn only_what_it_has(request: &MessageUpdate, before: &wire::Message) -> Result<(), Problem> {
    let is_same_date = match request.date.value() {
        None => true,
        Some(date) => {
            let sent = body::time("date", date)?;
            wire::spelled_time(sent) == before.date
        }
    };
    let is_same = |one: &MessageParticipant, other: &MessageParticipant| {
        one.role == other.role
            && one.handle.kind == other.handle.kind
            && one.handle.value == other.handle.value
    };
    let sender = request.sender.value();
    let recipients = request.recipients.value();
    let direction = request.direction.value();
    let kept = [
        ("date", is_same_date),
        (
            "direction",
            direction.is_none_or(|word| *word == before.direction),
        ),
        (
            "sender",
            sender.is_none_or(|sender| is_same(sender, &before.sender)),
        ),
        (
            "recipients",
            recipients.is_none_or(|recipients| {
                recipients.len() == before.recipients.len()
                    && recipients
                        .iter()
                        .zip(&before.recipients)
                        .all(|(one, other)| is_same(one, other))
            }),
        ),
    ];
    match kept.iter().find(|(_, is_kept)| !is_kept) {
        None => Ok(()),
        Some((name, _)) => Err(Problem::unprocessable(format!(
            "{name}: cannot be changed; subject, body and snippet can"
        ))),
    }
}

/// The parts of a message with another text. Its files stay: they have operations of their own.
fn with_body(parts: &[Part], body: &str) -> Vec<Part> {
    let files = parts.iter().filter(|part| ids::file_of(part).is_some());
    parts_of(Some(body), None)
        .into_iter()
        .chain(files.cloned())
        .collect()
}

/// Refuses what breaks a rule of every backend.
pub(super) fn refuse(violations: Vec<conversation::Violation>) -> Result<(), Problem> {
    match violations.first() {
        None => Ok(()),
        Some(first) => Err(Problem::bad(format!("{}: {}", first.pointer, first.detail))),
    }
}
