//! `/admin/v1/overlay`: fields that were changed at a vendor past the gateway, and settling them.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use backend::ports::{
    DriftQuery, DriftedField, Held, KeptAt, KeptField, RepairSelection, Resolution,
    conversation_lease,
};
use backend::{Context, Error, Kind, Location, Write};
use conversation::{ConversationId, ConversationPatch, MessageId, RawJson, Time};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::{App, Gateway};
use crate::json::JsonBody;
use crate::list::{List, forward_page};
use crate::once::{Attempt, Recovery, run_once};
use crate::problem::Problem;
use crate::query::{NoQuery, Query};

/// How long a repair waits for another writer of its conversation.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest pointer to a field, in characters.
const POINTER_MAX_CHARS: usize = 2_048;

/// A drifted field. A value that is absent is no value, which is not JSON null.
#[derive(Debug, Serialize)]
pub(crate) struct DriftDocument {
    conversation_id: ConversationId,
    backend: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    pointer: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Time>,
    unexpected: bool,
}

impl From<DriftedField> for DriftDocument {
    fn from(drifted: DriftedField) -> Self {
        let DriftedField {
            at: KeptAt {
                conversation,
                backend,
            },
            field,
        } = drifted;
        let KeptField {
            message,
            pointer,
            value,
            base,
            unexpected,
            drift,
        } = field;
        let (since, found) = match drift {
            Some(drift) => (Some(drift.since), drift.value),
            None => (None, None),
        };
        DriftDocument {
            conversation_id: conversation,
            backend,
            message_id: message,
            pointer,
            kept: value,
            base,
            found,
            since,
            unexpected,
        }
    }
}

/// `GET /admin/v1/overlay/drift`
pub(crate) async fn drift(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let backend = query.one("backend")?.map(Into::into);
    let conversation = super::conversation_filter(&mut query)?;
    let (limit, after) = forward_page(&mut query)?;
    query.finish()?;
    let page = app
        .gateway
        .overlay_state
        .drifted(&DriftQuery {
            backend,
            conversation,
            after,
            limit,
        })
        .await?;
    List::of(page.map(DriftDocument::from)).into_answer(&uri)
}

/// The body of a repair.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepairRequest {
    conversation_id: ConversationId,
    #[serde(default)]
    backend: Option<Box<str>>,
    #[serde(default)]
    message_id: Option<MessageId>,
    #[serde(default)]
    pointer: Option<Box<str>>,
    resolution: Resolution,
}

#[derive(Debug, Serialize)]
struct RepairAnswer {
    repaired: u64,
}

/// `POST /admin/v1/overlay/repair`
///
/// What it sends to the vendor is not noted as an intent: a repair whose answer is lost leaves its fields listed as
/// drifted, and is sent again by the operator.
pub(crate) async fn repair(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let request: RepairRequest = body.parse()?;
    let is_pointer =
        |text: &str| text.starts_with('/') && text.chars().count() <= POINTER_MAX_CHARS;
    if request
        .pointer
        .as_deref()
        .is_some_and(|text| !is_pointer(text))
    {
        checks::refuse(vec![violation(
            "/pointer",
            "invalid-value",
            format!("a JSON pointer of at most {POINTER_MAX_CHARS} characters, such as /title"),
        )])?;
    }
    let attempt = Attempt {
        location: Some(Location::unresolved(request.conversation_id)),
        // What is repaired has drifted no more: the second time changes nothing.
        write: Write::UpdateConversation(ConversationPatch::default()),
        body: body.bytes(),
        recovery: Recovery::RunAgain,
    };
    let gateway = &app.gateway;
    run_once(&app, call, attempt, |cx| async move {
        let repaired = settle_drift(gateway, &cx, &request).await?;
        tracing::info!(
            conversation.id = %request.conversation_id,
            resolution = ?request.resolution,
            fields = repaired,
            "drifted fields were repaired"
        );
        Answer::document(StatusCode::OK, &RepairAnswer { repaired })
    })
    .await
}

/// An operator may repair what belongs to any tenant, so the directory is asked and not the router.
async fn settle_drift(
    gateway: &Gateway,
    cx: &Context,
    request: &RepairRequest,
) -> Result<u64, Problem> {
    let binding = gateway
        .directory
        .locate(request.conversation_id)
        .await?
        .filter(|binding| !binding.deleted)
        .ok_or_else(Error::conversation_not_found)?;
    let location = binding.location;
    let name = &location.backend;
    if request
        .backend
        .as_ref()
        .is_some_and(|wanted| wanted != name)
    {
        checks::refuse(vec![violation(
            "/backend",
            "invalid-value",
            format!("the conversation lives on `{name}`"),
        )])?;
    }
    cx.trace.note_backend(name);
    let overlay = gateway
        .mounted(name)
        .and_then(|mounted| mounted.overlay.as_ref())
        .ok_or_else(|| {
            Error::new(
                Kind::Unsupported,
                format!("nothing is kept beside backend `{name}`"),
            )
        })?;
    // Writers of a conversation come one after the other, and a repair is one.
    let name = conversation_lease(location.id);
    let lease = Held::take(&gateway.leases, &name, PATIENCE).await?;
    let held = Context {
        fence: Some(lease.fence()),
        ..cx.clone()
    };
    let selection = RepairSelection {
        message: request.message_id.clone(),
        pointer: request.pointer.clone(),
    };
    lease.outlast_a_heartbeat().await?;
    let repaired = overlay
        .repair(&held, &location, &selection, request.resolution)
        .await;
    lease.release().await;
    Ok(repaired?)
}
