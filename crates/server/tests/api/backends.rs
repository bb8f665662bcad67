//! What a backend can do alone, and through the gateway.

use std::sync::Arc;

use backend::{Backend, Capabilities, Level};
use server::Mounted;

use crate::support::Server;

#[tokio::test]
async fn capabilities_are_shown_native_and_effective() {
    let server = Server::start().await;
    let answer = server.get("/v1/backends/store").send().await;
    let document = answer.expect(200).json();
    assert_eq!(
        (
            &document["name"],
            &document["kind"],
            &document["health"]["ok"]
        ),
        (&"store".into(), &"store".into(), &true.into())
    );
    // The store has no AI of its own; the responder around it has.
    let capabilities = &document["capabilities"];
    assert_eq!(capabilities["native"]["respond"], "none");
    assert_eq!(capabilities["effective"]["respond"], "full");
    for which in ["native", "effective"] {
        let levels = capabilities[which].as_object().unwrap();
        for (name, _) in Capabilities::default().levels() {
            assert!(levels.contains_key(name), "{which}: {name}");
        }
        assert_eq!(levels["conversation_title"], "full");
    }
}

#[tokio::test]
async fn every_mounted_backend_is_listed_by_its_stack() {
    let server = Server::start_with(|gateway| {
        let first = gateway.backends[0].clone();
        assert_eq!(first.bare.capabilities().respond, Level::None);
        gateway.backends.push(Mounted {
            bare: Arc::clone(&first.stack) as Arc<dyn Backend>,
            ..first
        });
    })
    .await;
    let list = server.get("/v1/backends").send().await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let unknown = server.get("/v1/backends/other").send().await;
    unknown.problem(404, "not-found");
}
