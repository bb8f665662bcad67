//! The pages for operators: each file of `deploy/` is told of, and commands that they name exist.

use tests::dragoman::Launch;

use crate::files::{files_below, read};

const PAGES: [&str; 3] = [
    "deploy/README.md",
    "deploy/operating.md",
    "deploy/capacity.md",
];

#[test]
fn everything_to_deploy_is_told_of_in_the_first_page() {
    let page = read("deploy/README.md");
    let mut untold = Vec::new();
    for path in files_below("deploy") {
        let inside = path.trim_start_matches("deploy/");
        // A folder that is named stands for what is in it.
        let named = inside
            .match_indices('/')
            .map(|(at, _)| &inside[..=at])
            .chain([inside])
            .any(|part| page.contains(&format!("`{part}`")) || page.contains(&format!("({part})")));
        if !named && inside != "README.md" {
            untold.push(path);
        }
    }
    assert!(
        untold.is_empty(),
        "deploy/README.md does not name {untold:?}"
    );
}

#[test]
fn commands_in_the_pages_are_commands_of_the_program() {
    let mut seen = 0;
    for page in PAGES {
        let text = read(page);
        for piece in text.split("`dragoman ").skip(1) {
            let end = piece.find(['`', '\n']).unwrap_or(piece.len());
            let words: Vec<&str> = piece[..end]
                .split_whitespace()
                .take_while(|word| word.chars().all(|letter| letter.is_ascii_lowercase()))
                .collect();
            let command = [words.as_slice(), &["--help"]].concat();
            let (status, said) = Launch::new().run(&command);
            assert!(status.success(), "{page}: {command:?}: {said}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "they were not found");
}
