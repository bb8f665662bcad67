//! A gateway whose disk is full when an id is to be noted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{FacadeObject, FacadeState, ObjectName, ObjectQuery};
use backend::{Context, Error, Kind, Outcome, Principal, Result, Scope};
use conversation::ConversationId;
use serde_json::Value;
use store::State;

use crate::world::{PUBLIC, Setup, World, open};

/// The gateway's state, in which no id can be noted.
#[derive(Debug)]
struct Full(Arc<State>);

#[async_trait]
impl FacadeState for Full {
    async fn spell(&self, _facade: &str, _spelled: &[(Box<str>, ConversationId)]) -> Result<()> {
        let error = Error::new(Kind::StorageFull, "no room for `planted`");
        Err(error.outcome(Outcome::NotApplied))
    }

    async fn spelled(&self, facade: &str, spelled: &str) -> Result<Option<ConversationId>> {
        FacadeState::spelled(&*self.0, facade, spelled).await
    }

    async fn object(&self, name: &ObjectName) -> Result<Option<FacadeObject>> {
        self.0.object(name).await
    }

    async fn object_by_alias(
        &self,
        name: &ObjectName,
        alias: &str,
    ) -> Result<Option<FacadeObject>> {
        self.0.object_by_alias(name, alias).await
    }

    async fn objects(&self, query: &ObjectQuery) -> Result<Vec<FacadeObject>> {
        self.0.objects(query).await
    }

    async fn count_objects(&self, query: &ObjectQuery) -> Result<u64> {
        self.0.count_objects(query).await
    }

    async fn insert_object(&self, object: &FacadeObject) -> Result<()> {
        self.0.insert_object(object).await
    }

    async fn replace_object(&self, before: &FacadeObject, after: &FacadeObject) -> Result<bool> {
        self.0.replace_object(before, after).await
    }

    async fn remove_object(&self, name: &ObjectName) -> Result<bool> {
        self.0.remove_object(name).await
    }
}

async fn full() -> World {
    World::start_with(Setup {
        config: open(),
        notes: |state| Arc::new(Full(state)),
        ..Setup::default()
    })
    .await
}

/// How many conversations a tenant has, asked beside the facade.
async fn kept(world: &World, tenant: &str) -> usize {
    let query = backend::ConversationQuery::all(10);
    let cx = world.cx(tenant);
    let found = world.backend.list_conversations(&cx, &query).await;
    found.unwrap().page.items.len()
}

#[tokio::test]
async fn what_fails_behind_a_create_asks_nobody_to_create_again() {
    let world = full().await;
    let (key, _) = world.key("acme", None, &[Scope::Read, Scope::Write]).await;
    let made = world.with(&key, "POST", "/api/v1/chat", "{}").await;
    assert_eq!(made.status, 500);
    assert!(made.header("retry-after").is_none());
    assert!(made.header("x-session-token").is_none());
    assert!(!made.text().contains("planted"), "{}", made.text());
    assert_eq!(kept(&world, "acme").await, 1, "it is made");
}

#[tokio::test]
async fn a_stranger_has_the_token_also_where_the_create_failed_behind_its_end() {
    let world = full().await;
    let made = world.ask("POST", "/api/v1/chat", &[], b"{}").await;
    assert_eq!(made.status, 500);
    assert_eq!(
        made.header("access-control-expose-headers"),
        Some("X-Session-Token")
    );
    let token = made.header("x-session-token").expect("a token");
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).unwrap();
    let user = claims["sub"].as_str().unwrap();
    let query = backend::ConversationQuery::all(10);
    let principal = Principal {
        user: Some(user.into()),
        ..(*world.cx(PUBLIC).principal).clone()
    };
    let cx = Context::new(Arc::new(principal), "test", Duration::from_secs(30));
    let found = world.backend.list_conversations(&cx, &query).await.unwrap();
    assert_eq!(found.page.items.len(), 1, "it opens what was made");
}
