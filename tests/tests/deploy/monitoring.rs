//! Prometheus and Grafana: rules, dashboard and provisioning that fit each other.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{document, read, seconds};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn prometheus_reads_the_rules_that_there_are() {
    let prometheus = document("deploy/prometheus/prometheus.yml");
    let files: Vec<&str> = prometheus["rule_files"]
        .as_array()
        .expect("rules")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    // The folder is mounted whole.
    assert_eq!(files, ["/etc/prometheus/rules.yml"]);
    let every = seconds(text(&prometheus["global"], "scrape_interval"));
    let datasource = document("deploy/grafana/provisioning/datasources/prometheus.yaml");
    let told = text(&datasource["datasources"][0]["jsonData"], "timeInterval");
    assert_eq!(seconds(told), every, "rates need to know it");
}

#[test]
fn rules_are_whole_and_named_once() {
    let rules = document("deploy/prometheus/rules.yml");
    let mut names = BTreeSet::new();
    for group in rules["groups"].as_array().expect("groups") {
        assert!(!text(group, "name").is_empty());
        for rule in group["rules"].as_array().expect("rules") {
            let name = text(rule, "alert");
            assert!(names.insert(name.to_owned()), "{name} stands twice");
            let known = ["alert", "expr", "for", "labels", "annotations"];
            for member in rule.as_object().expect("a rule").keys() {
                assert!(known.contains(&member.as_str()), "{name}: {member}");
            }
            let open = text(rule, "expr").matches('(').count();
            assert_eq!(open, text(rule, "expr").matches(')').count(), "{name}");
            seconds(text(rule, "for"));
            let severity = text(&rule["labels"], "severity");
            assert!(
                ["critical", "warning", "info"].contains(&severity),
                "{name}"
            );
        }
    }
    assert!(names.len() >= 15, "the rules were not read");
}

#[test]
fn the_dashboard_is_read_from_the_folder_where_it_is_mounted() {
    let provider = document("deploy/grafana/provisioning/dashboards/dragoman.yaml");
    let folder = text(&provider["providers"][0]["options"], "path");
    let mount = format!("../grafana/dragoman.json:{folder}/dragoman.json:ro");
    assert!(read("deploy/compose/postgres.yaml").contains(&mount));
    let dashboard: Value =
        serde_json::from_str(&read("deploy/grafana/dragoman.json")).expect("JSON");
    assert!(!text(&dashboard, "uid").is_empty() && !text(&dashboard, "title").is_empty());
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel}");
    }
    // Its data come from a source that is chosen by its kind.
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!(text(variable, "type"), "datasource");
    let datasource = document("deploy/grafana/provisioning/datasources/prometheus.yaml");
    let datasource = &datasource["datasources"][0];
    assert_eq!(text(variable, "query"), text(datasource, "type"));
    assert_eq!(datasource["isDefault"], true);
    let url = text(datasource, "url");
    assert_eq!(url, "http://prometheus:9090");
    assert!(read("deploy/compose/postgres.yaml").contains("\n  prometheus:\n"));
}
