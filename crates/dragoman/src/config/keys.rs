//! The keys that exist, taken from the types themselves: a complete configuration, serialized.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::{
    AnonymousConfig, BackendConfig, BaseUrl, ChatterFacadeConfig, Configuration, ContextKind,
    DatamonkeyFacadeConfig, DiscoveryKind, DriftKind, FacadesConfig, GenerationKind, ImportKind,
    Name, RequireKind, ResponderConfig, ResponderKind, RouteConfig, Secret, ShadowConfig,
    ShareConfig, Shares, SignInKind, StoreConfig, SunshineFacadeConfig, TokenLimitKind, WhenConfig,
    Words,
};

/// Below this likeness (0 to 1) no known key is suggested.
const LIKENESS_MIN: f64 = 0.7;

/// Separates the levels of a key in the name of an environment variable.
const VARIABLE_SEPARATOR: &str = "__";

/// Begins the name of every variable that overrides a key.
pub(super) const VARIABLE_PREFIX: &str = "DRAGOMAN__";

/// The shape of the whole configuration: an object per table, one element in each array of tables,
/// an empty object where the operator chooses the keys.
pub(super) fn shape() -> Result<Value, serde_json::Error> {
    let name = Name::store();
    let configuration = Configuration {
        backends: vec![BackendConfig {
            base_url: BaseUrl::try_from("http://localhost".to_owned()).ok(),
            token: Some(Secret::from(String::new())),
            username: Some(String::new()),
            password: Some(Secret::from(String::new())),
            generation: Some(GenerationKind::V0),
            signing_key: Some(Secret::from(String::new())),
            app_id: Some(String::new()),
            key_id: Some(String::new()),
            key_secret: Some(Secret::from(String::new())),
            sign_in: Some(SignInKind::Basic),
            import_mode: Some(ImportKind::Overlay),
            channel_id: Some(String::new()),
            ca_pem: Some(String::new()),
            responder: Some(responder_shape()),
            discovery: Some(DiscoveryKind::Off),
            default_tenant: Some(name.clone()),
            drift: Some(DriftKind::Backend),
            index_max_age_seconds: Some(0),
            context: Some(ContextKind::None),
            context_max_tokens: Some(0),
            overlay_cache_max_bytes: Some(0),
            requests_per_minute: Some(0),
            read_seconds: Some(0),
            calls_at_once_max: Some(0),
            calls_per_minute: Some(0),
            breaker_failures: Some(0),
            retry_budget_percent: Some(0),
            retry_after_max_seconds: Some(0),
            cache_seconds: Some(0),
            cache_max_bytes: Some(0),
            stale_seconds: Some(0),
            passthrough: Some(false),
            ..BackendConfig::embedded_store()
        }],
        routes: vec![RouteConfig {
            name: Some(name.clone()),
            when: WhenConfig {
                tenant: Some(String::new()),
                key: Some(String::new()),
                via: Some(String::new()),
                kind: Some(String::new()),
                label: Some(String::new()),
                metadata: BTreeMap::new(),
                header: BTreeMap::new(),
            },
            // With the weight 1 it would be written as a word.
            to: Shares(vec![ShareConfig {
                backend: name.clone(),
                weight: 0,
            }]),
            fallback: vec![name.clone()],
            require: Some(RequireKind::Native),
            shadow: Some(ShadowConfig {
                backend: name.clone(),
                sample: 0.5,
            }),
        }],
        facades: facades_shape(&name),
        store: StoreConfig {
            data_dir: PathBuf::new(),
            database_url: Some(Secret::from(String::new())),
            sealing_key: Some(Secret::from(String::new())),
            ..StoreConfig::default()
        },
        ..Configuration::default()
    };
    serde_json::to_value(configuration)
}

/// A responder that has everything.
fn responder_shape() -> ResponderConfig {
    ResponderConfig {
        kind: ResponderKind::OpenAi,
        base_url: BaseUrl::try_from("http://localhost".to_owned()).ok(),
        api_key: Some(Secret::from(String::new())),
        model: Some(String::new()),
        other_models: Some(one_word()),
        system_prompt: Some(String::new()),
        temperature: Some(0.5),
        top_p: Some(0.5),
        max_tokens: Some(0),
        max_tokens_as: Some(TokenLimitKind::MaxTokens),
        asks_for_usage: Some(true),
        silence_seconds: Some(0),
    }
}

fn facades_shape(name: &Name) -> FacadesConfig {
    FacadesConfig {
        chatter: ChatterFacadeConfig {
            problems_base: BaseUrl::try_from("http://localhost".to_owned()).ok(),
            ..ChatterFacadeConfig::default()
        },
        datamonkey: DatamonkeyFacadeConfig {
            signing_key: Some(Secret::from(String::new())),
            anonymous: Some(AnonymousConfig {
                tenant: Some(name.clone()),
                sessions_per_minute: Some(0),
            }),
            ..DatamonkeyFacadeConfig::default()
        },
        sunshine: SunshineFacadeConfig {
            app_ids: one_word(),
            public_url: BaseUrl::try_from("http://localhost".to_owned()).ok(),
            ..SunshineFacadeConfig::default()
        },
        ..FacadesConfig::default()
    }
}

fn one_word() -> Words {
    Words(vec![String::new()])
}

/// Every single value that a file or a variable can set, as dotted path without array positions.
pub(super) fn leaves(shape: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_leaves(shape, "", &mut found);
    found
}

fn collect_leaves(shape: &Value, path: &str, found: &mut Vec<String>) {
    match shape {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                collect_leaves(member, &join(path, key), found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect_leaves(element, path, found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// A path one level further down.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The variable that overrides a key outside `[[backend]]` and `[[route]]`.
pub(super) fn variable_of(path: &str) -> String {
    format!(
        "{VARIABLE_PREFIX}{}",
        path.to_ascii_uppercase().replace('.', VARIABLE_SEPARATOR)
    )
}

/// The key that a variable overrides; it need not exist.
pub(super) fn key_of(variable: &str) -> Option<String> {
    variable
        .strip_prefix(VARIABLE_PREFIX)
        .map(|rest| rest.to_ascii_lowercase().replace(VARIABLE_SEPARATOR, "."))
}

/// The candidate that a mistyped word most likely meant.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_reach_into_tables_and_arrays_of_tables() {
        let leaves = leaves(&shape().unwrap());
        for expected in [
            "default_backend",
            "server.listen",
            "backend.token",
            "route.when.metadata",
        ] {
            assert!(leaves.iter().any(|leaf| leaf == expected), "{expected}");
        }
    }

    #[test]
    fn variable_and_key_are_inverse() {
        for leaf in leaves(&shape().unwrap()) {
            assert_eq!(key_of(&variable_of(&leaf)).unwrap(), leaf);
        }
    }

    #[test]
    fn nearest_ignores_words_that_are_not_alike() {
        let known = ["listen", "data_dir"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("zzz", known), None);
    }
}
