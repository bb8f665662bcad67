//! Reading the repository: its root, its files, and which lines of a source file are production code.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the repository.
pub(crate) struct TextFile {
    /// Path from the repository's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The repository's root: the folder above this package.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package has a parent folder")
        .to_path_buf()
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// Names of the entries of a folder, sorted.
pub(crate) fn entries(folder: &str) -> Vec<String> {
    let listing = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder} cannot be listed: {error}"));
    let mut names: Vec<String> = listing
        .map(|entry| {
            entry
                .expect("folder entry")
                .file_name()
                .into_string()
                .expect("file names are UTF-8")
        })
        .collect();
    names.sort();
    names
}

/// Names of the crates under `crates/`.
pub(crate) fn crates() -> Vec<String> {
    let names: Vec<String> = entries("crates")
        .into_iter()
        .filter(|name| {
            root()
                .join("crates")
                .join(name)
                .join("Cargo.toml")
                .is_file()
        })
        .collect();
    assert!(names.len() >= 5, "the crates were not found: {names:?}");
    names
}

/// Every Rust source of the repository, outside build output.
pub(crate) fn rust_sources() -> Vec<TextFile> {
    let mut sources = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root().join(folder), &["rs"], &mut sources);
    }
    assert!(sources.len() >= 10, "the Rust sources were not found");
    sources
}

/// Every text file that people edit by hand, dotted tool files at the top included.
pub(crate) fn edited_texts() -> Vec<TextFile> {
    let mut texts = Vec::new();
    for folder in ["crates", "tests", "config", "deploy", ".ci", ".cargo"] {
        collect(
            &root().join(folder),
            &[
                "rs",
                "toml",
                "md",
                "sql",
                "yml",
                "yaml",
                "sh",
                "run",
                "service",
                "conf",
                "html",
                "Dockerfile",
            ],
            &mut texts,
        );
    }
    for name in entries("")
        .iter()
        .filter(|name| root().join(name).is_file())
    {
        if name.ends_with(".toml") || name.ends_with(".md") {
            texts.push(TextFile {
                path: name.clone(),
                text: read(name),
            });
        }
    }
    texts
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<TextFile>) {
    let Ok(listing) = fs::read_dir(folder) else {
        return;
    };
    for entry in listing {
        let path = entry.expect("folder entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "target" | "node_modules") {
                collect(&path, extensions, found);
            }
            continue;
        }
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or(name);
        if extensions.contains(&extension) {
            let relative = path
                .strip_prefix(root())
                .expect("inside the repository")
                .to_string_lossy()
                .replace('\\', "/");
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{relative} cannot be read as UTF-8: {error}"));
            found.push(TextFile {
                path: relative,
                text,
            });
        }
    }
}

impl TextFile {
    /// The crate under `crates/` whose production code this file belongs to.
    pub(crate) fn production_crate(&self) -> Option<&str> {
        let (name, inside) = self.path.strip_prefix("crates/")?.split_once('/')?;
        let test_module = inside.ends_with("/tests.rs") || inside.contains("/tests/");
        (inside.starts_with("src/") && !test_module).then_some(name)
    }

    /// Lines of production code with their numbers: no comments, no unit tests. A `#[cfg(test)]` block ends the
    /// production code of its file, because tests stand last; a `#[cfg(test)]` declaration hides one line.
    pub(crate) fn production_lines(&self) -> Vec<(usize, &str)> {
        let mut lines = Vec::new();
        let mut numbered = self
            .text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line));
        while let Some((number, line)) = numbered.next() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("#[cfg(test)]") {
                match numbered.next() {
                    Some((_, next)) if next.trim_end().ends_with(';') => continue,
                    _ => break,
                }
            }
            if !trimmed.starts_with("//") {
                lines.push((number, line));
            }
        }
        lines
    }
}

/// Fails with every finding at once, so that one run shows all there is to mend.
pub(crate) fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}\n  {}", findings.join("\n  "));
}
