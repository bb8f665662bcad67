//! `/v1/conversations/{id}/responses`: an AI answers, at once or as a stream.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::{
    Applied, Context, Error, Event, FieldFate, History, Kind, Location, RespondRequest, Write,
};
use conversation::{Exceeds, Message, NewConversation, Violation};
use futures_util::StreamExt;
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::OptionalJsonBody;
use crate::once::{Attempt, Claim, Recovery, claim, run_once};
use crate::path::PathIds;
use crate::problem::{Code, Outcome, Problem};
use crate::query::IncludeFidelity;
use crate::stream;
use crate::view::View;

/// The most tokens of a transcript.
pub(crate) const TRANSCRIPT_TOKENS_MAX: u64 = 1_000_000;

/// The answer, and the input as it was stored.
#[derive(Serialize)]
struct ResponseDocument<'a> {
    message: &'a Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fidelity: Option<Vec<FieldFate>>,
}

/// The answer in one piece, with what became of the fields of the request.
fn answered(view: &View, message: &Message, input: Option<&Message>) -> Result<Answer, Problem> {
    let mut headers = HeaderMap::new();
    let fidelity = view.fidelity_of_answer(message.conversation_id, Some(&message.id));
    fidelity.write_to(&mut headers);
    let mut answer = Answer::document(
        StatusCode::OK,
        &ResponseDocument {
            message,
            input,
            fidelity: view.member(fidelity),
        },
    )?;
    answer.headers.extend(headers);
    Ok(answer)
}

/// `POST /v1/conversations/{id}/responses`
pub(crate) async fn respond(
    State(app): State<App>,
    mut call: Call,
    ids: PathIds,
    IncludeFidelity(include): IncludeFidelity,
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
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::Respond(request.clone()),
        body: bytes,
        recovery: Recovery::settle(move |applied| match applied {
            Applied::Message(message) if is_stream => stream::settled(&settled_view, message),
            Applied::Message(message) => answered(&settled_view, &message, None),
            _ => Err(super::wrong_kind()),
        }),
    };
    if !is_stream {
        let run = |cx| whole(&app, cx, at, request, &view);
        return Ok(run_once(&app, call, attempt, run).await?.into_response());
    }
    // The same body asked for in another form is another request.
    call.line = format!("{} (stream)", call.line).into();
    match claim(&app, call, attempt).await? {
        Claim::Answered(answer) => Ok(answer.into_response()),
        Claim::Run(cx, ticket) => stream::start(&app, *cx, at, request, view, ticket).await,
    }
}

fn check(request: &RespondRequest) -> Result<(), Problem> {
    if let Some(input) = &request.input {
        checks::post(input, "/input")?;
    }
    if let Some(History::Transcript { max_tokens }) = request.context
        && !(1..=TRANSCRIPT_TOKENS_MAX).contains(&max_tokens)
    {
        checks::refuse(vec![Violation {
            exceeds: Some(Exceeds {
                limit: TRANSCRIPT_TOKENS_MAX,
                value: Some(max_tokens),
            }),
            ..violation(
                "/context/transcript/max_tokens",
                "out-of-range",
                format!("1 to {TRANSCRIPT_TOKENS_MAX} tokens"),
            )
        }])?;
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
    view: &View,
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
                return answered(view, &message, stored_input.as_deref());
            }
            Some(Event::MessageFailed { error, .. }) => return Err(error.into()),
            Some(_) => {}
            None => return Err(ended_early()),
        }
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
