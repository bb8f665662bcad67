//! A vendor's backend by a few environment variables, for a first trial without a file.

use std::collections::BTreeMap;

use ::config::{Map, Value, ValueKind};

use super::diagnose::{Place, Problem};
use super::places::Places;

/// A backend that variables can add. It is called like its kind.
struct Shortcut {
    kind: &'static str,
    /// Its base URL; without it there is no backend.
    url: &'static str,
    /// The other variables, each with the key that it sets.
    others: &'static [(&'static str, &'static str)],
}

const SHORTCUTS: &[Shortcut] = &[
    Shortcut {
        kind: "chatter",
        url: "DRAGOMAN_CHATTER_URL",
        others: &[("DRAGOMAN_CHATTER_TOKEN", "token")],
    },
    Shortcut {
        kind: "datamonkey",
        url: "DRAGOMAN_DATAMONKEY_URL",
        others: &[("DRAGOMAN_DATAMONKEY_SIGNING_KEY", "signing_key")],
    },
    Shortcut {
        kind: "sunshine",
        url: "DRAGOMAN_SUNSHINE_URL",
        others: &[
            ("DRAGOMAN_SUNSHINE_APP_ID", "app_id"),
            ("DRAGOMAN_SUNSHINE_KEY_ID", "key_id"),
            ("DRAGOMAN_SUNSHINE_KEY_SECRET", "key_secret"),
        ],
    },
    Shortcut {
        kind: "convore",
        url: "DRAGOMAN_CONVORE_URL",
        others: &[
            ("DRAGOMAN_CONVORE_TOKEN", "token"),
            ("DRAGOMAN_CONVORE_CHANNEL_ID", "channel_id"),
        ],
    },
];

/// Adds the backends that the variables ask for to the merged values. New conversations live on the one added, unless
/// there are several or a `default_backend` is set anywhere.
pub(super) fn add_vendors(
    values: &mut Map<String, Value>,
    variables: &BTreeMap<String, String>,
    places: &mut Places,
) -> Result<(), Problem> {
    let mut added = Vec::new();
    for shortcut in SHORTCUTS {
        if shortcut.add(values, variables, places)? {
            added.push(shortcut);
        }
    }
    if let [only] = added.as_slice()
        && !values.contains_key("default_backend")
    {
        values.insert("default_backend".to_owned(), Value::from(only.kind));
        places
            .variables
            .insert("default_backend".to_owned(), only.url.to_owned());
    }
    Ok(())
}

impl Shortcut {
    /// True where the variables ask for this backend.
    fn add(
        &self,
        values: &mut Map<String, Value>,
        variables: &BTreeMap<String, String>,
        places: &mut Places,
    ) -> Result<bool, Problem> {
        let given = self
            .others
            .iter()
            .filter_map(|(variable, key)| Some((*variable, *key, variables.get(*variable)?)));
        let Some(url) = variables.get(self.url) else {
            return match given.map(|(variable, ..)| variable).next() {
                Some(variable) => Err(problem(
                    variable,
                    format!("it has no server to go with, {} is not set", self.url),
                    format!(
                        "set {} to the address of the {} server",
                        self.url, self.kind
                    ),
                )),
                None => Ok(false),
            };
        };
        let backends = values
            .entry("backend".to_owned())
            .or_insert_with(|| Value::from(Vec::<Value>::new()));
        let ValueKind::Array(backends) = &mut backends.kind else {
            // The walk over the file has already refused any other form.
            return Ok(false);
        };
        if backends.iter().any(|backend| is_called(backend, self.kind)) {
            return Err(problem(
                self.url,
                format!("the file already has a backend called `{}`", self.kind),
                format!(
                    "unset {0}, or write base_url = \"${{env:{0}}}\" there",
                    self.url
                ),
            ));
        }
        let path = format!("backend[{}]", backends.len());
        let mut backend = Map::new();
        for (key, value) in [("name", self.kind), ("kind", self.kind), ("base_url", url)] {
            backend.insert(key.to_owned(), Value::from(value));
        }
        for (variable, key, value) in given {
            backend.insert(key.to_owned(), Value::from(value.as_str()));
            places
                .variables
                .insert(format!("{path}.{key}"), variable.to_owned());
        }
        backends.push(Value::from(backend));
        places.variables.insert(path, self.url.to_owned());
        Ok(true)
    }
}

fn is_called(backend: &Value, name: &str) -> bool {
    let ValueKind::Table(members) = &backend.kind else {
        return false;
    };
    matches!(
        members.get("name").map(|name| &name.kind),
        Some(ValueKind::String(found)) if found == name
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
