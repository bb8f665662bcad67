//! `/v1/conversations/{id}/messages`, one message, and its rating.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use backend::{Applied, Error, FieldFate, Location, Write};
use conversation::{Message, MessagePatch, NewMessage};
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, precondition_of};
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::{ImportBody, JsonBody};
use crate::list::{List, message_page_request};
use crate::once::{Attempt, Recovery, outcome_unknown, run_once};
use crate::path::PathIds;
use crate::problem::{Problem, ProblemDocument};
use crate::query::{Include, IncludeFidelity, NoQuery, Query};
use crate::view::View;

/// The most messages of one import.
pub(crate) const IMPORT_MESSAGES_MAX: usize = 1_000;

/// `GET /v1/conversations/{id}/messages`
pub(crate) async fn list(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    uri: Uri,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let page = message_page_request(&mut query)?;
    let include = Include::take(&mut query, &["fidelity"])?;
    query.finish()?;
    let call = call.with_visible_headers(&headers);
    let found = app
        .gateway
        .router
        .list_messages(&call.cx, &at, &page)
        .await?;
    let ids = found.items.iter().map(|message| message.id.as_str());
    let view = View::new(&call.cx, include);
    let fidelity = view.fidelity_of_each(ids);
    view.list(List::of(found), fidelity, &uri)
}

/// `POST /v1/conversations/{id}/messages`
pub(crate) async fn post(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    IncludeFidelity(include): IncludeFidelity,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
    let new: NewMessage = body.parse()?;
    checks::post(&new, "")?;
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::PostMessage(new.clone()),
        body: body.bytes(),
        recovery: Recovery::settle(move |applied| match applied {
            Applied::Message(message) => posted(&settled_view, &message),
            _ => Err(super::wrong_kind()),
        }),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        posted(&view, &router.post_message(&cx, &at, new).await?)
    })
    .await
}

fn posted(view: &View, message: &Message) -> Result<Answer, Problem> {
    let answer = shown(view, StatusCode::CREATED, message)?;
    Ok(answer.at(&format!(
        "/v1/conversations/{}/messages/{}",
        message.conversation_id, message.id
    )))
}

fn shown(view: &View, status: StatusCode, message: &Message) -> Result<Answer, Problem> {
    view.resource(status, message.id.as_str(), message)
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
    #[serde(skip_serializing_if = "Option::is_none")]
    fidelity: Option<BTreeMap<Box<str>, Vec<FieldFate>>>,
}

/// `POST /v1/conversations/{id}/messages:import`
pub(crate) async fn import(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    IncludeFidelity(include): IncludeFidelity,
    ImportBody(body): ImportBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
    let ImportRequest { messages } = body.parse()?;
    let count = messages.len();
    if !(1..=IMPORT_MESSAGES_MAX).contains(&count) {
        checks::refuse(vec![violation(
            "/messages",
            "out-of-range",
            format!("1 to {IMPORT_MESSAGES_MAX} messages"),
        )])?;
    }
    checks::import(&messages)?;
    let attempt = Attempt {
        location: Some(at.clone()),
        // Remembered only where it can be asked for again.
        write: Write::ImportMessages(match call.cx.idempotency_key {
            Some(_) => messages.clone(),
            None => Vec::new(),
        }),
        body: body.bytes(),
        recovery: Recovery::settle(move |applied| match applied {
            Applied::Messages(messages) if messages.len() == count => {
                let stored = messages.into_iter().map(Ok).collect();
                imported(&settled_view, stored, "")
            }
            // Some are stored, and which of the others were refused, and why, is lost.
            _ => Err(outcome_unknown()),
        }),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let results = router.import_messages(&cx, &at, messages).await?;
        imported(&view, results, &cx.request_id)
    })
    .await
}

fn imported(
    view: &View,
    results: Vec<backend::Result<Message>>,
    request_id: &str,
) -> Result<Answer, Problem> {
    let stored = results.iter().filter_map(|result| result.as_ref().ok());
    let fidelity = view.fidelity_of_each(stored.map(|message| message.id.as_str()));
    let mut headers = HeaderMap::new();
    fidelity.write_to(&mut headers);
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
                error: Box::new(Problem::from(error).into_document(request_id)),
            },
        })
        .collect();
    let fidelity = view.member_by_id(fidelity);
    let mut answer = Answer::document(StatusCode::OK, &ImportAnswer { data, fidelity })?;
    answer.headers.extend(headers);
    Ok(answer)
}

/// `GET /v1/conversations/{id}/messages/{message_id}`
pub(crate) async fn get(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    IncludeFidelity(include): IncludeFidelity,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let call = call.with_visible_headers(&headers);
    let message = app.gateway.router.get_message(&call.cx, &at, &id).await?;
    let view = View::new(&call.cx, include);
    let answer = shown(&view, StatusCode::OK, &message)?;
    Ok(view.unless_known(answer, &headers))
}

/// `PATCH /v1/conversations/{id}/messages/{message_id}`
pub(crate) async fn update(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    IncludeFidelity(include): IncludeFidelity,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
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
        // A merge patch gives the same the second time; one with a condition would meet what it did itself.
        recovery: Recovery::settle_or_repeat(precondition.is_none(), move |applied| {
            settled(&settled_view, applied)
        }),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let message = router
            .update_message(&cx, &at, &id, patch, precondition.as_ref())
            .await?;
        shown(&view, StatusCode::OK, &message)
    })
    .await
}

/// A message that was changed or rated by a request whose process died.
fn settled(view: &View, applied: Applied) -> Result<Answer, Problem> {
    match applied {
        Applied::Message(message) => shown(view, StatusCode::OK, &message),
        // It was deleted since.
        Applied::Nothing => Err(Error::message_not_found().into()),
        _ => Err(super::wrong_kind()),
    }
}

/// `DELETE /v1/conversations/{id}/messages/{message_id}`
pub(crate) async fn delete(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let precondition = precondition_of(&headers)?;
    app.gateway
        .router
        .delete_message(&call.cx, &at, &id, precondition.as_ref())
        .await?;
    let view = View::new(&call.cx, Include::default());
    Ok(View::no_content(&view.fidelity_of(id.as_str())))
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
    IncludeFidelity(include): IncludeFidelity,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let id = ids.message()?;
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
    let RatingRequest { value } = body.parse()?;
    if !(0.0..=5.0).contains(&value) {
        checks::refuse(vec![violation("/value", "out-of-range", "between 0 and 5")])?;
    }
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::RateMessage {
            id: id.clone(),
            value,
        },
        body: body.bytes(),
        // Saying it again changes nothing more.
        recovery: Recovery::settle_or_repeat(true, move |applied| settled(&settled_view, applied)),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let message = router.rate_message(&cx, &at, &id, value).await?;
        shown(&view, StatusCode::OK, &message)
    })
    .await
}
