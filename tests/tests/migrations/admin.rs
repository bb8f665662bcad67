//! Migrations through the administration's API, as a console drives them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::client::Client;

/// How long one job may take. Nothing is measured by it.
const JOB_LIMIT: Duration = Duration::from_secs(600);
/// Pause between two looks at a job.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Plans a migration and waits for the plan; its status.
pub(crate) async fn plan(client: &Client, spec: &Value) -> Value {
    let planned = client.post("/admin/v1/migrations", spec).await;
    assert!(planned.status.is_success(), "{}", planned.text);
    wait(client, id_of(&planned.json())).await
}

/// Lets a job run to its end; the status then.
pub(crate) async fn job(client: &Client, migration: &str, verb: &str) -> Value {
    let path = format!("/admin/v1/migrations/{migration}/{verb}");
    let begun = client.post(&path, &json!({})).await;
    assert!(begun.status.is_success(), "{verb}: {}", begun.text);
    wait(client, migration).await
}

/// Ends a migration: its old home is looked through no longer.
pub(crate) async fn finish(client: &Client, migration: &str) {
    let path = format!("/admin/v1/migrations/{migration}/finish");
    let finished = client.post(&path, &json!({})).await;
    assert!(finished.status.is_success(), "finish: {}", finished.text);
}

async fn wait(client: &Client, migration: &str) -> Value {
    let started = Instant::now();
    loop {
        let path = format!("/admin/v1/migrations/{migration}");
        let status = client.get(&path).await.expect(200);
        if status.get("job").is_none() {
            assert!(status.get("stopped").is_none(), "{status:#}");
            return status;
        }
        assert!(started.elapsed() < JOB_LIMIT, "it does not end: {status:#}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// The id of a migration in its status.
#[track_caller]
pub(crate) fn id_of(status: &Value) -> &str {
    let id = status["id"].as_str();
    id.unwrap_or_else(|| panic!("no migration: {status:#}"))
}

/// What an operator is told of a migration, as one text.
pub(crate) async fn findings(client: &Client, migration: &str) -> String {
    let path = format!("/admin/v1/migrations/{migration}/findings");
    client.get(&path).await.text
}
