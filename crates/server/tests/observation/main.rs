//! What logs and metrics say, and what they must not. A program of its own, because a log belongs to a process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(
    dead_code,
    reason = "shared with the tests of the API, which use all of it"
)]
#[path = "../api/support.rs"]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tracing_subscriber::fmt::MakeWriter;

use support::Server;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

/// Runs on one thread, so that a recorder of this thread sees everything of the server.
fn on_one_thread<F: Future>(work: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}

#[test]
fn log_names_each_request_and_holds_no_secret_at_trace_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let key = on_one_thread(async {
        let server = Server::start().await;
        let text = json!({"parts": [{"type": "text", "text": "planted-text"}]});
        let conversation = server.conversation().await;
        let messages = format!("{conversation}/messages");
        server
            .post(&messages)
            .header("x-request-id", "my-request")
            .header("idempotency-key", "planted-idempotency")
            .json(&text)
            .send()
            .await
            .expect(201);
        server
            .post(&format!("{conversation}/responses"))
            .header("accept", "text/event-stream")
            .json(&json!({ "input": text }))
            .send()
            .await
            .expect(200);
        let query = "/v1/conversations?label=planted-query";
        server.get(query).send().await.expect(200);
        let unknown = "/v1/planted-path";
        let unknown = server.get(unknown).header("x-request-id", "unknown-route");
        unknown.send().await.expect(404);
        server
            .post(&messages)
            .text("{\"planted-broken")
            .send()
            .await
            .expect(400);
        let wrong = json!({"parts": [{"type": "text", "text": 7}], "subject": "planted-subject"});
        server.post(&messages).json(&wrong).send().await.expect(422);
        server
            .get(query)
            .key("drg_0123456789abcdef_planted0secret")
            .send()
            .await
            .expect(401);
        server.get("/healthz").send().await.expect(200);
        server.key.clone()
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("planted"), "{log}");
    let secret = key.rsplit('_').next().unwrap();
    assert!(!log.contains(secret));

    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let access: Vec<&Value> = lines
        .iter()
        .filter(|line| line["target"] == "access")
        .collect();
    let post = access
        .iter()
        .find(|line| line["span"]["request_id"] == "my-request")
        .expect("a line for the request");
    assert_eq!(post["level"], "INFO");
    assert_eq!(post["fields"]["status"], 201);
    assert!(post["fields"]["duration_ms"].is_number());
    assert_eq!(post["span"]["method"], "POST");
    assert_eq!(post["span"]["route"], "/v1/conversations/{id}/messages");
    assert_eq!(post["span"]["tenant"], "acme");
    assert_eq!(post["span"]["backend.name"], "store");
    let probe = access
        .iter()
        .find(|line| line["span"]["route"] == "/healthz");
    assert_eq!(probe.unwrap()["level"], "DEBUG");
    let unknown = access
        .iter()
        .find(|line| line["span"]["request_id"] == "unknown-route");
    assert_eq!(unknown.unwrap()["span"]["route"], "unmatched");
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        on_one_thread(async {
            let server = Server::start().await;
            let path = server.conversation().await;
            for _ in 0..3 {
                server.get(&path).send().await.expect(200);
            }
            server.get("/nowhere/1").send().await.expect(404);
            server.get("/nowhere/2").send().await.expect(404);
        });
    });
    let page = page.render();
    for line in [
        "dragoman_http_requests_total{method=\"GET\",route=\"/v1/conversations/{id}\",status=\"200\"} 3",
        "dragoman_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 2",
        "dragoman_http_request_duration_seconds_count{route=\"/v1/conversations/{id}\",status=\"200\"} 3",
        "dragoman_http_requests_in_flight 0",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
}
