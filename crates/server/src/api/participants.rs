//! `/v1/conversations/{id}/participants`.

use axum::extract::State;
use axum::response::Response;
use backend::{Applied, Location, Write};
use conversation::{NewConversation, Participant};
use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::fidelity::Fidelity;
use crate::gateway::App;
use crate::json::JsonBody;
use crate::list::List;
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::{Include, NoQuery};
use crate::view::View;

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
    let view = View::new(&call.cx, Include::default());
    view.list(List::whole(participants), fidelity_of(&view, &at), &uri)
}

/// What became of participants, and of nothing else of their conversation.
fn fidelity_of(view: &View, at: &Location) -> Fidelity {
    view.fidelity_below(&at.id.to_string(), "/participants")
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
    let view = View::new(&call.cx, Include::default());
    let (settled_view, at_settled) = (view.clone(), at.clone());
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::AddParticipants(participants.clone()),
        body: body.bytes(),
        // Participants without ids would be added twice, so what cannot be known is not sent again.
        recovery: Recovery::settle(move |applied| match applied {
            Applied::Participants(all) => added(&settled_view, &at_settled, all),
            _ => Err(super::wrong_kind()),
        }),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let all = router.add_participants(&cx, &at, participants).await?;
        added(&view, &at, all)
    })
    .await
}

fn added(view: &View, at: &Location, all: Vec<Participant>) -> Result<Answer, Problem> {
    let answer = Answer::document(StatusCode::CREATED, &List::whole(all))?;
    Ok(View::mark(answer, &fidelity_of(view, at)))
}

/// `DELETE /v1/conversations/{id}/participants/{participant_id}`
pub(crate) async fn remove(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let participant = ids.name("participant_id")?;
    app.gateway
        .router
        .remove_participant(&call.cx, &at, participant)
        .await?;
    let view = View::new(&call.cx, Include::default());
    Ok(View::no_content(&fidelity_of(&view, &at)))
}
