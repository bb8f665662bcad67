//! `/v1/conversations`, but for the list of them.

use axum::extract::State;
use backend::{Kind, Location};
use conversation::{
    Activity, ActivityKind, Conversation, ConversationPatch, JsonMap, NewConversation, Participant,
    Patch, Priority, RawJson, Status, validate_conversation,
};

use super::answer::{Answer, Problem, Shown};
use super::body::{self, Json, unknown_word};
use super::call::{Call, Id};
use super::happened::{self, Look};
use super::messages::refuse;
use super::{App, channels, contacts, ids, naming, people, places, show};
use crate::mapping::{EXTENSION, participants_to_canonical};
use crate::wire::{
    self, ConversationCreate, ConversationPriority, ConversationStatus, ConversationUpdate,
    spelled_time,
};

/// `GET /v1/conversations/{conversation_id}`
pub(super) async fn get(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
) -> Answer<wire::Conversation> {
    let (_, found) = read(&app, &call, &id).await?;
    Ok(Shown(show::conversation(&app, &call.cx, &found).await?))
}

async fn read(app: &App, call: &Call, id: &str) -> Result<(Location, Conversation), Problem> {
    let at = places::conversation(app, id).await?;
    let found = app.parts.backend.get_conversation(&call.cx, &at).await?;
    Ok((at, found))
}

/// `POST /v1/conversations`
pub(super) async fn create(
    State(app): State<App>,
    call: Call,
    Json(request): Json<ConversationCreate>,
) -> Answer<wire::Conversation> {
    let status = request.status.value().map(status).transpose()?;
    let priority = request.priority.value().map(priority).transpose()?;
    people::check("participants", &request.participants)?;
    let mut kept = JsonMap::new();
    if let Some(snippet) = request.snippet.value() {
        kept.insert("snippet".into(), RawJson::string(snippet));
    }
    if let Some(is_unread) = request.is_unread.value() {
        kept.insert("is_unread".into(), boolean(*is_unread));
    }
    if let Some(date) = request.last_message_date.value() {
        let date = spelled_time(body::time("last_message_date", date)?);
        kept.insert("last_message_date".into(), RawJson::string(&date));
    }
    if let Some(roles) = people::roles(&request.participants, None) {
        kept.insert(people::ROLES.into(), roles);
    }
    let labels = naming::names(&app, call.tenant(), &request.label_ids).await?;
    channels::ensure(&app, call.tenant(), &request.channel_id).await?;
    let new = NewConversation {
        title: title(request.subject.value()),
        status,
        priority: priority.flatten(),
        labels,
        participants: participants_to_canonical(&request.participants),
        ..NewConversation::default()
    };
    let made = make(&app, &call, &request.channel_id, new, kept).await?;
    contacts::note(&app, &call, &request.participants).await;
    Ok(Shown(show::conversation(&app, &call.cx, &made).await?))
}

/// Makes the conversation of a message that has none yet.
pub(super) async fn begin(
    app: &App,
    call: &Call,
    channel: &str,
    subject: &Option<Box<str>>,
    participants: Vec<Participant>,
) -> Result<Location, Problem> {
    let new = NewConversation {
        title: subject.clone(),
        participants,
        ..NewConversation::default()
    };
    let made = make(app, call, channel, new, JsonMap::new()).await?;
    // So that nothing of it has to be read again for the answer to what is said in it.
    let spelled = ids::CONVERSATIONS.spelled_one(&app.parts, &made).await?;
    places::place_of(app, call.tenant(), &made, spelled);
    Ok(Location::unresolved(made.id))
}

async fn make(
    app: &App,
    call: &Call,
    channel: &str,
    mut new: NewConversation,
    mut kept: JsonMap,
) -> Result<Conversation, Problem> {
    if channel != channels::first_id(call.tenant()) {
        kept.insert("channel_id".into(), RawJson::string(channel));
    }
    if !kept.is_empty() {
        new.extensions.insert(EXTENSION.into(), kept);
    }
    refuse(validate_conversation(&new))?;
    let backend = &app.parts.backend;
    let made = backend.create_conversation(&call.cx, new).await?;
    Ok(made.conversation)
}

/// `PATCH /v1/conversations/{conversation_id}`: lists replace, null changes nothing.
pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
    Json(request): Json<ConversationUpdate>,
) -> Answer<wire::Conversation> {
    let status = request.status.value().map(status).transpose()?;
    let priority = request.priority.value().map(priority).transpose()?;
    let participants = request.participants.value();
    people::check(
        "participants",
        participants.map(Vec::as_slice).unwrap_or_default(),
    )?;
    let labels = match request.label_ids.value() {
        Some(ids) => Some(naming::names(&app, call.tenant(), ids).await?),
        None => None,
    };
    let (at, found) = read(&app, &call, &id).await?;
    let before = show::conversation(&app, &call.cx, &found).await?;

    let mut patch = ConversationPatch::default();
    // The nearest word for what stands there is not to be made the real one.
    if let Some(status) = status
        && request.status.value() != Some(&before.status)
    {
        patch.status = Patch::Set(status);
    }
    if let Some(priority) = priority
        && request.priority.value() != Some(&before.priority)
    {
        patch.priority = priority.map_or(Patch::Clear, Patch::Set);
    }
    if let Some(labels) = labels
        && labels != found.labels
    {
        patch.labels = Patch::Set(labels);
    }
    if let Some(participants) = participants {
        patch.participants =
            Patch::Set(known_again(participants_to_canonical(participants), &found));
    }
    if let Some(subject) = request.subject.value()
        && before.subject.value() != Some(subject)
    {
        patch.title = title(Some(subject)).map_or(Patch::Clear, Patch::Set);
    }
    let mut kept = JsonMap::new();
    let roles = participants.and_then(|participants| people::roles(participants, Some(&found)));
    if let Some(roles) = roles {
        kept.insert(people::ROLES.into(), roles);
    }
    if let Some(snippet) = request.snippet.value() {
        kept.insert("snippet".into(), RawJson::string(snippet));
    }
    if let Some(date) = request.last_message_date.value() {
        let date = spelled_time(body::time("last_message_date", date)?);
        // The newest message tells it, where there is one.
        if found.last_message_at.is_none() {
            kept.insert("last_message_date".into(), RawJson::string(&date));
        }
    }
    if let Some(is_unread) = request.is_unread.value()
        && before.is_unread.value() != Some(is_unread)
    {
        kept.insert("is_unread".into(), boolean(*is_unread));
        if !is_unread {
            mark_read(&app, &call, &at).await?;
        }
    }
    if !kept.is_empty() {
        let kept = RawJson::from_serialize(&kept).unwrap_or_default();
        patch.extensions = Patch::Set(JsonMap::from([(EXTENSION.into(), kept)]));
    }
    refuse(validate_conversation(&NewConversation {
        title: patch.title.set().cloned(),
        labels: patch.labels.set().cloned().unwrap_or_default(),
        participants: patch.participants.set().cloned().unwrap_or_default(),
        ..NewConversation::default()
    }))?;

    let backend = &app.parts.backend;
    let changed = match patch.is_empty() {
        true => backend.get_conversation(&call.cx, &at).await?,
        false => {
            let update = backend.update_conversation(&call.cx, &at, patch, None);
            update.await?
        }
    };
    let after = show::conversation(&app, &call.cx, &changed).await?;
    let (was, is) = (look(&before), look(&after));
    happened::note(&app, &call, found.id, &after.id, was, is).await;
    contacts::note(
        &app,
        &call,
        participants.map(Vec::as_slice).unwrap_or_default(),
    )
    .await;
    Ok(Shown(after))
}

fn look(row: &wire::Conversation) -> Look<'_> {
    Look {
        status: &row.status,
        labels: &row.labels,
    }
}

/// Participants as a request names them, with what only the conversation knows of those who stay.
fn known_again(participants: Vec<Participant>, found: &Conversation) -> Vec<Participant> {
    let known = |one: &Participant| {
        let same = |other: &&Participant| {
            other.id == one.id
                || other
                    .handles
                    .iter()
                    .any(|handle| one.handles.contains(handle))
        };
        found.participants.iter().find(same)
    };
    participants
        .into_iter()
        .map(|one| match known(&one) {
            Some(same) => Participant {
                side: one.side,
                name: one.name.or_else(|| same.name.clone()),
                ..same.clone()
            },
            None => one,
        })
        .collect()
}

/// Tells the backend that everything was read, where it can be told.
async fn mark_read(app: &App, call: &Call, at: &Location) -> Result<(), Problem> {
    let activity = Activity {
        activity: ActivityKind::Read,
        participant_id: None,
    };
    match app
        .parts
        .backend
        .send_activity(&call.cx, at, activity)
        .await
    {
        Err(error) if !matches!(error.kind, Kind::Unsupported | Kind::NotHeld) => Err(error.into()),
        _ => Ok(()),
    }
}

fn status(word: &ConversationStatus) -> Result<Status, Problem> {
    match word {
        ConversationStatus::Open => Ok(Status::Open),
        ConversationStatus::Done => Ok(Status::Closed),
        ConversationStatus::Trash => Ok(Status::Trashed),
        ConversationStatus::Spam => Ok(Status::Spam),
        ConversationStatus::Other(_) => Err(unknown_word("status")),
    }
}

fn priority(word: &ConversationPriority) -> Result<Option<Priority>, Problem> {
    match word {
        ConversationPriority::NoPriority => Ok(None),
        ConversationPriority::Urgent => Ok(Some(Priority::Urgent)),
        ConversationPriority::High => Ok(Some(Priority::High)),
        ConversationPriority::Medium => Ok(Some(Priority::Medium)),
        ConversationPriority::Low => Ok(Some(Priority::Low)),
        ConversationPriority::Other(_) => Err(unknown_word("priority")),
    }
}

fn title(subject: Option<&String>) -> Option<Box<str>> {
    subject
        .filter(|subject| !subject.is_empty())
        .map(|subject| subject.as_str().into())
}

fn boolean(value: bool) -> RawJson {
    RawJson::from_serialize(&value).unwrap_or_default()
}
