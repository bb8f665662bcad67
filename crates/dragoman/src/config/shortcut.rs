//! A Chatter backend by two environment variables, for a first trial without a file.

use std::collections::BTreeMap;

use ::config::{Map, Value, ValueKind};

use super::diagnose::{Place, Problem};
use super::places::Places;

/// Adds a backend called `chatter` with this base URL and makes it the default.
pub(super) const CHATTER_URL: &str = "DRAGOMAN_CHATTER_URL";
/// The access token of that backend.
pub(super) const CHATTER_TOKEN: &str = "DRAGOMAN_CHATTER_TOKEN";

const NAME: &str = "chatter";

/// Adds what the two variables ask for to the merged values. A `default_backend` that is set
/// anywhere stays.
pub(super) fn add_chatter(
    values: &mut Map<String, Value>,
    variables: &BTreeMap<String, String>,
    places: &mut Places,
) -> Result<(), Problem> {
    let Some(url) = variables.get(CHATTER_URL) else {
        return match variables.get(CHATTER_TOKEN) {
            Some(_) => Err(problem(
                CHATTER_TOKEN,
                format!("the token has no server to go with, {CHATTER_URL} is not set"),
                format!("set {CHATTER_URL} to the address of the Chatter server"),
            )),
            None => Ok(()),
        };
    };
    let mut backend = Map::new();
    let mut set = |key: &str, value: &str| {
        backend.insert(key.to_owned(), Value::from(value));
    };
    set("name", NAME);
    set("kind", "chatter");
    set("base_url", url);
    if let Some(token) = variables.get(CHATTER_TOKEN) {
        set("token", token);
    }
    let backends = values
        .entry("backend".to_owned())
        .or_insert_with(|| Value::from(Vec::<Value>::new()));
    let ValueKind::Array(backends) = &mut backends.kind else {
        // The walk over the file has already refused any other form.
        return Ok(());
    };
    if backends.iter().any(is_called_chatter) {
        return Err(problem(
            CHATTER_URL,
            format!("the file already has a backend called `{NAME}`"),
            format!("unset {CHATTER_URL}, or write base_url = \"${{env:{CHATTER_URL}}}\" there"),
        ));
    }
    let path = format!("backend[{}]", backends.len());
    backends.push(Value::from(backend));
    places
        .variables
        .insert(format!("{path}.token"), CHATTER_TOKEN.to_owned());
    places.variables.insert(path, CHATTER_URL.to_owned());
    if !values.contains_key("default_backend") {
        values.insert("default_backend".to_owned(), Value::from(NAME));
        places
            .variables
            .insert("default_backend".to_owned(), CHATTER_URL.to_owned());
    }
    Ok(())
}

fn is_called_chatter(backend: &Value) -> bool {
    let ValueKind::Table(members) = &backend.kind else {
        return false;
    };
    matches!(
        members.get("name").map(|name| &name.kind),
        Some(ValueKind::String(name)) if name == NAME
    )
}

fn problem(variable: &str, message: String, help: String) -> Problem {
    Problem {
        message,
        place: Place::Variable(variable.to_owned()),
        label: String::new(),
        help: Some(help),
    }
}
