//! The vendor's own clients, as they are published, on every backend.
//!
//! They have defects that the facade must bear: Python 17.0.1 writes the members of `page` and `filter` as one JSON text,
//! 16.0.1 sends a content type without a body and reads no metadata of users and messages, 9.5.7 leaves out what is none,
//! JavaScript 14.1.0 sends one member of a page only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::caller::text;
use crate::site::{BACKENDS, Key, Site, tenant_of};
use crate::table::{Table, outcome};

/// Any app will do: the key says whose conversations are meant.
const APP: &str = "5d8cff3cd55b040010928b5b";
/// More than two pages of messages.
const PREPARED: usize = 230;

/// How to start one client's tour.
struct Tour {
    /// Its folder below the installed clients.
    client: &'static str,
    script: &'static str,
}

const TOURS: [Tour; 4] = [
    Tour {
        client: "sunshine-17.0.1",
        script: "tour.py",
    },
    Tour {
        client: "sunshine-16.0.1",
        script: "tour.py",
    },
    Tour {
        client: "sunshine-9.5.7",
        script: "tour.py",
    },
    Tour {
        client: "sunshine-javascript-14.1.0",
        script: "javascript/tour.js",
    },
];

impl Tour {
    fn command(&self, installed: &Path) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/sunshine");
        let client = installed.join(self.client);
        let mut command = if self.script.ends_with(".js") {
            let mut command = Command::new("node");
            command.env("NODE_PATH", client.join("node_modules"));
            command
        } else {
            Command::new(client.join("bin/python"))
        };
        command
            .arg(script.join(self.script))
            // Nothing is written beside the script.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "*")
            .stdin(Stdio::null());
        command
    }
}

/// A conversation with many messages, made past the facade, of the user `<name>-reader`.
async fn prepare(site: &Site, key: &Key, name: &str) {
    let normalized = site.normalized(key);
    let reader = json!({"id": format!("{name}-reader"), "kind": "person", "side": "customer"});
    let body = json!({"participants": [reader]});
    let made = normalized.post("/v1/conversations", &body);
    let id = text(&made.await.expect(201)["id"]);
    let said = (0..PREPARED).map(|number| {
        let at = format!("2024-01-01T{:02}:{:02}:00Z", number / 60, number % 60);
        json!({"role": "user", "parts": [{"type": "text", "text": number.to_string()}], "sent_at": at})
    });
    let body = json!({"messages": said.collect::<Vec<Value>>()});
    let path = format!("/v1/conversations/{id}/messages:import");
    normalized.post(&path, &body).await.expect(200);
}

async fn go(site: Arc<Site>, tour: &'static Tour, installed: PathBuf, backend: &'static str) {
    let key = site
        .key(&tenant_of(backend), None, &["read", "write", "act-as"])
        .await;
    let name = format!("{}-on-{backend}", tour.client);
    prepare(&site, &key, &name).await;
    // Bytes that went to this vendor are told by the vendor's own URLs.
    let served_by = match backend {
        "sunshine" => "backend",
        _ => "facade",
    };
    let mut command = tour.command(&installed);
    command.args([
        &format!("{}/facade/sunshine", site.base_url()),
        APP,
        &key.id,
        key.secret(),
        &name,
        &PREPARED.to_string(),
        served_by,
    ]);
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.expect("the thread ends").expect("the client starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}

/// Drives each client through each backend.
pub(crate) async fn run(site: &Arc<Site>, installed: &Path) -> Table {
    let mut table = Table::new("client");
    for tour in &TOURS {
        let all = BACKENDS.map(|backend| {
            tokio::spawn(go(Arc::clone(site), tour, installed.to_path_buf(), backend))
        });
        for (backend, ended) in BACKENDS.into_iter().zip(join_all(all).await) {
            table.note(tour.client, backend, outcome(ended));
        }
    }
    table
}
