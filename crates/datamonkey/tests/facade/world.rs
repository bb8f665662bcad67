//! A facade that is served, and everything behind it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use backend::ports::{FacadeState, Responder};
use datamonkey::{Anonymous, FacadeConfig, facade};
use facadekit::{Detached, FacadeLimits, FacadeParts};
use keys::KeyCheck;
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The tenant of everybody without a key.
pub(crate) const PUBLIC: &str = "public";
/// The largest body.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

/// What stands behind a facade.
pub(crate) enum Behind {
    /// A store with somebody who answers.
    Answered(Arc<dyn Responder>),
    /// A store alone.
    Unanswered,
    /// A backend of this vendor, made of the gateway's state.
    Own(Box<dyn FnOnce(Arc<State>) -> Arc<dyn Backend> + Send>),
}

/// How a facade is served.
pub(crate) struct Setup {
    pub(crate) config: FacadeConfig,
    /// Where it is mounted; empty for the root, as a simulator serves it.
    pub(crate) path: &'static str,
    pub(crate) behind: Behind,
    /// How long a body may take.
    pub(crate) body_timeout: Duration,
    /// What keeps the facade's notes, made of the gateway's state.
    pub(crate) notes: fn(Arc<State>) -> Arc<dyn FacadeState>,
}

impl Default for Setup {
    /// Anybody may come, and an echo answers.
    fn default() -> Self {
        Self {
            config: open(),
            path: "",
            behind: Behind::Answered(Arc::new(Echo)),
            body_timeout: Duration::from_secs(10),
            notes: |state| state,
        }
    }
}

/// Anybody may come, a thousand a minute.
pub(crate) fn open() -> FacadeConfig {
    FacadeConfig {
        anonymous: Some(Anonymous {
            tenant: PUBLIC.into(),
            sessions_per_minute: NonZeroU32::new(1_000).unwrap(),
        }),
        signing_key: None,
    }
}

/// A facade that is served; it ends with this value.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) detached: Detached,
    task: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    /// As usual, with this configuration.
    pub(crate) async fn start(config: FacadeConfig) -> Self {
        Self::start_with(Setup {
            config,
            ..Setup::default()
        })
        .await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let mut own: Vec<Box<str>> = Vec::new();
        let behind: Arc<dyn Backend> = match setup.behind {
            Behind::Answered(responder) => {
                Arc::new(Answering::new(Arc::new(store.backend("store")), responder))
            }
            Behind::Unanswered => Arc::new(store.backend("store")),
            Behind::Own(make) => make(state.clone()),
        };
        let name = behind.info().name.clone();
        if &*behind.info().kind == "datamonkey" {
            own.push(name.clone());
        }
        let slot = Slot::new(behind, Discovery::Off, None);
        let router = Router::new(
            vec![slot],
            RouterSettings::new(&name),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let backend: Arc<dyn Backend> = Arc::new(router.unwrap());
        let detached = Detached::default();
        let parts = FacadeParts {
            backend: backend.clone(),
            directory: state.clone(),
            state: (setup.notes)(state.clone()),
            credentials: state.clone(),
            leases: state.clone(),
            turns: state.clone(),
            keys: KeyCheck::new(state.clone()),
            own: own.into(),
            limits: FacadeLimits {
                body_bytes_max: BODY_MAX,
                attachment_bytes_max: 1024,
                json_depth_max: 64,
                body_timeout: setup.body_timeout,
                request_timeout: Duration::from_secs(30),
                respond_timeout: Duration::from_secs(30),
            },
            detached: detached.clone(),
        };
        let facade = facade(parts, setup.config);
        let router = if setup.path.is_empty() {
            facade.router
        } else {
            axum::Router::new().nest_service(setup.path, facade.router)
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
        Self {
            address,
            state,
            backend,
            detached,
            task,
            _directory: directory,
        }
    }
}
