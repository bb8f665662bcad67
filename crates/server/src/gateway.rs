//! What the server is given, and what its handlers share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::FromRef;
use backend::Backend;
use backend::ports::{
    AuditLog, Credentials, Directory, Idempotency, Intents, Keys, Leases, OverlayState,
    Passthrough, Repair, RouteOverrides, RouteTable, ShadowLog, Translator, Turns,
};
use facadekit::Facade;
use keys::KeyCheck;
use migration::Migrations;

use crate::application::InWork;
use crate::configuring::Configuring;
use crate::explaining::Explaining;
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

    /// What an operator should know although requests are served: shown with the others, and not counted.
    async fn notes(&self) -> Vec<ReadinessCheck> {
        Vec::new()
    }
}

/// One backend of the configuration. For a backend without an overlay `stack` holds everything that `bare` holds, and
/// they may be the same.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// The backend as the router has it, with everything around it: what it can do is `effective`.
    pub stack: Arc<dyn Backend>,
    /// The adapter, or the store, alone: what it can do is `native`.
    pub bare: Arc<dyn Backend>,
    /// Its overlay, which settles drift; absent where nothing is kept beside the backend.
    pub overlay: Option<Arc<dyn Repair>>,
    /// Sends requests in the vendor's own words; absent where there is no vendor.
    pub passthrough: Option<Arc<dyn Passthrough>>,
}

/// Everything that the server needs, put together by the binary.
#[derive(Clone)]
pub struct Gateway {
    /// The finished stack: finds conversations, checks who may see them, writes under leases.
    pub router: Arc<dyn Backend>,
    /// Every backend by itself, in the order of the configuration: for `/v1/backends` and repairs.
    pub backends: Vec<Mounted>,
    /// One for each vendor's shape, whether or not a backend of that kind is configured: for `/v1/translate`. Our own
    /// shape, `normalized`, is the server's.
    pub translators: Vec<Arc<dyn Translator>>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Checks them. The same one as the facades', so that a key that is revoked here is refused there at once.
    pub key_check: KeyCheck,
    /// Idempotency records.
    pub idempotency: Arc<dyn Idempotency>,
    /// What is kept beside backends: for the list of drifted fields.
    pub overlay_state: Arc<dyn OverlayState>,
    /// Writes that were begun and are not known to have ended: for the list of possible orphans.
    pub intents: Arc<dyn Intents>,
    /// Where conversations live: a repair asks it, because an operator repairs every tenant's.
    pub directory: Arc<dyn Directory>,
    /// Leases: a repair holds the one of its conversation.
    pub leases: Arc<dyn Leases>,
    /// Conversations that are moved between backends, archived, and erased.
    pub migrations: Migrations,
    /// Where migrations lead new conversations.
    pub route_overrides: Arc<dyn RouteOverrides>,
    /// Where new conversations would go, and why.
    pub routes: Arc<dyn RouteTable>,
    /// Reads that a second backend answered otherwise.
    pub shadows: Arc<dyn ShadowLog>,
    /// Notes the way of requests that ask for it, and keeps it for a while. Facades are given a router that it lies over.
    pub explaining: Explaining,
    /// Vendors' credentials of tenants and end users.
    pub credentials: Arc<dyn Credentials>,
    /// Who did what with the gateway itself.
    pub audit: Arc<dyn AuditLog>,
    /// The configuration, which can be replaced; absent where the gateway keeps the one that it was started with.
    pub configuring: Option<Arc<dyn Configuring>>,
    /// Vendors' APIs over the same router, each below a path of its own.
    pub facades: Vec<Facade>,
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
    /// Counts how often each key calls vendors' own APIs, for all replicas together.
    pub turns: Arc<dyn Turns>,
    /// Requests in work, under this configuration and those before it.
    pub in_work: InWork,
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
    pub fn into_router(mut self) -> Result<Router, serde_json::Error> {
        self.router = self.explaining.over(self.router);
        crate::router::build(App::new(self))
    }

    /// The backend of this name.
    pub(crate) fn mounted(&self, name: &str) -> Option<&Mounted> {
        self.backends
            .iter()
            .find(|mounted| &*mounted.stack.info().name == name)
    }
}

/// What every handler shares; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gateway: Gateway,
}

impl App {
    fn new(gateway: Gateway) -> Self {
        App(Arc::new(Shared { gateway }))
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
