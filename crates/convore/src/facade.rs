//! Convore's API over any backend: what its own client sends is answered as that client expects.
//!
//! Only 200 is ever a success, words are never other than the vendor's, and a list ends where `next_cursor` is absent.
//! What only the vendor has (labels, contacts, channels, events) is kept beside conversations.

mod addressing;
mod answer;
mod attachments;
mod body;
mod call;
mod channels;
mod contacts;
mod conversations;
mod events;
mod filters;
mod happened;
mod ids;
mod labels;
mod messages;
mod naming;
mod objects;
mod people;
mod places;
mod posting;
mod query;
mod rows;
mod show;
mod walk;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use facadekit::{Facade, FacadeParts, Messages, Refusal};
use http::Method;

use answer::Problem;
use objects::Memory;
use places::Places;

/// The vendor's kind, also the name under which its objects are kept.
const KIND: &str = "convore";
/// Where a server mounts it.
const PATH: &str = "/facade/convore";

/// How the facade behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacadeConfig {
    /// The name of each tenant's first channel.
    pub channel_name: Box<str>,
    /// How long changes of status and labels stay among the events.
    pub events_kept: Duration,
}

impl Default for FacadeConfig {
    fn default() -> Self {
        Self {
            channel_name: "Inbox".into(),
            events_kept: Duration::from_secs(30 * 24 * 3_600),
        }
    }
}

/// Every route, as `METHOD path`.
pub const ROUTES: &[&str] = &[
    "GET /v1/messages",
    "POST /v1/messages",
    "POST /v1/messages/import",
    "GET /v1/messages/{message_id}",
    "PATCH /v1/messages/{message_id}",
    "GET /v1/conversations",
    "POST /v1/conversations",
    "GET /v1/conversations/{conversation_id}",
    "PATCH /v1/conversations/{conversation_id}",
    "POST /v1/attachments",
    "DELETE /v1/attachments/{attachment_id}",
    "GET /v1/attachments/{attachment_id}/download",
    "GET /v1/labels",
    "POST /v1/labels",
    "GET /v1/labels/{label_id}",
    "PATCH /v1/labels/{label_id}",
    "DELETE /v1/labels/{label_id}",
    "GET /v1/contacts",
    "POST /v1/contacts",
    "GET /v1/contacts/{contact_id}",
    "PATCH /v1/contacts/{contact_id}",
    "GET /v1/channels",
    "POST /v1/channels",
    "GET /v1/channels/{channel_id}",
    "PATCH /v1/channels/{channel_id}",
    "GET /v1/events",
    "GET /v1/events/{event_id}",
];

/// The vendor's operations and where the facade has them, as `METHOD path`.
#[must_use]
pub fn facade_routes() -> Vec<(&'static str, String)> {
    let mounted = |route: &&'static str| {
        let (method, path) = route.split_once(' ')?;
        Some((*route, format!("{method} {PATH}{path}")))
    };
    ROUTES.iter().filter_map(mounted).collect()
}

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    parts: FacadeParts,
    config: FacadeConfig,
    messages: Messages,
    places: Places,
    memory: Memory,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The id of a tenant's first channel, which every tenant has.
#[must_use]
pub fn first_channel_id(tenant: &str) -> String {
    channels::first_id(tenant)
}

/// Convore's API over what `parts` hold.
#[must_use]
pub fn facade(parts: FacadeParts, config: FacadeConfig) -> Facade {
    let app = App(Arc::new(Shared {
        messages: Messages::new(Arc::clone(&parts.backend)),
        places: Places::new(),
        memory: Memory::new(),
        parts,
        config,
    }));
    let router = paths()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            // A base URL that ends with a slash begins every path with two: the vendor's client sets them side by side.
            let doubled = format!("/{path}");
            router.route(path, methods.clone()).route(&doubled, methods)
        })
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(refuse_head))
        .with_state(app);
    Facade {
        kind: KIND,
        path: PATH,
        router,
        refuse,
    }
}

fn paths() -> [(&'static str, MethodRouter<App>); 16] {
    [
        ("/v1/messages", get(messages::list).post(posting::send)),
        ("/v1/messages/import", post(posting::import)),
        (
            "/v1/messages/{id}",
            get(messages::get).patch(messages::update),
        ),
        (
            "/v1/conversations",
            get(filters::list).post(conversations::create),
        ),
        (
            "/v1/conversations/{id}",
            get(conversations::get).patch(conversations::update),
        ),
        ("/v1/attachments", post(attachments::upload)),
        ("/v1/attachments/{id}", delete(attachments::remove)),
        ("/v1/attachments/{id}/download", get(attachments::download)),
        ("/v1/labels", get(labels::list).post(labels::create)),
        (
            "/v1/labels/{id}",
            get(labels::get)
                .patch(labels::update)
                .delete(labels::remove),
        ),
        ("/v1/contacts", get(contacts::list).post(contacts::create)),
        (
            "/v1/contacts/{id}",
            get(contacts::get).patch(contacts::update),
        ),
        ("/v1/channels", get(channels::list).post(channels::create)),
        (
            "/v1/channels/{id}",
            get(channels::get).patch(channels::update),
        ),
        ("/v1/events", get(events::list)),
        ("/v1/events/{id}", get(events::get)),
    ]
}

/// A handler for GET would answer HEAD too, which the vendor's description does not have.
async fn refuse_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return Problem::wrong_method().into_response();
    }
    next.run(request).await
}

async fn unknown_route() -> Problem {
    Problem::not_found("there is nothing at this path")
}

async fn wrong_method() -> Problem {
    Problem::wrong_method()
}

fn refuse(refusal: &Refusal) -> Response {
    Problem::new(refusal.status, &*refusal.detail)
        .after(refusal.retry_after)
        .into_response()
}
