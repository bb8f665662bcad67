//! `/v1/conversations/{id}/activity`: somebody reads or types.

use axum::extract::State;
use backend::{Location, Write};
use conversation::{Activity, ActivityKind, ConversationPatch};

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::{Include, NoQuery};
use crate::view::View;

/// The longest id of a participant, in characters.
const PARTICIPANT_MAX_CHARS: usize = 2_048;

/// `POST /v1/conversations/{id}/activity`
pub(crate) async fn send(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let activity: Activity = body.parse()?;
    check(&activity)?;
    let attempt = Attempt {
        location: Some(at.clone()),
        // Activity is no write that can be settled; saying it again changes nothing more.
        write: Write::UpdateConversation(ConversationPatch::default()),
        body: body.bytes(),
        recovery: Recovery::RunAgain,
    };
    let view = View::new(&call.cx, Include::default());
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        router.send_activity(&cx, &at, activity).await?;
        let id = at.id.to_string();
        Ok(View::no_content(&view.fidelity_below(&id, "/activity")))
    })
    .await
}

fn check(activity: &Activity) -> Result<(), Problem> {
    let mut violations = Vec::new();
    if !matches!(
        activity.activity,
        ActivityKind::Read | ActivityKind::TypingStart | ActivityKind::TypingStop
    ) {
        violations.push(violation(
            "/activity",
            "unknown-value",
            "use one of: read, typing_start, typing_stop; participants are added and removed",
        ));
    }
    if activity
        .participant_id
        .as_deref()
        .is_some_and(|id| !(1..=PARTICIPANT_MAX_CHARS).contains(&id.chars().count()))
    {
        violations.push(violation(
            "/participant_id",
            "too-long",
            format!("1 to {PARTICIPANT_MAX_CHARS} characters"),
        ));
    }
    checks::refuse(violations)
}
