//! The circle: the conformance suite on this crate's adapter as a client of this crate's facade, over real sockets, alone
//! and whole, that is with the overlay and the router above it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "facade/world.rs"]
#[expect(dead_code, reason = "the suite looks at nothing behind the facade")]
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use backend::{Backend, Location};
use conversation::{ConversationId, MessageId};
use datamonkey::{Datamonkey, DatamonkeyConfig, FacadeConfig};
use overlay::{Overlay, OverlaySettings};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, Store, StoreConfig};
use tokio::sync::OnceCell;
use world::{World, open};

/// What facade and adapter both know, where the adapter renews its tokens.
const SECRET: &str = "a secret that both sides have";
const NAME: &str = "datamonkey";

struct Circle {
    name: &'static str,
    signing_key: Option<&'static str>,
    is_whole: bool,
    running: OnceCell<Running>,
}

/// A facade, and what talks to it.
struct Running {
    backend: Arc<dyn Backend>,
    // Held so that they live as long as the backend.
    _world: World,
    _directory: tempfile::TempDir,
}

impl Circle {
    fn new(name: &'static str, signing_key: Option<&'static str>, is_whole: bool) -> Self {
        Self {
            name,
            signing_key,
            is_whole,
            running: OnceCell::new(),
        }
    }

    async fn start(&self) -> Running {
        let world = World::start(FacadeConfig {
            signing_key: self.signing_key.map(Into::into),
            ..open()
        })
        .await;
        // The adapter's tokens lie in a state of its own: nothing but the socket joins the two.
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = Arc::new(store.state(&SealingKey::from_bytes([8; 32])).unwrap());
        let config = DatamonkeyConfig {
            signing_key: self.signing_key.map(Into::into),
            ..DatamonkeyConfig::new(format!("http://{}", world.address))
        };
        let adapter = Datamonkey::new(NAME, &config, state.clone()).unwrap();
        let adapter: Arc<dyn Backend> = Arc::new(adapter);
        let backend: Arc<dyn Backend> = if self.is_whole {
            let settings = OverlaySettings::default();
            let overlay = Overlay::new(
                adapter,
                settings,
                state.clone(),
                state.clone(),
                state.clone(),
            );
            let slot = Slot::new(Arc::new(overlay), Discovery::OnList, None);
            let settings = RouterSettings::new(NAME);
            let router = Router::new(vec![slot], settings, state.clone(), state.clone(), state);
            Arc::new(router.unwrap())
        } else {
            adapter
        };
        Running {
            backend,
            _world: world,
            _directory: directory,
        }
    }
}

#[async_trait]
impl testkit::Harness for Circle {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let running = self.running.get_or_init(|| self.start()).await;
        running.backend.clone()
    }

    fn missing(&self) -> Location {
        if self.is_whole {
            return Location::unresolved(ConversationId::generate());
        }
        let native = "conv-0-xxxxxxxx";
        Location {
            id: ConversationId::derive(NAME, native),
            backend: NAME.into(),
            native: native.into(),
            credential: None,
            renamed: false,
        }
    }

    fn missing_message(&self) -> MessageId {
        MessageId::derive(&["no such message"])
    }

    fn no_case_may_be_skipped(&self) -> bool {
        self.is_whole
    }
}

fn main() -> ExitCode {
    let circles = [
        Circle::new("datamonkey on its facade", None, false),
        // With the facade's secret, so that tokens are renewed too.
        Circle::new(
            "router over overlay over datamonkey on its facade",
            Some(SECRET),
            true,
        ),
    ];
    let harnesses: Vec<&dyn testkit::Harness> = circles
        .iter()
        .map(|circle| circle as &dyn testkit::Harness)
        .collect();
    testkit::main(std::env::args().skip(1), &harnesses)
}
