//! The dependency direction: which crate may use which, and which crate may use which library.

use toml::Table;

use crate::files::{assert_none, crates, read};

/// What an adapter may use. Adapters never see each other.
const ADAPTER: &[&str] = &[
    "adapterkit",
    "backend",
    "conversation",
    "facadekit",
    "keys",
    "transport",
];

/// For each crate, the crates of ours that its production code may use. `dragoman` and `tests` may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("conversation", &[]),
    ("backend", &["conversation"]),
    ("transport", &[]),
    ("adapterkit", &["backend", "conversation", "transport"]),
    ("chatter", ADAPTER),
    ("datamonkey", ADAPTER),
    ("sunshine", ADAPTER),
    ("convore", ADAPTER),
    (
        "facadekit",
        &["backend", "conversation", "keys", "transport"],
    ),
    ("keys", &["backend", "conversation"]),
    ("store", &["backend", "conversation"]),
    ("overlay", &["backend", "conversation"]),
    ("responders", &["backend", "conversation", "transport"]),
    ("routing", &["backend", "conversation"]),
    ("layers", &["backend", "conversation"]),
    ("migration", &["backend", "conversation"]),
    (
        "server",
        &[
            "backend",
            "conversation",
            "facadekit",
            "keys",
            "migration",
            "transport",
        ],
    ),
    ("testkit", &["backend", "conversation"]),
];

/// What tests inside a crate may use as well.
const TESTS_MAY_ALSO_USE: &[&str] = &[
    "testkit",
    "store",
    "overlay",
    "layers",
    "routing",
    "responders",
];

/// Libraries that have one room each.
const ROOMS: &[(&str, &str, &str)] = &[
    (
        "reqwest",
        "transport",
        "only transport opens outgoing connections",
    ),
    ("rusqlite", "store", "only store writes SQL"),
    ("refinery", "store", "only store writes SQL"),
    ("tokio-postgres", "store", "only store writes SQL"),
    ("clap", "dragoman", "only dragoman has a command line"),
    ("config", "dragoman", "only dragoman reads configuration"),
    ("toml", "dragoman", "only dragoman reads configuration"),
    ("miette", "dragoman", "only dragoman prints diagnostics"),
    (
        "tracing-subscriber",
        "dragoman",
        "only dragoman decides where logs go",
    ),
    ("mimalloc", "dragoman", "only a binary chooses an allocator"),
];

fn manifest(name: &str) -> Table {
    let path = format!("crates/{name}/Cargo.toml");
    read(&path)
        .parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of the packages in one dependency section, target-specific ones included.
fn dependencies(manifest: &Table, section: &str) -> Vec<String> {
    let mut tables: Vec<&Table> = manifest
        .get(section)
        .and_then(|value| value.as_table())
        .into_iter()
        .collect();
    if let Some(targets) = manifest.get("target").and_then(|value| value.as_table()) {
        tables.extend(
            targets
                .values()
                .filter_map(|target| target.get(section)?.as_table()),
        );
    }
    let named = |(key, value): (&String, &toml::Value)| {
        value
            .get("package")
            .and_then(|package| package.as_str())
            .unwrap_or(key)
            .to_owned()
    };
    tables.into_iter().flatten().map(named).collect()
}

#[test]
fn crates_depend_only_in_the_allowed_direction() {
    let ours = crates();
    let mut findings = Vec::new();
    for name in ours.iter().filter(|name| *name != "dragoman") {
        let Some((_, allowed)) = MAY_USE.iter().find(|(candidate, _)| candidate == name) else {
            findings.push(format!(
                "{name} has no row in MAY_USE (tests/tests/tidy/dependencies.rs)"
            ));
            continue;
        };
        let manifest = manifest(name);
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for used in dependencies(&manifest, section)
                .iter()
                .filter(|used| ours.contains(used))
            {
                let in_tests =
                    section == "dev-dependencies" && TESTS_MAY_ALSO_USE.contains(&used.as_str());
                if !allowed.contains(&used.as_str()) && !in_tests {
                    findings.push(format!("{name} may not use {used} ({section})"));
                }
            }
        }
    }
    assert_none(&findings, "the dependency direction is broken:");
}

#[test]
fn nothing_but_tests_uses_testkit() {
    let findings: Vec<String> = crates()
        .into_iter()
        .filter(|name| {
            dependencies(&manifest(name), "dependencies").contains(&"testkit".to_owned())
        })
        .collect();
    assert_none(&findings, "testkit is for tests; these crates ship it:");
}

#[test]
fn each_guarded_library_stays_in_its_room() {
    let mut findings = Vec::new();
    for name in crates() {
        let used = dependencies(&manifest(&name), "dependencies");
        for (library, room, reason) in ROOMS {
            // It reads what an adapter logs, and makes databases, inside of tests.
            let is_for_tests =
                name == "testkit" && ["tracing-subscriber", "tokio-postgres"].contains(library);
            if name != *room && !is_for_tests && used.iter().any(|used| used == library) {
                findings.push(format!("{name} uses {library}: {reason}"));
            }
        }
    }
    assert_none(&findings, "a library is used outside its room:");
}

#[test]
fn every_crate_inherits_lints_and_versions_from_the_workspace() {
    let mut findings = Vec::new();
    for name in crates() {
        let manifest = manifest(&name);
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool);
        if lints != Some(true) {
            findings.push(format!("{name}: [lints] workspace = true is missing"));
        }
        let package = manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str);
        if package != Some(name.as_str()) {
            findings.push(format!(
                "{name}: the folder and the package have different names"
            ));
        }
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (dependency, value) in table {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    findings.push(format!(
                        "{name}: {dependency} has a version of its own; use workspace = true"
                    ));
                }
            }
        }
    }
    assert_none(&findings, "a crate does not follow the workspace:");
}
