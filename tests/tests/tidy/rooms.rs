//! What code may do depends on the crate it stands in: environment, files, sockets and vendors' names.

use crate::files::{assert_none, rust_sources};

/// Crates that serve every vendor alike.
const VENDOR_NEUTRAL: &[&str] = &[
    "conversation",
    "backend",
    "transport",
    "adapterkit",
    "store",
    "overlay",
    "responders",
    "routing",
    "server",
    "testkit",
];

const VENDORS: &[&str] = &["chatter", "datamonkey", "sunshine", "convore"];

/// The lines of production code, in crates that `applies` accepts, for which `broken` is true.
fn findings(applies: impl Fn(&str) -> bool, broken: impl Fn(&str) -> bool) -> Vec<String> {
    let sources = rust_sources();
    let in_scope = sources
        .iter()
        .filter(|source| source.production_crate().is_some_and(&applies));
    in_scope
        .flat_map(|source| {
            let lines = source.production_lines();
            let bad: Vec<String> = lines
                .into_iter()
                .filter(|(_, line)| broken(line))
                .map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim()))
                .collect();
            bad
        })
        .collect()
}

/// Whether a line names a module of the standard library, alone or in a group such as `use std::{env, io}`.
fn names_module(line: &str, parent: &str, module: &str) -> bool {
    let direct = format!("{parent}::{module}");
    let ends_there =
        |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    if line
        .match_indices(&direct)
        .any(|(at, _)| ends_there(&line[at + direct.len()..]))
    {
        return true;
    }
    let group = format!("{parent}::{{");
    line.find(&group).is_some_and(|at| {
        let members = line[at + group.len()..].split(',');
        members
            .map(|member| member.trim().trim_end_matches([';', '}']))
            .any(|member| member.split("::").next() == Some(module))
    })
}

#[test]
fn module_names_are_found_alone_and_in_groups() {
    assert!(names_module("use std::env;", "std", "env"));
    assert!(names_module(
        "let home = std::env::var(\"HOME\");",
        "std",
        "env"
    ));
    assert!(names_module(
        "use std::{collections::BTreeMap, env};",
        "std",
        "env"
    ));
    assert!(names_module("use std::{fs::File, io};", "std", "fs"));
    assert!(!names_module("use std::{fmt, io};", "std", "fs"));
    assert!(!names_module(
        "let version = env!(\"CARGO_PKG_VERSION\");",
        "std",
        "env"
    ));
    assert!(!names_module("use std::environment;", "std", "env"));
}

#[test]
fn only_dragoman_reads_the_environment() {
    // `testkit` is told there which database server it may use; nothing but tests uses it, which `dependencies` sees to.
    let findings = findings(
        |name| !matches!(name, "dragoman" | "testkit"),
        |line| names_module(line, "std", "env"),
    );
    assert_none(
        &findings,
        "only dragoman reads the environment; pass the value at construction:",
    );
}

#[test]
fn only_dragoman_reads_files_and_only_store_opens_its_database() {
    let findings = findings(
        |name| !matches!(name, "dragoman" | "store"),
        |line| names_module(line, "std", "fs") || names_module(line, "tokio", "fs"),
    );
    assert_none(
        &findings,
        "only dragoman reads files; pass the content at construction:",
    );
}

#[test]
fn only_transport_opens_outgoing_sockets() {
    let connects = [
        "TcpStream::connect",
        "UdpSocket",
        "UnixStream::connect",
        "TcpSocket",
        "reqwest::",
    ];
    // `testkit` stands between adapters and their fakes; nothing but tests uses it, which `dependencies` sees to.
    let findings = findings(
        |name| !matches!(name, "transport" | "testkit"),
        |line| connects.iter().any(|call| line.contains(call)),
    );
    assert_none(&findings, "only transport opens outgoing sockets:");
}

#[test]
fn vendor_neutral_crates_name_no_vendor() {
    let findings = findings(
        |name| VENDOR_NEUTRAL.contains(&name),
        |line| {
            let line = line.to_ascii_lowercase();
            VENDORS.iter().any(|vendor| line.contains(vendor))
        },
    );
    assert_none(&findings, "a crate that serves every vendor names one:");
}

#[test]
fn adapters_never_import_each_other() {
    let findings: Vec<String> = VENDORS
        .iter()
        .flat_map(|vendor| {
            findings(
                |name| name == *vendor,
                |line| {
                    VENDORS
                        .iter()
                        .any(|other| other != vendor && line.contains(&format!("{other}::")))
                },
            )
        })
        .collect();
    assert_none(&findings, "an adapter uses another adapter:");
}
