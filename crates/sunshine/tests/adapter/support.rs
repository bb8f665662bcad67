//! What the tests share: an adapter on a fake, callers, and short forms of calls.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Context, Location, Order, Page, PageRequest, Principal, Scope};
use conversation::{ConversationId, Message, NewConversation, NewMessage, Role, text_of};
use sunshine::{Sunshine, SunshineConfig, SunshineCredentials};

use crate::fake::{APP_ID, FakeOptions, FakeSunshine, KEY_ID, SECRET};

/// A well-formed id that nothing has.
pub(crate) const MISSING: &str = "0123456789abcdef01234567";

/// A call of the end user `ann` of tenant `t`.
pub(crate) fn cx() -> Context {
    cx_of(Some("ann"))
}

pub(crate) fn cx_of(user: Option<&str>) -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: user.map(Into::into),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request-1", Duration::from_secs(30))
}

pub(crate) fn credentials() -> SunshineCredentials {
    SunshineCredentials::Basic {
        key_id: KEY_ID.into(),
        secret: SECRET.into(),
    }
}

pub(crate) fn config(fake: &FakeSunshine) -> SunshineConfig {
    SunshineConfig::new(fake.base_url(), APP_ID, credentials())
}

pub(crate) async fn pair() -> (FakeSunshine, Sunshine) {
    pair_with(FakeOptions::default()).await
}

pub(crate) async fn pair_with(options: FakeOptions) -> (FakeSunshine, Sunshine) {
    let fake = FakeSunshine::start_with(options).await;
    let sunshine = Sunshine::new("sunshine", &config(&fake)).unwrap();
    (fake, sunshine)
}

pub(crate) async fn create(sunshine: &Sunshine) -> Location {
    let new = NewConversation::default();
    let created = sunshine.create_conversation(&cx(), new).await;
    created.unwrap().location
}

/// A conversation with `count` messages of the assistant, and their ids.
pub(crate) async fn filled(sunshine: &Sunshine, count: usize) -> (Location, Vec<String>) {
    let at = create(sunshine).await;
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(
            say(sunshine, &at, Role::Assistant, &format!("message {number}"))
                .await
                .id
                .to_string(),
        );
    }
    (at, ids)
}

pub(crate) async fn say(sunshine: &Sunshine, at: &Location, role: Role, text: &str) -> Message {
    let posted = sunshine
        .post_message(&cx(), at, NewMessage::text(role, text))
        .await;
    posted.unwrap()
}

pub(crate) fn at(native: &str) -> Location {
    Location {
        id: ConversationId::derive("sunshine", native),
        backend: "sunshine".into(),
        native: native.into(),
        credential: None,
        renamed: false,
    }
}

pub(crate) fn new(json: &str) -> NewConversation {
    serde_json::from_str(json).unwrap()
}

pub(crate) async fn page(
    sunshine: &Sunshine,
    at: &Location,
    request: PageRequest,
) -> Page<Message> {
    sunshine.list_messages(&cx(), at, &request).await.unwrap()
}

pub(crate) fn request(limit: usize, order: Order) -> PageRequest {
    PageRequest {
        limit,
        order,
        position: None,
    }
}

pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

/// How often the vendor was asked for this since `before` requests.
pub(crate) fn asked(fake: &FakeSunshine, before: usize) -> Vec<String> {
    fake.operations().split_off(before)
}
