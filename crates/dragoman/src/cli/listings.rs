//! `dragoman backends` and `dragoman routes`, and the two forms of every list.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use serde::Serialize;

use super::arguments::Listing;
use super::print;
use crate::config::load::load;
use crate::config::{BackendConfig, Configuration, Name, RequireKind, RouteConfig, WhenConfig};
use crate::failure::Failure;

/// Prints the configured backends.
pub(crate) fn backends(
    listing: &Listing,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Row<'a> {
        default: bool,
        #[serde(flatten)]
        backend: &'a BackendConfig,
    }
    let configuration = load(&listing.source.to_flags(), variables)?.configuration;
    let rows: Vec<Row<'_>> = configuration
        .backends
        .iter()
        .map(|backend| Row {
            default: backend.name == configuration.default_backend,
            backend,
        })
        .collect();
    if listing.json {
        return Ok(print::out(&to_json(&rows)?)?);
    }
    let mut table = table(&["name", "kind", "address", "default"]);
    for row in &rows {
        let address = row.backend.base_url.as_ref().map_or_else(
            || configuration.store.database_shown(),
            |url| url.as_url().to_string(),
        );
        table.add_row([
            row.backend.name.as_str(),
            row.backend.kind.as_str(),
            &address,
            if row.default { "yes" } else { "" },
        ]);
    }
    Ok(print::out(&(table.trim_fmt() + "\n"))?)
}

/// Prints the rules that place new conversations, the default backend last.
pub(crate) fn routes(
    listing: &Listing,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let configuration = load(&listing.source.to_flags(), variables)?.configuration;
    if listing.json {
        return Ok(print::out(&to_json(&all_routes(&configuration)?)?)?);
    }
    let mut table = table(&["name", "when", "to", "fallback", "beside"]);
    for (position, route) in configuration.routes.iter().enumerate() {
        table.add_row([
            route.effective_name(position),
            described(&route.when),
            route.to.to_string(),
            listed(&route.fallback),
            beside(route),
        ]);
    }
    let default = configuration.default_backend.as_str();
    table.add_row(["default", "always", default, "", ""]);
    Ok(print::out(&(table.trim_fmt() + "\n"))?)
}

fn all_routes(configuration: &Configuration) -> Result<Vec<serde_json::Value>, serde_json::Error> {
    let rules = configuration.routes.iter().enumerate();
    let mut all = rules
        .map(|(position, route)| {
            serde_json::to_value(RouteConfig {
                name: None,
                ..route.clone()
            })
            .map(|mut value| {
                value["name"] = route.effective_name(position).into();
                value
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    all.push(serde_json::json!({
        "name": "default",
        "when": {},
        "to": configuration.default_backend,
    }));
    Ok(all)
}

fn listed(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}

/// What a rule asks beside its conditions.
fn beside(route: &RouteConfig) -> String {
    let require = route.require.map(|require| match require {
        RequireKind::Native => "requires native".to_owned(),
        RequireKind::Effective => "requires effective".to_owned(),
    });
    let shadow = route.shadow.as_ref();
    let shadow =
        shadow.map(|shadow| format!("compared with {} ({})", shadow.backend, shadow.sample));
    let all: Vec<String> = require.into_iter().chain(shadow).collect();
    all.join(", ")
}

fn described(when: &WhenConfig) -> String {
    let single = [
        ("tenant", &when.tenant),
        ("key", &when.key),
        ("via", &when.via),
        ("kind", &when.kind),
        ("label", &when.label),
    ];
    let mut conditions: Vec<String> = single
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} = {}", value.as_ref()?)))
        .collect();
    for (table, members) in [("metadata", &when.metadata), ("header", &when.header)] {
        conditions.extend(
            members
                .iter()
                .map(|(name, value)| format!("{table}.{name} = {value}")),
        );
    }
    if conditions.is_empty() {
        "always".to_owned()
    } else {
        conditions.join(" and ")
    }
}

/// A table without lines and colours that pipes and terminals read alike.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Indented JSON with a line break at its end.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}
