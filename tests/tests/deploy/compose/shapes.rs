//! The members of the compose files that we use. One that is not here, or misspelt, is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Compose {
    pub(super) name: String,
    pub(super) services: BTreeMap<String, Service>,
    #[serde(default)]
    pub(super) networks: BTreeMap<String, Value>,
    pub(super) volumes: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, SecretFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretFile {
    pub(super) file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) image: String,
    pub(super) build: Option<Build>,
    pub(super) restart: String,
    pub(super) read_only: bool,
    pub(super) cap_drop: Vec<String>,
    pub(super) security_opt: Vec<String>,
    pub(super) healthcheck: Healthcheck,
    pub(super) deploy: Deploy,
    pub(super) logging: Logging,
    #[serde(default)]
    pub(super) ports: Vec<String>,
    #[serde(default)]
    pub(super) volumes: Vec<String>,
    #[serde(default)]
    pub(super) tmpfs: Vec<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) secrets: Vec<String>,
    #[serde(default)]
    pub(super) depends_on: BTreeMap<String, Dependency>,
    #[serde(default)]
    pub(super) networks: Value,
    #[serde(default)]
    pub(super) command: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) stop_signal: Option<String>,
    pub(super) stop_grace_period: Option<String>,
    #[serde(rename = "shm_size")]
    _shm_size: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    pub(super) context: String,
    pub(super) dockerfile: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Healthcheck {
    pub(super) test: Vec<String>,
    pub(super) interval: String,
    pub(super) timeout: String,
    pub(super) retries: u64,
    pub(super) start_period: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploy {
    pub(super) resources: Resources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resources {
    pub(super) limits: Limits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) cpus: String,
    pub(super) memory: String,
    pub(super) pids: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logging {
    pub(super) driver: String,
    pub(super) options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dependency {
    pub(super) condition: String,
}

impl Service {
    /// Whether it is a gateway, built here.
    pub(super) fn is_gateway(&self) -> bool {
        self.image.starts_with("dragoman:")
    }

    /// The networks that it is in, with its fixed address where it has one.
    pub(super) fn networks(&self) -> BTreeMap<String, Option<String>> {
        match &self.networks {
            Value::Array(names) => names
                .iter()
                .filter_map(Value::as_str)
                .map(|name| (name.to_owned(), None))
                .collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| {
                    let address = member["ipv4_address"].as_str().map(str::to_owned);
                    (name.clone(), address)
                })
                .collect(),
            _ => BTreeMap::new(),
        }
    }
}
