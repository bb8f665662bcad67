//! `/admin/v1/intents`: writes that were begun at a vendor and are not known to have ended.

use axum::extract::State;
use axum::response::Response;
use backend::ports::{IntentQuery, IntentRecord, IntentState, MigrationId};
use backend::{Error, Kind};
use conversation::{ConversationId, Time};
use http::Uri;
use serde::Serialize;
use uuid::Uuid;

use crate::answer::Answer;
use crate::call::Call;
use crate::gateway::App;
use crate::list::{List, forward_page};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::{NoQuery, Query, invalid_query};

/// How many records are read at once where one is looked for: each holds a whole write.
const LOOK_LIMIT: usize = 50;

/// An intent as it is shown: never what was to be written.
#[derive(Debug, Serialize)]
pub(crate) struct IntentDocument {
    id: Uuid,
    backend: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    operation: &'static str,
    state: IntentState,
    started_at: Time,
    deadline_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Box<str>>,
    request_id: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    migration: Option<MigrationId>,
}

impl From<IntentRecord> for IntentDocument {
    fn from(record: IntentRecord) -> Self {
        let IntentRecord {
            intent,
            backend,
            principal: _,
            request_id,
            copying: _,
            strict: _,
            public_id,
            beside: _,
            migration,
            led_by: _,
            messages: _,
            state,
            detail,
        } = record;
        IntentDocument {
            id: intent.id,
            backend,
            conversation_id: intent.location.map(|location| location.id).or(public_id),
            operation: intent.write.operation(),
            state,
            started_at: intent.started_at,
            deadline_at: intent.deadline_at,
            detail,
            request_id,
            migration,
        }
    }
}

/// `GET /admin/v1/intents`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let state = match query.one("state")?.as_deref() {
        None => None,
        Some("open") => Some(IntentState::Open),
        Some("unknown") => Some(IntentState::Unknown),
        Some(_) => return Err(invalid_query("state", "use one of: open, unknown")),
    };
    let backend = query.one("backend")?.map(Into::into);
    let conversation = super::conversation_filter(&mut query)?;
    let (limit, after) = forward_page(&mut query)?;
    query.finish()?;
    let page = app
        .gateway
        .intents
        .list(&IntentQuery {
            state,
            backend,
            operation: None,
            conversation,
            after,
            limit,
        })
        .await?;
    List::of(page.map(IntentDocument::from)).into_answer(&uri)
}

/// `DELETE /admin/v1/intents/{intent_id}`
pub(crate) async fn forget(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let id = ids.uuid("intent_id")?;
    match state_of(&app, id).await? {
        None => Err(Error::new(Kind::NotFound, "no intent has this id").into()),
        // Whoever works on it, or recovery, will end it.
        Some(IntentState::Open) => Err(Error::new(
            Kind::Conflict,
            "the write still runs, or will be settled: only one that stays unknown can be forgotten",
        )
        .into()),
        Some(IntentState::Unknown) => {
            app.gateway.intents.end(id).await?;
            tracing::info!(intent.id = %id, "an unknown write was forgotten");
            Ok(Answer::no_content())
        }
    }
}

async fn state_of(app: &App, id: Uuid) -> Result<Option<IntentState>, Problem> {
    let mut query = IntentQuery {
        limit: LOOK_LIMIT,
        ..IntentQuery::default()
    };
    loop {
        let page = app.gateway.intents.list(&query).await?;
        if let Some(found) = page.items.iter().find(|record| record.intent.id == id) {
            return Ok(Some(found.state));
        }
        if page.next.is_none() {
            return Ok(None);
        }
        query.after = page.next;
    }
}
