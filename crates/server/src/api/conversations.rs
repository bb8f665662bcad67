//! `/v1/conversations`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::{
    Applied, ConversationFilter, ConversationQuery, Located, Location, Order, PageRequest, SortKey,
    Write,
};
use conversation::{
    Conversation, ConversationPatch, Kind, Message, NewConversation, Priority, Status, Time,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;

use crate::answer::{Answer, precondition_of};
use crate::call::Call;
use crate::checks;
use crate::gateway::App;
use crate::json::{JsonBody, OptionalJsonBody};
use crate::list::{List, page_request};
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::{NoQuery, Query, invalid_query};

/// Messages shown with a conversation that is read with `include=messages`.
const INCLUDED_MESSAGES: usize = 50;
/// Header that names conversations shown from our last copy.
const STALE_HEADER: &str = "dragoman-stale";

/// `GET /v1/conversations`
pub(crate) async fn list(
    State(app): State<App>,
    call: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let wanted = ConversationQuery {
        filter: filter_of(&mut query)?,
        sort: sort_of(&mut query)?,
        page: page_request(&mut query, Order::Desc)?,
    };
    query.finish()?;
    let found = app
        .gateway
        .router
        .list_conversations(&call.cx, &wanted)
        .await?;
    let mut list = List::of(found.page.map(|located| located.conversation));
    list.as_of = found.as_of;
    let mut response = list.into_answer(&uri)?;
    if !found.stale.is_empty() {
        let ids: Vec<String> = found.stale.iter().map(ToString::to_string).collect();
        if let Ok(value) = HeaderValue::try_from(ids.join(", ")) {
            response.headers_mut().insert(STALE_HEADER, value);
        }
    }
    Ok(response)
}

fn filter_of(query: &mut Query) -> Result<ConversationFilter, Problem> {
    let mut known = |name: &'static str, known: &[&str]| -> Result<Vec<String>, Problem> {
        let values = query.all(name);
        match values.iter().find(|value| !known.contains(&value.as_str())) {
            None => Ok(values),
            Some(_) => Err(invalid_query(
                name,
                format!("use one of: {}", known.join(", ")),
            )),
        }
    };
    let status = known("status", Status::KNOWN)?;
    let kind = known("kind", Kind::KNOWN)?;
    let priority = known("priority", Priority::KNOWN)?;
    let updated_after = match query.one("updated_after")? {
        None => None,
        Some(text) => Some(
            text.parse::<Time>()
                .map_err(|error| invalid_query("updated_after", error.to_string()))?,
        ),
    };
    Ok(ConversationFilter {
        status: status.iter().map(|text| Status::from(&**text)).collect(),
        kind: kind.iter().map(|text| Kind::from(&**text)).collect(),
        priority: priority
            .iter()
            .map(|text| Priority::from(&**text))
            .collect(),
        label: query.all("label").into_iter().map(Into::into).collect(),
        participant: query.one("participant")?.map(Into::into),
        backend: query.one("backend")?.map(Into::into),
        updated_after,
        metadata: query
            .below("metadata.")
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
    })
}

fn sort_of(query: &mut Query) -> Result<SortKey, Problem> {
    match query.one("sort")?.as_deref() {
        None | Some("created_at") => Ok(SortKey::CreatedAt),
        Some("updated_at") => Ok(SortKey::UpdatedAt),
        Some("id") => Ok(SortKey::Id),
        Some("title") => Ok(SortKey::Title),
        Some(_) => Err(invalid_query(
            "sort",
            "use one of: created_at, updated_at, id, title",
        )),
    }
}

/// `POST /v1/conversations`
pub(crate) async fn create(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Answer, Problem> {
    let call = call.with_route_hints(&headers)?;
    let (new, bytes) = match &body {
        None => (NewConversation::default(), &b""[..]),
        Some(body) => (body.parse()?, &body.bytes()[..]),
    };
    checks::conversation(&new)?;
    let attempt = Attempt {
        location: None,
        write: Write::CreateConversation(new.clone()),
        body: bytes,
        recovery: Recovery::Settle(created),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        created_answer(&router.create_conversation(&cx, new).await?)
    })
    .await
}

fn created(applied: Applied) -> Result<Answer, Problem> {
    match applied {
        Applied::Conversation(located) => created_answer(&located),
        _ => Err(super::wrong_kind()),
    }
}

fn created_answer(located: &Located) -> Result<Answer, Problem> {
    let conversation = &located.conversation;
    let answer = Answer::resource(StatusCode::CREATED, conversation)?;
    Ok(answer.at(&format!("/v1/conversations/{}", conversation.id)))
}

/// A conversation with its newest view of messages.
#[derive(Serialize)]
struct WithMessages<'a> {
    #[serde(flatten)]
    conversation: &'a Conversation,
    messages: List<Message>,
}

/// `GET /v1/conversations/{id}`
pub(crate) async fn get(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let with_messages = includes_messages(&mut query)?;
    query.finish()?;
    let router = &app.gateway.router;
    let conversation = router.get_conversation(&call.cx, &at).await?;
    if !with_messages {
        let answer = Answer::resource(StatusCode::OK, &conversation)?;
        return Ok(answer.unless_known(&headers));
    }
    let page = PageRequest::first(INCLUDED_MESSAGES);
    let messages = List::of(router.list_messages(&call.cx, &at, &page).await?);
    Answer::document(
        StatusCode::OK,
        &WithMessages {
            conversation: &conversation,
            messages,
        },
    )
}

fn includes_messages(query: &mut Query) -> Result<bool, Problem> {
    match query.one("include")? {
        None => Ok(false),
        Some(include) if include.split(',').all(|name| name == "messages") => Ok(true),
        Some(_) => Err(invalid_query("include", "use one of: messages")),
    }
}

/// `PATCH /v1/conversations/{id}`
pub(crate) async fn update(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let precondition = precondition_of(&headers)?;
    let patch: ConversationPatch = body.parse()?;
    checks::conversation_patch(&patch)?;
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::UpdateConversation(patch.clone()),
        body: body.bytes(),
        // A merge patch gives the same the second time.
        recovery: Recovery::RunAgain,
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let conversation = router
            .update_conversation(&cx, &at, patch, precondition.as_ref())
            .await?;
        Answer::resource(StatusCode::OK, &conversation)
    })
    .await
}

/// `DELETE /v1/conversations/{id}`
pub(crate) async fn delete(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let precondition = precondition_of(&headers)?;
    app.gateway
        .router
        .delete_conversation(&call.cx, &at, precondition.as_ref())
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
