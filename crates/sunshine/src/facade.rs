//! The facade: the vendor's API, version 2, over any backend. Programs written for the vendor change their base URL.
//!
//! One request is one [`Call`]: who asks, what for, and the body. Segments of the path are split before they
//! are decoded, because an external id may hold a `/` as `%2F`; so the routes are a table of our own and no router's.

mod adopt;
mod answer;
mod attachments;
mod auth;
mod call;
mod checks;
mod contents;
mod conversations;
mod deletion;
mod described;
mod endings;
mod finish;
mod fit;
mod history;
mod ids;
mod known;
mod listing;
mod mail;
mod marks;
mod media;
mod membership;
mod messages;
mod participants;
mod people;
mod query;
mod records;
mod remote;
mod routes;
mod show;
mod sources;
mod upload;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use facadekit::{Facade, FacadeParts, Messages, Refusal};

use self::answer::{Answer, Refused};
use self::call::Call;
use self::ids::Ids;
use self::listing::Places;
use self::routes::{FacadeRoute, Operation};

/// The vendor's kind, and the facade's name in the gateway's state.
const KIND: &str = "sunshine";
/// Where the facade is mounted.
const PATH: &str = "/facade/sunshine";

/// How the facade is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FacadeConfig {
    /// The ids of apps that are known; empty: any. The app's id in the path says nothing about whose conversations are
    /// meant: the key does.
    pub app_ids: Vec<Box<str>>,
    /// Scheme, host and path under which callers reach the facade, without a slash at its end. Links and media URLs begin
    /// with it. Absent: what the request itself names, with `http`.
    pub public_url: Option<Box<str>>,
}

/// What all calls share.
#[derive(Debug)]
struct Shared {
    parts: FacadeParts,
    config: FacadeConfig,
    ids: Ids,
    messages: Messages,
    places: Places,
}

/// The facade over `parts.backend`.
#[must_use]
pub fn facade(parts: FacadeParts, config: FacadeConfig) -> Facade {
    let shared = Shared {
        ids: Ids::new(parts.clone()),
        messages: Messages::new(Arc::clone(&parts.backend)),
        places: Places::new(),
        parts,
        config,
    };
    Facade {
        kind: KIND,
        path: PATH,
        router: Router::new().fallback(answer).with_state(Arc::new(shared)),
        refuse,
    }
}

/// The facade's operations: the vendor's method and path below `/v2/apps/{appId}`, and the route.
#[must_use]
pub fn facade_routes() -> Vec<(String, String)> {
    routes::TABLE.iter().map(FacadeRoute::described).collect()
}

fn refuse(refusal: &Refusal) -> Response {
    Refused::of_status(refusal.status, refusal.retry_after).into_response()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let is_read = request.method().is_safe();
    let detached = shared.parts.detached.clone();
    let work = async move {
        match carry_out(shared, request).await {
            Ok(answer) => answer.into_response(),
            Err(refused) => refused.into_response(),
        }
    };
    if is_read {
        return work.await;
    }
    // A write is carried out even when its caller has left.
    match detached.run(work).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a call of the sunshine facade ended in the middle");
            Refused::internal().into_response()
        }
    }
}

async fn carry_out(shared: Arc<Shared>, request: Request) -> Result<Answer, Refused> {
    let (head, body) = request.into_parts();
    let path = routes::path_of(head.uri.path());
    if let Some(media) = media::wanted(&head.method, path) {
        return media::serve(&shared, &media).await;
    }
    let caller = auth::caller(&shared, &head.headers)
        .await?
        .in_request(&head);
    let operation = routes::find(&head.method, path, &shared.config)?;
    auth::may(&caller, &head.method)?;
    let call = Call::new(shared, caller, &head)?;
    match operation {
        Operation::UploadAttachment => attachments::upload(&call, &head.headers, body).await,
        operation => {
            let body = call.read(&head.headers, body).await?;
            dispatch(&call, operation, &body).await
        }
    }
}

async fn dispatch(call: &Call, operation: Operation, body: &[u8]) -> Result<Answer, Refused> {
    use Operation as Op;
    match operation {
        Op::CreateUser => users::create(call, body).await,
        Op::ListUsers => users::list(call).await,
        Op::GetUser(name) => users::get(call, &name).await,
        Op::UpdateUser(name) => users::update(call, &name, body).await,
        Op::DeleteUser(name) => deletion::user(call, &name).await,
        Op::CreateConversation => conversations::create(call, body).await,
        Op::ListConversations => listing::list(call).await,
        Op::GetConversation(id) => conversations::get(call, &id).await,
        Op::UpdateConversation(id) => conversations::update(call, &id, body).await,
        Op::DeleteConversation(id) => conversations::delete(call, &id).await,
        Op::ListParticipants(id) => participants::list(call, &id).await,
        Op::Join(id) => participants::join(call, &id, body).await,
        Op::Leave(id) => participants::leave(call, &id, body).await,
        Op::PostActivity(id) => participants::activity(call, &id, body).await,
        Op::PostMessage(id) => messages::post(call, &id, body).await,
        Op::ListMessages(id) => messages::list(call, &id).await,
        Op::DeleteAllMessages(id) => deletion::all_messages(call, &id).await,
        Op::DeleteMessage(id, message) => deletion::message(call, &id, &message).await,
        Op::RemoveAttachment => attachments::remove(call, body).await,
        Op::UploadAttachment => Err(Refused::internal()),
    }
}
