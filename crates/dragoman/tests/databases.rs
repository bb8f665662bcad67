//! The `db` commands, on both engines, as an operator types them.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::Database;

/// The same for all gateways that share a database.
const SEALING_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn run(folder: &Path, url: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman"));
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DRAGOMAN") {
            command.env_remove(name);
        }
    }
    command.env("DRAGOMAN__STORE__SEALING_KEY", SEALING_KEY);
    if let Some(url) = url {
        command.env("DRAGOMAN__STORE__DATABASE_URL", url);
    }
    command.output().unwrap()
}

/// What a command that must succeed prints.
fn told(folder: &Path, url: Option<&str>, arguments: &[&str]) -> String {
    let output = run(folder, url, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, url: Option<&str>, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(folder, url, &[arguments, &["--json"]].concat())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_at_backed_up_and_copied_to_a_server_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert!(told(path, None, &["db", "status"]).contains("there is none yet"));
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
    let missing = run(path, None, &["db", "verify"]);
    assert_eq!(missing.status.code(), Some(1));

    let made = json(path, None, &["db", "migrate"]);
    assert_eq!(made["from"], 0);
    assert_eq!(json(path, None, &["db", "migrate"])["from"], made["to"]);
    told(
        path,
        None,
        &["keys", "create", "--tenant", "acme", "--name", "one"],
    );
    let status = json(path, None, &["db", "status"]);
    assert_eq!(
        (&status["engine"], &status["up_to_date"]),
        (&"SQLite".into(), &true.into())
    );
    assert_eq!(json(path, None, &["db", "verify"])["whole"], true);
    told(path, None, &["db", "backup", "first.db"]);
    let again = run(path, None, &["db", "backup", "first.db"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("already"));

    let database = Database::create().await;
    let copy = ["db", "copy", "--to", database.url()];
    assert!(json(path, None, &copy)["rows"].as_u64().unwrap() >= 1);
    let twice = run(path, None, &copy);
    assert!(!twice.status.success());
    assert!(String::from_utf8_lossy(&twice.stderr).contains("not empty"));
    let url = Some(database.url());
    let keys = told(path, url, &["keys", "list"]);
    assert!(keys.contains("acme") && keys.contains("one"), "{keys}");
    let status = json(path, url, &["db", "status"]);
    assert_eq!(
        (&status["engine"], &status["up_to_date"]),
        (&"PostgreSQL".into(), &true.into())
    );
    assert_eq!(json(path, url, &["db", "verify"])["whole"], true);
    told(path, url, &["db", "backup", "second.db"]);
    let restored = format!("sqlite:{}", path.join("second.db").display());
    assert!(told(path, Some(&restored), &["keys", "list"]).contains("acme"));
    let from_server = run(path, url, &copy);
    assert!(String::from_utf8_lossy(&from_server.stderr).contains("PostgreSQL already"));
    database.remove().await;
}

#[test]
fn an_address_that_cannot_be_used_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "mysql://ann:planted-secret@db.example/d",
        "postgres://ann:planted-secret@db.example/d?sslmode=perhaps",
    ] {
        let output = run(folder.path(), Some(url), &["config", "check"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("database_url"), "{error}");
        assert!(!error.contains("planted-secret"), "{error}");
    }
}
