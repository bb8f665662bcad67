//! Which layer set each value: flag, variable, file or built-in default.

use std::collections::BTreeMap;

use super::diagnose::Place;
use super::source::Source;

/// Which layer set each value, by dotted path with array positions.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) flags: BTreeMap<String, &'static str>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) source: Option<Source>,
}

impl Places {
    /// The layer that won for this path; what stands around it where nothing set it itself.
    pub(super) fn place_of(&self, path: &str) -> Place {
        if let Some(flag) = self.flags.get(path) {
            return Place::Flag(flag);
        }
        if let Some(name) = self.variable_around(path) {
            return Place::Variable(name.clone());
        }
        self.source
            .as_ref()
            .and_then(|source| source.span_of(path))
            .map_or(Place::Nowhere, Place::File)
    }

    /// As [`Places::place_of`], but `None` unless the path itself was set.
    pub(super) fn setter_of(&self, path: &str) -> Option<Place> {
        let set = self.flags.contains_key(path)
            || self.variable_around(path).is_some()
            || self.source.as_ref().is_some_and(|source| source.sets(path));
        set.then(|| self.place_of(path))
    }

    fn variable_around(&self, path: &str) -> Option<&String> {
        let mut path = path;
        loop {
            if let Some(name) = self.variables.get(path) {
                return Some(name);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}
