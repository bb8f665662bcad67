//! Reading the files below `deploy/`, and what the program's own files say of its settings.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The repository's root: the folder above this package.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package has a parent folder")
        .to_path_buf()
}

/// The text of a file; the path is relative to the root.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file, anchors and merges resolved. A key that stands twice is a mistake.
pub(crate) fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The one document of a YAML file.
pub(crate) fn document(path: &str) -> Value {
    let mut all = documents(path);
    assert_eq!(all.len(), 1, "{path} holds one document");
    all.remove(0)
}

/// Every file below a folder, as paths relative to the root, sorted. What git leaves out is left out.
pub(crate) fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let listing =
        std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in listing {
        let entry = entry.expect("folder entry");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = format!("{folder}/{name}");
        if path == SECRETS {
            continue;
        }
        if entry.path().is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The folder of an operator's own secrets, which git leaves out.
pub(crate) const SECRETS: &str = "deploy/compose/secrets";

/// The version that this tree builds.
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The default of `section.key`, as the annotated file shows it; a test of the program holds that file to the code.
pub(crate) fn default_of(setting: &str) -> u64 {
    let (section, key) = setting.split_once('.').expect("a section and a key");
    let text = read("config/dragoman.toml");
    let (_, rest) = text
        .split_once(&format!("\n[{section}]\n"))
        .unwrap_or_else(|| panic!("no section {section}"));
    let start = format!("#{key} = ");
    let value = rest
        .lines()
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix(&start))
        .unwrap_or_else(|| panic!("no setting {setting}"));
    value
        .parse()
        .unwrap_or_else(|error| panic!("{setting} = {value}: {error}"))
}

/// A setting of a configuration, else its default.
pub(crate) fn setting(configuration: &toml::Table, section: &str, key: &str) -> u64 {
    match configuration
        .get(section)
        .and_then(|section| section.get(key))
    {
        Some(value) => {
            let value = value
                .as_integer()
                .unwrap_or_else(|| panic!("{section}.{key}"));
            u64::try_from(value).unwrap_or_else(|error| panic!("{section}.{key}: {error}"))
        }
        None => default_of(&format!("{section}.{key}")),
    }
}

/// The paths that a configuration refers to as `${file:…}`, and those that stand in a database's URL.
pub(crate) fn secret_files(configuration: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (mark, ends) in [("${file:", '}'), ("sslrootcert=", '"')] {
        for (at, _) in configuration.match_indices(mark) {
            let line_start = configuration[..at]
                .rfind('\n')
                .map_or(0, |newline| newline + 1);
            if configuration[line_start..].trim_start().starts_with('#') {
                continue;
            }
            let rest = &configuration[at + mark.len()..];
            let end = rest
                .find(ends)
                .unwrap_or_else(|| panic!("{mark} is not closed"));
            paths.push(rest[..end].to_owned());
        }
    }
    paths
}

/// Seconds, as compose, systemd and nginx write them: `45`, `45s`, `2m`, `1h`.
pub(crate) fn seconds(text: &str) -> u64 {
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 's')) => (&text[..at], 1),
        _ => (text, 1),
    };
    let number: u64 = digits
        .parse()
        .unwrap_or_else(|error| panic!("{text} is no time: {error}"));
    number * factor
}

/// A program in the folders where programs are, those of the administrator included.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

#[test]
fn times_are_read_in_each_spelling() {
    assert_eq!(
        (seconds("45"), seconds("45s"), seconds("2m")),
        (45, 45, 120)
    );
}

#[test]
fn references_in_comments_are_none() {
    let text = "a = \"${file:/a}\"\n# b = \"${file:/b}\"\nc = \"x?sslrootcert=/c\"\n";
    assert_eq!(secret_files(text), ["/a", "/c"]);
}
