//! No credential, key or message text in any output; end users' credentials.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::sync_channel;

use crate::process::{Server, command, folder, request, run, text};

#[test]
fn vendor_credentials_are_in_no_output_and_no_log() {
    let folder = folder();
    let vendor = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", vendor.local_addr().unwrap());
    let (sender, seen) = sync_channel(1000);
    std::thread::spawn(move || {
        for stream in vendor.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap();
            sender
                .send(String::from_utf8_lossy(&head[..read]).into_owned())
                .unwrap();
            let body = r#"{"detail":"Invalid token"}"#;
            write!(
                stream,
                "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    let variables = [
        ("DRAGOMAN_CHATTER_URL", url.as_str()),
        ("DRAGOMAN_CHATTER_TOKEN", "planted-token"),
    ];
    let arguments = ["--listen", "127.0.0.1:0", "--log-level", "trace"];
    let mut server = Server::start_with(folder.path(), &variables, &arguments);
    let key = server.key().unwrap();

    let mut set = command(
        folder.path(),
        &variables,
        &[
            "credentials",
            "set",
            "--backend",
            "chatter",
            "--user",
            "user-42",
        ],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    set.stdin
        .take()
        .unwrap()
        .write_all(b"planted-user-token\n")
        .unwrap();
    let set = set.wait_with_output().unwrap();
    assert_eq!(set.status.code(), Some(0), "{}", text(&set.stderr));
    let listed = command(folder.path(), &variables, &["credentials", "list"])
        .output()
        .unwrap();
    assert!(
        text(&listed.stdout).contains("user-42"),
        "{}",
        text(&listed.stdout)
    );

    let (status, answer) = request(
        server.address,
        "POST",
        "/v1/conversations",
        &key,
        r#"{"title":"x"}"#,
    );
    assert_eq!(status, 502, "{answer}");
    let sent: String = seen.try_iter().collect();
    assert!(sent.contains("planted-token"), "{sent}");
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    let everything = [
        answer,
        server.banner.clone(),
        server.log(),
        text(&set.stdout),
        text(&listed.stdout),
    ]
    .concat();
    assert!(!everything.contains("planted"), "{everything}");
    let database = std::fs::read(folder.path().join("dragoman-data/dragoman.db")).unwrap();
    assert!(
        !String::from_utf8_lossy(&database).contains("planted"),
        "a credential is not sealed"
    );

    let remove = [
        "credentials",
        "remove",
        "--backend",
        "chatter",
        "--user",
        "user-42",
    ];
    let removed = command(folder.path(), &variables, &remove)
        .output()
        .unwrap();
    assert_eq!(removed.status.code(), Some(0), "{}", text(&removed.stderr));
    let again = command(folder.path(), &variables, &remove)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn credential_for_a_backend_that_does_not_exist_is_refused() {
    let folder = folder();
    drop(Server::start(folder.path()));
    let arguments = ["credentials", "set", "--backend", "nobody", "--user", "u"];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("nobody"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn no_secret_and_no_message_text_is_logged_at_trace_level() {
    let folder = folder();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--log-level",
        "trace",
        "--log-format",
        "json",
    ];
    let mut server = Server::start_with(folder.path(), &[], &arguments);
    let key = server.key().unwrap();
    let secret = key.rsplit('_').next().unwrap().to_owned();
    let (_, created) = request(
        server.address,
        "POST",
        "/v1/conversations",
        &key,
        r#"{"title":"planted-title"}"#,
    );
    let id = created
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let path = format!("/v1/conversations/{id}/responses");
    let input = r#"{"input":{"role":"user","parts":[{"type":"text","text":"planted-text"}]}}"#;
    let (status, answer) = request(server.address, "POST", &path, &key, input);
    assert_eq!(status, 200, "{answer}");
    let wrong = request(
        server.address,
        "GET",
        "/v1/conversations",
        "drg_planted_key",
        "",
    );
    assert_eq!(wrong.0, 401);
    let broken = request(
        server.address,
        "POST",
        "/v1/conversations",
        &key,
        r#"{"title":"planted-broken""#,
    );
    assert_eq!(broken.0, 400);
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    let log = server.log();
    assert!(log.lines().count() >= 1, "nothing was logged");
    for line in log.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "no JSON: {line}"
        );
        assert!(!line.contains(&secret), "the key is logged: {line}");
        assert!(!line.contains("planted"), "logged: {line}");
    }
}
