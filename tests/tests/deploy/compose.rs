//! The compose files: hardened services, pinned images, files that exist, and what the services say of each other.

mod shapes;

use std::collections::BTreeSet;

use serde_json::Value;

use self::shapes::{Compose, Service};
use crate::files::{SECRETS, document, read, root, seconds, secret_files, setting, version};
use crate::{dockerfile, nginx};

const FOLDER: &str = "deploy/compose";
const FILES: [&str; 2] = ["sqlite.yaml", "postgres.yaml"];

fn compose(file: &str) -> Compose {
    let path = format!("{FOLDER}/{file}");
    let mut value = document(&path);
    // What is only there to be merged into others.
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !name.starts_with("x-"));
    }
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn services() -> Vec<(String, Service)> {
    FILES
        .into_iter()
        .flat_map(|file| {
            compose(file)
                .services
                .into_iter()
                .map(move |one| (file, one))
        })
        .map(|(file, (name, service))| (format!("{file}: {name}"), service))
        .collect()
}

/// The names of the gateways of the file with PostgreSQL.
pub(crate) fn replicas() -> Vec<String> {
    let services = compose("postgres.yaml").services;
    let gateways = services.into_iter().filter(|(_, one)| one.is_gateway());
    gateways.map(|(name, _)| name).collect()
}

/// Where a path of a compose file leads, from the root.
fn from_root(path: &str) -> String {
    let mut parts: Vec<&str> = FOLDER.split('/').collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn paths_are_taken_from_the_folder_of_the_file() {
    assert_eq!(from_root("./sqlite"), "deploy/compose/sqlite");
    assert_eq!(from_root("../nginx/a.conf"), "deploy/nginx/a.conf");
}

#[test]
fn every_service_is_hardened_bounded_and_watched() {
    for (name, service) in services() {
        assert!(
            service.read_only,
            "{name}: its root file system is read-only"
        );
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        assert_eq!(service.restart, "unless-stopped", "{name}");
        let limits = &service.deploy.resources.limits;
        assert!(
            limits.cpus.parse::<f64>().is_ok_and(|cpus| cpus > 0.0),
            "{name}"
        );
        assert!(
            limits.memory.ends_with(['M', 'G']) && limits.pids > 0,
            "{name}"
        );
        assert_eq!(service.logging.driver, "json-file", "{name}");
        assert!(service.logging.options.contains_key("max-size"), "{name}");
        let check = &service.healthcheck;
        assert_eq!(check.test[0], "CMD", "{name}: no shell");
        assert!(
            seconds(&check.timeout) <= seconds(&check.interval),
            "{name}"
        );
        assert!(
            check.retries >= 2 && seconds(&check.start_period) >= 10,
            "{name}"
        );
        for mount in &service.tmpfs {
            assert!(mount.contains(":size="), "{name}: {mount}");
        }
        if let Some(user) = &service.user {
            assert!(!user.starts_with("0"), "{name}: not root");
        }
    }
}

#[test]
fn images_are_pinned_to_one_version() {
    for (name, service) in services() {
        let (_, tag) = service.image.rsplit_once(':').expect("a tag");
        let number = tag
            .trim_start_matches('v')
            .split('-')
            .next()
            .expect("a number");
        let parts: Vec<&str> = number.split('.').collect();
        let is_exact = parts.len() >= 2 && parts.iter().all(|part| part.parse::<u32>().is_ok());
        assert!(is_exact, "{name}: {tag}");
        if let Some(build) = &service.build {
            assert_eq!(tag, version(), "{name}");
            assert_eq!(from_root(&build.context), "", "{name}");
            assert!(root().join(&build.dockerfile).is_file(), "{name}");
        }
        assert_eq!(service.is_gateway(), service.build.is_some(), "{name}");
    }
}

#[test]
fn only_this_machine_reaches_what_is_published() {
    let mut published = 0;
    for (name, service) in services() {
        for port in &service.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
            published += 1;
        }
    }
    assert!(published >= 4, "they were not found");
}

#[test]
fn what_is_mounted_exists_and_is_declared() {
    for file in FILES {
        let compose = compose(file);
        let mut used = BTreeSet::new();
        for (name, service) in &compose.services {
            for volume in &service.volumes {
                let (source, rest) = volume.split_once(':').expect("a target");
                if source.starts_with('.') {
                    assert!(rest.ends_with(":ro"), "{name}: {volume}");
                    let path = from_root(source);
                    assert!(root().join(&path).exists(), "{name}: {path}");
                } else {
                    used.insert(source.to_owned());
                }
            }
        }
        let declared: BTreeSet<String> = compose.volumes.into_keys().collect();
        assert_eq!(used, declared, "{file}");
        assert!(compose.name.starts_with("dragoman-"));
    }
}

#[test]
fn secrets_are_files_that_git_leaves_out() {
    let ignored = read(".gitignore");
    assert!(ignored.lines().any(|line| line == format!("/{SECRETS}")));
    for file in FILES {
        let compose = compose(file);
        let mut used = BTreeSet::new();
        for (name, service) in &compose.services {
            for secret in &service.secrets {
                assert!(compose.secrets.contains_key(secret), "{name}: {secret}");
                used.insert(secret.clone());
            }
            for (variable, value) in &service.environment {
                let lower = variable.to_ascii_lowercase();
                let words = ["password", "secret", "token", "_key"];
                if words.iter().any(|word| lower.contains(word)) {
                    let named = value.strip_prefix("/run/secrets/");
                    let named = named.unwrap_or_else(|| panic!("{name}: {variable} is inline"));
                    assert!(variable.ends_with("_FILE"), "{name}: {variable}");
                    assert!(service.secrets.iter().any(|one| one == named), "{name}");
                }
            }
        }
        let text = read(&format!("{FOLDER}/{file}"));
        for (name, secret) in &compose.secrets {
            assert!(used.contains(name), "{file}: nobody uses {name}");
            assert_eq!(from_root(&secret.file), format!("{SECRETS}/{name}"));
            // The lines at the top make each of them.
            assert!(
                text.lines()
                    .any(|line| line.starts_with("#   for name in") && line.contains(name))
            );
        }
    }
}

#[test]
fn services_wait_for_others_that_there_are() {
    for file in FILES {
        let compose = compose(file);
        for (name, service) in &compose.services {
            for (other, dependency) in &service.depends_on {
                assert!(compose.services.contains_key(other), "{name}: {other}");
                assert_eq!(dependency.condition, "service_healthy", "{name}");
            }
            for network in service.networks().keys() {
                assert!(compose.networks.contains_key(network), "{name}: {network}");
            }
        }
    }
}

#[test]
fn a_gateway_is_asked_by_its_own_command_and_gets_the_time_that_a_stop_takes() {
    let mut seen = 0;
    for (name, service) in services().into_iter().filter(|(_, one)| one.is_gateway()) {
        let check = &service.healthcheck;
        assert_eq!(
            check.test[1..],
            ["/usr/local/bin/dragoman", "healthcheck"],
            "{name}"
        );
        let configuration = configuration_of(&service);
        let shutdown = setting(&configuration, "timeouts", "shutdown_seconds");
        let grace = service
            .stop_grace_period
            .as_deref()
            .expect("a time to stop");
        assert!(seconds(grace) >= shutdown + 10, "{name}");
        assert!(service.stop_signal.is_none(), "{name}: SIGTERM");
        assert!(
            service.tmpfs.iter().any(|mount| mount.starts_with("/tmp:")),
            "{name}"
        );
        seen += 1;
    }
    assert_eq!(seen, 3);
}

/// The configuration that is mounted into a gateway.
fn configuration_of(service: &Service) -> toml::Table {
    configuration_text(service).parse().expect("TOML")
}

fn configuration_text(service: &Service) -> String {
    let mount = service
        .volumes
        .iter()
        .find_map(|volume| volume.strip_suffix(":/etc/dragoman:ro"))
        .expect("the folder of the configuration");
    read(&format!("{}/dragoman.toml", from_root(mount)))
}

#[test]
fn data_are_kept_in_a_volume_or_in_the_database() {
    let environment = dockerfile::environment();
    let data = environment
        .iter()
        .find(|(name, _)| name == "DRAGOMAN__STORE__DATA_DIR")
        .map(|(_, value)| value.as_str())
        .expect("a data directory");
    for (name, service) in services().into_iter().filter(|(_, one)| one.is_gateway()) {
        let has_database = configuration_of(&service)
            .get("store")
            .is_some_and(|store| store.get("database_url").is_some());
        let kept = service
            .volumes
            .iter()
            .any(|volume| volume.ends_with(&format!(":{data}")));
        assert_ne!(kept, has_database, "{name}");
        let (user, group) = dockerfile::user();
        let owner = format!("uid={user},gid={group}");
        let in_memory = service
            .tmpfs
            .iter()
            .any(|mount| mount.starts_with(&format!("{data}:")) && mount.contains(&owner));
        assert_eq!(in_memory, has_database, "{name}");
    }
}

#[test]
fn replicas_are_equal_and_reach_the_database_that_the_file_describes() {
    let compose = compose("postgres.yaml");
    let database = &compose.services["database"];
    let replicas = replicas();
    assert!(replicas.len() >= 2);
    let mut connections = 0;
    let mut addresses = BTreeSet::new();
    for name in &replicas {
        let service = &compose.services[name];
        let text = configuration_text(service);
        let configuration: toml::Table = text.parse().expect("TOML");
        let url = configuration["store"]["database_url"]
            .as_str()
            .expect("a URL");
        let rest = url.strip_prefix("postgres://").expect("PostgreSQL");
        let (user, rest) = rest.split_once(':').expect("a user");
        let (password, place) = rest.rsplit_once('@').expect("a host");
        assert_eq!(password, "${file:/run/secrets/database-password}");
        assert_eq!(database.environment["POSTGRES_USER"], user);
        let database_name = &database.environment["POSTGRES_DB"];
        assert!(
            place.starts_with(&format!("database:5432/{database_name}?")),
            "{place}"
        );
        for path in secret_files(&text) {
            let secret = path.strip_prefix("/run/secrets/").expect("a secret");
            assert!(
                service.secrets.iter().any(|one| one == secret),
                "{name}: {secret}"
            );
        }
        assert!(
            configuration["store"].get("sealing_key").is_some(),
            "{name}"
        );
        connections += configuration["store"]["connections_max"]
            .as_integer()
            .expect("a number of connections");
        let networks = service.networks();
        assert!(networks.contains_key("database"), "{name}");
        let address = networks["gateway"].clone().expect("an address of its own");
        assert!(address.starts_with("172.30.80."), "{name}: {address}");
        assert!(addresses.insert(address), "{name}");
    }
    let range = &compose.networks["gateway"]["ipam"]["config"][0];
    assert_eq!(range["subnet"], "172.30.80.0/24");
    // What gets its address by chance gets none of those.
    assert_eq!(range["ip_range"], "172.30.80.128/25");
    assert_eq!(compose.networks["database"]["internal"], true);
    let most: i64 = database
        .command
        .iter()
        .find_map(|word| word.strip_prefix("max_connections="))
        .expect("a limit on connections")
        .parse()
        .expect("a number");
    let one = connections / i64::try_from(replicas.len()).expect("few replicas");
    // While one is replaced there may be one more, and people come too.
    assert!(connections + one + 10 <= most, "{connections} of {most}");
}

#[test]
fn nginx_and_prometheus_know_the_replicas() {
    let replicas: BTreeSet<String> = replicas()
        .into_iter()
        .map(|name| format!("{name}:8080"))
        .collect();
    let upstream: BTreeSet<String> = nginx::upstream_servers().into_iter().collect();
    assert_eq!(upstream, replicas);
    let prometheus = document("deploy/prometheus/prometheus.yml");
    let job = &prometheus["scrape_configs"][0];
    let targets: BTreeSet<String> = job["static_configs"][0]["targets"]
        .as_array()
        .expect("targets")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    assert_eq!(
        (&job["job_name"], targets),
        (&Value::from("dragoman"), replicas.clone())
    );
    let compose = compose("postgres.yaml");
    let proxy = &compose.services["proxy"];
    for name in replicas {
        let name = name.trim_end_matches(":8080");
        assert!(proxy.depends_on.contains_key(name), "{name}");
    }
    // The path by which nginx is asked is one that it has.
    let asked = proxy.healthcheck.test.last().expect("a URL");
    assert!(asked.ends_with("/nginx-health"));
    assert!(read(nginx::PATH).contains("location = /nginx-health {"));
}
