//! What the server is given, and what its handlers share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::FromRef;
use backend::Backend;
use backend::ports::{Idempotency, Keys};

use crate::auth::KeyCheck;
use crate::limits::{RequestLimits, StreamLimits};
use crate::shutdown::Shutdown;

/// Renders `/metrics` in Prometheus' text format.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

/// What one part of the gateway says about its readiness.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReadinessCheck {
    /// The part, for example `store`.
    pub name: String,
    /// Whether it can be used.
    pub ok: bool,
    /// What was found, in words without secrets.
    pub detail: String,
}

/// Whether requests can be served. Never asks a vendor: a vendor's outage must not take us out of a load balancer.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Looks at every part that all requests need.
    async fn check(&self) -> Vec<ReadinessCheck>;
}

/// Everything that the server needs, put together by the binary.
#[derive(Clone)]
pub struct Gateway {
    /// The finished stack: finds conversations, checks who may see them, writes under leases.
    pub router: Arc<dyn Backend>,
    /// Every backend by itself, for `/v1/backends`.
    pub backends: Vec<Arc<dyn Backend>>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Idempotency records.
    pub idempotency: Arc<dyn Idempotency>,
    /// What `/readyz` asks.
    pub readiness: Arc<dyn Readiness>,
    /// What `/metrics` shows; absent: the page does not exist.
    pub metrics: Option<MetricsPage>,
    /// Whether `/docs` and `/openapi.json` exist.
    pub docs: bool,
    /// Limits of each request.
    pub limits: RequestLimits,
    /// Limits of each streamed answer.
    pub streams: StreamLimits,
    /// The steps of stopping.
    pub shutdown: Shutdown,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("router", &self.router)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// The whole application: every route inside the middleware.
    ///
    /// # Errors
    /// When the API description cannot be written as JSON, which its types rule out.
    pub fn into_router(self) -> Result<Router, serde_json::Error> {
        crate::router::build(App::new(self))
    }
}

/// What every handler shares; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gateway: Gateway,
    pub(crate) key_check: KeyCheck,
}

impl App {
    fn new(gateway: Gateway) -> Self {
        let key_check = KeyCheck::new(Arc::clone(&gateway.keys));
        App(Arc::new(Shared { gateway, key_check }))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<App> for RequestLimits {
    fn from_ref(app: &App) -> Self {
        app.gateway.limits.clone()
    }
}
