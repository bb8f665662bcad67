//! `dragoman keys` beside a running server.

use crate::process::{Server, folder, request, run, text, wait_until};

#[test]
fn keys_are_created_listed_and_revoked_beside_a_running_server() {
    let folder = folder();
    let server = Server::start(folder.path());
    let arguments = [
        "keys",
        "create",
        "--tenant",
        "acme",
        "--scopes",
        "read,write",
        "--name",
        "ci",
    ];
    let created = run(folder.path(), &[arguments.as_slice(), &["--json"]].concat());
    assert_eq!(created.status.code(), Some(0), "{}", text(&created.stderr));
    let created: serde_json::Value = serde_json::from_slice(&created.stdout).unwrap();
    let key = created["key"].as_str().unwrap();
    let id = created["id"].as_str().unwrap();
    assert!(key.starts_with(&format!("drg_{id}_")), "{key}");
    let secret = key.rsplit('_').next().unwrap();

    let (status, answer) = request(server.address, "POST", "/v1/conversations", key, "{}");
    assert_eq!(status, 201, "{answer}");

    let listed = run(folder.path(), &["keys", "list", "--json"]);
    assert!(!text(&listed.stdout).contains(secret));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let of_acme = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["id"] == id)
        .unwrap();
    assert_eq!(of_acme["tenant"], "acme");
    assert_eq!(of_acme["scopes"], serde_json::json!(["read", "write"]));
    assert_eq!(of_acme["name"], "ci");
    let table = text(&run(folder.path(), &["keys", "list"]).stdout);
    assert!(table.contains(id) && table.contains("acme"), "{table}");

    let revoked = run(folder.path(), &["keys", "revoke", &format!("drg_{id}")]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    wait_until(|| request(server.address, "GET", "/v1/conversations", key, "").0 == 401);
    let again = run(folder.path(), &["keys", "revoke", id]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stdout));
}

#[test]
fn unknown_scope_is_a_usage_error_that_lists_the_known_ones() {
    let folder = folder();
    let output = run(folder.path(), &["keys", "create", "--scopes", "raed"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("raed") && errors.contains("read"),
        "{errors}"
    );
    assert!(!folder.path().join("dragoman-data").exists());
}

#[test]
fn key_ends_by_itself_at_a_time_that_lies_ahead() {
    let folder = folder();
    drop(Server::start(folder.path()));
    let create = |expires: &str| {
        run(
            folder.path(),
            &["keys", "create", "--json", "--expires", expires],
        )
    };
    let created = create("2999-01-31T00:00:00Z");
    assert_eq!(created.status.code(), Some(0), "{}", text(&created.stderr));
    let created: serde_json::Value = serde_json::from_slice(&created.stdout).unwrap();
    assert_eq!(created["expires_at"], "2999-01-31T00:00:00.000Z");
    for wrong in ["2001-01-31T00:00:00Z", "tomorrow"] {
        let output = create(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(
            text(&output.stderr).contains("--expires"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn key_commands_do_not_make_a_database_where_there_is_none() {
    let folder = folder();
    let output = run(folder.path(), &["keys", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("dragoman serve"),
        "{}",
        text(&output.stderr)
    );
    assert!(!folder.path().join("dragoman-data").exists());
}

#[test]
fn an_end_users_key_reaches_nobody_elses_tenant_unless_asked_for() {
    let folder = folder();
    let _server = Server::start(folder.path());
    let scopes = |arguments: &[&str]| {
        let created = run(
            folder.path(),
            &[&["keys", "create", "--json"], arguments].concat(),
        );
        assert_eq!(created.status.code(), Some(0), "{}", text(&created.stderr));
        let created: serde_json::Value = serde_json::from_slice(&created.stdout).unwrap();
        created["scopes"].as_array().unwrap().clone()
    };
    let admin = serde_json::json!("admin");
    assert!(scopes(&[]).contains(&admin));
    assert!(!scopes(&["--user", "ann"]).contains(&admin));
    assert!(scopes(&["--user", "ann", "--scopes", "read,admin"]).contains(&admin));
}
