//! The gateway's state, port by port, on real files.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

mod blobs;
mod credentials;
mod directory;
mod drift;
mod fields;
mod idempotency;
mod index;
mod intents;
mod keys;
mod leases;
mod overlay;
mod places;
mod rebind;
mod support;

use std::sync::Arc;

use backend::ports::{
    Blobs, Credentials, Directory, Idempotency, Intents, Keys, Leases, OverlayState,
};
use store::State;

type Ports = (
    Arc<dyn Directory>,
    Arc<dyn Keys>,
    Arc<dyn Credentials>,
    Arc<dyn Idempotency>,
    Arc<dyn Leases>,
    Arc<dyn OverlayState>,
    Arc<dyn Intents>,
    Arc<dyn Blobs>,
);

#[test]
fn the_state_serves_every_port() {
    fn ports(state: Arc<State>) -> Ports {
        (
            state.clone(),
            state.clone(),
            state.clone(),
            state.clone(),
            state.clone(),
            state.clone(),
            state.clone(),
            state,
        )
    }
    let (_directory, _store, state) = support::open();
    ports(Arc::new(state));
}
