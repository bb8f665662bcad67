//! Metrics by their names: the code, the operators' table, the dashboard and the alert rules know the same ones.
//!
//! `DRAGOMAN_WRITE_TABLES=1 cargo test -p dragoman --test observability` writes the table anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dragoman::telemetry::{METRICS, MetricKind};
use serde_json::Value;

const BEGIN: &str = "<!-- metrics -->\n";
const END: &str = "<!-- /metrics -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every Rust file below a folder, tests left out.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names that code registers, and how. What stands in a comment or behind `#[cfg(test)]` does not count.
fn registered() -> BTreeSet<(String, Kind)> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path().join("src");
        if folder.is_dir() {
            sources(&folder, &mut texts);
        }
    }
    let mut names = BTreeSet::new();
    for text in texts {
        let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (word, kind) in [
            ("counter!(", Kind::Counter),
            ("gauge!(", Kind::Gauge),
            ("histogram!(", Kind::Histogram),
        ] {
            for (at, _) in production.match_indices(word) {
                let before = &production[..at];
                if before.ends_with("describe_") {
                    continue;
                }
                let rest = production[at + word.len()..].trim_start();
                let name = rest
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next())
                    .unwrap_or_else(|| panic!("a metric has no literal name: {word}{:.60}", rest));
                names.insert((name.to_owned(), kind));
            }
        }
    }
    names
}

/// A kind that can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

fn listed() -> BTreeSet<(String, Kind)> {
    let kind = |kind| match kind {
        MetricKind::Counter => Kind::Counter,
        MetricKind::Gauge => Kind::Gauge,
        MetricKind::Histogram => Kind::Histogram,
    };
    let metrics = METRICS.iter();
    metrics
        .map(|metric| (metric.name.to_owned(), kind(metric.kind)))
        .collect()
}

/// The metrics that a text of queries names.
fn queried(text: &str) -> BTreeSet<String> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split(|letter| !is_word(letter))
        .filter(|word| word.starts_with("dragoman_"))
        .map(|word| {
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                let name = word.strip_suffix(end)?;
                let of = METRICS.iter().find(|metric| metric.name == name)?;
                (of.kind == MetricKind::Histogram).then(|| name.to_owned())
            });
            histogram.unwrap_or_else(|| word.to_owned())
        })
        .collect()
}

/// Every `expr` of a dashboard.
fn expressions(value: &Value, found: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "expr" => {
                        found.push_str(text);
                        found.push('\n');
                    }
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

fn names() -> BTreeSet<String> {
    METRICS
        .iter()
        .map(|metric| metric.name.to_owned())
        .collect()
}

#[test]
fn what_code_registers_is_what_is_documented() {
    let (registered, listed) = (registered(), listed());
    let missing: Vec<_> = registered.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&registered).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "telemetry/described.rs lacks {missing:?}; no code registers {gone:?}"
    );
}

#[test]
fn names_are_sorted_ours_and_end_with_their_unit() {
    assert!(METRICS.is_sorted_by_key(|metric| metric.name));
    for metric in METRICS {
        let name = metric.name;
        assert!(name.starts_with("dragoman_"), "{name}");
        assert_eq!(
            name.ends_with("_total"),
            metric.kind == MetricKind::Counter,
            "{name}"
        );
        assert!(metric.meaning.ends_with('.'), "{name}");
        for label in metric.labels.split(", ").filter(|label| !label.is_empty()) {
            let unbounded = ["id", "path", "tenant", "user", "key", "conversation"];
            assert!(!unbounded.contains(&label), "{name}: {label}");
        }
    }
}

#[test]
fn the_operators_table_is_the_one_in_code() {
    let path = root().join("deploy/README.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let mut wanted = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for metric in METRICS {
        let labels: Vec<String> = metric
            .labels
            .split(", ")
            .filter(|label| !label.is_empty())
            .map(|label| format!("`{label}`"))
            .collect();
        writeln!(
            wanted,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.meaning
        )
        .unwrap();
    }
    if std::env::var_os("DRAGOMAN_WRITE_TABLES").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        table, wanted,
        "run DRAGOMAN_WRITE_TABLES=1 cargo test -p dragoman --test observability"
    );
}

#[test]
fn the_dashboard_and_the_rules_ask_for_metrics_that_exist_and_leave_none_out() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dragoman.json")).unwrap();
    let mut asked = String::new();
    expressions(&dashboard, &mut asked);
    let shown = queried(&asked);
    let rules = queried(&read("deploy/prometheus/rules.yml"));
    let known = names();
    for (place, queried) in [("dashboard", &shown), ("rules", &rules)] {
        let unknown: Vec<_> = queried.difference(&known).collect();
        assert!(unknown.is_empty(), "the {place} asks for {unknown:?}");
    }
    let seen: BTreeSet<String> = shown.union(&rules).cloned().collect();
    let unseen: Vec<_> = known.difference(&seen).collect();
    assert!(unseen.is_empty(), "nobody sees {unseen:?}");
}

#[test]
fn quantiles_are_asked_of_metrics_with_buckets() {
    let all = read("deploy/grafana/dragoman.json") + &read("deploy/prometheus/rules.yml");
    for word in all.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        if let Some(name) = word.strip_suffix("_bucket") {
            // Only times have buckets; everything else is told as quantiles.
            assert!(name.ends_with("_seconds"), "{word}");
        }
    }
}

#[test]
fn every_alert_says_what_to_do_there_and_in_the_operators_page() {
    let rules = read("deploy/prometheus/rules.yml");
    let page = read("deploy/README.md");
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 15, "the rules were not read");
    for alert in alerts {
        let name = alert.lines().next().unwrap().trim();
        for member in ["expr: ", "severity: ", "summary: ", "action: "] {
            assert!(alert.contains(member), "{name} has no {member}");
        }
        assert!(
            page.contains(&format!("| `{name}` |")),
            "{name} is not in deploy/README.md"
        );
    }
    for line in page.lines().filter(|line| line.starts_with("| `Dragoman")) {
        let name = line.split('`').nth(1).unwrap();
        assert!(
            rules.contains(&format!("alert: {name}\n")),
            "there is no alert {name}"
        );
    }
}
