//! The adapter on a facade over the store, alone or as a gateway has it.

use std::sync::Arc;

use backend::Backend;
use chatter::{Chatter, ChatterConfig, ChatterCredentials, Generation};
use overlay::{Overlay, OverlaySettings};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, Store, StoreConfig};

use crate::support::World;

/// The adapter's name.
pub(crate) const NAME: &str = "circle";

/// What stands behind a harness.
pub(crate) struct Stack {
    pub(crate) backend: Arc<dyn Backend>,
    // Held so that they live as long as the stack.
    _facade: World,
    _directory: tempfile::TempDir,
}

impl Stack {
    pub(crate) async fn start(generation: Option<Generation>, has_overlay: bool) -> Self {
        let facade = World::start().await;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("outer.db"))).unwrap();
        let state = store.state(&SealingKey::from_bytes([8; 32])).unwrap();
        let state = Arc::new(state);
        let config = ChatterConfig {
            generation,
            ..ChatterConfig::new(
                facade.base_url(),
                ChatterCredentials::Token(facade.key.as_str().into()),
            )
        };
        let adapter = Chatter::new(NAME, &config, Some(state.clone())).unwrap();
        adapter.find_generation().await.unwrap();
        let adapter: Arc<dyn Backend> = Arc::new(adapter);
        let backend: Arc<dyn Backend> = if has_overlay {
            let overlay = Overlay::new(
                adapter,
                OverlaySettings::default(),
                state.clone(),
                state.clone(),
                state.clone(),
            );
            let slot = Slot::new(Arc::new(overlay), Discovery::OnList, None);
            let settings = RouterSettings::new(NAME);
            let router = Router::new(
                vec![slot],
                settings,
                state.clone(),
                state.clone(),
                state.clone(),
            );
            Arc::new(router.unwrap())
        } else {
            adapter
        };
        Self {
            backend,
            _facade: facade,
            _directory: directory,
        }
    }
}
