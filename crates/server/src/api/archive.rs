//! `/admin/v1/archive`: conversations go out as lines and come back as they were.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backend::AttachmentContent;
use bytes::Bytes;
use conversation::{AttachmentId, ConversationId, Digest};
use futures_util::stream::{self, StreamExt};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use keys::{TENANT_RULE, USER_RULE, is_tenant_name, is_user_name};
use migration::archive::{About, ConversationLine, EndLine, Line, MessageLine, Target};
use serde::Deserialize;

use crate::answer::Answer;
use crate::api::migrations::attempt;

use crate::body::FileBody;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::ArchiveBody;
use crate::once::run_once;
use crate::path::PathIds;
use crate::problem::{Code, Problem};
use crate::query::{Query, invalid_query};

const JSON_LINES: HeaderValue = HeaderValue::from_static("application/jsonl");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Lines that are sent in one piece where they are ready.
const LINES_AT_ONCE: usize = 64;
/// The most messages of one call.
const MESSAGES_MAX: usize = 1_000;

/// `GET /admin/v1/archive`
pub(crate) async fn export(
    State(app): State<App>,
    _: Call,
    mut query: Query,
) -> Result<Response, Problem> {
    let about = About {
        backend: query.one("backend")?.map(Into::into),
        tenant: query.one("tenant")?.map(Into::into),
        label: query.one("label")?.map(Into::into),
    };
    let after: Option<ConversationId> = parsed(&mut query, "after")?;
    query.finish()?;
    if let Some(name) = about.backend.as_deref() {
        named_backend(&app, name)?;
    }
    let mut lines = app.gateway.migrations.export(about, after);
    // A state that does not work is a real error as long as nothing was sent.
    let wait = app.gateway.streams.header_wait;
    let first = match tokio::time::timeout(wait, lines.next()).await {
        Ok(Some(Ok(line))) => Some(Ok(line)),
        Ok(Some(Err(error))) => return Err(error.into()),
        Ok(None) => {
            return Err(Problem::new(
                Code::Internal,
                "the export met a fault in this server",
            ));
        }
        Err(_elapsed) => None,
    };
    let ends = app.gateway.shutdown.streams_must_end().clone();
    let lines = stream::iter(first)
        .chain(lines)
        .ready_chunks(LINES_AT_ONCE)
        .map(written)
        .take_until(ends.cancelled_owned());
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, JSON_LINES);
    Ok(response)
}

/// Lines as they are sent. A failure cuts the stream: the last line is missing then.
fn written(lines: Vec<backend::Result<Line>>) -> io::Result<Bytes> {
    let mut text = Vec::new();
    for line in lines {
        let line = line.map_err(|error| {
            tracing::warn!(%error, "an export was cut");
            io::Error::from(io::ErrorKind::ConnectionAborted)
        })?;
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    Ok(Bytes::from(text))
}

/// `GET /admin/v1/archive/attachments`
pub(crate) async fn attachment(
    State(app): State<App>,
    _: Call,
    mut query: Query,
) -> Result<Answer, Problem> {
    let conversation: ConversationId = needed(&mut query, "conversation")?;
    let id: AttachmentId = needed(&mut query, "id")?;
    query.finish()?;
    let migrations = &app.gateway.migrations;
    let content = migrations.archived_attachment(conversation, &id).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, OCTETS);
    let digest = Digest::of(&content.bytes);
    if let Ok(tag) = HeaderValue::try_from(format!("\"{digest}\"")) {
        headers.insert(ETAG, tag);
    }
    Ok(Answer {
        status: StatusCode::OK,
        headers,
        body: content.bytes,
    })
}

/// `PUT /admin/v1/archive/conversations/{id}`
pub(crate) async fn conversation(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    query: Query,
    ArchiveBody(body): ArchiveBody,
) -> Result<Answer, Problem> {
    let target = target_of(&app, &ids, query)?;
    let line: ConversationLine = body.parse()?;
    let mut violations = Vec::new();
    if line.id != target.conversation {
        violations.push(violation(
            "/id",
            "invalid-value",
            "another id than in the path",
        ));
    }
    if line
        .tenant
        .as_deref()
        .is_some_and(|name| !is_tenant_name(name))
    {
        violations.push(violation("/tenant", "invalid-value", TENANT_RULE));
    }
    if line
        .owner
        .as_deref()
        .is_some_and(|name| !is_user_name(name))
    {
        violations.push(violation("/owner", "invalid-value", USER_RULE));
    }
    checks::refuse(violations)?;
    run_once(&app, call, attempt(body.bytes()), |_| async {
        let begun = app
            .gateway
            .migrations
            .restore(&target.backend, &line)
            .await?;
        Answer::document(StatusCode::OK, &begun)
    })
    .await
}

/// The body of messages that are restored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRequest {
    messages: Vec<MessageLine>,
}

/// `POST /admin/v1/archive/conversations/{id}/messages`
pub(crate) async fn messages(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    query: Query,
    ArchiveBody(body): ArchiveBody,
) -> Result<Answer, Problem> {
    let target = target_of(&app, &ids, query)?;
    let RestoreRequest { messages } = body.parse()?;
    if !(1..=MESSAGES_MAX).contains(&messages.len()) {
        let detail = format!("1 to {MESSAGES_MAX} messages");
        checks::refuse(vec![violation("/messages", "out-of-range", detail)])?;
    }
    run_once(&app, call, attempt(body.bytes()), |_| async {
        let migrations = &app.gateway.migrations;
        let put = migrations.restore_messages(&target, messages).await?;
        Answer::document(StatusCode::OK, &put)
    })
    .await
}

/// `PUT /admin/v1/archive/conversations/{id}/attachments/{attachment_id}`
pub(crate) async fn put_attachment(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    mut query: Query,
    body: FileBody,
) -> Result<Answer, Problem> {
    let sha256: Digest = needed(&mut query, "sha256")?;
    let name = query.one("name")?;
    let media_type = query.one("media_type")?;
    let target = target_of(&app, &ids, query)?;
    let id = ids.attachment()?;
    let content = AttachmentContent {
        name: name.map(Into::into),
        media_type: media_type.map_or(body.media_type, Into::into),
        bytes: body.bytes,
    };
    run_once(&app, call, attempt(sha256.as_bytes()), |_| async {
        let migrations = &app.gateway.migrations;
        let put = migrations
            .restore_attachment(&target, &id, sha256, content)
            .await?;
        Answer::document(StatusCode::OK, &put)
    })
    .await
}

/// `POST /admin/v1/archive/conversations/{id}/end`
pub(crate) async fn end(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    query: Query,
    ArchiveBody(body): ArchiveBody,
) -> Result<Answer, Problem> {
    let target = target_of(&app, &ids, query)?;
    let line: EndLine = body.parse()?;
    if line.id != target.conversation {
        checks::refuse(vec![violation(
            "/id",
            "invalid-value",
            "another id than in the path",
        )])?;
    }
    run_once(&app, call, attempt(body.bytes()), |_| async {
        let ended = app.gateway.migrations.restore_end(&target, &line).await?;
        Answer::document(StatusCode::OK, &ended)
    })
    .await
}

/// Where a conversation is restored, by the path and the rest of the query.
fn target_of(app: &App, ids: &PathIds, mut query: Query) -> Result<Target, Problem> {
    let conversation = ids.conversation()?;
    let backend: String = needed(&mut query, "backend")?;
    named_backend(app, &backend)?;
    let tenant = query.one("tenant")?;
    let owner = query.one("owner")?;
    query.finish()?;
    // Names at vendors are made of both: one that no key could have may be another's there.
    if tenant.as_deref().is_some_and(|name| !is_tenant_name(name)) {
        return Err(invalid_query("tenant", TENANT_RULE));
    }
    if owner.as_deref().is_some_and(|name| !is_user_name(name)) {
        return Err(invalid_query("owner", USER_RULE));
    }
    Ok(Target {
        conversation,
        backend: backend.into(),
        tenant: tenant.map(Into::into),
        owner: owner.map(Into::into),
    })
}

fn named_backend(app: &App, name: &str) -> Result<(), Problem> {
    match app.gateway.mounted(name) {
        Some(_) => Ok(()),
        None => Err(invalid_query(
            "backend",
            "no backend has this name, see /v1/backends",
        )),
    }
}

fn parsed<T>(query: &mut Query, name: &'static str) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Some(text) = query.one(name)? else {
        return Ok(None);
    };
    let parsed = text.parse();
    parsed
        .map(Some)
        .map_err(|error: T::Err| invalid_query(name, error.to_string()))
}

fn needed<T>(query: &mut Query, name: &'static str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    parsed(query, name)?.ok_or_else(|| invalid_query(name, "must be there"))
}
