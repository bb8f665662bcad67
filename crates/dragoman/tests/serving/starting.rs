//! First start, later starts, and what goes wrong before it listens.

use std::net::TcpListener;

use crate::process::{Server, command, folder, request, run, text};

#[test]
fn first_start_prints_a_working_key_and_a_later_one_prints_none() {
    let folder = folder();
    let mut first = Server::start(folder.path());
    let key = first.key().expect("the first start makes a key");
    assert!(key.starts_with("drg_"), "{key}");
    assert!(first.banner.contains("/docs"), "{}", first.banner);
    let curl = format!(
        "curl -H \"authorization: Bearer {key}\" http://{}/v1/conversations",
        first.address
    );
    assert!(first.banner.contains(&curl), "{}", first.banner);
    let (status, created) = request(
        first.address,
        "POST",
        "/v1/conversations",
        &key,
        r#"{"title":"kept"}"#,
    );
    assert_eq!(status, 201, "{created}");
    first.signal("-TERM");
    assert_eq!(first.wait().code(), Some(0));

    let second = Server::start(folder.path());
    assert_eq!(second.key(), None, "{}", second.banner);
    assert!(!second.banner.contains("drg_"), "{}", second.banner);
    let (status, listed) = request(second.address, "GET", "/v1/conversations", &key, "");
    assert_eq!(status, 200, "{listed}");
    assert!(listed.contains("kept"), "{listed}");
}

#[test]
fn taken_port_is_one_sentence_with_what_to_do() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(folder.path(), &["serve", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr).replace(&address, "ADDRESS");
    insta::assert_snapshot!(errors, @r"
    error: cannot listen on ADDRESS: another program uses this port
      help: stop it, or choose another port with --listen; --listen 127.0.0.1:0 picks a free one
    ");
    assert!(
        !folder.path().join("dragoman-data").exists(),
        "it left a database behind"
    );
}

#[test]
fn file_in_place_of_the_data_directory_is_one_sentence_with_what_to_do() {
    let folder = folder();
    std::fs::write(folder.path().join("data"), "").unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.starts_with("error: the data directory data cannot be used: "),
        "{errors}"
    );
    assert!(errors.contains("\n  help: "), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn file_that_is_no_database_is_one_sentence_with_what_to_do() {
    let folder = folder();
    let data = folder.path().join("dragoman-data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(
        data.join("dragoman.db"),
        "this is no database\n".repeat(500),
    )
    .unwrap();
    let output = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.starts_with("error: "), "{errors}");
    assert!(errors.contains("dragoman.db"), "{errors}");
    assert!(errors.contains("\n  help: "), "{errors}");
}

#[test]
fn place_that_cannot_be_written_is_one_sentence_with_what_to_do() {
    let folder = folder();
    // Not even root can make a directory there.
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        "/proc/dragoman-data",
    ];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    let start = "error: the data directory /proc/dragoman-data cannot be used: ";
    assert!(errors.starts_with(start), "{errors}");
    assert!(errors.contains("\n  help: "), "{errors}");
}

#[test]
fn newer_schema_is_refused_with_what_to_do() {
    let folder = folder();
    let mut server = Server::start(folder.path());
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    let database = folder.path().join("dragoman-data/dragoman.db");
    rusqlite::Connection::open(&database)
        .unwrap()
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
            [],
        )
        .unwrap();
    let output = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("newer"), "{errors}");
    assert!(errors.contains("\n  help: "), "{errors}");
}

#[test]
fn second_process_on_the_same_data_is_refused() {
    let folder = folder();
    let _first = Server::start(folder.path());
    let output = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("another process serves from"), "{errors}");
}

#[test]
fn backend_that_moves_to_another_address_is_refused_with_advice() {
    let folder = folder();
    let at = |address: &'static str| [("DRAGOMAN_CHATTER_URL", address)];
    let arguments = ["--listen", "127.0.0.1:0"];
    let mut first = Server::start_with(folder.path(), &at("http://127.0.0.1:1"), &arguments);
    first.signal("-TERM");
    assert_eq!(first.wait().code(), Some(0));
    let moved = command(folder.path(), &at("http://127.0.0.1:2"), &arguments)
        .output()
        .unwrap();
    assert_eq!(moved.status.code(), Some(2));
    let errors = text(&moved.stderr);
    assert!(errors.contains("`chatter`"), "{errors}");
}

#[test]
fn wrong_configuration_ends_with_exit_code_2_before_anything_is_made() {
    let folder = folder();
    let output = run(folder.path(), &["--listen", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--listen: "),
        "{}",
        text(&output.stderr)
    );
    assert!(!folder.path().join("dragoman-data").exists());
}

#[test]
fn pages_without_a_key_can_be_switched_off() {
    let folder = folder();
    let open = Server::start(folder.path());
    for path in ["/metrics", "/docs", "/openapi.json", "/healthz", "/readyz"] {
        let (status, _) = request(open.address, "GET", path, "", "");
        assert!(matches!(status, 200 | 303 | 307 | 308), "{path}: {status}");
    }
    drop(open);
    let variables = [
        ("DRAGOMAN__EXPOSE__METRICS", "false"),
        ("DRAGOMAN__EXPOSE__DOCS", "false"),
    ];
    let closed = Server::start_with(folder.path(), &variables, &["--listen", "127.0.0.1:0"]);
    for path in ["/metrics", "/docs", "/openapi.json"] {
        let (status, _) = request(closed.address, "GET", path, "", "");
        assert_eq!(status, 404, "{path}");
    }
    assert!(!closed.banner.contains("/docs"), "{}", closed.banner);
}
