//! A facade over the router and the store, and a small client.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backend::ports::{Keys, Responder};
use backend::{Backend, Context, Location, Principal, Scope};
use chatter::{FacadeConfig, facade};
use conversation::{ConversationId, NewMessage};
use facadekit::{Detached, FacadeLimits, FacadeParts};
use http::Method;
use keys::{KeyCheck, KeyRequest, NewKey};
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use secrecy::ExposeSecret;
use serde_json::Value;
use store::{SealingKey, State, Store, StoreConfig};
use testkit::openapi::Description;

/// The facade's own strict description.
pub(crate) fn described() -> &'static Description {
    static DESCRIPTION: OnceLock<Description> = OnceLock::new();
    DESCRIPTION.get_or_init(|| {
        Description::parse(include_str!("../fixtures/facade.openapi.json")).unwrap()
    })
}

/// The description of one frame of a stream, as if it were a body.
fn described_frame() -> &'static Description {
    static DESCRIPTION: OnceLock<Description> = OnceLock::new();
    DESCRIPTION.get_or_init(|| {
        let text = include_str!("../fixtures/facade.openapi.json");
        let mut document: Value = serde_json::from_str(text).unwrap();
        let schema = serde_json::json!({"$ref": "#/components/schemas/Frame"});
        let content = serde_json::json!({"application/json": {"schema": schema}});
        let answer = serde_json::json!({"description": "A frame.", "content": content});
        document["paths"] = serde_json::json!({"/frame": {"get": {"responses": {"200": answer}}}});
        Description::parse(&document.to_string()).unwrap()
    })
}

/// A facade that is being served, with the tenant `acme`.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    /// A key with every scope.
    pub(crate) key: String,
    pub(crate) router: Arc<Router>,
    /// Work of the facade that goes on without its caller.
    pub(crate) detached: Detached,
    pub(crate) state: State,
    client: reqwest::Client,
    own: Arc<[Box<str>]>,
    // Held so that it lives as long as the world.
    directory: Arc<tempfile::TempDir>,
}

impl World {
    /// A facade without rate limits over a store that answers `echo: …`.
    pub(crate) async fn start() -> Self {
        let config = FacadeConfig {
            requests_per_minute: 0,
            ..FacadeConfig::default()
        };
        Self::start_with(config, true).await
    }

    pub(crate) async fn start_with(config: FacadeConfig, has_responder: bool) -> Self {
        let responder: Option<Arc<dyn Responder>> = match has_responder {
            true => Some(Arc::new(Echo)),
            false => None,
        };
        Self::answered_by(config, responder).await
    }

    /// A facade over a store that this answers for.
    pub(crate) async fn answered_by(
        config: FacadeConfig,
        responder: Option<Arc<dyn Responder>>,
    ) -> Self {
        Self::over(config, |store, _| match responder {
            Some(responder) => Arc::new(Answering::new(store, responder)),
            None => store,
        })
        .await
    }

    /// A facade over what `stack` makes of the store and its state.
    pub(crate) async fn over(
        config: FacadeConfig,
        stack: impl FnOnce(Arc<dyn Backend>, &Arc<State>) -> Arc<dyn Backend>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("test.db"))).unwrap();
        let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
        let shared = Arc::new(state.clone());
        let stack = stack(Arc::new(store.backend("store")), &shared);
        let name = stack.info().name.clone();
        let (own, discovery) = match &*stack.info().kind == "chatter" {
            true => (vec![name.clone()], Discovery::OnList),
            false => (Vec::new(), Discovery::Off),
        };
        let router = Router::new(
            vec![Slot::new(stack, discovery, None)],
            RouterSettings::new(&name),
            shared.clone(),
            shared.clone(),
            shared.clone(),
        )
        .unwrap();
        let own = Arc::from(own);
        let mut world = Self::serve(config, Arc::new(router), state, own, directory.into()).await;
        world.key = world.new_key("acme", None, Scope::ALL).await;
        world
    }

    /// Another facade over the same, which remembers nothing of what this one has shown.
    pub(crate) async fn again(&self, config: FacadeConfig) -> Self {
        let (router, state) = (self.router.clone(), self.state.clone());
        let directory = self.directory.clone();
        let mut world = Self::serve(config, router, state, self.own.clone(), directory).await;
        world.key.clone_from(&self.key);
        world
    }

    async fn serve(
        config: FacadeConfig,
        router: Arc<Router>,
        state: State,
        own: Arc<[Box<str>]>,
        directory: Arc<tempfile::TempDir>,
    ) -> Self {
        let shared = Arc::new(state.clone());
        let detached = Detached::default();
        let parts = FacadeParts {
            backend: router.clone(),
            directory: shared.clone(),
            state: shared.clone(),
            credentials: shared.clone(),
            leases: shared.clone(),
            turns: shared.clone(),
            keys: KeyCheck::new(shared),
            own: own.clone(),
            detached: detached.clone(),
            limits: FacadeLimits {
                body_bytes_max: 1024 * 1024,
                attachment_bytes_max: 1024 * 1024,
                json_depth_max: 64,
                body_timeout: Duration::from_secs(10),
                request_timeout: Duration::from_secs(30),
                respond_timeout: Duration::from_secs(30),
            },
        };
        let facade = facade(parts, config);
        // Mounted, as the server mounts it.
        let application = axum::Router::new().nest_service(facade.path, facade.router);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a facade on loopback needs no header timeout"
        )]
        tokio::spawn(async move { axum::serve(listener, application).await });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self {
            address,
            key: String::new(),
            router,
            detached,
            state,
            client,
            own,
            directory,
        }
    }

    /// Makes a key and returns it as it is sent.
    pub(crate) async fn new_key(
        &self,
        tenant: &str,
        user: Option<&str>,
        scopes: &[Scope],
    ) -> String {
        let new = NewKey::generate(KeyRequest {
            tenant: tenant.into(),
            name: "test".into(),
            scopes: scopes.to_vec(),
            user: user.map(Into::into),
            expires_at: None,
        })
        .unwrap();
        self.state.insert(&new.record).await.unwrap();
        new.key.expose_secret().to_owned()
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/facade/chatter", self.address)
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call {
            client: self.client.clone(),
            url: format!("{}/api/v1/{path}", self.base_url()),
            method,
            headers: vec![("authorization".to_owned(), format!("Bearer {}", self.key))],
            body: None,
            may_fail: false,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// Makes a conversation and returns its id.
    pub(crate) async fn conversation(&self, title: &str) -> String {
        let made = self.post("conversations/", serde_json::json!({"title": title}));
        made.send().await.expect(201)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A context of the tenant, for calls past the facade.
    pub(crate) fn cx(&self) -> Context {
        let principal = Principal {
            tenant: "acme".into(),
            key: "test".into(),
            user: None,
            scopes: Scope::ALL.to_vec(),
        };
        Context::new(Arc::new(principal), "request-1", Duration::from_secs(30))
    }

    /// Where the router finds the conversation of this id of the vendor's spelling.
    pub(crate) fn location(&self, id: &str) -> Location {
        let public = format!("conv_{}", id.to_ascii_lowercase());
        Location::unresolved(public.parse::<ConversationId>().unwrap())
    }

    /// Posts a message past the facade.
    pub(crate) async fn say(&self, id: &str, message: NewMessage) {
        let at = self.location(id);
        let posted = self.router.post_message(&self.cx(), &at, message).await;
        posted.unwrap();
    }
}

/// One request.
pub(crate) struct Call {
    client: reqwest::Client,
    url: String,
    method: Method,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    may_fail: bool,
}

impl Call {
    /// A 500 is what the test wants.
    pub(crate) fn may_fail(mut self) -> Self {
        self.may_fail = true;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn json(self, body: Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn raw(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut call = self.header("content-type", content_type);
        call.body = Some(body.into());
        call
    }

    pub(crate) async fn send(self) -> Answer {
        let method = self.method.clone();
        let mut request = self.client.request(self.method, &self.url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
            url: self.url,
        };
        assert!(answer.status != 500 || self.may_fail, "{}", answer.text);
        answer.check(&method);
        answer
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) text: String,
    pub(crate) url: String,
}

impl Answer {
    /// Holds it against the description, where the request had a route.
    fn check(&self, method: &Method) {
        let (_, path) = self.url.split_once("/facade/chatter").unwrap();
        let description = described();
        if description.operation(method.as_str(), path).is_some() && self.status != 307 {
            let body = self.text.as_bytes();
            let found = description.check_response(method.as_str(), path, self.status, body);
            assert!(found.is_empty(), "{found:?}\n{}", self.text);
        }
        let is_stream = |content_type: &str| content_type.starts_with("text/event-stream");
        if self.header("content-type").is_some_and(is_stream) {
            for frame in self.frames() {
                let body = frame.to_string();
                let found = described_frame().check_response("GET", "/frame", 200, body.as_bytes());
                assert!(found.is_empty(), "{found:?}\n{frame}");
            }
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON, where the status is this one.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// The problem document, where the status is this one.
    pub(crate) fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text
        );
        let problem = self.expect(status);
        assert_eq!(
            problem["type"],
            format!("http://localhost:8000/problems/{slug}")
        );
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], self.url);
        problem
    }

    /// The frames of a stream, without what is around their JSON.
    pub(crate) fn frames(&self) -> Vec<Value> {
        let mut frames: Vec<&str> = self
            .text
            .split_terminator("\n\n")
            .map(|frame| frame.strip_prefix("data: ").unwrap())
            .collect();
        assert_eq!(frames.pop(), Some("[DONE]"));
        frames
            .into_iter()
            .map(|frame| serde_json::from_str(frame).unwrap())
            .collect()
    }
}
