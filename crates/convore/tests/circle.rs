//! The circle: the conformance suite on this crate's adapter, whose vendor is this crate's facade over a store. Everything
//! goes through real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "facade/world.rs"]
#[expect(
    dead_code,
    reason = "shared with the facade's own tests, which use all of it"
)]
mod world;

use std::sync::Arc;

use backend::{Backend, Location};
use conversation::{ConversationId, MessageId};
use convore::{Convore, ConvoreConfig};
use overlay::{Overlay, OverlaySettings};
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, Store, StoreConfig};
use world::{Setup, World};

const BACKEND: &str = "convore";
/// The channel in which the adapter makes conversations.
const CHANNEL: &str = "chnnl_01h2xcejqtf2nbrexx3vqjhp41";
/// Well-formed and unknown.
const MISSING: &str = "01h2xcejqtf2nbrexx3vqjhp41";

/// A backend that ends at the facade.
struct Round {
    name: &'static str,
    backend: Arc<dyn Backend>,
    missing: Location,
    is_whole: bool,
    _world: World,
    _directory: Option<tempfile::TempDir>,
}

#[async_trait::async_trait]
impl testkit::Harness for Round {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    fn missing(&self) -> Location {
        self.missing.clone()
    }

    fn missing_message(&self) -> MessageId {
        format!("msg_{MISSING}").parse().unwrap()
    }

    fn no_case_may_be_skipped(&self) -> bool {
        self.is_whole
    }
}

async fn facade() -> World {
    World::start_with(Setup {
        body_bytes_max: 64 << 20,
        attachment_bytes_max: 64 << 20,
        ..Setup::default()
    })
    .await
}

fn adapter(world: &World) -> Arc<dyn Backend> {
    let url = format!("http://{}", world.address);
    let config = ConvoreConfig::new(url, world.key.clone(), CHANNEL);
    Arc::new(Convore::new(BACKEND, &config).unwrap())
}

/// The adapter alone.
async fn alone() -> Round {
    let world = facade().await;
    let native = format!("conv_{MISSING}");
    Round {
        name: "convore on its facade",
        backend: adapter(&world),
        missing: Location {
            id: ConversationId::derive(BACKEND, &native),
            backend: BACKEND.into(),
            native: native.into(),
            credential: None,
            renamed: false,
        },
        is_whole: false,
        _world: world,
        _directory: None,
    }
}

/// The adapter below what makes it whole: router(overlay(adapter)).
async fn whole() -> Round {
    let world = facade().await;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    let state = Arc::new(store.state(&SealingKey::from_bytes([8; 32])).unwrap());
    let overlaid = Overlay::new(
        adapter(&world),
        OverlaySettings::default(),
        state.clone(),
        state.clone(),
        state.clone(),
    );
    // The vendor has no AI of its own.
    let answering = Answering::new(Arc::new(overlaid), Arc::new(Echo));
    let router = Router::new(
        vec![Slot::new(Arc::new(answering), Discovery::OnList, None)],
        RouterSettings::new(BACKEND),
        state.clone(),
        state.clone(),
        state,
    );
    Round {
        name: "router over overlay over convore on its facade",
        backend: Arc::new(router.unwrap()),
        missing: Location::unresolved(ConversationId::generate()),
        is_whole: true,
        _world: world,
        _directory: Some(directory),
    }
}

/// Runs every case. So many pass at least: what is skipped, the adapter says itself that it cannot do.
async fn goes_round(round: Round, passed_min: usize) {
    let report = testkit::run(&round, &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{}\n{report}", round.name);
    assert!(report.passed() >= passed_min, "{}\n{report}", round.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_holds_on_the_facade() {
    goes_round(alone().await, 65).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_overlay_nothing_is_missing() {
    goes_round(whole().await, 92).await;
}
