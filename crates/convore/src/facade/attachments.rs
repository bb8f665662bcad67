//! `/v1/attachments`: files of messages. There are no drafts here.

use std::collections::BTreeMap;

use adapterkit::{Extra, Member};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backend::{
    AttachmentContent, Backend, BackendExt as _, Error, Kind, Location, NewAttachment, Order,
    PageRequest, Precondition,
};
use bytes::Bytes;
use conversation::{
    AttachmentId, JsonMap, Message, MessagePatch, Part, Patch, RawJson, Time, etag,
};
use futures_util::StreamExt as _;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

use super::answer::{Answer, Problem, Shown};
use super::body::FileBody;
use super::call::{Call, Id};
use super::objects::{About, Objects};
use super::query::{PAGE_MAX, Query};
use super::{App, ids, places};
use crate::mapping::EXTENSION;
use crate::wire::Attachment;

/// The member of a message's extensions that names the files inside its text.
pub(super) const INLINE: &str = "inline_attachments";
/// The kind of the objects that tell of removed files.
const REMOVED: &str = "removed-file";
/// The longest name of a file, in characters.
const NAME_MAX_CHARS: usize = 255;
const OCTETS: &str = "application/octet-stream";

/// `POST /v1/attachments?message_id=…&is_inline=…`
pub(super) async fn upload(
    State(app): State<App>,
    call: Call,
    query: Query,
    headers: HeaderMap,
    FileBody(form): FileBody,
) -> Answer<Attachment> {
    let asked = query.read(&["draft_id", "message_id", "is_inline"], &[])?;
    let is_inline = asked.flag("is_inline")?;
    let is_inline = is_inline.ok_or_else(|| Problem::bad("is_inline: true or false"))?;
    let message_id = match (asked.one("message_id"), asked.one("draft_id")) {
        (Some(id), None) => id,
        (None, Some(_)) => return Err(Problem::not_found("draft not found")),
        _ => {
            return Err(Problem::bad(
                "exactly one of message_id and draft_id is needed",
            ));
        }
    };
    let file = file(&headers, form, app.parts.limits.attachment_bytes_max).await?;
    let (at, message) = places::message(&app, &call.cx, message_id).await?;
    let size = file.bytes.len();
    let new = NewAttachment {
        name: Some(file.name.as_str().into()),
        media_type: file.media_type.as_str().into(),
        message_id: Some(message.id.clone()),
        bytes: file.bytes,
    };
    let backend = &app.parts.backend;
    let stored = backend.put_attachment(&call.cx, &at, new).await?;
    let is_inline = is_inline && mark_inline(&app, &call, &at, &message, &stored.id).await;
    places::note_file(&app, at.id, &stored.id).await?;
    let place = places::place(&app, &call.cx, at.id).await?;
    Ok(Shown(Attachment {
        id: ids::spelled_file(&stored.id),
        conversation_id: place.id.clone(),
        draft_id: Member::Absent,
        message_id: Member::Value((ids::MESSAGES.spell)(&message)),
        content_type: stored.media_type.into(),
        filename: stored.name.map_or(file.name, Into::into),
        is_inline,
        content_id: Member::Absent,
        size: u64::try_from(size).unwrap_or(u64::MAX),
        extra: Extra::new(),
    }))
}

/// Keeps that a file stands inside its text; false where that could not be kept. The file itself is stored by then.
async fn mark_inline(
    app: &App,
    call: &Call,
    at: &Location,
    message: &Message,
    file: &AttachmentId,
) -> bool {
    let marks = BTreeMap::from([(INLINE, BTreeMap::from([(file.as_str(), true)]))]);
    let marks = RawJson::from_serialize(&marks).unwrap_or_default();
    let patch = MessagePatch {
        extensions: Patch::Set(JsonMap::from([(EXTENSION.into(), marks)])),
        ..MessagePatch::default()
    };
    let backend = &app.parts.backend;
    let marked = backend.update_message(&call.cx, at, &message.id, patch, None);
    match marked.await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "that a file stands inside its text could not be kept");
            false
        }
    }
}

/// A file in a form.
struct File {
    name: String,
    media_type: String,
    bytes: Bytes,
}

/// The part called `file`, whole.
async fn file(headers: &HeaderMap, form: Bytes, bytes_max: usize) -> Result<File, Problem> {
    let needed = || Problem::bad("a multipart body with one part called `file` is needed");
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let boundary = multer::parse_boundary(content_type.unwrap_or_default());
    let boundary = boundary.map_err(|_| needed())?;
    let stream = futures_util::stream::once(async move { Ok::<_, std::io::Error>(form) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut found = None;
    while let Some(part) = parts.next_field().await.map_err(|_| needed())? {
        if part.name() != Some("file") {
            continue;
        }
        if found.is_some() {
            return Err(needed());
        }
        let name = part.file_name().unwrap_or("file").to_owned();
        let media_type = part.content_type().map(ToString::to_string);
        let bytes = part.bytes().await.map_err(|_| needed())?;
        found = Some(File {
            name,
            media_type: media_type.unwrap_or_else(|| OCTETS.to_owned()),
            bytes,
        });
    }
    let found = found.ok_or_else(needed)?;
    if found.bytes.is_empty() {
        return Err(Problem::bad("file: it is empty"));
    }
    if found.bytes.len() > bytes_max {
        return Err(facadekit::BodyFault::TooLarge.into());
    }
    if !is_file_name(&found.name) {
        return Err(Problem::bad(format!(
            "file: its name has 1 to {NAME_MAX_CHARS} characters without `/`, `\\` and control characters"
        )));
    }
    Ok(found)
}

/// A name that leads out of no directory, on no system.
fn is_file_name(name: &str) -> bool {
    (1..=NAME_MAX_CHARS).contains(&name.chars().count())
        && name != "."
        && name != ".."
        && !name
            .chars()
            .any(|character| matches!(character, '/' | '\\') || character.is_control())
}

/// `GET /v1/attachments/{attachment_id}/download`
pub(super) async fn download(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
) -> Result<Response, Problem> {
    let at = places::home_of_file(&app, &id).await?;
    refuse_removed(&app, &call, &id).await?;
    for id in ids::read_file(&id) {
        match app.parts.backend.open_attachment(&call.cx, &at, &id).await {
            Ok(content) => return Ok(bytes_of(content)),
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(not_found())
}

/// Bytes to be saved and never to be shown in place: they are somebody's file.
fn bytes_of(content: AttachmentContent) -> Response {
    let mut response = Response::new(Body::from(content.bytes));
    let media_type = HeaderValue::from_str(&content.media_type);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        media_type.unwrap_or(HeaderValue::from_static(OCTETS)),
    );
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// `DELETE /v1/attachments/{attachment_id}`: its message loses it.
pub(super) async fn remove(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
) -> Result<Response, Problem> {
    let at = places::home_of_file(&app, &id).await?;
    refuse_removed(&app, &call, &id).await?;
    let wanted: Vec<AttachmentId> = ids::read_file(&id).collect();
    let message = holder(&app, &call, &at, &wanted).await?;
    let representation = serde_json::to_vec(&message).map_err(|error| {
        Problem::from(Error::new(Kind::Internal, "a message cannot be written").source(error))
    })?;
    let is_it = |part: &Part| ids::file_of(part).is_some_and(|id| wanted.contains(id));
    let mut parts = message.parts;
    parts.retain(|part| !is_it(part));
    if parts.is_empty() {
        parts.push(Part::text(""));
    }
    let patch = MessagePatch {
        parts: Patch::Set(parts),
        ..MessagePatch::default()
    };
    // Two that are taken away at once must not bring each other back.
    let precondition = Precondition::Matches(vec![etag(&representation)]);
    let backend = &app.parts.backend;
    backend
        .update_message(&call.cx, &at, &message.id, patch, Some(&precondition))
        .await?;
    // Backends may keep the bytes; nobody gets them here any more.
    let about = About {
        conversation: Some(at.id),
        person: None,
    };
    Objects::new(&app, call.tenant(), REMOVED)
        .insert(&id, None, &true, Time::now(), about)
        .await?;
    Ok(Response::new(Body::empty()))
}

/// What was taken from its message is not there any more.
async fn refuse_removed(app: &App, call: &Call, id: &str) -> Result<(), Problem> {
    let removed = Objects::new(app, call.tenant(), REMOVED);
    match removed.get::<bool>(id).await? {
        Some(_) => Err(not_found()),
        None => Ok(()),
    }
}

/// The message that has one of these files.
async fn holder(
    app: &App,
    call: &Call,
    at: &Location,
    wanted: &[AttachmentId],
) -> Result<Message, Problem> {
    let newest_first = PageRequest {
        limit: PAGE_MAX,
        order: Order::Desc,
        position: None,
    };
    let backend: &dyn Backend = &*app.parts.backend;
    let mut all = backend.all_messages(&call.cx, at, newest_first);
    while let Some(message) = all.next().await {
        let message = match message {
            Err(error) if error.kind == Kind::NotFound => return Err(not_found()),
            message => message?,
        };
        let mut files = message.parts.iter().filter_map(ids::file_of);
        if files.any(|id| wanted.contains(id)) {
            return Ok(message);
        }
    }
    Err(not_found())
}

fn not_found() -> Problem {
    Problem::not_found("attachment not found")
}
