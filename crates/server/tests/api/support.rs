//! A running server on a fresh database, and a small client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use backend::ports::{Keys, Responder, Turn};
use backend::{Context, Scope};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keys::{KeyRequest, NewKey};
use layers::Renamed;
use migration::{Endpoint, Ends, Migrations, Parts, Settings};
use responders::Answering;
use routing::{Discovery, RouterSettings, Slot};
use secrecy::ExposeSecret;
use serde_json::Value;
use server::{Gateway, Mounted, Readiness, ReadinessCheck, ServeLimits, Shutdown, serve};
use store::{SealingKey, Store, StoreConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc;

/// No test waits longer than this for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What the scripted AI says next: pieces until the sender is dropped.
pub(crate) type Script = mpsc::Receiver<backend::Result<String>>;

/// Says what a test tells it, or `echo` of the last words without a script.
#[derive(Debug, Default)]
pub(crate) struct ScriptedResponder {
    next: Mutex<Option<Script>>,
}

impl ScriptedResponder {
    /// The pieces of the next answer.
    pub(crate) async fn script(&self) -> mpsc::Sender<backend::Result<String>> {
        let (sender, receiver) = mpsc::channel(16);
        *self.next.lock().await = Some(receiver);
        sender
    }
}

#[async_trait]
impl Responder for ScriptedResponder {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn answer(
        &self,
        cx: &Context,
        turn: Turn,
    ) -> backend::Result<BoxStream<'static, backend::Result<String>>> {
        match self.next.lock().await.take() {
            None => responders::Echo.answer(cx, turn).await,
            Some(script) => Ok(stream::unfold(script, |mut script| async move {
                let piece = script.recv().await?;
                Some((piece, script))
            })
            .boxed()),
        }
    }
}

struct StoreReadiness(Store);

#[async_trait]
impl Readiness for StoreReadiness {
    async fn check(&self) -> Vec<ReadinessCheck> {
        let status = self.0.status().await;
        vec![ReadinessCheck {
            name: "store".to_owned(),
            ok: status.is_ok(),
            detail: status.map_or_else(|error| error.to_string(), |_| "writable".to_owned()),
        }]
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) responder: Arc<ScriptedResponder>,
    pub(crate) state: store::State,
    gateway: Gateway,
    /// A key of tenant `acme` with every scope.
    pub(crate) key: String,
    _directory: Arc<tempfile::TempDir>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Server::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Gateway)) -> Self {
        Server::start_in(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    /// A server on a database that may have been used before.
    pub(crate) async fn start_in(
        directory: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Gateway),
    ) -> Self {
        Server::start_on(directory, &["store"], change).await
    }

    /// A server with two backends, between which conversations are moved.
    pub(crate) async fn start_pair() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Server::start_on(directory, &["store", "new"], |_| ()).await
    }

    /// A server with backends of these names, all in one database; new conversations go to the first.
    async fn start_on(
        directory: Arc<tempfile::TempDir>,
        names: &[&str],
        change: impl FnOnce(&mut Gateway),
    ) -> Self {
        let config = match testkit::Database::of_folder(directory.path()) {
            Some(url) => StoreConfig::postgres(url),
            None => StoreConfig::at(directory.path().join("test.db")),
        };
        let store = Store::open(config).unwrap();
        let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
        let responder = Arc::new(ScriptedResponder::default());
        let shared = Arc::new(state.clone());
        let mut backends = Vec::new();
        let mut ends = BTreeMap::new();
        for name in names {
            let bare: Arc<dyn backend::Backend> = Arc::new(store.backend(name));
            let answering = Answering::new(
                Arc::clone(&bare),
                Arc::clone(&responder) as Arc<dyn Responder>,
            );
            let stack: Arc<dyn backend::Backend> =
                Arc::new(Renamed::new(Arc::new(answering), shared.clone()));
            let end = Endpoint {
                stack: stack.clone(),
                requests_per_minute: None,
                discovers: false,
            };
            ends.insert((*name).into(), end);
            backends.push(Mounted {
                stack,
                bare,
                overlay: None,
                passthrough: None,
            });
        }
        let slots = backends
            .iter()
            .map(|mounted| Slot::new(Arc::clone(&mounted.stack), Discovery::Off, None));
        let router = routing::Router::new(
            slots.collect(),
            RouterSettings::new(names[0]),
            shared.clone(),
            shared.clone(),
            shared.clone(),
        )
        .unwrap()
        .following(shared.clone(), shared.clone());
        let router = Arc::new(router);
        let migrations = Migrations::new(Parts {
            ends: Ends::new(ends),
            ledger: shared.clone(),
            intents: shared.clone(),
            directory: shared.clone(),
            leases: shared.clone(),
            overlay_state: shared.clone(),
            erasure: shared.clone(),
            settings: Settings {
                drain_interval: Duration::from_millis(50),
                switch_patience: Duration::from_secs(2),
                ..Settings::default()
            },
        });
        migrations.start(router.clone()).await.unwrap();
        let shutdown = Shutdown::new();
        let mut gateway = Gateway {
            routes: router.clone(),
            router,
            backends,
            translators: Vec::new(),
            keys: Arc::new(state.clone()),
            key_check: keys::KeyCheck::new(Arc::new(state.clone())),
            idempotency: Arc::new(state.clone()),
            overlay_state: Arc::new(state.clone()),
            intents: Arc::new(state.clone()),
            directory: Arc::new(state.clone()),
            leases: Arc::new(state.clone()),
            migrations,
            route_overrides: shared.clone(),
            shadows: shared.clone(),
            explaining: server::Explaining::new(shared.clone()),
            turns: shared.clone(),
            credentials: shared.clone(),
            audit: shared,
            facades: Vec::new(),
            readiness: Arc::new(StoreReadiness(store)),
            metrics: Some(Arc::new(|| "up 1\n".to_owned())),
            docs: true,
            limits: server::RequestLimits::default(),
            streams: server::StreamLimits::default(),
            configuring: None,
            in_work: server::InWork::default(),
            shutdown: shutdown.clone(),
        };
        change(&mut gateway);
        let address = listen(gateway.clone()).await;
        let mut server = Server {
            address,
            shutdown,
            responder,
            state,
            gateway,
            key: String::new(),
            _directory: directory,
        };
        server.key = server.new_key("acme", None, Scope::ALL).await;
        server
    }

    /// A server that takes connections long after its stop signal.
    pub(crate) async fn start_draining_slowly() -> Self {
        let mut server = Server::start().await;
        let limits = ServeLimits {
            drain_delay: PATIENCE,
            ..ServeLimits::default()
        };
        // The first front must not stop with the second.
        server.shutdown = Shutdown::new();
        server.gateway.shutdown = server.shutdown.clone();
        server.address = listen_with(server.gateway.clone(), limits).await;
        server
    }

    /// A second front over the same parts, changed; returns its address.
    pub(crate) async fn rebuilt(&self, change: impl FnOnce(&mut Gateway)) -> SocketAddr {
        let mut gateway = self.gateway.clone();
        change(&mut gateway);
        listen(gateway).await
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

    pub(crate) fn get(&self, path: &str) -> Call {
        Call::new(self, Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        Call::new(self, Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Call {
        Call::new(self, Method::PATCH, path)
    }

    pub(crate) fn put(&self, path: &str) -> Call {
        Call::new(self, Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        Call::new(self, Method::DELETE, path)
    }

    /// Makes a conversation and returns its path.
    pub(crate) async fn conversation(&self) -> String {
        let created = self.post("/v1/conversations").send().await;
        created.expect(201);
        created.header("location").unwrap().to_owned()
    }

    /// Posts a text and returns the message's path.
    pub(crate) async fn message(&self, conversation: &str, text: &str) -> String {
        let posted = self
            .post(&format!("{conversation}/messages"))
            .json(&serde_json::json!({"parts": [{"type": "text", "text": text}]}))
            .send()
            .await;
        posted.expect(201);
        posted.header("location").unwrap().to_owned()
    }
}

async fn listen(gateway: Gateway) -> SocketAddr {
    let limits = ServeLimits {
        stream_grace: Duration::from_millis(100),
        ..ServeLimits::default()
    };
    listen_with(gateway, limits).await
}

async fn listen_with(gateway: Gateway, limits: ServeLimits) -> SocketAddr {
    let shutdown = gateway.shutdown.clone();
    let application = gateway.into_router().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, application, limits, shutdown));
    address
}

/// One request.
pub(crate) struct Call {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    key: Option<String>,
}

impl Call {
    pub(crate) fn new(server: &Server, method: Method, path: &str) -> Self {
        Call {
            address: server.address,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            key: Some(server.key.clone()),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it to another front.
    pub(crate) fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn no_key(mut self) -> Self {
        self.key = None;
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(body.to_string())
    }

    pub(crate) fn text(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").bytes(body)
    }

    /// A body under no type of its own.
    pub(crate) fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends and reads the whole answer.
    pub(crate) async fn send(self) -> Answer {
        let response = self.open().await;
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect())
            .await
            .expect("the answer ends")
            .expect("the answer is whole")
            .to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// Sends it for its effect; there may be no answer.
    pub(crate) async fn detach(self) {
        self.open().await;
    }

    /// Sends and returns the answer with its body unread.
    pub(crate) async fn open(self) -> http::Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header("host", "localhost");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        tokio::time::timeout(PATIENCE, sender.send_request(request))
            .await
            .expect("the server answers")
            .expect("the answer has a head")
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The problem, checked for what every problem has.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        self.expect(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        assert_eq!(problem["status"], status);
        assert!(problem["request_id"].is_string());
        problem
    }

    /// The problem's single errors as `in` and pointer.
    #[track_caller]
    pub(crate) fn pointers(&self) -> Vec<(String, String)> {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| {
                let text = |member: &str| error[member].as_str().unwrap().to_owned();
                (text("in"), text("pointer"))
            })
            .collect()
    }
}

/// The JSON behind each `data:` line.
pub(crate) fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}
