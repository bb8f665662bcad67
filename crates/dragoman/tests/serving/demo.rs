//! `dragoman demo`: the tour with its end, and what stays up behind it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::process::{command, folder, request, text};

/// The demonstration in a folder of its own, in which it also has its temporary files.
fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let place = folder.display().to_string();
    let arguments = [&["demo"], arguments].concat();
    command(folder, &[("TMPDIR", &place)], &arguments)
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// Ends a process of this test, however the test ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_tour_does_every_step_and_leaves_nothing_behind() {
    let folder = folder();
    let output = demo(folder.path(), &["--once"]).output().unwrap();
    let shown = text(&output.stdout);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}{errors}");
    assert!(
        shown.contains("The tour is over: every step did what it had to."),
        "{shown}"
    );
    let read = shown.matches("Five APIs read it, and show the same messages");
    assert_eq!(read.count(), 2, "{shown}");
    assert!(shown.contains(" lives at chatter\n"), "{shown}");
    assert!(shown.contains(" lives at convore; "), "{shown}");
    assert_eq!(errors, "");
    assert!(is_empty(folder.path()), "it left files behind");
}

#[test]
fn a_tour_that_cannot_begin_says_so_with_exit_code_1() {
    let folder = folder();
    let nowhere = PathBuf::from("/nowhere");
    let output = demo(folder.path(), &["--once"])
        .env("TMPDIR", nowhere)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.starts_with("error: there is no place for"),
        "{errors}"
    );
    assert!(errors.contains("\n  help: TMPDIR"), "{errors}");
}

#[test]
fn what_the_tour_made_stays_up_until_it_is_told_to_stop() {
    let folder = folder();
    let mut child = Ended(
        demo(folder.path(), &[])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut stdout = BufReader::new(child.0.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("The gateway's configuration") {
        assert!(stdout.read_line(&mut shown).unwrap() > 0, "{shown}");
    }
    let after = |name: &str| {
        let rest = shown.split(name).nth(1).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let address: SocketAddr = after("GATEWAY=http://").parse().unwrap();
    let (status, answer) = request(address, "GET", "/v1/conversations", &after("KEY="), "");
    assert_eq!(status, 200, "{answer}");
    let listed: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(listed["data"][0]["backend"], "convore", "{listed}");
    let pid = child.0.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(is_empty(folder.path()), "it left files behind");
}
