//! How the tree and its files look: top-level entries, first lines, lengths, forbidden words.

use crate::files::{assert_none, edited_texts, entries, rust_sources};

/// From this length on a file is named, as a hint.
const LONG_FILE_LINES: usize = 600;
/// Beyond this length a file fails, unless it stands in `LONG_FILES`.
const LONGEST_FILE_LINES: usize = 900;
/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// The top of the tree, beside dotted tool files and what `.gitignore` names.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "config",
    "crates",
    "deploy",
    "tests",
];
const IGNORED: &[&str] = &["target", "dragoman-data"];

#[test]
fn top_level_holds_six_entries_and_tool_files() {
    let seen: Vec<String> = entries("")
        .into_iter()
        .filter(|name| !name.starts_with('.') && !IGNORED.contains(&name.as_str()))
        .collect();
    assert_eq!(seen, TOP_LEVEL, "the top of the tree is part of the design");
}

#[test]
fn every_rust_file_begins_with_its_job() {
    let findings: Vec<String> = rust_sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_none(
        &findings,
        "these files do not begin with a `//!` line that says their job:",
    );
}

#[test]
fn no_file_is_longer_than_the_budget() {
    let mut findings = Vec::new();
    let mut used = Vec::new();
    for source in rust_sources() {
        let lines = source.text.lines().count();
        let allowed = LONG_FILES.iter().find(|(path, _)| *path == source.path);
        if lines > LONGEST_FILE_LINES {
            match allowed {
                Some((path, _)) => used.push(*path),
                None => findings.push(format!("{} has {lines} lines", source.path)),
            }
        } else if lines > LONG_FILE_LINES {
            println!("hint: {} has {lines} lines", source.path);
        }
    }
    for (path, reason) in LONG_FILES {
        if !used.contains(path) {
            findings.push(format!("{path} no longer needs its exception ({reason})"));
        }
    }
    assert_none(
        &findings,
        "split these files by job (or name a reason in LONG_FILES):",
    );
}

#[test]
fn modules_are_files_beside_their_folders() {
    let findings: Vec<String> = rust_sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| path.ends_with("/mod.rs"))
        .collect();
    assert_none(&findings, "use foo.rs beside foo/, not foo/mod.rs:");
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    // Spelled in halves, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let mut findings = Vec::new();
    for text in edited_texts() {
        for (index, line) in text.text.lines().enumerate() {
            let mut tokens = line.split(|character: char| !character.is_alphanumeric());
            if tokens.any(|token| words.contains(&token)) {
                findings.push(format!("{}:{}: {}", text.path, index + 1, line.trim()));
            }
        }
    }
    assert_none(&findings, "write an issue instead of a note in the code:");
}

#[test]
fn texts_have_no_tabs_no_carriage_returns_and_end_with_a_newline() {
    let mut findings = Vec::new();
    for text in edited_texts() {
        if text.text.contains('\t') {
            findings.push(format!("{} has a tab", text.path));
        }
        if text.text.contains('\r') {
            findings.push(format!("{} has a carriage return", text.path));
        }
        if !text.text.is_empty() && !text.text.ends_with('\n') {
            findings.push(format!("{} does not end with a newline", text.path));
        }
    }
    assert_none(&findings, "whitespace:");
}
