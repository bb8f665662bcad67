//! `/v1/conversations`.

use axum::extract::State;
use axum::response::Response;
use backend::{
    Applied, ConversationFilter, ConversationQuery, FieldFate, Located, Location, Order,
    PageRequest, SortKey, Write,
};
use conversation::{
    Conversation, ConversationPatch, Kind, Message, NewConversation, Priority, Status, Time,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;

use crate::answer::{Answer, precondition_of};
use crate::call::{Call, STALE_HEADER};
use crate::checks;
use crate::gateway::App;
use crate::json::{JsonBody, OptionalJsonBody};
use crate::list::{List, page_request};
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::{Include, IncludeFidelity, NoQuery, Query, invalid_query};
use crate::view::View;

/// Messages shown with a conversation that is read with `include=messages`.
const INCLUDED_MESSAGES: usize = 50;

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
    let include = Include::take(&mut query, &["fidelity"])?;
    query.finish()?;
    let view = View::new(&call.cx, include);
    let found = app
        .gateway
        .router
        .list_conversations(&call.cx, &wanted)
        .await?;
    let ids = found
        .page
        .items
        .iter()
        .map(|located| located.conversation.id);
    let fidelity = view.fidelity_of_each(ids);
    let mut list = List::of(found.page.map(|located| located.conversation));
    list.as_of = found.as_of;
    let mut response = view.list(list, fidelity, &uri)?;
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
    IncludeFidelity(include): IncludeFidelity,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Answer, Problem> {
    let call = call.with_route_hints(&headers)?;
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
    let (new, bytes) = match &body {
        None => (NewConversation::default(), &b""[..]),
        Some(body) => (body.parse()?, &body.bytes()[..]),
    };
    checks::conversation(&new)?;
    let attempt = Attempt {
        location: None,
        write: Write::CreateConversation(new.clone()),
        body: bytes,
        recovery: Recovery::settle(move |applied| match applied {
            Applied::Conversation(located) => created(&settled_view, &located),
            _ => Err(super::wrong_kind()),
        }),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        created(&view, &router.create_conversation(&cx, new).await?)
    })
    .await
}

fn created(view: &View, located: &Located) -> Result<Answer, Problem> {
    let conversation = &located.conversation;
    let answer = shown(view, StatusCode::CREATED, conversation)?;
    Ok(answer.at(&format!("/v1/conversations/{}", conversation.id)))
}

fn shown(view: &View, status: StatusCode, conversation: &Conversation) -> Result<Answer, Problem> {
    view.resource(status, &conversation.id.to_string(), conversation)
}

/// A conversation with its first messages.
#[derive(Serialize)]
struct WithMessages<'a> {
    #[serde(flatten)]
    conversation: &'a Conversation,
    messages: List<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fidelity: Option<Vec<FieldFate>>,
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
    let include = Include::take(&mut query, &["messages", "fidelity"])?;
    query.finish()?;
    let call = call.with_visible_headers(&headers);
    let view = View::new(&call.cx, include);
    let router = &app.gateway.router;
    let conversation = router.get_conversation(&call.cx, &at).await?;
    if !include.messages {
        let answer = shown(&view, StatusCode::OK, &conversation)?;
        return Ok(view.unless_known(answer, &headers));
    }
    let page = PageRequest::first(INCLUDED_MESSAGES);
    let messages = router.list_messages(&call.cx, &at, &page).await?;
    let of_conversation = view.fidelity_of(&conversation.id.to_string());
    let of_messages =
        view.fidelity_of_each(messages.items.iter().map(|message| message.id.as_str()));
    let answer = Answer::document(
        StatusCode::OK,
        &WithMessages {
            conversation: &conversation,
            messages: view.within(List::of(messages), of_messages),
            fidelity: view.member(of_conversation),
        },
    )?;
    Ok(View::mark(answer, &view.fidelity_of_all()))
}

/// `PATCH /v1/conversations/{id}`
pub(crate) async fn update(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    IncludeFidelity(include): IncludeFidelity,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let view = View::new(&call.cx, include);
    let settled_view = view.clone();
    let precondition = precondition_of(&headers)?;
    let patch: ConversationPatch = body.parse()?;
    checks::conversation_patch(&patch)?;
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::UpdateConversation(patch.clone()),
        body: body.bytes(),
        // A merge patch gives the same the second time; one with a condition would meet what it did itself.
        recovery: Recovery::settle_or_repeat(
            precondition.is_none(),
            move |applied| match applied {
                Applied::Conversation(located) => {
                    shown(&settled_view, StatusCode::OK, &located.conversation)
                }
                _ => Err(super::wrong_kind()),
            },
        ),
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let conversation = router
            .update_conversation(&cx, &at, patch, precondition.as_ref())
            .await?;
        shown(&view, StatusCode::OK, &conversation)
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
) -> Result<Answer, Problem> {
    let at = Location::unresolved(ids.conversation()?);
    let precondition = precondition_of(&headers)?;
    app.gateway
        .router
        .delete_conversation(&call.cx, &at, precondition.as_ref())
        .await?;
    let view = View::new(&call.cx, Include::default());
    Ok(View::no_content(&view.fidelity_of(&at.id.to_string())))
}
