//! The conformance suite on the embedded backend.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::process::ExitCode;
use std::sync::Arc;

use backend::Backend;
use store::{Store, StoreConfig};
use tempfile::TempDir;

struct Embedded(TempDir);

#[async_trait::async_trait]
impl testkit::Harness for Embedded {
    fn name(&self) -> &str {
        "store"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let file = self.0.path().join(uuid::Uuid::now_v7().to_string());
        Arc::new(Store::open(StoreConfig::at(file)).unwrap().backend("store"))
    }
}

fn main() -> ExitCode {
    testkit::main(
        std::env::args().skip(1),
        &[&Embedded(tempfile::tempdir().unwrap())],
    )
}
