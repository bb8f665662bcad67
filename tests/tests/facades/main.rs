//! Every facade over every backend: the real binary, real sockets, programs that speak the vendors' APIs, and the
//! vendors' own. Prints a table of what was tried and ends with 1 where anything failed.
//!
//! `cargo test -p tests --test facades -- pairs` runs only the part of that name: `pairs`, `moves`, `clients` or
//! `schemas`. The last two need what `tests/clients/install` installs.

#[path = "../migrations/admin.rs"]
mod admin;
mod caller;
mod chatter;
mod clients;
mod convore;
mod datamonkey;
mod facade;
mod moves;
mod pairs;
mod scenarios;
mod schemas;
#[path = "../migrations/seen.rs"]
#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod seen;
mod site;
mod sunshine;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::site::Site;
use crate::table::Table;

/// The strict description of each facade.
pub(crate) const DESCRIPTIONS: [(&str, &str); 4] = [
    (
        "chatter",
        include_str!("../../../crates/chatter/tests/fixtures/facade.openapi.json"),
    ),
    (
        "datamonkey",
        include_str!("../../../crates/datamonkey/tests/fixtures/facade.openapi.json"),
    ),
    (
        "sunshine",
        include_str!("../../../crates/sunshine/tests/fixtures/facade.openapi.json"),
    ),
    (
        "convore",
        include_str!("../../../crates/convore/tests/fixtures/facade.openapi.json"),
    ),
];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|one| one == part);
    let mut tables: Vec<Table> = Vec::new();
    let mut site = Arc::new(tokio::task::block_in_place(Site::start));
    if is_wanted("pairs") {
        let (table, restarted) = pairs::run(site).await;
        tables.push(table);
        site = restarted;
    }
    if is_wanted("moves") {
        tables.push(moves::run(&site).await);
    }
    match std::env::var_os("DRAGOMAN_TEST_CLIENTS").map(PathBuf::from) {
        Some(installed) => {
            if is_wanted("clients") {
                tables.push(clients::run(&site, &installed).await);
            }
            if is_wanted("schemas") {
                tables.push(schemas::run(&site, &installed).await);
            }
        }
        None => table::tell(
            "clients, schemas: not run, DRAGOMAN_TEST_CLIENTS names no folder (tests/run makes it)",
        ),
    }
    let failures: Vec<String> = tables.iter().flat_map(Table::print).collect();
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    // As Rust's own test programs say it, so that `tests/run` can say it again at its end.
    table::tell("\nfailures:");
    for failure in &failures {
        table::tell(&format!("\n---- {failure}"));
    }
    // What the gateway itself found wrong.
    for line in site
        .log()
        .lines()
        .filter(|line| !line.contains("\"level\":\"INFO\""))
    {
        table::tell(line);
    }
    table::tell(&format!("\ntest result: FAILED. {} failed", failures.len()));
    ExitCode::FAILURE
}
