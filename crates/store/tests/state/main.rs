//! The gateway's state, port by port, on real files.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

mod audit;
mod blobs;
mod chains;
mod config_history;
mod credentials;
mod directory;
mod drift;
mod erasure;
mod explanations;
mod facades;
mod fields;
#[path = "../support/home.rs"]
mod home;
mod idempotency;
mod index;
mod intents;
mod keys;
mod leases;
mod ledger;
mod names;
mod numbers;
mod overlay;
mod persons;
mod places;
mod rebind;
mod scrubbing;
mod shadows;
mod steps;
mod support;
mod switching;
mod turns;
mod walking;

use std::sync::Arc;

use backend::ports::{
    Blobs, Credentials, Directory, Erasure, FacadeState, Idempotency, Intents, Keys, Leases,
    Ledger, Names, OverlayState, RouteOverrides,
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
    Arc<dyn Ledger>,
    Arc<dyn Names>,
    Arc<dyn RouteOverrides>,
    Arc<dyn Erasure>,
    Arc<dyn FacadeState>,
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
