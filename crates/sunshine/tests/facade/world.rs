//! A facade that is served, and everything behind it.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use backend::ports::Keys as _;
use backend::{Backend, Context, Principal, Scope};
use conversation::Time;
use facadekit::{FacadeLimits, FacadeParts};
use keys::{KeyCheck, KeyRequest, NewKey};
use routing::{Discovery, Router, RouterSettings, Slot};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use store::{SealingKey, State, Store, StoreConfig};
use sunshine::{FacadeConfig, facade};
use testkit::openapi::Description;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Answer, send};
use crate::credentials::Key;

/// The app of all tests, and one that nobody knows.
pub(crate) const APP: &str = "5d8cff3cd55b040010928b5b";
/// A well-formed id that nothing has.
pub(crate) const UNKNOWN: &str = "000000000000000000000404";
/// The tenant of all tests.
pub(crate) const TENANT: &str = "acme";

/// What the facade answers, strictly.
static OWN: LazyLock<Description> =
    LazyLock::new(|| Description::parse(include_str!("../fixtures/facade.openapi.json")).unwrap());
/// What the vendor answers.
static VENDORS: LazyLock<Description> =
    LazyLock::new(|| Description::parse(include_str!("../fixtures/openapi.json")).unwrap());

/// A facade that is served; it ends with this value.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) authorization: String,
    /// What stands before `/v2`.
    pub(crate) prefix: &'static str,
    task: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    /// At the root, as a simulator serves it.
    pub(crate) async fn start() -> Self {
        Self::start_at("").await
    }

    /// Below a path; empty for the root.
    pub(crate) async fn start_at(prefix: &'static str) -> Self {
        Self::start_over(prefix, &[], |store, _| {
            (Arc::new(store.backend("store")), Discovery::Off)
        })
        .await
    }

    /// Over a backend of any kind; `own` names those of the vendor's own kind.
    pub(crate) async fn start_over(
        prefix: &'static str,
        own: &[&str],
        below: impl FnOnce(&Store, &Arc<State>) -> (Arc<dyn Backend>, Discovery),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let (below, discovery) = below(&store, &state);
        let settings = RouterSettings::new(&below.info().name);
        let router = Router::new(
            vec![Slot::new(below, discovery, None)],
            settings,
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let backend: Arc<dyn Backend> = Arc::new(router.unwrap());
        let parts = FacadeParts {
            detached: facadekit::Detached::default(),
            backend: backend.clone(),
            directory: state.clone(),
            state: state.clone(),
            credentials: state.clone(),
            leases: state.clone(),
            turns: state.clone(),
            keys: KeyCheck::new(state.clone()),
            own: own.iter().copied().map(Into::into).collect(),
            limits: FacadeLimits {
                body_bytes_max: 1_024 * 1_024,
                attachment_bytes_max: 4 * 1_024 * 1_024,
                json_depth_max: 64,
                body_timeout: Duration::from_secs(10),
                request_timeout: Duration::from_secs(30),
                respond_timeout: Duration::from_secs(30),
            },
        };
        let config = FacadeConfig {
            app_ids: vec![APP.into()],
            public_url: None,
        };
        let facade = facade(parts, config);
        let router = if prefix.is_empty() {
            facade.router
        } else {
            axum::Router::new().nest_service(prefix, facade.router)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            #[expect(
                clippy::disallowed_methods,
                reason = "a facade on loopback needs no header timeout"
            )]
            axum::serve(listener, router).await.unwrap();
        });
        let mut world = Self {
            address,
            state,
            backend,
            authorization: String::new(),
            prefix,
            task,
            _directory: directory,
        };
        let scopes = [Scope::Read, Scope::Write, Scope::ActAs];
        world.authorization = world.key(TENANT, None, &scopes).await.basic();
        world
    }

    pub(crate) async fn key(&self, tenant: &str, user: Option<&str>, scopes: &[Scope]) -> Key {
        self.key_until(tenant, user, scopes, None).await
    }

    pub(crate) async fn key_until(
        &self,
        tenant: &str,
        user: Option<&str>,
        scopes: &[Scope],
        expires_at: Option<Time>,
    ) -> Key {
        let mut new = NewKey::generate(KeyRequest {
            tenant: tenant.into(),
            name: "test".into(),
            scopes: scopes.to_vec(),
            user: user.map(Into::into),
            expires_at: None,
        })
        .unwrap();
        // Nobody makes a key that has expired already.
        new.record.expires_at = expires_at;
        self.state.insert(&new.record).await.unwrap();
        Key {
            id: new.record.id.to_string(),
            whole: new.key.expose_secret().to_owned(),
        }
    }

    /// A context beside the facade, for all of the tenant.
    pub(crate) fn cx(&self) -> Context {
        let principal = Principal {
            tenant: TENANT.into(),
            key: "test".into(),
            user: None,
            scopes: vec![Scope::Read, Scope::Write],
        };
        Context::new(Arc::new(principal), "test", Duration::from_secs(30))
    }

    /// One request below the app, whose answer is held against the description.
    pub(crate) async fn raw(
        &self,
        authorization: &str,
        method: &str,
        tail: &str,
        content_type: &str,
        body: &[u8],
    ) -> Answer {
        let target = format!("{}/v2/apps/{APP}{tail}", self.prefix);
        let mut headers = vec![("authorization", authorization)];
        if !content_type.is_empty() {
            headers.push(("content-type", content_type));
        }
        self.exchange(method, &target, &headers, body).await
    }

    /// One request as it is spelled. Its answer is held against the facade's own description, and what is done also
    /// against the vendor's.
    pub(crate) async fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = send(self.address, method, target, headers, body).await;
        let path = target.split('?').next().unwrap();
        let path = path.strip_prefix(self.prefix).unwrap();
        let path = path.strip_prefix("/sc").unwrap_or(path);
        if path.starts_with("/v2/") {
            let kind = &answer.headers["content-type"];
            assert_eq!(kind, "application/json; charset=utf-8", "{method} {target}");
        }
        let mut descriptions = vec![&*OWN];
        if answer.status < 300 {
            descriptions.push(&*VENDORS);
        }
        for description in descriptions {
            if description.operation(method, path).is_some() {
                let violations =
                    description.check_response(method, path, answer.status, &answer.body);
                let text = String::from_utf8_lossy(&answer.body);
                assert_eq!(
                    violations,
                    Vec::<String>::new(),
                    "{method} {target}: {text}"
                );
            }
        }
        answer
    }

    /// One request with a JSON body, or none for `null`.
    pub(crate) async fn ask(&self, method: &str, tail: &str, body: &Value) -> Answer {
        self.ask_as(&self.authorization, method, tail, body).await
    }

    pub(crate) async fn ask_as(
        &self,
        authorization: &str,
        method: &str,
        tail: &str,
        body: &Value,
    ) -> Answer {
        if body.is_null() {
            return self.raw(authorization, method, tail, "", b"").await;
        }
        let text = body.to_string();
        self.raw(
            authorization,
            method,
            tail,
            "application/json",
            text.as_bytes(),
        )
        .await
    }

    pub(crate) async fn get(&self, tail: &str) -> Answer {
        self.ask("GET", tail, &Value::Null).await
    }

    /// A user with this external id; its id.
    pub(crate) async fn user(&self, external_id: &str) -> String {
        let body = json!({"externalId": external_id, "profile": {"givenName": "Jane"}});
        let answer = self.ask("POST", "/users", &body).await;
        assert_eq!(answer.status, 201);
        text(&answer.json()["user"]["id"])
    }

    /// A personal conversation of a user; its id.
    pub(crate) async fn personal(&self, user_id: &str) -> String {
        let body = json!({"type": "personal", "participants": [{"userId": user_id}]});
        let answer = self.ask("POST", "/conversations", &body).await;
        assert_eq!(answer.status, 201);
        text(&answer.json()["conversation"]["id"])
    }

    /// A message of the business; the stored one.
    pub(crate) async fn post(&self, conversation: &str, content: &Value) -> Value {
        let body = json!({"author": {"type": "business"}, "content": content});
        let tail = format!("/conversations/{conversation}/messages");
        let answer = self.ask("POST", &tail, &body).await;
        let json = answer.json();
        assert_eq!(answer.status, 201, "{json}");
        assert_eq!(json["messages"].as_array().unwrap().len(), 1);
        json["messages"][0].clone()
    }

    /// A text of the business; its id.
    pub(crate) async fn say(&self, conversation: &str, words: &str) -> String {
        let content = json!({"type": "text", "text": words});
        text(&self.post(conversation, &content).await["id"])
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
