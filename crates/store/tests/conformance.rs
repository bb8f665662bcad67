//! The conformance suite on the embedded backend, on both engines.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::process::ExitCode;
use std::sync::Arc;

use backend::Backend;
use store::{Store, StoreConfig};
use testkit::Database;

#[expect(dead_code, reason = "each program of tests uses its own part")]
#[path = "support/home.rs"]
mod home;

use home::Home;

/// The databases are kept until the end: each case has one of its own.
#[derive(Default)]
struct Embedded(std::sync::Mutex<Vec<Home>>);

#[async_trait::async_trait]
impl testkit::Harness for Embedded {
    fn name(&self) -> &str {
        "store"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let home = Home::new();
        let store = home.open();
        self.0.lock().unwrap().push(home);
        Arc::new(store.backend("store"))
    }
}

/// The same on PostgreSQL, whatever engine the other tests use.
#[derive(Default)]
struct OnServer(std::sync::Mutex<Vec<Database>>);

#[async_trait::async_trait]
impl testkit::Harness for OnServer {
    fn name(&self) -> &str {
        "store on PostgreSQL"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let database = Database::create().await;
        let store = Store::open(StoreConfig::postgres(database.url())).unwrap();
        self.0.lock().unwrap().push(database);
        Arc::new(store.backend("store"))
    }
}

fn main() -> ExitCode {
    testkit::main(
        std::env::args().skip(1),
        &[&Embedded::default(), &OnServer::default()],
    )
}
