//! Probes and metrics.

use crate::support::Server;

#[tokio::test]
async fn probes_answer_without_a_key() {
    let server = Server::start().await;
    assert_eq!(
        server
            .get("/healthz")
            .no_key()
            .send()
            .await
            .expect(200)
            .text(),
        "ok\n"
    );
    let ready = server
        .get("/readyz")
        .no_key()
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(ready, serde_json::json!({"ready": true}));
    let verbose = server
        .get("/readyz?verbose")
        .no_key()
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(verbose["checks"][1]["name"], "store");
    let metrics = server.get("/metrics").no_key().send().await;
    assert_eq!(metrics.expect(200).text(), "up 1\n");
}

#[tokio::test]
async fn readiness_is_gone_from_the_stop_signal_on() {
    let server = Server::start_draining_slowly().await;
    let answer = server.get("/readyz").no_key().send().await;
    answer.expect(200);
    assert_eq!(answer.header("connection"), None);
    server.shutdown.begin();
    // Connections are still taken during the drain delay, so that a load balancer can see the 503.
    let answer = server.get("/readyz").no_key().send().await;
    assert_eq!(answer.expect(503).json()["ready"], false);
    // None is used twice, or a request would meet one that is being closed.
    assert_eq!(answer.header("connection"), Some("close"));
    server.get("/healthz").no_key().send().await.expect(200);
    server.shutdown.cut();
}
