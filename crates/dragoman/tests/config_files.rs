//! The shipped files: each can be used, and the annotated one names every key with its default.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dragoman::config::load::{Flags, load};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .join(name)
}

fn flags(path: PathBuf) -> Flags {
    Flags {
        config: Some(path),
        ..Flags::default()
    }
}

/// Variables that the shipped files refer to.
fn variables() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("CHATTER_URL".to_owned(), "http://127.0.0.1:8000".to_owned()),
        ("CHATTER_TOKEN".to_owned(), "planted-secret".to_owned()),
        (
            "DATAMONKEY_URL".to_owned(),
            "http://127.0.0.1:9300".to_owned(),
        ),
        (
            "DATAMONKEY_SIGNING_KEY".to_owned(),
            "planted-secret".to_owned(),
        ),
        ("SUNSHINE_APP_ID".to_owned(), "app".to_owned()),
        ("SUNSHINE_KEY_ID".to_owned(), "key".to_owned()),
        (
            "SUNSHINE_KEY_SECRET".to_owned(),
            "planted-secret".to_owned(),
        ),
        ("CONVORE_TOKEN".to_owned(), "planted-secret".to_owned()),
        (
            "DATAMONKEY_SESSIONS_KEY".to_owned(),
            "planted-secret".repeat(3),
        ),
        ("MODEL_API_KEY".to_owned(), "planted-secret".to_owned()),
        ("CONVORE_CHANNEL_ID".to_owned(), "channel".to_owned()),
    ])
}

/// Whether a line shows a key or a table that is commented out: `#key = …`, `#[table]`.
fn is_commented_out(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(|rest| {
        rest.starts_with(|first: char| first == '[' || first.is_ascii_lowercase())
    })
}

/// The annotated file with everything that it shows switched on.
fn annotated_and_uncommented(secret: &Path) -> String {
    let text = std::fs::read_to_string(shipped("dragoman.toml")).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match is_commented_out(line) {
            true => &line[1..],
            false => line,
        })
        .collect();
    let text = lines.join(
        "
",
    );
    [
        "/run/secrets/dragoman-sealing-key",
        "/run/secrets/chatter-password",
        "/etc/ssl/certs/internal-ca.pem",
    ]
    .into_iter()
    .fold(text, |text, path| {
        assert!(text.contains(path), "{path}");
        text.replace(path, &secret.display().to_string())
    })
}

#[test]
fn every_shipped_file_can_be_used() {
    let mut seen = 0;
    for entry in std::fs::read_dir(shipped("")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            if let Err(error) = load(&flags(path), &variables()) {
                panic!("{error}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 3, "the shipped files were not found");
}

#[test]
fn annotated_file_as_shipped_is_the_default_configuration() {
    let shipped = load(&flags(shipped("dragoman.toml")), &variables()).unwrap();
    let defaults = load(&Flags::default(), &BTreeMap::new()).unwrap();
    assert_eq!(shipped.to_toml().unwrap(), defaults.to_toml().unwrap());
}

#[test]
fn annotated_file_names_every_key_with_its_default() {
    let directory = tempfile::tempdir().unwrap();
    let sealing_key = directory.path().join("sealing-key");
    std::fs::write(&sealing_key, "ab".repeat(32)).unwrap();
    let path = directory.path().join("all.toml");
    std::fs::write(&path, annotated_and_uncommented(&sealing_key)).unwrap();
    let all = match load(&flags(path), &variables()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}", error.report(false)),
    };
    // A value whose origin is not the file would be a key that the file does not name.
    let mut named: BTreeSet<String> = BTreeSet::new();
    for shown in all.values().unwrap() {
        let key: String = shown
            .key
            .split('.')
            .map(|part| part.split('[').next().unwrap_or(part))
            .collect::<Vec<_>>()
            .join(".");
        if shown.origin != "default" {
            named.insert(key);
        }
    }
    let known: BTreeSet<String> = dragoman::config::known_keys()
        .unwrap()
        .into_iter()
        .map(|key| match key.as_str() {
            "route.when.metadata" => "route.when.metadata.plan".to_owned(),
            "route.when.header" => "route.when.header.x-region".to_owned(),
            _ => key,
        })
        // The two keys with two forms: the file shows the word on its first backend and route, the other on its last.
        .chain(["backend.responder".to_owned(), "route.to".to_owned()])
        .collect();
    assert_eq!(named, known);

    let defaults = load(&Flags::default(), &BTreeMap::new()).unwrap();
    let uncommented: BTreeMap<String, serde_json::Value> = all
        .values()
        .unwrap()
        .into_iter()
        .map(|shown| (shown.key, shown.value))
        .collect();
    for shown in defaults.values().unwrap() {
        assert_eq!(
            uncommented.get(&shown.key),
            Some(&shown.value),
            "{}",
            shown.key
        );
    }
}

#[test]
fn every_key_of_the_annotated_file_has_a_comment_above_it() {
    let text = std::fs::read_to_string(shipped("dragoman.toml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (above, line) in lines.iter().zip(lines.iter().skip(1)) {
        let names_key = is_commented_out(line) && !line.starts_with("#[");
        // The further examples of a backend begin with keys that the first one explains.
        let examples = ["#name = ", "#kind = ", "#base_url = ", "#token = "];
        let repeated = examples.iter().any(|key| line.starts_with(key)) && above.starts_with('#');
        if names_key && !repeated {
            assert!(above.starts_with("# "), "no comment above: {line}");
        }
    }
}
