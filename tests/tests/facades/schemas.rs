//! Requests that a foreign program makes up from each facade's description: no answer is a failure of the server, and
//! every answer is one that the description allows.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::facade::FACADES;
use crate::site::{Key, Site, tenant_of};
use crate::table::{Table, outcome};

/// Requests made up for each operation, the same ones every time, beside those that go to the limits of each parameter.
const EXAMPLES: &str = "10";
/// What must hold of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

fn made_up(installed: &Path, site: &Site, facade: &str, key: &Key, folder: &Path) -> Command {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut command = Command::new(installed.join("schemathesis/bin/schemathesis"));
    command
        .arg("run")
        .arg(
            crates
                .join(facade)
                .join("tests/fixtures/facade.openapi.json"),
        )
        .arg("--url")
        .arg(format!("{}/facade/{facade}", site.base_url()))
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing"])
        .args(["--max-examples", EXAMPLES, "--generation-deterministic"])
        .args(["--no-shrink", "--no-color", "--warnings", "off"])
        .current_dir(folder)
        .env("NO_PROXY", "*")
        .stdin(Stdio::null());
    match facade {
        "sunshine" => command
            .arg("--auth")
            .arg(format!("{}:{}", key.id, key.secret())),
        _ => command
            .arg("--header")
            .arg(format!("Authorization: Bearer {}", key.whole)),
    };
    command
}

async fn go(facade: &'static str, mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output
        .expect("the thread ends")
        .expect("the program starts");
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success(), "{facade}: {told}");
}

/// Makes requests up for each facade, over the store.
pub(crate) async fn run(site: &Arc<Site>, installed: &Path) -> Table {
    let mut table = Table::new("made up requests");
    for facade in FACADES {
        let folder = TempDir::new().expect("a temporary folder");
        let tenant = tenant_of("store");
        let key = site.key(&tenant, None, &["read", "write", "act-as"]).await;
        let command = made_up(installed, site, facade, &key, folder.path());
        let ended = tokio::spawn(go(facade, command)).await;
        table.note(facade, "store", outcome(ended));
    }
    table
}
