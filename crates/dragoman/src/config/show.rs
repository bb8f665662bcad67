//! The effective configuration for people: every value, and which layer set it. No secret.

use serde::Serialize;
use serde_json::Value;

use super::diagnose::Place;
use super::keys::join;
use super::load::Loaded;
use super::source::line_and_column;

/// One value and the layer that set it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Dotted path, with positions in arrays of tables.
    pub key: String,
    /// The value; secrets are replaced by a placeholder.
    pub value: Value,
    /// `default`, `FILE:LINE`, the name of a variable or a flag.
    pub origin: String,
}

impl Loaded {
    /// The effective configuration as TOML, without secrets.
    ///
    /// # Errors
    /// When a value has no TOML form, which the types rule out.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&self.configuration)
    }

    /// Every single value with its origin, in the order of the keys.
    ///
    /// # Errors
    /// When a value has no JSON form, which the types rule out.
    pub fn values(&self) -> Result<Vec<Shown>, serde_json::Error> {
        let mut shown = Vec::new();
        let tree = serde_json::to_value(&self.configuration)?;
        self.collect(&tree, "", &mut shown);
        Ok(shown)
    }

    /// Where the value at `path` stands: `FILE:LINE:COLUMN`, a variable or a flag.
    pub(crate) fn position_of(&self, path: &str) -> Option<String> {
        match (self.places.place_of(path), &self.excerpt) {
            (Place::File(span), Some(excerpt)) => {
                let (line, column) = line_and_column(&excerpt.masked_text, span.start);
                Some(format!("{}:{line}:{column}", excerpt.name))
            }
            (Place::Variable(name), _) => Some(name),
            (Place::Flag(name), _) => Some(name.to_owned()),
            _ => None,
        }
    }

    fn collect(&self, value: &Value, path: &str, shown: &mut Vec<Shown>) {
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (key, member) in members {
                    self.collect(member, &join(path, key), shown);
                }
            }
            Value::Array(elements) => {
                for (position, element) in elements.iter().enumerate() {
                    self.collect(element, &format!("{path}[{position}]"), shown);
                }
            }
            _ => shown.push(Shown {
                key: path.to_owned(),
                value: value.clone(),
                origin: self.origin_of(path),
            }),
        }
    }

    fn origin_of(&self, path: &str) -> String {
        match (self.places.setter_of(path), &self.excerpt) {
            (Some(Place::Flag(flag)), _) => flag.to_owned(),
            (Some(Place::Variable(name)), _) => name,
            (Some(Place::File(span)), Some(excerpt)) => {
                let (line, _) = line_and_column(&excerpt.masked_text, span.start);
                format!("{}:{line}", excerpt.name)
            }
            _ => "default".to_owned(),
        }
    }
}
