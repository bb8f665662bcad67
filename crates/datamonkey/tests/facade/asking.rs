//! Requests to a facade, each answer held against the description.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use backend::ports::{KeyRecord, Keys as _};
use backend::{Context, Principal, Scope};
use conversation::Time;
use keys::{KeyRequest, NewKey};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use testkit::openapi::Description;

use crate::client::{Answer, send};
use crate::world::World;

/// Where some worlds mount the facade.
pub(crate) const MOUNT: &str = "/facade/datamonkey";

static DESCRIPTION: LazyLock<Description> =
    LazyLock::new(|| Description::parse(include_str!("../fixtures/facade.openapi.json")).unwrap());

impl World {
    /// A key: the text to send, and its record.
    pub(crate) async fn key(
        &self,
        tenant: &str,
        user: Option<&str>,
        scopes: &[Scope],
    ) -> (String, KeyRecord) {
        let new = NewKey::generate(KeyRequest {
            tenant: tenant.into(),
            name: "test".into(),
            scopes: scopes.to_vec(),
            user: user.map(Into::into),
            expires_at: None,
        })
        .unwrap();
        self.state.insert(&new.record).await.unwrap();
        (new.key.expose_secret().to_owned(), new.record)
    }

    /// A context beside the facade, for all of a tenant.
    pub(crate) fn cx(&self, tenant: &str) -> Context {
        let principal = Principal {
            tenant: tenant.into(),
            key: "test".into(),
            user: None,
            scopes: vec![Scope::Read, Scope::Write],
        };
        Context::new(Arc::new(principal), "test", Duration::from_secs(30))
    }

    /// One request. An answer of a described operation is held against the description; every other one is the route
    /// table's.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = send(self.address, method, target, headers, body).await;
        let target = target.strip_prefix(MOUNT).unwrap_or(target);
        let is_route_tables = match answer.status {
            301 | 307 => true,
            404 => answer.header("content-type") == Some("text/plain"),
            _ => false,
        };
        if !is_route_tables {
            let found = DESCRIPTION.check_response(method, target, answer.status, &answer.body);
            assert!(found.is_empty(), "{found:#?}");
            let kind = (answer.status != 204).then_some("application/json; charset=utf-8");
            assert_eq!(answer.header("content-type"), kind);
        }
        answer
    }

    /// A request with a token, and a JSON body.
    pub(crate) async fn with(&self, token: &str, method: &str, target: &str, body: &str) -> Answer {
        let headers = [("user_token", token), ("Content-Type", "application/json")];
        self.ask(method, target, &headers, body.as_bytes()).await
    }

    /// A new user with a conversation of this title: its token and the conversation's id.
    pub(crate) async fn begin(&self, title: &str) -> (String, String) {
        let body = serde_json::json!({"title": title}).to_string();
        let answer = self.ask("POST", "/api/v1/chat", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let token = answer.header("x-session-token").unwrap().to_owned();
        (token, id_of(&answer))
    }

    /// The messages that a caller is shown.
    pub(crate) async fn messages(&self, token: &str, id: &str) -> Value {
        let target = format!("/api/v1/chat/{id}/messages");
        let answer = self.with(token, "GET", &target, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["messages"].clone()
    }
}

/// The id of a conversation that was answered.
pub(crate) fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// A token that a secret has signed, that ends so many seconds from now.
pub(crate) fn signed(secret: &str, subject: &str, lifetime: i64) -> String {
    let now = Time::now().as_millis() / 1_000;
    let claims = serde_json::json!({"sub": subject, "iat": now, "exp": now + lifetime});
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
