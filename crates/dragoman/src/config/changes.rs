//! What differs between two configurations, key by key, and what of it can change while the process runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Configuration;
use super::keys::join;
use super::secret::{shown, with_fingerprints};

/// Keys, and tables of them, that are read once, when the process starts.
const READ_AT_START: [&str; 14] = [
    "server",
    "store",
    "migration",
    "telemetry.log_format",
    "limits.connections_max",
    "limits.connections_per_address_max",
    "limits.headers_max",
    "limits.head_max_bytes",
    "timeouts.head_seconds",
    "timeouts.idle_connection_seconds",
    "timeouts.write_stall_seconds",
    "timeouts.drain_seconds",
    "timeouts.stream_grace_seconds",
    "timeouts.shutdown_seconds",
];

/// Sizes of memories that a backend hands on to whatever takes its place.
const KEPT_MEMORIES: [&str; 2] = ["overlay_cache_max_bytes", "cache_max_bytes"];

/// A key whose value differs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Its path; a backend goes by its name, a rule by its place: `backend.support.base_url`, `route[0].to`.
    pub(crate) key: String,
    /// Its value before; absent where it was not set. A secret is a placeholder.
    pub(crate) from: Option<Value>,
    /// Its value afterwards.
    pub(crate) to: Option<Value>,
    /// True where it is read only when the process starts.
    pub(crate) needs_restart: bool,
}

/// What differs between two configurations, by key.
///
/// # Errors
/// When a value has no JSON form, which the types rule out.
pub(crate) fn changes(
    before: &Configuration,
    after: &Configuration,
) -> Result<Vec<Change>, serde_json::Error> {
    let (before, after) = (values(before)?, values(after)?);
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differing = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key));
    Ok(differing
        .map(|key| Change {
            key: key.clone(),
            from: before.get(key).map(for_people),
            to: after.get(key).map(for_people),
            needs_restart: is_read_at_start(key) || is_kept_memory(key, &before),
        })
        .collect())
}

/// `wanted` with what is read only at the start as it is in `running`.
pub(crate) fn as_far_as_live(mut wanted: Configuration, running: &Configuration) -> Configuration {
    wanted.server = running.server.clone();
    wanted.store = running.store.clone();
    wanted.migration = running.migration.clone();
    wanted.telemetry.log_format = running.telemetry.log_format;
    for backend in &mut wanted.backends {
        let kept = running
            .backends
            .iter()
            .find(|kept| kept.name == backend.name);
        if let Some(kept) = kept {
            backend.overlay_cache_max_bytes = kept.overlay_cache_max_bytes;
            backend.cache_max_bytes = kept.cache_max_bytes;
        }
    }
    let (limits, kept) = (&mut wanted.limits, &running.limits);
    limits.connections_max = kept.connections_max;
    limits.connections_per_address_max = kept.connections_per_address_max;
    limits.headers_max = kept.headers_max;
    limits.head_max_bytes = kept.head_max_bytes;
    let (timeouts, kept) = (&mut wanted.timeouts, &running.timeouts);
    timeouts.head_seconds = kept.head_seconds;
    timeouts.idle_connection_seconds = kept.idle_connection_seconds;
    timeouts.write_stall_seconds = kept.write_stall_seconds;
    timeouts.drain_seconds = kept.drain_seconds;
    timeouts.stream_grace_seconds = kept.stream_grace_seconds;
    timeouts.shutdown_seconds = kept.shutdown_seconds;
    wanted
}

/// Whether this is the size of a memory that a backend has already, and hands on to whatever takes its place.
fn is_kept_memory(key: &str, before: &BTreeMap<String, Value>) -> bool {
    let backend = KEPT_MEMORIES
        .iter()
        .find_map(|memory| key.strip_suffix(memory)?.strip_suffix('.'));
    backend.is_some_and(|backend| before.contains_key(&join(backend, "name")))
}

fn is_read_at_start(key: &str) -> bool {
    READ_AT_START.iter().any(|known| {
        key.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Every single value by its path. Secrets are fingerprints.
fn values(configuration: &Configuration) -> Result<BTreeMap<String, Value>, serde_json::Error> {
    let tree = with_fingerprints(|| serde_json::to_value(configuration))?;
    let mut found = BTreeMap::new();
    collect(tree, "", &mut found);
    Ok(found)
}

fn collect(value: Value, path: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (key, member) in members {
                collect(member, &join(path, &key), found);
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.into_iter().enumerate() {
                let name = (path == "backend").then(|| element.get("name")).flatten();
                let here = match name.and_then(Value::as_str) {
                    Some(name) => join(path, name),
                    None => format!("{path}[{position}]"),
                };
                collect(element, &here, found);
            }
        }
        value => {
            found.insert(path.to_owned(), value);
        }
    }
}

fn for_people(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(shown(text)),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Configuration {
        let configuration: Configuration = toml::from_str(text).unwrap();
        configuration.with_embedded_store()
    }

    fn keys(before: &str, after: &str) -> Vec<String> {
        let found = changes(&read(before), &read(after)).unwrap();
        found.into_iter().map(|change| change.key).collect()
    }

    const VENDOR: &str = "[[backend]]\nname = \"a\"\nkind = \"chatter\"\nbase_url = \"http://one\"\ntoken = \"planted\"\n";

    #[test]
    fn a_change_is_named_by_its_key_wherever_its_table_stands() {
        assert_eq!(keys(VENDOR, VENDOR), Vec::<String>::new());
        let other = VENDOR.replace("http://one", "http://two");
        assert_eq!(keys(VENDOR, &other), ["backend.a.base_url"]);
        let first = format!("[[backend]]\nname = \"b\"\nkind = \"store\"\n{VENDOR}");
        let last = format!("{VENDOR}[[backend]]\nname = \"b\"\nkind = \"store\"\n");
        assert_eq!(keys(&first, &last), Vec::<String>::new());
        let level = "[telemetry]\nlog_level = \"debug\"\n";
        assert_eq!(keys("", level), ["telemetry.log_level"]);
    }

    #[test]
    fn a_secret_that_changed_is_named_and_not_shown() {
        let other = VENDOR.replace("planted", "another");
        let found = changes(&read(VENDOR), &read(&other)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "backend.a.token");
        let shown = format!("{found:?}");
        assert!(
            !shown.contains("planted") && !shown.contains("another"),
            "{shown}"
        );
        assert!(!shown.contains("fingerprint"), "{shown}");
    }

    #[test]
    fn what_is_read_at_the_start_is_told_and_held_back() {
        let wanted = read(
            "[server]\nlisten = \"127.0.0.1:1\"\n[store]\ndata_dir = \"elsewhere\"\n[telemetry]\nlog_format = \"json\"\n\
             log_level = \"debug\"\n[limits]\nrequests_max = 7\nconnections_max = 8\n[timeouts]\nshutdown_seconds = 99\n",
        );
        let running = read("");
        let found = changes(&running, &wanted).unwrap();
        let held_back = |change: &&Change| change.needs_restart;
        let held: Vec<&str> = found
            .iter()
            .filter(held_back)
            .map(|change| change.key.as_str())
            .collect();
        let wanted_keys = [
            "limits.connections_max",
            "server.listen",
            "store.data_dir",
            "telemetry.log_format",
            "timeouts.shutdown_seconds",
        ];
        assert_eq!(held, wanted_keys);
        let live = as_far_as_live(wanted, &running);
        let left = changes(&running, &live).unwrap();
        let left: Vec<&str> = left.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(left, ["limits.requests_max", "telemetry.log_level"]);
    }

    #[test]
    fn a_memory_that_exists_keeps_its_size() {
        let sized = |size: u32| format!("{VENDOR}overlay_cache_max_bytes = {size}\n");
        let (running, wanted) = (read(&sized(1)), read(&sized(2)));
        let found = changes(&running, &wanted).unwrap();
        assert!(found[0].needs_restart, "{found:?}");
        assert_eq!(as_far_as_live(wanted.clone(), &running), running);
        // A backend that is new has none yet.
        let found = changes(&read(""), &wanted).unwrap();
        assert!(
            found.iter().all(|change| !change.needs_restart),
            "{found:?}"
        );
        assert_eq!(as_far_as_live(wanted.clone(), &read("")), wanted);
    }

    /// Both lists say the same of every key: what is told to need a restart is held back, and nothing else is.
    #[test]
    fn whatever_is_held_back_is_told() {
        let running = Configuration::default();
        let mut tree = serde_json::to_value(&running).unwrap();
        change_all(&mut tree);
        let Ok(changed) = serde_json::from_value::<Configuration>(tree) else {
            panic!("the changed values fit no configuration");
        };
        let told: Vec<String> = changes(&running, &changed)
            .unwrap()
            .into_iter()
            .filter(|change| change.needs_restart)
            .map(|change| change.key)
            .collect();
        assert!(told.len() > 14, "{told:?}");
        let live = as_far_as_live(changed.clone(), &running);
        let held: Vec<String> = changes(&live, &changed)
            .unwrap()
            .into_iter()
            .map(|change| change.key)
            .collect();
        assert_eq!(told, held);
    }

    /// Another value for every number and truth value.
    fn change_all(value: &mut Value) {
        match value {
            Value::Object(members) => members.values_mut().for_each(change_all),
            Value::Array(elements) => elements.iter_mut().for_each(change_all),
            Value::Bool(is) => *is = !*is,
            Value::Number(number) => {
                if let Some(count) = number.as_u64() {
                    *value = Value::from(count + 1);
                }
            }
            _ => {}
        }
    }
}
