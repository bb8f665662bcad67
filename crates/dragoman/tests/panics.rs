//! What a panic tells: where it happened, never its message, which can hold data of a caller.

use std::process::Command;

#[test]
#[ignore = "run in a process of its own by the test below"]
fn child_that_panics() {
    dragoman::telemetry::hide_panic_messages();
    panic!("planted-secret");
}

#[test]
fn panic_tells_its_place_and_not_its_message() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_panics", "--nocapture"])
        .output()
        .unwrap();
    let everything = [output.stdout, output.stderr].concat();
    let everything = String::from_utf8(everything).unwrap();
    assert!(!output.status.success(), "{everything}");
    assert!(everything.contains("a task panicked at "), "{everything}");
    assert!(everything.contains("tests/panics.rs:"), "{everything}");
    assert!(!everything.contains("planted-secret"), "{everything}");
}
