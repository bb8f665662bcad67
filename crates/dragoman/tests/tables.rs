//! The tables of the README files that are generated from code: what each backend can do, and which client method and
//! which route stand for each of the vendors' operations.
//!
//! `DRAGOMAN_WRITE_TABLES=1 cargo test -p dragoman --test tables` writes them anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapterkit::Operation;
use async_trait::async_trait;
use backend::ports::{Bootstrap, Bootstraps, CredentialName, Credentials};
use backend::{Backend, Capabilities, Level, Result};
use chatter::{Chatter, ChatterConfig, ChatterCredentials, Generation};
use convore::{Convore, ConvoreConfig};
use datamonkey::{Datamonkey, DatamonkeyConfig};
use secrecy::SecretString;
use serde_json::Value;
use store::{Store, StoreConfig};
use sunshine::{Sunshine, SunshineConfig, SunshineCredentials};

/// A vendor of the README: its name, its folder, its operations, and their routes at the facade.
struct Vendor {
    title: &'static str,
    folder: &'static str,
    operations: &'static [Operation],
    /// The vendor's operation and the facade's route.
    facade: Vec<(String, String)>,
}

impl Vendor {
    fn new<T: Into<String>>(
        title: &'static str,
        folder: &'static str,
        operations: &'static [Operation],
        facade: Vec<(T, String)>,
    ) -> Self {
        let owned = facade.into_iter();
        Self {
            title,
            folder,
            operations,
            facade: owned
                .map(|(vendor, route)| (vendor.into(), route))
                .collect(),
        }
    }

    /// The facade's route of an operation, where it has one.
    fn route(&self, operation: &Operation) -> Option<&str> {
        let mut routes = self.facade.iter();
        let found = routes.find(|(vendor, _)| vendor == operation.vendor);
        found.map(|(_, route)| route.as_str())
    }

    fn table<'a>(&self, operations: impl Iterator<Item = &'a Operation>) -> String {
        let mut table = String::from(
            "| vendor's operation | client method | normalized route | facade route |\n|---|---|---|---|\n",
        );
        for operation in operations {
            let route = self.route(operation);
            let route = route.map_or_else(|| "–".to_owned(), |route| format!("`{route}`"));
            let _ = writeln!(
                table,
                "| `{}` | `{}` | {} | {route} |",
                operation.vendor, operation.client, operation.routes
            );
        }
        table
    }
}

const URL: &str = "http://127.0.0.1:1";

/// The vendors in the order of the README.
fn vendors() -> [Vendor; 4] {
    [
        Vendor::new(
            "Chatter",
            "chatter",
            chatter::OPERATIONS,
            chatter::facade_routes(),
        ),
        Vendor::new(
            "Datamonkey",
            "datamonkey",
            datamonkey::OPERATIONS,
            datamonkey::facade_routes(),
        ),
        Vendor::new(
            "Sunshine Conversations",
            "sunshine",
            sunshine::OPERATIONS,
            sunshine::facade_routes(),
        ),
        Vendor::new(
            "Convore",
            "convore",
            convore::OPERATIONS,
            convore::facade_routes(),
        ),
    ]
}

/// The operations of the vendors' API pages that the adapters were written for.
const DOCUMENTED: usize = 38;

/// Methods of clients that make no call of their own, or only look which API is served.
const NO_OPERATIONS: &[&str] = &["serves"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Holds that `file` has `content` between the marks of `name`, or puts it there when asked to.
fn assert_generated(file: &Path, name: &str, content: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let (begin, end) = (
        format!("<!-- generated: {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let start = text.find(&begin).map(|at| at + begin.len());
    let stop = text.find(&end);
    let (Some(start), Some(stop)) = (start, stop) else {
        panic!("{} has no marks {begin}{end}", file.display());
    };
    let wanted = format!("\n{content}\n");
    if std::env::var_os("DRAGOMAN_WRITE_TABLES").is_some() {
        let written = format!("{}{wanted}{}", &text[..start], &text[stop..]);
        std::fs::write(file, written).unwrap();
        return;
    }
    assert_eq!(
        &text[start..stop],
        wanted,
        "{} is out of date: DRAGOMAN_WRITE_TABLES=1 cargo test -p dragoman --test tables",
        file.display()
    );
}

#[test]
fn each_adapter_lists_its_operations() {
    for vendor in vendors() {
        let folder = repository().join("crates").join(vendor.folder);
        let table = vendor.table(vendor.operations.iter());
        assert_generated(&folder.join("README.md"), "operations", &table);
    }
}

#[test]
fn every_documented_operation_has_a_route_at_its_facade() {
    for vendor in vendors() {
        let documented = vendor.operations.iter().filter(|one| one.is_documented);
        let missing: Vec<&str> = documented
            .filter(|operation| vendor.route(operation).is_none())
            .map(|operation| operation.vendor)
            .collect();
        assert!(
            missing.is_empty(),
            "{}: no route for {missing:?}",
            vendor.title
        );
        for (_, route) in &vendor.facade {
            let below = format!(" /facade/{}/", vendor.folder);
            assert!(route.contains(&below), "{route}");
        }
    }
}

#[test]
fn every_method_of_a_client_has_a_row() {
    for vendor in vendors() {
        let path = repository()
            .join("crates")
            .join(vendor.folder)
            .join("src/client.rs");
        let source = std::fs::read_to_string(path).unwrap();
        let methods = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub async fn "))
            .filter_map(|rest| rest.split(['(', '<']).next());
        let missing: Vec<&str> = methods
            .filter(|method| !NO_OPERATIONS.contains(method))
            .filter(|method| !vendor.operations.iter().any(|one| one.client == *method))
            .collect();
        assert!(
            missing.is_empty(),
            "{}: no row for {missing:?}",
            vendor.title
        );
    }
}

#[test]
fn the_readme_names_every_documented_operation() {
    let mut content = String::new();
    let mut count = 0;
    for vendor in vendors() {
        let documented = vendor.operations.iter().filter(|one| one.is_documented);
        count += documented.clone().count();
        let _ = write!(
            content,
            "**{}**\n\n{}\n",
            vendor.title,
            vendor.table(documented)
        );
    }
    assert_eq!(count, DOCUMENTED);
    assert_generated(
        &repository().join("README.md"),
        "operations",
        content.trim_end_matches('\n'),
    );
}

fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value).unwrap() {
        Value::String(word) => word,
        other => other.to_string(),
    }
}

fn of_level(level: Level) -> String {
    match level {
        Level::None => "–".to_owned(),
        level => word(&level),
    }
}

#[test]
fn the_readme_shows_what_each_backend_can_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(folder.path().join("tables.db"))).unwrap();
    let secret = || SecretString::from("unused");
    let chatter = ChatterConfig {
        generation: Some(Generation::V2),
        ..ChatterConfig::new(URL, ChatterCredentials::None)
    };
    let sunshine = SunshineCredentials::Basic {
        key_id: "unused".to_owned(),
        secret: secret(),
    };
    let backends: Vec<Capabilities> = vec![
        store.backend("store").capabilities(),
        Chatter::new("chatter", &chatter, None)
            .unwrap()
            .capabilities(),
        Datamonkey::new(
            "datamonkey",
            &DatamonkeyConfig::new(URL),
            Arc::new(NoCredentials),
        )
        .unwrap()
        .capabilities(),
        Sunshine::new("sunshine", &SunshineConfig::new(URL, "app", sunshine))
            .unwrap()
            .capabilities(),
        Convore::new("convore", &ConvoreConfig::new(URL, secret(), "channel"))
            .unwrap()
            .capabilities(),
    ];
    let mut table = String::from(
        "| | store | Chatter | Datamonkey | Sunshine | Convore |\n|---|---|---|---|---|---|\n",
    );
    let levels: Vec<_> = backends.iter().map(Capabilities::levels).collect();
    for (row, (name, _)) in levels[0].iter().enumerate() {
        let cells: Vec<String> = levels
            .iter()
            .map(|levels| of_level(levels[row].1))
            .collect();
        let _ = writeln!(table, "| `{name}` | {} |", cells.join(" | "));
    }
    // The limits and qualifiers, by their names in the API.
    let whole: Vec<Value> = backends
        .iter()
        .map(|capabilities| serde_json::to_value(capabilities).unwrap())
        .collect();
    let mut limits: Vec<String> = whole
        .iter()
        .flat_map(|value| value["limits"].as_object().unwrap().keys().cloned())
        .collect();
    limits.sort();
    limits.dedup();
    for limit in limits {
        let cells: Vec<String> = whole
            .iter()
            .map(|value| {
                let limit = &value["limits"][&limit];
                if limit.is_null() {
                    "–".to_owned()
                } else {
                    limit.to_string()
                }
            })
            .collect();
        let _ = writeln!(table, "| `limits.{limit}` | {} |", cells.join(" | "));
    }
    for qualifier in [
        "enumerates",
        "message_order",
        "precondition",
        "settle",
        "access_expires",
        "transactional",
        "delivers",
    ] {
        let cells: Vec<String> = whole.iter().map(|value| word(&value[qualifier])).collect();
        let _ = writeln!(table, "| `{qualifier}` | {} |", cells.join(" | "));
    }
    assert_generated(&repository().join("README.md"), "support", &table);
}

/// Capabilities need no credentials.
struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn get(&self, _name: &CredentialName) -> Result<Option<SecretString>> {
        Ok(None)
    }

    async fn put(&self, _name: &CredentialName, _secret: &SecretString) -> Result<()> {
        Ok(())
    }

    async fn remove(&self, _name: &CredentialName) -> Result<bool> {
        Ok(false)
    }

    async fn names(&self) -> Result<Vec<CredentialName>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Bootstraps for NoCredentials {
    async fn put_with_bootstrap(
        &self,
        _names: &[CredentialName],
        _secret: &SecretString,
        _bootstrap: &Bootstrap,
    ) -> Result<()> {
        Ok(())
    }

    async fn bootstraps(&self, _backend: &str) -> Result<Vec<Bootstrap>> {
        Ok(Vec::new())
    }

    async fn bootstrap_deleted(&self, _bootstrap: &Bootstrap) -> Result<()> {
        Ok(())
    }
}
