//! A facade on a socket, over a router over one backend, with everything it keeps in a store of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{FacadeObject, Keys as _, ObjectQuery};
use backend::{Backend, Scope};
use conversation::Time;
use convore::facade::{FacadeConfig, facade};
use facadekit::{Detached, FacadeLimits, FacadeParts};
use keys::{KeyCheck, KeyRequest, NewKey};
use routing::{Discovery, Router, RouterSettings, Slot};
use secrecy::ExposeSecret as _;
use store::{SealingKey, State, Store, StoreConfig};
use tokio::net::TcpListener;

/// How long anything may take: far beyond what it takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What the facade is given.
pub(crate) struct Setup {
    /// Whether the backend's conversations count as the vendor's own.
    pub(crate) is_own: bool,
    /// The largest JSON body.
    pub(crate) body_bytes_max: usize,
    /// The largest file.
    pub(crate) attachment_bytes_max: usize,
    /// What stands in the place of the store's backend.
    pub(crate) around: fn(Arc<dyn Backend>) -> Arc<dyn Backend>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            is_own: false,
            body_bytes_max: 1_000_000,
            attachment_bytes_max: 1_000,
            around: |backend| backend,
        }
    }
}

/// A facade over a store.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    /// What the facade stands on.
    pub(crate) backend: Arc<dyn Backend>,
    /// A key of the tenant `acme` that may do everything.
    pub(crate) key: String,
    state: Arc<State>,
    parts: FacadeParts,
    _directory: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let below = (setup.around)(Arc::new(store.backend("store")));
        let router = Router::new(
            vec![Slot::new(below, Discovery::Off, None)],
            RouterSettings::new("store"),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let backend: Arc<dyn Backend> = Arc::new(router.unwrap());
        let own: &[&str] = if setup.is_own { &["store"] } else { &[] };
        let parts = FacadeParts {
            backend: Arc::clone(&backend),
            directory: state.clone(),
            state: state.clone(),
            credentials: state.clone(),
            leases: state.clone(),
            turns: state.clone(),
            keys: KeyCheck::new(state.clone()),
            own: own.iter().map(|name| Box::from(*name)).collect(),
            limits: FacadeLimits {
                body_bytes_max: setup.body_bytes_max,
                attachment_bytes_max: setup.attachment_bytes_max,
                json_depth_max: 64,
                body_timeout: PATIENCE,
                request_timeout: PATIENCE,
                respond_timeout: PATIENCE,
            },
            detached: Detached::default(),
        };
        let mut world = Self {
            address: served(&parts).await,
            backend,
            key: String::new(),
            state,
            parts,
            _directory: directory,
        };
        world.key = world.key_of("acme", None, Scope::ALL).await;
        world
    }

    /// Another facade over the same, which remembers nothing.
    pub(crate) async fn start_again(&mut self) {
        self.address = served(&self.parts).await;
    }

    /// What the facade keeps of one kind for the tenant `acme`.
    pub(crate) async fn kept(&self, kind: &str) -> Vec<FacadeObject> {
        let query = ObjectQuery {
            facade: "convore".into(),
            tenant: "acme".into(),
            kind: kind.into(),
            after: None,
            limit: 100,
        };
        self.parts.state.objects(&query).await.unwrap()
    }

    /// A new key.
    pub(crate) async fn key_of(
        &self,
        tenant: &str,
        user: Option<&str>,
        scopes: &[Scope],
    ) -> String {
        self.key_until(tenant, user, scopes, None).await
    }

    /// A new key that ends at some time.
    pub(crate) async fn key_until(
        &self,
        tenant: &str,
        user: Option<&str>,
        scopes: &[Scope],
        expires_at: Option<Time>,
    ) -> String {
        let new = NewKey::generate(KeyRequest {
            tenant: tenant.into(),
            name: "test".into(),
            scopes: scopes.to_vec(),
            user: user.map(Into::into),
            expires_at,
        })
        .unwrap();
        self.state.insert(&new.record).await.unwrap();
        new.key.expose_secret().to_owned()
    }
}

/// A facade on a socket.
async fn served(parts: &FacadeParts) -> SocketAddr {
    let router = facade(parts.clone(), FacadeConfig::default()).router;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of tests on loopback needs no header timeout"
    )]
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
