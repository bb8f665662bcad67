//! Rules that a type cannot hold: names that must exist, keys that belong to a kind, bounds.

mod backends;
mod facades;
mod responder;
mod routes;

use tracing_subscriber::EnvFilter;

use super::diagnose::Problem;
use super::keys::nearest;
use super::places::Places;
use super::store::DatabasePlace;
use super::{Configuration, Name};

/// Hexadecimal digits of a sealing key: 256 bits.
const SEALING_KEY_DIGITS: usize = 64;

/// Longest time that a list may wait for backends, in milliseconds.
const HYDRATE_BUDGET_MAX_MS: u64 = 60_000;

/// The longest time that any key takes, in seconds: thirty days.
const SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// Every rule that the configuration breaks.
pub(super) fn check(configuration: &Configuration, places: &Places) -> Vec<Problem> {
    let mut rules = Rules {
        places,
        problems: Vec::new(),
    };
    rules.backends(configuration);
    rules.routes(configuration);
    rules.facades(configuration);
    rules.bounds(configuration);
    rules.store(configuration);
    rules.telemetry(configuration);
    rules.problems
}

struct Rules<'a> {
    places: &'a Places,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    fn broken(&mut self, path: &str, message: String, help: Option<String>) {
        self.problems.push(Problem {
            message,
            place: self.places.place_of(path),
            label: "this value".to_owned(),
            help,
        });
    }

    fn reference(&mut self, path: &str, name: &Name, configuration: &Configuration) {
        let names = configuration
            .backends
            .iter()
            .map(|backend| backend.name.as_str());
        if names.clone().any(|known| known == name.as_str()) {
            return;
        }
        let help = nearest(name.as_str(), names.clone()).map_or_else(
            || format!("backends: {}", names.collect::<Vec<_>>().join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        self.broken(
            path,
            format!("`{path}`: no backend is called `{name}`"),
            Some(help),
        );
    }

    fn bounds(&mut self, configuration: &Configuration) {
        let limits = &configuration.limits;
        for (path, value, least, most) in [
            (
                "limits.body_max_bytes",
                limits.body_max_bytes,
                1024,
                256 << 20,
            ),
            (
                "limits.import_max_bytes",
                limits.import_max_bytes,
                1024,
                256 << 20,
            ),
            (
                "limits.attachment_max_bytes",
                limits.attachment_max_bytes,
                1024,
                256 << 20,
            ),
            ("limits.json_max_depth", limits.json_max_depth, 4, 128),
            ("limits.uri_max_bytes", limits.uri_max_bytes, 1024, 64 << 10),
            ("limits.headers_max", limits.headers_max, 16, 1000),
            (
                "limits.head_max_bytes",
                limits.head_max_bytes as usize,
                8192,
                1 << 20,
            ),
            (
                "streams.replay_max_bytes",
                configuration.streams.replay_max_bytes,
                1024,
                256 << 20,
            ),
            (
                "store.connections_max",
                configuration.store.connections_max,
                2,
                1_000,
            ),
            (
                "store.start_wait_seconds",
                usize::try_from(configuration.store.start_wait_seconds).unwrap_or(usize::MAX),
                0,
                86_400,
            ),
            (
                "store.queue_max_writes",
                configuration.store.queue_max_writes,
                1,
                1_000_000,
            ),
            ("limits.requests_max", limits.requests_max, 1, 100_000),
            ("limits.connections_max", limits.connections_max, 1, 100_000),
            (
                "limits.connections_per_address_max",
                limits.connections_per_address_max,
                1,
                100_000,
            ),
            (
                "limits.passthrough_per_minute",
                limits.passthrough_per_minute as usize,
                1,
                100_000,
            ),
            (
                "migration.shadow_sample",
                configuration.migration.shadow_sample as usize,
                1,
                1_000_000,
            ),
        ] {
            if !(least..=most).contains(&value) {
                self.broken(
                    path,
                    format!("`{path}` is {value}, it must be between {least} and {most}"),
                    None,
                );
            }
        }
        let budget = configuration.directory.hydrate_budget_ms;
        if budget > HYDRATE_BUDGET_MAX_MS {
            self.broken(
                "directory.hydrate_budget_ms",
                format!(
                    "`directory.hydrate_budget_ms` is {budget}, it must be at most \
                     {HYDRATE_BUDGET_MAX_MS} milliseconds"
                ),
                None,
            );
        }
        let timeouts = &configuration.timeouts;
        let streams = &configuration.streams;
        let migration = &configuration.migration;
        for (path, value) in [
            ("timeouts.head_seconds", timeouts.head_seconds),
            ("timeouts.body_idle_seconds", timeouts.body_idle_seconds),
            ("timeouts.body_seconds", timeouts.body_seconds),
            ("timeouts.request_seconds", timeouts.request_seconds),
            ("timeouts.respond_seconds", timeouts.respond_seconds),
            ("timeouts.idempotency_seconds", timeouts.idempotency_seconds),
            (
                "timeouts.idle_connection_seconds",
                timeouts.idle_connection_seconds,
            ),
            ("timeouts.write_stall_seconds", timeouts.write_stall_seconds),
            (
                "timeouts.stream_grace_seconds",
                timeouts.stream_grace_seconds,
            ),
            ("timeouts.shutdown_seconds", timeouts.shutdown_seconds),
            (
                "directory.discover_interval_seconds",
                configuration.directory.discover_interval_seconds,
            ),
            (
                "migration.switch_patience_seconds",
                migration.switch_patience_seconds,
            ),
            (
                "migration.drain_interval_seconds",
                migration.drain_interval_seconds,
            ),
            (
                "migration.write_timeout_seconds",
                migration.write_timeout_seconds,
            ),
            (
                "migration.settle_patience_seconds",
                migration.settle_patience_seconds,
            ),
            ("streams.heartbeat_seconds", streams.heartbeat_seconds),
            ("streams.header_wait_seconds", streams.header_wait_seconds),
            ("streams.stall_seconds", streams.stall_seconds),
        ] {
            self.seconds(path, value);
        }
        if timeouts.drain_seconds >= timeouts.shutdown_seconds {
            self.broken(
                "timeouts.drain_seconds",
                "`timeouts.drain_seconds` leaves no time of `timeouts.shutdown_seconds`".to_owned(),
                Some("make drain_seconds the smaller one".to_owned()),
            );
        }
        if timeouts.stream_grace_seconds >= timeouts.shutdown_seconds {
            self.broken(
                "timeouts.stream_grace_seconds",
                "`timeouts.stream_grace_seconds` leaves a stream no time for its last event before \
                 `timeouts.shutdown_seconds`"
                    .to_owned(),
                Some("make stream_grace_seconds the smaller one".to_owned()),
            );
        }
    }

    fn seconds(&mut self, path: &str, value: u64) {
        if !(1..=SECONDS_MAX).contains(&value) {
            self.broken(
                path,
                format!("`{path}` is {value}, it must be between 1 and {SECONDS_MAX} seconds"),
                None,
            );
        }
    }

    fn store(&mut self, configuration: &Configuration) {
        let store = &configuration.store;
        match store.database() {
            DatabasePlace::File(path) => {
                let is_odd = path.as_os_str().is_empty() || path.to_string_lossy().contains('?');
                if !store.has_known_scheme() || is_odd {
                    self.broken(
                        "store.database_url",
                        "`store.database_url` is neither `sqlite:` and a path nor `postgres://` and an address"
                            .to_owned(),
                        Some(
                            "write sqlite:/var/lib/dragoman/dragoman.db, or \
                             postgres://dragoman@db.example/dragoman?sslmode=verify-full"
                                .to_owned(),
                        ),
                    );
                }
            }
            DatabasePlace::Postgres(url) => {
                if let Err(error) = store::Store::check_address(&url) {
                    self.broken(
                        "store.database_url",
                        format!("`store.database_url`: {}", error.message),
                        Some(
                            "write postgres://dragoman@db.example/dragoman?sslmode=verify-full"
                                .to_owned(),
                        ),
                    );
                }
                if store.sealing_key.is_none() {
                    self.broken(
                        "store.sealing_key",
                        "`store.sealing_key` is missing: all gateways that share a database seal with the same key"
                            .to_owned(),
                        Some("make one with: openssl rand -hex 32".to_owned()),
                    );
                }
            }
        }
        let malformed = store
            .sealing_key
            .as_ref()
            .is_some_and(|key| !key.is_hexadecimal(SEALING_KEY_DIGITS));
        if malformed {
            self.broken(
                "store.sealing_key",
                format!("`store.sealing_key` is not {SEALING_KEY_DIGITS} hexadecimal digits"),
                Some("make one with: openssl rand -hex 32".to_owned()),
            );
        }
    }

    fn telemetry(&mut self, configuration: &Configuration) {
        if let Err(error) = EnvFilter::builder().parse(&configuration.telemetry.log_level) {
            self.broken(
                "telemetry.log_level",
                format!("`telemetry.log_level`: {error}"),
                Some(
                    "write a level such as info, or directives such as info,server=debug"
                        .to_owned(),
                ),
            );
        }
    }
}
