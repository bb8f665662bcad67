//! `/v1/conversations/{id}/messages`, one message, and its rating.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::{Applied, Location, Write};
use conversation::{Message, MessagePatch, NewMessage};
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, precondition_of};
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::{ImportBody, JsonBody};
use crate::list::{List, message_page_request};
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::{Problem, ProblemDocument};
use crate::query::{NoQuery, Query};

/// The most messages of one import.
pub(crate) const IMPORT_MESSAGES_MAX: usize = 1_000;

/// `GET /v1/conversations/{id}/messages`
pub(crate) async fn list(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let page = message_page_request(&mut query)?;
    query.finish()?;
    let found = app
        .gateway
        .router
        .list_messages(&call.cx, &at, &page)
        .await?;
    List::of(found).into_answer(&uri)
}

/// `POST /v1/conversations/{id}/messages`
pub(crate) async fn post(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let new: NewMessage = body.parse()?;
    checks::post(&new, "")?;
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::PostMessage(new.clone()),
        body: body.bytes(),
        recovery: Recovery::Settle(posted),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        posted_answer(&router.post_message(&cx, &at, new).await?)
    })
    .await
}

fn posted(applied: Applied) -> Result<Answer, Problem> {
    match applied {
        Applied::Message(message) => posted_answer(&message),
        _ => Err(super::wrong_kind()),
    }
}

fn posted_answer(message: &Message) -> Result<Answer, Problem> {
    let answer = Answer::resource(StatusCode::CREATED, message)?;
    Ok(answer.at(&format!(
        "/v1/conversations/{}/messages/{}",
        message.conversation_id, message.id
    )))
}

/// The body of an import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportRequest {
    messages: Vec<NewMessage>,
}

/// What became of one message of an import.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum ImportResult {
    Stored {
        index: usize,
        message: Box<Message>,
    },
    Failed {
        index: usize,
        error: Box<ProblemDocument>,
    },
}

#[derive(Debug, Serialize)]
struct ImportAnswer {
    data: Vec<ImportResult>,
}

/// `POST /v1/conversations/{id}/messages:import`
pub(crate) async fn import(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    ImportBody(body): ImportBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let ImportRequest { messages } = body.parse()?;
    let Some(first) = messages.first() else {
        return Err(wrong_count());
    };
    if messages.len() > IMPORT_MESSAGES_MAX {
        return Err(wrong_count());
    }
    checks::import(&messages)?;
    let attempt = Attempt {
        location: Some(at.clone()),
        // The first message stands for all: without it, none was stored.
        write: Write::ImportMessage(first.clone()),
        body: body.bytes(),
        recovery: Recovery::SettleWithoutAnswer,
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let results = router.import_messages(&cx, &at, messages).await?;
        let data = results
            .into_iter()
            .enumerate()
            .map(|(index, result)| match result {
                Ok(message) => ImportResult::Stored {
                    index,
                    message: Box::new(message),
                },
                Err(error) => ImportResult::Failed {
                    index,
                    error: Box::new(Problem::from(error).into_document(&cx.request_id)),
                },
            })
            .collect();
        Answer::document(StatusCode::OK, &ImportAnswer { data })
    })
    .await
}

fn wrong_count() -> Problem {
    match checks::refuse(vec![violation(
        "/messages",
        "out-of-range",
        format!("1 to {IMPORT_MESSAGES_MAX} messages"),
    )]) {
        Err(problem) => problem,
        Ok(()) => super::wrong_kind(),
    }
}

/// `GET /v1/conversations/{id}/messages/{message_id}`
pub(crate) async fn get(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let message = app.gateway.router.get_message(&call.cx, &at, &id).await?;
    Ok(Answer::resource(StatusCode::OK, &message)?.unless_known(&headers))
}

/// `PATCH /v1/conversations/{id}/messages/{message_id}`
pub(crate) async fn update(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let precondition = precondition_of(&headers)?;
    let patch: MessagePatch = body.parse()?;
    checks::message_patch(&patch)?;
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::UpdateMessage {
            id: id.clone(),
            patch: patch.clone(),
        },
        body: body.bytes(),
        // A merge patch gives the same the second time.
        recovery: Recovery::RunAgain,
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let message = router
            .update_message(&cx, &at, &id, patch, precondition.as_ref())
            .await?;
        Answer::resource(StatusCode::OK, &message)
    })
    .await
}

/// `DELETE /v1/conversations/{id}/messages/{message_id}`
pub(crate) async fn delete(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let precondition = precondition_of(&headers)?;
    app.gateway
        .router
        .delete_message(&call.cx, &at, &id, precondition.as_ref())
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The body of a rating.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RatingRequest {
    value: f64,
}

/// `PUT /v1/conversations/{id}/messages/{message_id}/rating`
pub(crate) async fn rate(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let RatingRequest { value } = body.parse()?;
    if !(0.0..=5.0).contains(&value) {
        checks::refuse(vec![violation("/value", "out-of-range", "between 0 and 5")])?;
    }
    let attempt = Attempt {
        location: Some(at.clone()),
        // Saying it again changes nothing more.
        write: Write::RateMessage {
            id: id.clone(),
            value,
        },
        body: body.bytes(),
        recovery: Recovery::RunAgain,
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let message = router.rate_message(&cx, &at, &id, value).await?;
        Answer::resource(StatusCode::OK, &message)
    })
    .await
}
