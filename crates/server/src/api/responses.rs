//! `/v1/conversations/{id}/responses`: an AI answers, at once or as a stream.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::{Applied, Context, Error, Event, Kind, Location, RespondRequest, Write};
use conversation::{Message, NewConversation};
use futures_util::StreamExt;
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::checks;
use crate::gateway::App;
use crate::json::OptionalJsonBody;
use crate::once::{Attempt, Claim, Recovery, claim, run_once};
use crate::path::PathIds;
use crate::problem::{Code, Outcome, Problem};
use crate::query::NoQuery;
use crate::stream;

/// The answer, and the input as it was stored.
#[derive(Serialize)]
struct ResponseDocument<'a> {
    message: &'a Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Message>,
}

/// `POST /v1/conversations/{id}/responses`
pub(crate) async fn respond(
    State(app): State<App>,
    mut call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let is_stream = wants_stream(&headers)?;
    let (request, bytes) = match &body {
        None => (RespondRequest::default(), &b""[..]),
        Some(body) => (body.parse()?, &body.bytes()[..]),
    };
    check(&request)?;
    let mut attempt = Attempt {
        location: Some(at.clone()),
        write: Write::Respond(request.clone()),
        body: bytes,
        recovery: Recovery::Settle(settled),
    };
    if !is_stream {
        let answer = run_once(&app, call, attempt, |cx| whole(&app, cx, at, request)).await?;
        return Ok(answer.into_response());
    }
    // The same body asked for in another form is another request.
    call.line = format!("{} (stream)", call.line).into();
    attempt.recovery = Recovery::Settle(stream::settled);
    match claim(&app, call, attempt).await? {
        Claim::Answered(answer) => Ok(answer.into_response()),
        Claim::Run(cx, ticket) => stream::start(&app, cx, at, request, ticket).await,
    }
}

fn check(request: &RespondRequest) -> Result<(), Problem> {
    if let Some(input) = &request.input {
        checks::post(input, "/input")?;
    }
    // The set-up of one answer has the rules of a conversation's.
    checks::conversation(&NewConversation {
        assistant: request.assistant.clone(),
        metadata: request.metadata.clone(),
        ..NewConversation::default()
    })
}

/// The whole answer in one piece.
async fn whole(
    app: &App,
    cx: Context,
    at: Location,
    request: RespondRequest,
) -> Result<Answer, Problem> {
    let ends = app.gateway.shutdown.streams_must_end();
    let mut events = app.gateway.router.respond(&cx, &at, request).await?;
    let mut stored_input = None;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = ends.cancelled() => return Err(stopping()),
        };
        match event {
            Some(Event::MessageStarted { input, .. }) => stored_input = input,
            Some(Event::MessageCompleted(message) | Event::MessageIncomplete(message)) => {
                return Answer::document(
                    StatusCode::OK,
                    &ResponseDocument {
                        message: &message,
                        input: stored_input.as_deref(),
                    },
                );
            }
            Some(Event::MessageFailed { error, .. }) => return Err(error.into()),
            Some(_) => {}
            None => return Err(ended_early()),
        }
    }
}

fn settled(applied: Applied) -> Result<Answer, Problem> {
    match applied {
        Applied::Message(message) => Answer::document(
            StatusCode::OK,
            &ResponseDocument {
                message: &message,
                input: None,
            },
        ),
        _ => Err(super::wrong_kind()),
    }
}

/// The server stops before the answer is complete.
pub(crate) fn stopping() -> Problem {
    Problem::new(
        Code::ShuttingDown,
        "the server is stopping; what had arrived of the answer is stored",
    )
    .with_outcome(Outcome::Unknown)
}

/// A backend broke its promise of exactly one last event.
pub(crate) fn ended_early() -> Problem {
    Error::new(
        Kind::InvalidResponse,
        "the answer ended without its last event",
    )
    .into()
}

/// Whether the caller wants events. `Accept` may be absent.
fn wants_stream(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut is_present = false;
    let mut takes_json = false;
    for value in headers.get_all(ACCEPT) {
        is_present = true;
        for format in value.to_str().unwrap_or_default().split(',') {
            match format.split(';').next().unwrap_or_default().trim() {
                "text/event-stream" => return Ok(true),
                "application/json" | "application/*" | "*/*" => takes_json = true,
                _ => {}
            }
        }
    }
    if is_present && !takes_json {
        return Err(Problem::new(
            Code::NotAcceptable,
            "accept application/json or text/event-stream",
        ));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;
    use http::{HeaderMap, HeaderValue};

    use super::wants_stream;

    #[test]
    fn accept_chooses_between_json_and_events() {
        for (accept, expected) in [
            (None, Ok(false)),
            (Some("*/*"), Ok(false)),
            (Some("application/json;q=0.9"), Ok(false)),
            (Some("application/json, text/event-stream"), Ok(true)),
            (Some("text/event-stream; charset=utf-8"), Ok(true)),
            (Some("text/html"), Err(406)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            let found = wants_stream(&headers).map_err(|problem| problem.status().as_u16());
            assert_eq!(found, expected, "{accept:?}");
        }
    }
}
