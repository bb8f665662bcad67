//! What the tests share: an adapter on a fake, a caller, and short forms of calls.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Context, FidelityPolicy, Location, PageRequest, Principal, Scope};
use conversation::{
    ConversationId, Handle, Message, NewConversation, NewMessage, Participant, Role, Side, Time,
    text_of,
};
use convore::{Convore, ConvoreConfig};

use crate::fake::{FakeConvore, FakeOptions};

pub(crate) fn cx() -> Context {
    cx_for(Duration::from_secs(30))
}

pub(crate) fn cx_for(timeout: Duration) -> Context {
    cx_of("t", Some("ann"), timeout)
}

pub(crate) fn cx_of(tenant: &str, user: Option<&str>, timeout: Duration) -> Context {
    let principal = Principal {
        tenant: tenant.into(),
        key: "k".into(),
        user: user.map(Into::into),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request-1", timeout)
}

pub(crate) fn strict() -> Context {
    Context {
        fidelity: FidelityPolicy::Strict,
        ..cx()
    }
}

pub(crate) fn config(fake: &FakeConvore) -> ConvoreConfig {
    ConvoreConfig::new(fake.base_url(), FakeConvore::KEY, FakeConvore::CHANNEL)
}

pub(crate) fn adapter(fake: &FakeConvore) -> Convore {
    Convore::new("convore", &config(fake)).unwrap()
}

pub(crate) async fn pair() -> (FakeConvore, Convore) {
    pair_with(FakeOptions::default()).await
}

pub(crate) async fn pair_with(options: FakeOptions) -> (FakeConvore, Convore) {
    let fake = FakeConvore::start_with(options).await;
    let convore = adapter(&fake);
    (fake, convore)
}

pub(crate) async fn create(convore: &Convore) -> Location {
    create_with(convore, NewConversation::default()).await
}

pub(crate) async fn create_with(convore: &Convore, new: NewConversation) -> Location {
    convore
        .create_conversation(&cx(), new)
        .await
        .unwrap()
        .location
}

/// A conversation of a customer and the business, both with mail addresses.
pub(crate) fn by_mail() -> NewConversation {
    NewConversation {
        title: Some("Order 1001".into()),
        participants: vec![
            somebody("Bo", "bo@example.test", Side::Customer),
            somebody("Ana", "ana@example.test", Side::Business),
        ],
        ..NewConversation::default()
    }
}

pub(crate) fn somebody(name: &str, address: &str, side: Side) -> Participant {
    Participant {
        side: Some(side),
        name: Some(name.into()),
        handles: vec![email(address)],
        ..Participant::default()
    }
}

pub(crate) fn email(address: &str) -> Handle {
    Handle {
        kind: "email".into(),
        value: address.into(),
    }
}

pub(crate) fn missing() -> Location {
    at("conv_01h2xcejqtf2nbrexx3vqjhp41")
}

pub(crate) fn at(native: &str) -> Location {
    Location {
        id: ConversationId::derive("convore", native),
        backend: "convore".into(),
        native: native.into(),
        credential: None,
        renamed: false,
    }
}

pub(crate) fn inbound(text: &str) -> NewMessage {
    NewMessage::text(Role::User, text)
}

pub(crate) fn outbound(text: &str) -> NewMessage {
    NewMessage::text(Role::Assistant, text)
}

pub(crate) fn time(text: &str) -> Time {
    text.parse().unwrap()
}

pub(crate) fn said_at(text: &str, at: &str) -> NewMessage {
    NewMessage {
        sent_at: Some(time(at)),
        ..inbound(text)
    }
}

/// Imports and gives what was stored.
pub(crate) async fn import(
    convore: &Convore,
    at: &Location,
    messages: Vec<NewMessage>,
) -> Vec<Message> {
    let results = convore.import_messages(&cx(), at, messages).await.unwrap();
    results.into_iter().map(Result::unwrap).collect()
}

pub(crate) async fn all(convore: &Convore, at: &Location) -> Vec<Message> {
    let page = PageRequest::first(1000);
    convore.list_messages(&cx(), at, &page).await.unwrap().items
}

pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

pub(crate) fn asked(fake: &FakeConvore) -> Vec<String> {
    let requests = fake.requests().into_iter();
    requests
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

/// The body of the last request with this method and path.
pub(crate) fn body_of(fake: &FakeConvore, method: &str, path: &str) -> serde_json::Value {
    let requests = fake.requests();
    let found = requests
        .iter()
        .rev()
        .find(|request| request.method == method && request.path.starts_with(path));
    serde_json::from_str(&found.unwrap().body).unwrap()
}
