//! Metadata, and a workflow's settings, which the vendor keeps inside of it.
//!
//! An update of the vendor's replaces, ours merges: the difference is computed here.

use conversation::{Conversation, JsonMap, RawJson};

/// Where the vendor keeps a workflow's settings: inside its metadata.
pub(super) const WORKFLOW_CONFIG: &str = "workflow_config";

/// What an update sent.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) metadata: Option<&'a RawJson>,
    pub(super) workflow_config: Option<&'a RawJson>,
}

/// What has to be merged, so that the conversation has what was sent.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    pub(super) metadata: Option<JsonMap>,
    /// Null takes it away.
    pub(super) workflow_config: Option<RawJson>,
}

impl Sent<'_> {
    /// The change that makes what was sent out of what there is.
    pub(super) fn change(self, current: &Conversation) -> Change {
        let assistant = current.assistant.as_ref();
        let current_config = assistant.and_then(|assistant| assistant.workflow_config.as_ref());
        let (metadata, inside) = split(self.metadata);
        // The member of its own wins over the one inside of the metadata.
        let wanted_config = self.workflow_config.cloned().or(inside);
        let workflow_config = match wanted_config {
            Some(wanted) => replacing_value(current_config, &wanted),
            // New metadata without it.
            None => current_config.map(|_| RawJson::default()),
        };
        Change {
            metadata: self
                .metadata
                .and_then(|_| replacing(&current.metadata, metadata)),
            workflow_config,
        }
    }
}

/// Metadata, and the workflow's settings inside of it.
pub(super) fn split(raw: Option<&RawJson>) -> (JsonMap, Option<RawJson>) {
    let mut metadata: JsonMap = raw.and_then(|raw| raw.to().ok()).unwrap_or_default();
    let inside = match metadata.get(WORKFLOW_CONFIG) {
        Some(value) if is_object(value) => metadata.remove(WORKFLOW_CONFIG),
        _ => None,
    };
    (metadata, inside)
}

/// The change that makes `wanted` out of `current`; `None` where there is nothing to change.
fn replacing(current: &JsonMap, wanted: JsonMap) -> Option<JsonMap> {
    let mut change: JsonMap = current
        .keys()
        .filter(|name| !wanted.contains_key(*name))
        .map(|name| (name.clone(), RawJson::default()))
        .collect();
    for (name, value) in wanted {
        if let Some(value) = replacing_value(current.get(&name), &value) {
            change.insert(name, value);
        }
    }
    Some(change).filter(|change| !change.is_empty())
}

/// As [`replacing`], for one value: what is merged into an object has to take its other members away.
fn replacing_value(current: Option<&RawJson>, wanted: &RawJson) -> Option<RawJson> {
    let Some(current) = current else {
        return Some(wanted.clone());
    };
    if current == wanted {
        return None;
    }
    let both = match is_object(current) && is_object(wanted) {
        true => current
            .to::<JsonMap>()
            .ok()
            .zip(wanted.to::<JsonMap>().ok()),
        false => None,
    };
    match both {
        Some((current, wanted)) => {
            let change = replacing(&current, wanted)?;
            RawJson::from_serialize(&change).ok()
        }
        None => Some(wanted.clone()),
    }
}

fn is_object(value: &RawJson) -> bool {
    value.get().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> RawJson {
        RawJson::parse(text).unwrap()
    }

    fn map(text: &str) -> JsonMap {
        raw(text).to().unwrap()
    }

    #[test]
    fn what_is_replaced_is_merged_back_to_exactly_that() {
        for (current, wanted) in [
            (r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":5,"d":4}"#),
            (r#"{"a":{"x":1,"y":{"z":1}}}"#, r#"{"a":{"y":{"w":2}}}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":[1]}"#),
            (r#"{"a":[1]}"#, r#"{"a":{"x":1}}"#),
            (r#"{"a":{"x":1}}"#, "{}"),
            ("{}", r#"{"a":{"x":1}}"#),
        ] {
            let change = replacing(&map(current), map(wanted)).unwrap();
            let mut merged = map(current);
            conversation::merge_map(&mut merged, change).unwrap();
            assert_eq!(merged, map(wanted), "{current} -> {wanted}");
        }
        let current = map(r#"{"a":{"x":1},"b":2}"#);
        assert_eq!(replacing(&current, current.clone()), None);
    }

    #[test]
    fn settings_of_a_workflow_are_found_inside_metadata() {
        let (metadata, inside) = split(Some(&raw(r#"{"a":1,"workflow_config":{"k":[1]}}"#)));
        assert_eq!(metadata, map(r#"{"a":1}"#));
        assert_eq!(inside, Some(raw(r#"{"k":[1]}"#)));
        assert_eq!(split(Some(&raw(r#"{"workflow_config":"text"}"#))).1, None);
    }
}
