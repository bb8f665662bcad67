//! The port's contract and the conformance suite say the same words.

use crate::files::{TextFile, assert_none, rust_sources};

/// Text in which line breaks, code marks and a closing full stop make no difference.
fn plain(text: &str) -> String {
    text.replace('`', "")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches('.')
        .to_owned()
}

/// The bullets under `# Behavior` in the documentation of the trait's methods.
fn behavior_bullets(source: &TextFile) -> Vec<String> {
    let mut bullets: Vec<String> = Vec::new();
    let mut inside = false;
    let mut open = false;
    for line in source.text.lines() {
        let Some(doc) = line.trim_start().strip_prefix("///") else {
            inside = false;
            continue;
        };
        let doc = doc.strip_prefix(' ').unwrap_or(doc);
        if doc.starts_with('#') {
            inside = doc.trim() == "# Behavior";
            open = false;
        } else if inside && doc.trim().is_empty() {
            open = false;
        } else if inside && let Some(bullet) = doc.strip_prefix("- ") {
            bullets.push(bullet.to_owned());
            open = true;
        } else if inside
            && open
            && let Some(bullet) = bullets.last_mut()
        {
            bullet.push(' ');
            bullet.push_str(doc);
        }
    }
    bullets.iter().map(|bullet| plain(bullet)).collect()
}

#[test]
fn behavior_bullets_are_read_with_their_continuations() {
    let text = "/// Reads.\n///\n/// # Behavior\n/// - an unknown id is\n///   `NotFound`.\n/// - twice is the same\n///\n/// # Errors\n/// - not this\nfn get();\n";
    let source = TextFile {
        path: String::new(),
        text: text.to_owned(),
    };
    assert_eq!(
        behavior_bullets(&source),
        ["an unknown id is NotFound", "twice is the same"]
    );
}

#[test]
fn every_documented_behaviour_has_a_conformance_case_in_the_same_words() {
    let sources = rust_sources();
    let in_crate = |name: &'static str| {
        sources
            .iter()
            .filter(move |source| source.production_crate() == Some(name))
    };
    let bullets: Vec<String> = in_crate("backend").flat_map(behavior_bullets).collect();
    assert!(
        bullets.len() >= 20,
        "the trait's behaviour was not found: {} bullets",
        bullets.len()
    );
    // String literals may run over several lines with a backslash at the end.
    let cases: Vec<String> = in_crate("testkit")
        .map(|source| plain(&source.text.replace("\\\n", "").replace("\\\"", "\"")))
        .collect();
    let findings: Vec<String> = bullets
        .into_iter()
        .filter(|bullet| !cases.iter().any(|case| case.contains(bullet.as_str())))
        .collect();
    assert_none(
        &findings,
        "these bullets of the port have no conformance case with the same words in testkit:",
    );
}
