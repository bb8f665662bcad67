//! `dragoman healthcheck`: whether a server answers, as exit code 0 or 1.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::process::{Server, command, folder, nobody, run, text};

const VARIABLE: &str = "DRAGOMAN__SERVER__LISTEN";

fn with_variable(folder: &Path, address: &str, arguments: &[&str]) -> Output {
    let variables = [(VARIABLE, address)];
    command(folder, &variables, arguments).output().unwrap()
}

/// What is said of a failure: one sentence, and what to do.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.starts_with("error: "), "{said}");
    assert!(said.contains("\n  help: "), "{said}");
    said
}

#[test]
fn a_server_that_answers_is_well_by_whatever_way_its_address_is_named() {
    let folder = folder();
    let server = Server::start(folder.path());
    let address = server.address.to_string();
    let url = format!("http://{address}");
    let file = format!("[server]\nlisten = \"{address}\"\n");
    std::fs::write(folder.path().join("named.toml"), file).unwrap();
    // As a container listens: this is no address that could be asked.
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    for output in [
        run(folder.path(), &["healthcheck", "--listen", &address]),
        run(folder.path(), &["healthcheck", "--listen", &everywhere]),
        run(folder.path(), &["healthcheck", "--config", "named.toml"]),
        run(folder.path(), &["healthcheck", "--url", &url]),
        run(
            folder.path(),
            &["healthcheck", "--url", &format!("{url}/readyz")],
        ),
        with_variable(folder.path(), &address, &["healthcheck"]),
    ] {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(said.starts_with(&url) && said.ends_with(": ok\n"), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_used_does_not_make_a_server_look_dead_whose_address_is_known() {
    let folder = folder();
    let server = Server::start(folder.path());
    let address = server.address.to_string();
    std::fs::write(folder.path().join("dragoman.toml"), "[server\n").unwrap();
    let output = with_variable(folder.path(), &address, &["healthcheck"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = run(folder.path(), &["healthcheck", "--listen", &address]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // Without either the address is not known.
    let output = run(folder.path(), &["healthcheck"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("dragoman.toml:1"), "{said}");
}

#[test]
fn a_server_that_is_not_there_says_nothing_or_answers_otherwise_is_not_well() {
    let folder = folder();
    let (_held, address) = nobody();
    let output = run(
        folder.path(),
        &["healthcheck", "--listen", &address.to_string()],
    );
    let said = refusal(&output);
    assert!(
        said.contains(&format!("http://{address}/healthz")),
        "{said}"
    );

    // It takes the connection, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let output = run(
        folder.path(),
        &["healthcheck", "--listen", &address.to_string()],
    );
    assert!(refusal(&output).contains("does not answer"));

    let server = Server::start(folder.path());
    let url = format!("http://{}/nothing", server.address);
    let output = run(folder.path(), &["healthcheck", "--url", &url]);
    assert!(refusal(&output).contains("404"));
}

#[test]
fn an_address_that_cannot_be_asked_is_exit_code_1_as_well() {
    let folder = folder();
    let output = run(folder.path(), &["healthcheck", "--listen", "127.0.0.1:0"]);
    assert!(refusal(&output).contains("chooses its port"));
    for url in ["here", "ftp://127.0.0.1", "http://planted@127.0.0.1:1"] {
        let output = run(folder.path(), &["healthcheck", "--url", url]);
        let said = refusal(&output);
        assert!(!said.contains("planted"), "{said}");
    }
}
