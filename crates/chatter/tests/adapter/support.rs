//! What the tests share: an adapter on a fake, a caller, and short forms of calls.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, Context, Event, Location, Order, Page, PageRequest, Principal, RespondRequest, Result,
    Scope,
};
use chatter::{Chatter, ChatterConfig, ChatterCredentials};
use conversation::{Message, NewConversation, NewMessage, Role, text_of};
use futures_util::StreamExt;

use crate::fake::{FakeChatter, FakeOptions, Generation};

/// Every generation that answers.
pub(crate) const ANSWERING: [Generation; 3] = [
    Generation::V1OldFastApi,
    Generation::V1NewFastApi,
    Generation::V2,
];
/// Every generation.
pub(crate) const ALL: [Generation; 4] = [
    Generation::V0,
    Generation::V1OldFastApi,
    Generation::V1NewFastApi,
    Generation::V2,
];

pub(crate) fn cx() -> Context {
    cx_for(Duration::from_secs(30))
}

pub(crate) fn cx_for(timeout: Duration) -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request-1", timeout)
}

pub(crate) fn config(fake: &FakeChatter) -> ChatterConfig {
    ChatterConfig::new(
        fake.base_url(),
        ChatterCredentials::Token(FakeChatter::TOKEN.into()),
    )
}

pub(crate) fn adapter(fake: &FakeChatter) -> Chatter {
    Chatter::new("chatter", &config(fake), None).unwrap()
}

/// A fake and an adapter that knows its generation.
pub(crate) async fn pair(generation: Generation) -> (FakeChatter, Chatter) {
    pair_with(FakeOptions::new(generation)).await
}

pub(crate) async fn pair_with(options: FakeOptions) -> (FakeChatter, Chatter) {
    let fake = FakeChatter::start_with(options).await;
    let chatter = adapter(&fake);
    chatter.find_generation().await.unwrap();
    (fake, chatter)
}

pub(crate) async fn create(chatter: &Chatter) -> Location {
    chatter
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap()
        .location
}

pub(crate) fn missing() -> Location {
    let native = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let id = conversation::ConversationId::derive("chatter", native);
    Location {
        id,
        backend: "chatter".into(),
        native: native.into(),
        credential: None,
        renamed: false,
    }
}

pub(crate) fn question(text: &str) -> RespondRequest {
    RespondRequest {
        input: Some(NewMessage::text(Role::User, text)),
        ..RespondRequest::default()
    }
}

pub(crate) async fn events(
    chatter: &Chatter,
    at: &Location,
    request: RespondRequest,
) -> Result<Vec<Event>> {
    Ok(chatter.respond(&cx(), at, request).await?.collect().await)
}

/// Asks and gives the stored answer.
pub(crate) async fn ask(chatter: &Chatter, at: &Location, text: &str) -> Message {
    let events = events(chatter, at, question(text)).await.unwrap();
    match events.into_iter().last() {
        Some(Event::MessageCompleted(message)) => *message,
        other => panic!("no answer: {other:?}"),
    }
}

pub(crate) fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

/// What the deltas add up to.
pub(crate) fn told(events: &[Event]) -> String {
    let deltas = events.iter().filter_map(|event| match event {
        Event::PartDelta { text, .. } => Some(text.as_str()),
        _ => None,
    });
    deltas.collect()
}

pub(crate) async fn all(chatter: &Chatter, at: &Location) -> Vec<Message> {
    page(chatter, at, PageRequest::first(1000)).await.items
}

pub(crate) async fn page(chatter: &Chatter, at: &Location, request: PageRequest) -> Page<Message> {
    chatter.list_messages(&cx(), at, &request).await.unwrap()
}

pub(crate) fn descending(limit: usize) -> PageRequest {
    PageRequest {
        limit,
        order: Order::Desc,
        position: None,
    }
}

pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

pub(crate) fn paths(fake: &FakeChatter) -> Vec<String> {
    fake.requests()
        .into_iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}
