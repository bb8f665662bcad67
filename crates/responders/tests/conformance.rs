//! The conformance suite on the store with the `echo` responder: the store alone has no answers.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use backend::{Backend, Location};
use conversation::ConversationId;
use responders::{Answering, Echo};
use store::{Store, StoreConfig};

struct EchoOverStore {
    backend: Arc<Answering>,
}

#[async_trait]
impl testkit::Harness for EchoOverStore {
    fn name(&self) -> &str {
        "echo over store"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    fn missing(&self) -> Location {
        let id = ConversationId::generate();
        Location {
            backend: "store".into(),
            native: id.to_string().into(),
            ..Location::unresolved(id)
        }
    }
}

fn main() -> ExitCode {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store =
        Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).expect("a new store");
    let backend = Answering::new(Arc::new(store.backend("store")), Arc::new(Echo));
    testkit::main(
        std::env::args().skip(1),
        &[&EchoOverStore {
            backend: Arc::new(backend),
        }],
    )
}
