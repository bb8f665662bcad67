//! The documents name things that exist.

use std::collections::BTreeSet;

use crate::files::{assert_none, crates, edited_texts, entries, read, root};

/// Fenced code blocks of a Markdown text.
fn code_blocks(markdown: &str) -> Vec<&str> {
    markdown.split("```").skip(1).step_by(2).collect()
}

#[test]
fn every_crate_has_its_row_in_the_architecture_page() {
    let page = read("crates/ARCHITECTURE.md");
    let findings: Vec<String> = crates()
        .into_iter()
        .filter(|name| {
            let marks = [format!("`{name}`"), format!("`{name}/`")];
            !page.lines().any(|line| {
                let line = line.trim_start();
                (line.starts_with('|') || line.starts_with('-'))
                    && marks.iter().any(|mark| line.contains(mark))
            })
        })
        .collect();
    assert_none(
        &findings,
        "these crates have no row in the code map of crates/ARCHITECTURE.md:",
    );
}

#[test]
fn documents_name_paths_that_exist() {
    let tops: BTreeSet<String> = entries("").into_iter().collect();
    let mut findings = Vec::new();
    for document in edited_texts()
        .iter()
        .filter(|text| text.path.ends_with(".md"))
    {
        // What stands in backticks, in link targets and in code blocks; a path is relative to the root, to the
        // document's own folder, or to a crate.
        let words = document
            .text
            .split(|character: char| character.is_whitespace() || "`()|,;\"'".contains(character));
        let folder = document
            .path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        for word in words.map(|word| word.trim_end_matches(['.', ':'])) {
            let word = word.split('#').next().unwrap_or_default();
            let Some((first, rest)) = word.split_once('/') else {
                continue;
            };
            let is_path = tops.contains(first) && !first.starts_with("target");
            let is_pattern = word.contains(['*', '{', '<', '…', '[', '$']);
            if is_path && !is_pattern && !rest.is_empty() {
                let folders = ["".to_owned(), folder.to_owned()].into_iter();
                let mut folders =
                    folders.chain(crates().into_iter().map(|name| format!("crates/{name}")));
                if !folders.any(|folder| root().join(folder).join(word).exists()) {
                    findings.push(format!("{}: {word}", document.path));
                }
            }
        }
    }
    assert_none(&findings, "these documents name paths that do not exist:");
}

#[cfg(unix)]
#[test]
fn readme_commands_exist() {
    use std::os::unix::fs::PermissionsExt;

    let readme = read("README.md");
    let blocks = code_blocks(&readme);
    let commands = || blocks.iter().flat_map(|block| block.lines()).map(str::trim);
    assert!(
        commands().any(|line| line.starts_with("cargo run --release")),
        "the quick start is gone from the README"
    );
    assert_eq!(
        commands().filter(|line| *line == "tests/run").count(),
        1,
        "the README names one test command, tests/run"
    );
    let ci = read(".ci/run");
    assert!(
        ci.lines().any(|line| line == "exec tests/run"),
        ".ci/run does not call the README's test command"
    );
    for script in [
        "tests/run",
        "tests/postgres",
        "tests/faults",
        "tests/bench/run",
        ".ci/run",
    ] {
        let mode = root()
            .join(script)
            .metadata()
            .unwrap_or_else(|error| panic!("{script}: {error}"))
            .permissions()
            .mode();
        assert!(mode & 0o111 != 0, "{script} is not executable");
    }
}
