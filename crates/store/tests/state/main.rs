//! The gateway's state, port by port, on real files.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

mod credentials;
mod directory;
mod idempotency;
mod keys;
mod leases;
mod support;

use std::sync::Arc;

use backend::ports::{Credentials, Directory, Idempotency, Keys, Leases};
use store::State;

type Ports = (
    Arc<dyn Directory>,
    Arc<dyn Keys>,
    Arc<dyn Credentials>,
    Arc<dyn Idempotency>,
    Arc<dyn Leases>,
);

#[test]
fn the_state_serves_every_port() {
    fn ports(state: Arc<State>) -> Ports {
        (
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
