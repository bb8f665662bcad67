//! What the tests of `migrate`, archives and erasure begin with: two stores and some conversations.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::process::{Server, command, request, text};

/// Two places in one database.
pub(crate) const TWO_STORES: &str = "default_backend = \"old\"\n\n[[backend]]\nname = \"old\"\nkind = \"store\"\n\n\
     [[backend]]\nname = \"new\"\nkind = \"store\"\n";

/// Writes the configuration into the folder.
pub(crate) fn configure(folder: &Path) {
    std::fs::write(folder.join("dragoman.toml"), TWO_STORES).unwrap();
}

/// A request with a JSON answer.
pub(crate) fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    key: &str,
    body: &Value,
) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, answer) = request(address, method, path, key, &body);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Makes conversations with messages and gives their ids.
pub(crate) fn fill(
    server: &Server,
    key: &str,
    conversations: usize,
    messages: usize,
) -> Vec<String> {
    (0..conversations)
        .map(|number| {
            let new = json!({"title": format!("conversation {number}"), "labels": ["moved"]});
            let (status, made) = call(server.address, "POST", "/v1/conversations", key, &new);
            assert_eq!(status, 201, "{made}");
            let id = made["id"].as_str().unwrap().to_owned();
            for place in 0..messages {
                say(server, key, &id, &format!("message {place} of {number}"));
            }
            id
        })
        .collect()
}

/// Posts a message and gives its id.
pub(crate) fn say(server: &Server, key: &str, id: &str, words: &str) -> String {
    let path = format!("/v1/conversations/{id}/messages");
    let new = json!({"role": "user", "parts": [{"type": "text", "text": words}]});
    let (status, made) = call(server.address, "POST", &path, key, &new);
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// The texts of a conversation's messages, oldest first.
pub(crate) fn texts(server: &Server, key: &str, id: &str) -> Vec<String> {
    let path = format!("/v1/conversations/{id}/messages?order=asc&limit=100");
    let (status, page) = call(server.address, "GET", &path, key, &Value::Null);
    assert_eq!(status, 200, "{page}");
    let messages = page["data"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["parts"][0]["text"].as_str().unwrap().to_owned())
        .collect()
}

/// The backend that a conversation lives on.
pub(crate) fn home(server: &Server, key: &str, id: &str) -> String {
    let path = format!("/v1/conversations/{id}");
    let (status, conversation) = call(server.address, "GET", &path, key, &Value::Null);
    assert_eq!(status, 200, "{conversation}");
    conversation["backend"].as_str().unwrap().to_owned()
}

/// Runs a command that must end with this exit code, and gives what it printed to standard output.
pub(crate) fn ends(folder: &Path, code: i32, arguments: &[&str]) -> String {
    ended(
        &command(folder, &[], arguments).output().unwrap(),
        code,
        arguments,
    )
}

/// The same with variables.
pub(crate) fn ends_with(
    folder: &Path,
    variables: &[(&str, &str)],
    code: i32,
    arguments: &[&str],
) -> String {
    ended(
        &command(folder, variables, arguments).output().unwrap(),
        code,
        arguments,
    )
}

fn ended(output: &Output, code: i32, arguments: &[&str]) -> String {
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}\n{out}\n{errors}"
    );
    // A failure says what to do; what only is different says what.
    if code > 1 {
        assert!(out.is_empty() || code > 2, "{arguments:?}: {out}");
        assert!(
            errors.contains("help: ") || errors.contains("Usage"),
            "{arguments:?}: {errors}"
        );
        return errors;
    }
    out
}

/// The same, whose standard output is one JSON document.
pub(crate) fn json_of(folder: &Path, code: i32, arguments: &[&str]) -> Value {
    let out = ends(folder, code, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}
