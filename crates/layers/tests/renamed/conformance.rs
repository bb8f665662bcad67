//! The conformance suite where every message and every attachment has another id below.

use std::sync::Arc;

use backend::{Backend, Location};
use conversation::ConversationId;
use layers::Renamed;
use overlay::{Overlay, OverlaySettings};
use responders::{Answering, Echo};
use store::{SealingKey, Store, StoreConfig};
use tempfile::TempDir;
use testkit::Harness;

use crate::below::Below;
use crate::names::ByRule;

struct Over {
    name: &'static str,
    backend: Arc<dyn Backend>,
    _files: TempDir,
}

impl Over {
    /// `stack` over a store, and the layer over that.
    fn new(
        name: &'static str,
        stack: impl FnOnce(Arc<dyn Backend>, &Store) -> Arc<dyn Backend>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let open = |name: &str| Store::open(StoreConfig::at(files.path().join(name))).unwrap();
        let (vendor, own) = (open("vendor.db"), open("own.db"));
        let below = stack(Arc::new(vendor.backend("below")), &own);
        let answering = Answering::new(below, Arc::new(Echo));
        let below = Below::marked(Arc::new(answering));
        Self {
            name,
            backend: Arc::new(Renamed::new(below, Arc::new(ByRule))),
            _files: files,
        }
    }
}

#[async_trait::async_trait]
impl Harness for Over {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    fn missing(&self) -> Location {
        Location {
            id: ConversationId::generate(),
            backend: "below".into(),
            native: "nowhere".into(),
            credential: None,
            renamed: true,
        }
    }

    fn no_case_may_be_skipped(&self) -> bool {
        true
    }
}

async fn assert_conforms(over: Over) {
    let report = testkit::run(&over, &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{}\n{report}", over.name);
}

#[tokio::test]
async fn over_a_store() {
    assert_conforms(Over::new("renamed over store", |store, _| store)).await;
}

#[tokio::test]
async fn over_an_overlay_that_keeps_all_history() {
    let over = Over::new("renamed over overlay", |store, own| {
        let state = Arc::new(own.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let below = Below::without_imports(store);
        let settings = OverlaySettings::default();
        Arc::new(Overlay::new(
            below,
            settings,
            state.clone(),
            state.clone(),
            state,
        ))
    });
    assert_conforms(over).await;
}

#[tokio::test]
async fn a_stack_of_two_layers_is_none_where_no_place_is_a_copy() {
    // Without marks nothing is renamed, whatever the names say.
    let files = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(files.path().join("state.db"))).unwrap();
    let answering = Answering::new(Arc::new(store.backend("below")), Arc::new(Echo));
    let over = Over {
        name: "nothing renamed",
        backend: Arc::new(Renamed::new(Arc::new(answering), Arc::new(ByRule))),
        _files: files,
    };
    let report = testkit::run(&over, &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{report}");
}
