//! The conformance suite on the router over the store with the `echo` responder: what callers of the API meet.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use backend::Backend;
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, Store, StoreConfig};

struct RouterOverStore {
    router: Arc<Router>,
}

#[async_trait]
impl testkit::Harness for RouterOverStore {
    fn name(&self) -> &str {
        "router over store"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        self.router.clone()
    }
}

fn main() -> ExitCode {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store =
        Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).expect("a new store");
    let state = Arc::new(
        store
            .state(&SealingKey::from_bytes([7; 32]))
            .expect("its state"),
    );
    let answering = Answering::new(Arc::new(store.backend("store")), Arc::new(Echo));
    let slot = Slot::new(Arc::new(answering), Discovery::Off, None);
    let router = Router::new(
        vec![slot],
        RouterSettings::new("store"),
        state.clone(),
        state.clone(),
        state,
    )
    .expect("a router");
    testkit::main(
        std::env::args().skip(1),
        &[&RouterOverStore {
            router: Arc::new(router),
        }],
    )
}
