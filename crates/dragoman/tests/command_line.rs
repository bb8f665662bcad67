//! The binary as an operator runs it: help texts, exit codes, what goes to which stream.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn dragoman(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dragoman"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn every_help_text_ends_with_two_examples_and_fits_100_columns() {
    let commands: [&[&str]; 47] = [
        &[],
        &["serve"],
        &["config"],
        &["config", "check"],
        &["config", "show"],
        &["config", "diff"],
        &["config", "reload"],
        &["config", "history"],
        &["config", "rollback"],
        &["keys"],
        &["keys", "create"],
        &["keys", "list"],
        &["keys", "revoke"],
        &["credentials"],
        &["credentials", "set"],
        &["credentials", "list"],
        &["credentials", "remove"],
        &["db"],
        &["db", "status"],
        &["db", "migrate"],
        &["db", "backup"],
        &["db", "verify"],
        &["db", "copy"],
        &["migrate"],
        &["migrate", "plan"],
        &["migrate", "copy"],
        &["migrate", "check"],
        &["migrate", "switch"],
        &["migrate", "rollback"],
        &["migrate", "pause"],
        &["migrate", "cancel"],
        &["migrate", "finish"],
        &["migrate", "status"],
        &["migrate", "report"],
        &["export"],
        &["import"],
        &["verify"],
        &["erase"],
        &["demo"],
        &["simulate"],
        &["backends"],
        &["backends", "test"],
        &["doctor"],
        &["healthcheck"],
        &["routes"],
        &["routes", "explain"],
        &["shadows"],
    ];
    let mut all = String::new();
    for command in commands {
        let output = dragoman(folder().path(), &[], &[command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        let examples = help
            .split_once("\nExamples:\n")
            .unwrap_or_else(|| panic!("no examples: {help}"))
            .1;
        let commands = examples
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .count();
        assert_eq!(commands, 2, "{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        all.push_str(&format!(
            "$ dragoman {} --help\n{help}\n",
            command.join(" ")
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn unknown_flags_and_commands_are_usage_errors() {
    for arguments in [["--lisen", "x"], ["serv", "x"], ["keys", "mak"]] {
        let output = dragoman(folder().path(), &[], &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn config_check_accepts_a_good_file_and_refuses_a_bad_one() {
    let folder = folder();
    std::fs::write(folder.path().join("good.toml"), "[expose]\ndocs = false\n").unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[expose]\ndoc = false\n").unwrap();
    let good = dragoman(
        folder.path(),
        &[],
        &["config", "check", "--config", "good.toml"],
    );
    assert_eq!(good.status.code(), Some(0));
    insta::assert_snapshot!(text(&good.stdout), @"good.toml: can be used (1 backend, 0 routes)");
    let bad = dragoman(
        folder.path(),
        &[],
        &["config", "check", "--config", "bad.toml"],
    );
    assert_eq!(bad.status.code(), Some(2));
    assert!(bad.stdout.is_empty());
    let report = text(&bad.stderr);
    assert!(report.contains("bad.toml:2:1"), "{report}");
    assert!(report.contains("did you mean `docs`?"), "{report}");
    assert!(
        !report.contains('\u{1b}'),
        "colours without a terminal: {report}"
    );
}

#[test]
fn file_in_the_working_directory_and_the_config_variable_are_used() {
    let folder = folder();
    std::fs::write(
        folder.path().join("dragoman.toml"),
        "[expose]\ndocs = false\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("other.toml"),
        "[expose]\nmetrics = false\n",
    )
    .unwrap();
    let shown = |variables: &[(&str, &str)]| {
        text(&dragoman(folder.path(), variables, &["config", "show", "--origin"]).stdout)
    };
    assert!(shown(&[]).contains("expose.docs = false  # dragoman.toml:2\n"));
    let other = shown(&[("DRAGOMAN_CONFIG", "other.toml")]);
    assert!(
        other.contains("expose.metrics = false  # other.toml:2\n"),
        "{other}"
    );
    assert!(other.contains("expose.docs = true  # default\n"), "{other}");
}

#[test]
fn config_show_names_the_winner_of_every_value() {
    let folder = folder();
    let variables = [
        ("DRAGOMAN__EXPOSE__DOCS", "false"),
        ("DRAGOMAN_CHATTER_URL", "http://127.0.0.1:8000"),
        ("DRAGOMAN_CHATTER_TOKEN", "planted-secret"),
    ];
    let arguments = ["config", "show", "--origin", "--listen", "127.0.0.1:0"];
    let output = dragoman(folder.path(), &variables, &arguments);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn config_show_prints_toml_that_is_a_configuration_again() {
    let folder = folder();
    let variables = [("DRAGOMAN__LIMITS__HEADERS_MAX", "77")];
    let output = dragoman(folder.path(), &variables, &["config", "show"]);
    let shown = text(&output.stdout);
    std::fs::write(folder.path().join("again.toml"), &shown).unwrap();
    let again = dragoman(
        folder.path(),
        &[],
        &["config", "show", "--config", "again.toml"],
    );
    assert_eq!(text(&again.stdout), shown, "{}", text(&again.stderr));
    assert!(shown.contains("headers_max = 77"), "{shown}");
}

#[test]
fn secrets_are_never_printed() {
    let folder = folder();
    let file = "[store]\nsealing_key = \"${env:SEALING}\"\n\n[[backend]]\nname = \"vendor\"\nkind = \"chatter\"\nbase_url = \"http://127.0.0.1:8000\"\ntoken = \"planted-secret-1\"\n";
    std::fs::write(folder.path().join("dragoman.toml"), file).unwrap();
    let sealing = "5ec2e75ec2e75ec2".repeat(4);
    let commands: [&[&str]; 8] = [
        &["config", "show"],
        &["config", "show", "--json"],
        &["config", "show", "--origin"],
        &["config", "show", "--origin", "--json"],
        &["config", "check"],
        &["backends"],
        &["backends", "--json"],
        &["routes", "--json"],
    ];
    for command in commands {
        let output = dragoman(folder.path(), &[("SEALING", &sealing)], command);
        let everything = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{everything}");
        assert!(!everything.contains("planted-secret"), "{everything}");
        assert!(!everything.contains("5ec2e7"), "{everything}");
    }
}

#[test]
fn backends_and_routes_are_listed_as_tables_and_as_json() {
    let folder = folder();
    let file = "[[backend]]\nname = \"Support\"\nkind = \"chatter\"\nbase_url = \"http://127.0.0.1:8000\"\n\n[[route]]\nto = \"Support\"\nwhen = { tenant = \"acme\", metadata = { plan = \"pro\" } }\n\n[[route]]\nname = \"rest\"\nto = \"store\"\n";
    std::fs::write(folder.path().join("dragoman.toml"), file).unwrap();
    let shown = |arguments: &[&str]| text(&dragoman(folder.path(), &[], arguments).stdout);
    insta::assert_snapshot!(shown(&["backends"]));
    insta::assert_snapshot!(shown(&["routes"]));
    let backends: serde_json::Value =
        serde_json::from_str(&shown(&["backends", "--json"])).unwrap();
    assert_eq!(backends[0]["name"], "Support");
    assert_eq!(backends[1]["default"], true);
    let routes: serde_json::Value = serde_json::from_str(&shown(&["routes", "--json"])).unwrap();
    assert_eq!(routes[0]["name"], "route-1");
    assert_eq!(routes[2]["name"], "default");
}
