//! Which configuration is in use: every gateway shows it, and it is the same one soon after the file that they share has
//! changed.

use serde_json::Value;
use tests::client::Client;

use crate::bench::Bench;
use crate::fleet::{Fleet, until_told};

const REPLICAS: usize = 3;

fn settings(requests_max: u64) -> String {
    format!("[limits]\nrequests_max = {requests_max}\n")
}

/// What one shows of it.
async fn shown(client: &Client) -> Value {
    client.get("/admin/v1/config").await.expect(200)
}

fn of(shown: &Value) -> (u64, &str) {
    let version = shown["version"].as_u64().expect("a number");
    (version, shown["digest"].as_str().expect("a digest"))
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let fleet = Fleet::start(bench, REPLICAS, &settings(900), "").await;
    let clients = fleet.replicas.clients();
    let mut before = of_all(&clients, 900).await;
    let rounds = bench.rounds(2, 20);
    let file = fleet.replicas.configuration_file();
    for round in 0..rounds {
        let requests_max = 800 + round;
        let text = std::fs::read_to_string(&file).expect("the file can be read");
        let held = before["effective"]["limits"]["requests_max"].to_string();
        let key = |value: &str| format!("requests_max = {value}\n");
        let changed = text.replace(&key(&held), &key(&requests_max.to_string()));
        assert_ne!(text, changed, "the file does not name {held}");
        // As careful editors and orchestrators do: another file stands in its place at once.
        let beside = file.with_extension("new");
        std::fs::write(&beside, changed).expect("a file can be written");
        std::fs::rename(&beside, &file).expect("a file can be renamed");
        let after = of_all(&clients, requests_max).await;
        assert_eq!(of(&after).0, of(&before).0 + 1, "one change is one version");
        before = after;
    }
    // What came into use is noted once, whoever noted it.
    let history = clients[0].get("/admin/v1/config/history").await.expect(200);
    let versions = history["data"].as_array().expect("a list");
    let expected = usize::try_from(rounds).expect("a count") + 1;
    assert_eq!(versions.len(), expected, "{history:#}");
    fleet.ends_well().await;
    rounds
}

/// Waits until all show one version, with this in use; what they show.
async fn of_all(clients: &[Client], requests_max: u64) -> Value {
    until_told("all have the new configuration", || async {
        for client in clients {
            let shown = shown(client).await;
            if shown["effective"]["limits"]["requests_max"] != requests_max {
                return Err(shown["version"].to_string());
            }
        }
        Ok(())
    })
    .await;
    let first = shown(&clients[0]).await;
    let (version, digest) = of(&first);
    for client in clients {
        let other = shown(client).await;
        assert_eq!(of(&other), (version, digest), "they differ: {other:#}");
        assert_eq!(other["file_differs"], false, "{other:#}");
        let readiness = client.get("/readyz?verbose").await.expect(200);
        let checks = readiness["checks"].as_array().expect("checks");
        let check = checks.iter().find(|check| check["name"] == "configuration");
        let check = check.unwrap_or_else(|| panic!("no configuration: {readiness}"));
        let detail = check["detail"].as_str().unwrap_or_default();
        let is_named = detail.contains(&format!("version {version}"));
        assert!(is_named && check["ok"] == true, "{check}");
    }
    first
}
