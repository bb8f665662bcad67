//! `/v1/conversations/{id}/participants`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::{Location, Write};
use conversation::{ConversationPatch, NewConversation, Participant, Patch};
use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::list::List;
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::NoQuery;

/// `GET /v1/conversations/{id}/participants`
pub(crate) async fn list(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    uri: Uri,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let participants = app.gateway.router.list_participants(&call.cx, &at).await?;
    List::whole(participants).into_answer(&uri)
}

/// The body that adds participants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddRequest {
    participants: Vec<Participant>,
}

/// `POST /v1/conversations/{id}/participants`
pub(crate) async fn add(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let AddRequest { participants } = body.parse()?;
    if participants.is_empty() {
        checks::refuse(vec![violation(
            "/participants",
            "empty",
            "at least one participant",
        )])?;
    }
    checks::conversation(&NewConversation {
        participants: participants.clone(),
        ..NewConversation::default()
    })?;
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::UpdateConversation(ConversationPatch {
            participants: Patch::Set(participants.clone()),
            ..ConversationPatch::default()
        }),
        body: body.bytes(),
        // Participants without ids would be added twice, and no backend can tell whether they were added.
        recovery: Recovery::Unknown,
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let all = router.add_participants(&cx, &at, participants).await?;
        Answer::document(StatusCode::CREATED, &List::whole(all))
    })
    .await
}

/// `DELETE /v1/conversations/{id}/participants/{participant_id}`
pub(crate) async fn remove(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let participant = ids.name("participant_id")?;
    app.gateway
        .router
        .remove_participant(&call.cx, &at, participant)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
