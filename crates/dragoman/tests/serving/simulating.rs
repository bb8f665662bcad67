//! `dragoman simulate`: a vendor for tests, with the faults that it is told to have.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{command, exchange, folder, http, run, text, with_authorization};

/// A simulator of this test, which ends with the pipe to it.
pub(crate) struct Simulator {
    child: Child,
    access: Value,
    folder: TempDir,
}

impl Simulator {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = folder();
        let place = folder.path().display().to_string();
        let fixed = ["simulate", "--json", "--until-stdin-closes"];
        let arguments = [&fixed, arguments].concat();
        let mut child = command(folder.path(), &[("TMPDIR", &place)], &arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            access: serde_json::from_str(&line).unwrap(),
            folder,
        }
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.access[member].as_str().unwrap()
    }

    fn address(&self) -> SocketAddr {
        let url = self.text("base_url");
        url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    fn bearer(&self) -> String {
        with_authorization(self.text("key"))
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        http(self.address(), method, path, &[&self.bearer()], body)
    }

    /// The statuses of so many reads.
    fn statuses(&self, path: &str, times: usize) -> Vec<u16> {
        let read = |_| self.ask("GET", path, "").0;
        (0..times).map(read).collect()
    }

    fn is_empty(&self) -> bool {
        let mut left = std::fs::read_dir(self.folder.path()).unwrap();
        left.next().is_none()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const CHATS: &str = "/api/v1/chat/conversations";
const CHANNELS: &str = "/v1/channels";

fn body_of(answer: &str) -> Value {
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn every_vendor_is_there_at_the_root_and_ends_with_who_started_it() {
    for (vendor, path, members) in [
        ("chatter", CHATS, &[][..]),
        ("datamonkey", "/api/v1/chat", &["signing_key"]),
        ("sunshine", "", &["app_id", "signing_key"]),
        ("convore", CHANNELS, &["channel_id"]),
    ] {
        let mut simulator = Simulator::start(&[vendor]);
        assert_eq!(simulator.text("vendor"), vendor);
        for member in members.iter().chain(&["key", "key_id", "secret"]) {
            assert!(!simulator.text(member).is_empty(), "{vendor}: {member}");
        }
        if !path.is_empty() {
            let (status, answer) = simulator.ask("GET", path, "");
            assert_eq!(status, 200, "{vendor}: {answer}");
            if let Some(channel) = simulator.access["channel_id"].as_str() {
                assert!(answer.contains(channel), "{answer}");
            }
        }
        assert!(!simulator.is_empty(), "it keeps its data elsewhere");
        drop(simulator.child.stdin.take());
        assert_eq!(simulator.child.wait().unwrap().code(), Some(0), "{vendor}");
        assert!(simulator.is_empty(), "{vendor} left files behind");
    }
}

#[test]
fn a_signal_ends_it_and_a_second_start_knows_nothing_of_the_first() {
    let mut first = Simulator::start(&["chatter"]);
    let body = r#"{"message":"hello"}"#;
    let (status, answer) = first.ask("POST", "/api/v1/chat/chat", body);
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("echo: hello"), "{answer}");
    let pid = first.child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(killed.success());
    assert_eq!(first.child.wait().unwrap().code(), Some(0));
    assert!(first.is_empty(), "it left files behind");
    let second = Simulator::start(&["chatter", "--no-answers"]);
    assert_eq!(body_of(&second.ask("GET", CHATS, "").1)["total"], 0);
    let (status, answer) = second.ask("POST", "/api/v1/chat/chat", body);
    assert_ne!(status, 200, "somebody answered: {answer}");
}

#[test]
fn faults_come_each_so_many_times_in_the_vendor_s_shape() {
    let simulator = Simulator::start(&["convore", "--fault", "500=1/3", "--fault", "429=1/4"]);
    // Each counts by itself; where both fall together the limit is told.
    let statuses = simulator.statuses(CHANNELS, 8);
    assert_eq!(statuses, [200, 200, 500, 429, 200, 500, 200, 429]);
    let (status, answer) = simulator.ask("GET", CHANNELS, "");
    assert_eq!(status, 500, "{answer}");
    assert!(body_of(&answer).is_object(), "{answer}");
}

#[test]
fn the_same_seed_brings_the_same_faults() {
    let drawn = |seed: &str| {
        let flags = ["convore", "--fault", "500=0.5", "--seed", seed];
        Simulator::start(&flags).statuses(CHANNELS, 32)
    };
    let first = drawn("7");
    assert_eq!(first, drawn("7"));
    assert_ne!(first, drawn("8"));
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
}

#[test]
fn a_limit_is_answered_with_429_and_when_to_come_again() {
    // Chatter gives lists of a user 60 percent of its limit.
    for (vendor, limit, path) in [("chatter", "5", CHATS), ("convore", "3", CHANNELS)] {
        let simulator = Simulator::start(&[vendor, "--requests-per-minute", limit]);
        assert_eq!(
            simulator.statuses(path, 4),
            [200, 200, 200, 429],
            "{vendor}"
        );
        let (_, answer) = simulator.ask("GET", path, "");
        let answer = answer.to_ascii_lowercase();
        assert!(answer.contains("\r\nretry-after: "), "{vendor}: {answer}");
    }
}

#[test]
fn sunshine_locks_messages_and_nothing_else() {
    let simulator = Simulator::start(&["sunshine", "--fault", "423=1"]);
    let app = format!("/v2/apps/{}", simulator.text("app_id"));
    let user = r#"{"externalId":"jane"}"#;
    let basic = |path: &str, body: &str| {
        let pair = format!("{}:{}", simulator.text("key_id"), simulator.text("secret"));
        let header = format!("authorization: Basic {}", crate::facades::base64(&pair));
        http(
            simulator.address(),
            "POST",
            &format!("{app}{path}"),
            &[&header],
            body,
        )
    };
    let (status, answer) = basic("/users", user);
    assert_eq!(status, 201, "{answer}");
    let new = r#"{"type":"personal","participants":[{"userExternalId":"jane"}]}"#;
    let (status, answer) = basic("/conversations", new);
    assert_eq!(status, 201, "{answer}");
    let made = body_of(&answer);
    let id = made["conversation"]["id"].as_str().unwrap();
    let words = r#"{"author":{"type":"business"},"content":{"type":"text","text":"hi"}}"#;
    let (status, answer) = basic(&format!("/conversations/{id}/messages"), words);
    assert_eq!(status, 423, "{answer}");
    assert!(body_of(&answer)["errors"].is_array(), "{answer}");
}

#[test]
fn a_cut_answer_was_carried_out_and_is_not_whole() {
    let simulator = Simulator::start(&["chatter", "--fault", "cut=1/2"]);
    let body = r#"{"message":"one two three four"}"#;
    let bearer = simulator.bearer();
    let stream = |headers: &[&str]| {
        let path = "/api/v1/chat/streaming";
        exchange(simulator.address(), "POST", path, headers, body)
    };
    let whole = stream(&[&bearer]);
    assert!(whole.contains("[DONE]"), "{whole}");
    let cut = stream(&[&bearer]);
    assert!(cut.contains("data: "), "{cut}");
    assert!(!cut.contains("[DONE]"), "{cut}");
    assert!(
        !cut.ends_with("\r\n0\r\n\r\n"),
        "it ends as a whole answer does"
    );
    let (_, listed) = simulator.ask("GET", CHATS, "");
    assert_eq!(body_of(&listed)["total"], 2, "{listed}");
}

#[test]
fn a_doubled_answer_is_stored_twice_and_the_second_is_told() {
    let simulator = Simulator::start(&["chatter", "--fault", "double=1"]);
    let (status, answer) = simulator.ask("POST", "/api/v1/chat/chat", r#"{"message":"hi"}"#);
    assert_eq!(status, 200, "{answer}");
    let answer = body_of(&answer);
    let id = answer["conversation_id"].as_str().unwrap();
    let (_, listed) = simulator.ask("GET", &format!("{CHATS}/{id}/messages"), "");
    let listed = body_of(&listed);
    let texts: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["hi", "echo: hi", "echo: hi"]);
    assert_eq!(listed[2]["id"], answer["message"]["id"]);
}

#[test]
fn a_fault_that_a_vendor_never_has_is_refused_with_those_that_it_has() {
    let folder = folder();
    for (arguments, known) in [
        (&["datamonkey", "--fault", "429=1"][..], "500, slow, cut"),
        (
            &["chatter", "--fault", "423=1"],
            "429, 500, slow, cut, double",
        ),
        (
            &["datamonkey", "--requests-per-minute", "3"],
            "500, slow, cut",
        ),
        (&["convore", "--fault", "404=1"], "429, 423, 500"),
        (&["convore", "--fault", "500=often"], "1/N"),
        (&["nobody"], "nobody"),
    ] {
        let output = run(folder.path(), &[&["simulate"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains(known), "{errors}");
    }
}

#[test]
fn the_banner_has_a_call_and_a_backend_to_paste() {
    let folder = folder();
    for vendor in ["chatter", "datamonkey", "sunshine", "convore"] {
        let mut child = command(
            folder.path(),
            &[],
            &["simulate", vendor, "--until-stdin-closes"],
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let shown = text(&output.stdout);
        assert!(shown.contains("  try         curl "), "{shown}");
        let file = shown.lines().filter_map(|line| line.strip_prefix("    "));
        let file: Vec<&str> = file.collect();
        let path = folder.path().join("backend.toml");
        std::fs::write(&path, file.join("\n")).unwrap();
        let checked = run(
            folder.path(),
            &["config", "check", "--config", "backend.toml"],
        );
        assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    }
}
