//! The configuration of nginx: its limits fit the gateway's, nginx takes it, and it does what its comments say.

mod behaviour;
mod process;
mod replica;

use crate::files::{default_of, read, seconds};

/// Where the configuration stands.
pub(crate) const PATH: &str = "deploy/nginx/dragoman.conf";

/// The directives of a configuration: their words, in their order. The name of a block counts as one.
fn directives(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut letters = text.chars().peekable();
    let mut word = String::new();
    while let Some(letter) = letters.next() {
        let ends = letter.is_whitespace() || matches!(letter, ';' | '{' | '}');
        if ends && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        match letter {
            '#' if word.is_empty() => {
                for skipped in letters.by_ref() {
                    if skipped == '\n' {
                        break;
                    }
                }
            }
            '"' | '\'' if word.is_empty() => {
                word.extend(letters.by_ref().take_while(|next| *next != letter));
            }
            ';' | '{' | '}' if !words.is_empty() => found.push(std::mem::take(&mut words)),
            _ if ends => {}
            letter => word.push(letter),
        }
    }
    found
}

/// The words behind each directive of this name.
fn all(name: &str) -> Vec<Vec<String>> {
    directives(&read(PATH))
        .into_iter()
        .filter(|words| words[0] == name)
        .map(|words| words[1..].to_vec())
        .collect()
}

/// The one word behind the only directive of this name.
fn only(name: &str) -> String {
    let found = all(name);
    assert_eq!(found.len(), 1, "{name} stands once");
    assert_eq!(found[0].len(), 1, "{name} has one value");
    found[0][0].clone()
}

/// Where requests are sent.
pub(crate) fn upstream_servers() -> Vec<String> {
    let servers = all("server").into_iter().filter(|words| !words.is_empty());
    servers.map(|words| words[0].clone()).collect()
}

/// Bytes as nginx writes them: `32m`, `32k`.
fn bytes(text: &str) -> u64 {
    let (digits, factor) = match text.split_at(text.len() - 1) {
        (digits, "m") => (digits, 1 << 20),
        (digits, "k") => (digits, 1 << 10),
        _ => (text, 1),
    };
    let number: u64 = digits
        .parse()
        .unwrap_or_else(|error| panic!("{text} is no size: {error}"));
    number * factor
}

#[test]
fn directives_are_read_with_quotes_blocks_and_comments() {
    let text = "a 1;# no;\nb \"x ;y\" {\n  c 'z'\n 2;\n}\n";
    assert_eq!(
        directives(text),
        [vec!["a", "1"], vec!["b", "x ;y"], vec!["c", "z", "2"]]
    );
}

#[test]
fn what_is_too_much_is_refused_by_the_gateway_and_not_by_nginx() {
    let body = bytes(&only("client_max_body_size"));
    for limit in [
        "limits.attachment_max_bytes",
        "limits.import_max_bytes",
        "limits.body_max_bytes",
    ] {
        // A form around a file has some bytes of its own.
        assert!(body >= default_of(limit) + (1 << 20), "{limit}");
    }
    let heads = &all("large_client_header_buffers")[0];
    assert!(bytes(&heads[1]) >= default_of("limits.head_max_bytes"));
}

#[test]
fn nginx_waits_longer_than_the_gateway_and_lets_go_of_connections_sooner() {
    let answer = seconds(&only("proxy_read_timeout"));
    for limit in ["timeouts.respond_seconds", "timeouts.request_seconds"] {
        assert!(answer > default_of(limit), "{limit}");
    }
    assert!(answer > default_of("streams.heartbeat_seconds"));
    let kept: Vec<u64> = all("keepalive_timeout")
        .iter()
        .map(|words| seconds(&words[0]))
        .collect();
    assert_eq!(kept.len(), 2, "towards replicas and towards callers");
    assert!(kept[0] < default_of("timeouts.idle_connection_seconds"));
    for (name, limit) in [
        ("client_header_timeout", "timeouts.head_seconds"),
        ("client_body_timeout", "timeouts.body_idle_seconds"),
        ("send_timeout", "timeouts.write_stall_seconds"),
    ] {
        assert_eq!(seconds(&only(name)), default_of(limit), "{name}");
    }
}

#[test]
fn nothing_is_collected_and_nothing_is_repeated_that_was_sent() {
    assert_eq!(only("proxy_buffering"), "off");
    assert_eq!(only("proxy_request_buffering"), "on");
    assert_eq!(all("proxy_next_upstream"), [["error", "timeout"]]);
    assert_eq!(only("proxy_next_upstream_tries"), "2");
    let format = all("log_format").concat().concat();
    for secret in ["$http_authorization", "$args", "$request_uri", "$request\""] {
        assert!(!format.contains(secret), "{secret} is not logged");
    }
}
