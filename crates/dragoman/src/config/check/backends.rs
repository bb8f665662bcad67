//! Rules of `[[backend]]`: which keys belong to which kind, and which a kind needs.

use std::collections::BTreeSet;

use super::Rules;
use crate::config::{BackendConfig, BackendKind, Configuration, Secret};

use BackendKind::{Chatter, Convore, Datamonkey, Store, Sunshine};

/// A key that not every kind takes.
struct Key {
    name: &'static str,
    taken_by: &'static [BackendKind],
    needed_by: &'static [BackendKind],
    is_set: fn(&BackendConfig) -> bool,
    /// What to write, for a kind that needs it.
    example: &'static str,
}

const VENDORS: &[BackendKind] = &[Chatter, Datamonkey, Sunshine, Convore];

const KEYS: &[Key] = &[
    Key {
        name: "base_url",
        taken_by: VENDORS,
        needed_by: VENDORS,
        is_set: |backend| backend.base_url.is_some(),
        example: "base_url = \"https://…\"",
    },
    Key {
        name: "token",
        taken_by: &[Chatter, Sunshine, Convore],
        needed_by: &[Convore],
        is_set: |backend| backend.token.is_some(),
        example: "token = \"${env:CONVORE_TOKEN}\"",
    },
    Key {
        name: "username",
        taken_by: &[Chatter],
        needed_by: &[],
        is_set: |backend| backend.username.is_some(),
        example: "",
    },
    Key {
        name: "password",
        taken_by: &[Chatter],
        needed_by: &[],
        is_set: |backend| backend.password.is_some(),
        example: "",
    },
    Key {
        name: "generation",
        taken_by: &[Chatter],
        needed_by: &[],
        is_set: |backend| backend.generation.is_some(),
        example: "",
    },
    Key {
        name: "signing_key",
        taken_by: &[Datamonkey],
        needed_by: &[],
        is_set: |backend| backend.signing_key.is_some(),
        example: "",
    },
    Key {
        name: "app_id",
        taken_by: &[Sunshine],
        needed_by: &[Sunshine],
        is_set: |backend| is_text(backend.app_id.as_deref()),
        example: "app_id = \"…\", the id of the app in the vendor's console",
    },
    Key {
        name: "key_id",
        taken_by: &[Sunshine],
        needed_by: &[],
        is_set: |backend| backend.key_id.is_some(),
        example: "",
    },
    Key {
        name: "key_secret",
        taken_by: &[Sunshine],
        needed_by: &[],
        is_set: |backend| backend.key_secret.is_some(),
        example: "",
    },
    Key {
        name: "sign_in",
        taken_by: &[Sunshine],
        needed_by: &[],
        is_set: |backend| backend.sign_in.is_some(),
        example: "",
    },
    Key {
        name: "import_mode",
        taken_by: &[Sunshine],
        needed_by: &[],
        is_set: |backend| backend.import_mode.is_some(),
        example: "",
    },
    Key {
        name: "channel_id",
        taken_by: &[Convore],
        needed_by: &[Convore],
        is_set: |backend| is_text(backend.channel_id.as_deref()),
        example: "channel_id = \"chnnl_…\", the channel in which new conversations are made",
    },
    Key {
        name: "ca_pem",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.ca_pem.is_some(),
        example: "",
    },
    Key {
        name: "responder",
        taken_by: &[Store, Sunshine, Convore],
        needed_by: &[],
        is_set: |backend| backend.responder.is_some(),
        example: "",
    },
    Key {
        name: "discovery",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.discovery.is_some(),
        example: "",
    },
    Key {
        name: "default_tenant",
        taken_by: &[Chatter, Convore],
        needed_by: &[],
        is_set: |backend| backend.default_tenant.is_some(),
        example: "",
    },
    Key {
        name: "drift",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.drift.is_some(),
        example: "",
    },
    Key {
        name: "index_max_age_seconds",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.index_max_age_seconds.is_some(),
        example: "",
    },
    Key {
        name: "context",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.context.is_some(),
        example: "",
    },
    Key {
        name: "context_max_tokens",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.context_max_tokens.is_some(),
        example: "",
    },
    Key {
        name: "overlay_cache_max_bytes",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.overlay_cache_max_bytes.is_some(),
        example: "",
    },
    Key {
        name: "requests_per_minute",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.requests_per_minute.is_some(),
        example: "",
    },
    Key {
        name: "read_seconds",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.read_seconds.is_some(),
        example: "",
    },
    Key {
        name: "calls_at_once_max",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.calls_at_once_max.is_some(),
        example: "",
    },
    Key {
        name: "calls_per_minute",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.calls_per_minute.is_some(),
        example: "",
    },
    Key {
        name: "breaker_failures",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.breaker_failures.is_some(),
        example: "",
    },
    Key {
        name: "retry_budget_percent",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.retry_budget_percent.is_some(),
        example: "",
    },
    Key {
        name: "retry_after_max_seconds",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.retry_after_max_seconds.is_some(),
        example: "",
    },
    Key {
        name: "cache_seconds",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.cache_seconds.is_some(),
        example: "",
    },
    Key {
        name: "cache_max_bytes",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.cache_max_bytes.is_some(),
        example: "",
    },
    Key {
        name: "stale_seconds",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.stale_seconds.is_some(),
        example: "",
    },
    Key {
        name: "passthrough",
        taken_by: VENDORS,
        needed_by: &[],
        is_set: |backend| backend.passthrough.is_some(),
        example: "",
    },
];

/// The longest transcript, in tokens.
const CONTEXT_MAX_TOKENS: u64 = 1_000_000;

/// The most memory for what is kept beside one vendor, or remembered of it, in bytes: 16 GiB.
const CACHE_MAX_BYTES: u64 = 16 << 30;

/// The most calls at once: what one machine could ever hold.
const CALLS_AT_ONCE_MAX: u64 = 100_000;

/// A vendor is left alone after this many failures at the latest.
const BREAKER_FAILURES_MAX: u64 = 20;

/// The longest time that an answer may be old, in seconds: a month.
const REMEMBERED_SECONDS_MAX: u64 = 31 * 86_400;

/// The most requests in a minute: what one machine could ever send.
const REQUESTS_PER_MINUTE_MAX: u64 = 10_000_000;

fn is_text(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}

impl Rules<'_> {
    pub(super) fn backends(&mut self, configuration: &Configuration) {
        let mut names = BTreeSet::new();
        for (position, backend) in configuration.backends.iter().enumerate() {
            let path = format!("backend[{position}]");
            if !names.insert(&backend.name) {
                self.broken(
                    &format!("{path}.name"),
                    format!("two backends are called `{}`", backend.name),
                    Some(
                        "give each backend its own name; a store is added under the name `store` \
                         unless a backend of kind store is listed"
                            .to_owned(),
                    ),
                );
            }
            self.keys(backend, &path);
            self.ways_to_log_in(backend, &path);
            if let Some(responder) = &backend.responder {
                self.responder(responder, &format!("{path}.responder"));
            }
            for (key, value) in [
                ("connect_seconds", backend.connect_seconds),
                ("write_seconds", backend.write_seconds),
                ("answer_seconds", backend.answer_seconds),
                ("settle_after_seconds", backend.settle_after_seconds),
                ("clock_skew_seconds", backend.clock_skew_seconds),
            ] {
                self.seconds(&format!("{path}.{key}"), value);
            }
            for (key, value) in [
                ("index_max_age_seconds", backend.index_max_age_seconds),
                ("read_seconds", backend.read_seconds),
                ("retry_after_max_seconds", backend.retry_after_max_seconds),
            ] {
                if let Some(value) = value {
                    self.seconds(&format!("{path}.{key}"), value);
                }
            }
            for (key, value, least, most) in [
                (
                    "context_max_tokens",
                    backend.context_max_tokens,
                    1,
                    CONTEXT_MAX_TOKENS,
                ),
                (
                    "overlay_cache_max_bytes",
                    backend.overlay_cache_max_bytes,
                    0,
                    CACHE_MAX_BYTES,
                ),
                (
                    "requests_per_minute",
                    backend.requests_per_minute,
                    1,
                    REQUESTS_PER_MINUTE_MAX,
                ),
                (
                    "calls_at_once_max",
                    backend.calls_at_once_max,
                    1,
                    CALLS_AT_ONCE_MAX,
                ),
                (
                    "calls_per_minute",
                    backend.calls_per_minute,
                    1,
                    REQUESTS_PER_MINUTE_MAX,
                ),
                (
                    "breaker_failures",
                    backend.breaker_failures,
                    1,
                    BREAKER_FAILURES_MAX,
                ),
                ("retry_budget_percent", backend.retry_budget_percent, 0, 100),
                (
                    "cache_seconds",
                    backend.cache_seconds,
                    0,
                    REMEMBERED_SECONDS_MAX,
                ),
                (
                    "cache_max_bytes",
                    backend.cache_max_bytes,
                    0,
                    CACHE_MAX_BYTES,
                ),
                (
                    "stale_seconds",
                    backend.stale_seconds,
                    0,
                    REMEMBERED_SECONDS_MAX,
                ),
            ] {
                if let Some(value) = value
                    && !(least..=most).contains(&value)
                {
                    let path = format!("{path}.{key}");
                    self.broken(
                        &path,
                        format!("`{path}` is {value}, it must be between {least} and {most}"),
                        None,
                    );
                }
            }
        }
        self.reference(
            "default_backend",
            &configuration.default_backend,
            configuration,
        );
    }

    /// Keys of other kinds, and keys that are missing.
    fn keys(&mut self, backend: &BackendConfig, path: &str) {
        let kind = backend.kind.as_str();
        for key in KEYS {
            let (name, is_set) = (key.name, (key.is_set)(backend));
            if is_set && !key.taken_by.contains(&backend.kind) {
                let kinds: Vec<String> = key
                    .taken_by
                    .iter()
                    .map(|kind| format!("`{}`", kind.as_str()))
                    .collect();
                self.broken(
                    &format!("{path}.{name}"),
                    format!("a backend of kind `{kind}` takes no `{name}`"),
                    Some(format!(
                        "remove this key, it belongs to kind {}",
                        kinds.join(" or ")
                    )),
                );
            }
            if !is_set && key.needed_by.contains(&backend.kind) {
                self.broken(
                    path,
                    format!(
                        "the backend `{}` of kind `{kind}` has no `{name}`",
                        backend.name
                    ),
                    Some(format!("add {}", key.example)),
                );
            }
        }
    }

    fn ways_to_log_in(&mut self, backend: &BackendConfig, path: &str) {
        let pairs = [
            (
                "username",
                backend.username.is_some(),
                "password",
                backend.password.is_some(),
            ),
            (
                "key_id",
                backend.key_id.is_some(),
                "key_secret",
                backend.key_secret.is_some(),
            ),
        ];
        for (one, has_one, other, has_other) in pairs {
            if has_one != has_other {
                self.broken(
                    path,
                    format!(
                        "the backend `{}` has only one of `{one}` and `{other}`",
                        backend.name
                    ),
                    Some("give both, or a `token` instead of them".to_owned()),
                );
            }
            if has_one && backend.token.is_some() {
                self.broken(
                    &format!("{path}.{one}"),
                    format!("the backend `{}` has a `token` and a `{one}`", backend.name),
                    Some("keep one way to log in".to_owned()),
                );
            }
        }
        if backend.kind == Sunshine && backend.token.is_none() && backend.key_id.is_none() {
            self.broken(
                path,
                format!(
                    "the backend `{}` of kind `sunshine` has no way to log in",
                    backend.name
                ),
                Some("add `key_id` and `key_secret`, or a `token`".to_owned()),
            );
        }
        for (key, secret) in [
            ("token", &backend.token),
            ("key_secret", &backend.key_secret),
            ("signing_key", &backend.signing_key),
        ] {
            if secret.as_ref().is_some_and(Secret::is_empty) {
                self.broken(
                    &format!("{path}.{key}"),
                    format!("the `{key}` is empty"),
                    Some("give it, or leave the key out".to_owned()),
                );
            }
        }
    }
}
