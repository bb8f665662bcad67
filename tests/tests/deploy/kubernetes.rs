//! The Kubernetes manifests: members that exist, labels that meet, a pod that may do nothing that it need not.

mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use self::shapes::{BudgetSpec, Container, DeploymentSpec, Manifest, Selector, ServiceSpec};
use crate::files::{document, files_below, seconds, secret_files, setting, version};
use crate::{dockerfile, examples};

const FOLDER: &str = "deploy/kubernetes";

/// The files of the folder and what each must be: API version and kind, one object in each.
const MANIFESTS: &[(&str, &str, &str)] = &[
    ("config.yaml", "v1", "ConfigMap"),
    ("deployment.yaml", "apps/v1", "Deployment"),
    ("disruption-budget.yaml", "policy/v1", "PodDisruptionBudget"),
    (
        "kustomization.yaml",
        "kustomize.config.k8s.io/v1beta1",
        "Kustomization",
    ),
    ("namespace.yaml", "v1", "Namespace"),
    (
        "network-policy.yaml",
        "networking.k8s.io/v1",
        "NetworkPolicy",
    ),
    ("secret.example.yaml", "v1", "Secret"),
    ("service-account.yaml", "v1", "ServiceAccount"),
    ("service.yaml", "v1", "Service"),
];

fn manifest<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{FOLDER}/{name}");
    serde_json::from_value(document(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn deployment() -> DeploymentSpec {
    manifest::<Manifest<DeploymentSpec>>("deployment.yaml").spec
}

fn container() -> Container {
    let mut containers = deployment().template.spec.containers;
    assert_eq!(containers.len(), 1);
    containers.remove(0)
}

fn configuration() -> toml::Table {
    examples::kubernetes().parse().expect("TOML")
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

#[test]
fn every_file_is_one_object_of_its_kind_with_a_name_that_kubernetes_takes() {
    let found: Vec<String> = files_below(FOLDER);
    let known: Vec<String> = MANIFESTS
        .iter()
        .map(|(name, _, _)| format!("{FOLDER}/{name}"))
        .collect();
    assert_eq!(found, known);
    for (name, api_version, kind) in MANIFESTS {
        let object = document(&format!("{FOLDER}/{name}"));
        assert_eq!(object["apiVersion"], *api_version, "{name}");
        assert_eq!(object["kind"], *kind, "{name}");
        if *kind != "Kustomization" {
            assert_eq!(name_of(&object), "dragoman", "{name}");
        }
    }
}

#[test]
fn the_kustomization_applies_everything_but_the_example() {
    let kustomization = document(&format!("{FOLDER}/kustomization.yaml"));
    let listed: BTreeSet<&str> = kustomization["resources"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let wanted: BTreeSet<&str> = MANIFESTS
        .iter()
        .map(|(name, _, _)| *name)
        .filter(|name| !["kustomization.yaml", "secret.example.yaml"].contains(name))
        .collect();
    assert_eq!(listed, wanted);
    let namespace = document(&format!("{FOLDER}/namespace.yaml"));
    assert_eq!(kustomization["namespace"], *name_of(&namespace));
    let profile = &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(profile, "restricted");
    let image = &kustomization["images"][0];
    let (name, tag) = (&image["name"], &image["newTag"]);
    assert_eq!(container().image, format!("dragoman:{}", version()));
    assert_eq!(
        (name.as_str(), tag.as_str()),
        (Some("dragoman"), Some(version()))
    );
}

#[test]
fn everything_that_selects_pods_selects_those_of_the_deployment() {
    let deployment = deployment();
    let labels = deployment.template.metadata.labels;
    let service: Manifest<ServiceSpec> = manifest("service.yaml");
    let budget: Manifest<BudgetSpec> = manifest("disruption-budget.yaml");
    let policy = document(&format!("{FOLDER}/network-policy.yaml"));
    let policy: Selector =
        serde_json::from_value(policy["spec"]["podSelector"].clone()).expect("a selector");
    let mut selectors = vec![
        ("deployment", deployment.selector.match_labels),
        ("service", service.spec.selector),
        ("disruption budget", budget.spec.selector.match_labels),
        ("network policy", policy.match_labels),
    ];
    for spread in deployment.template.spec.topology_spread_constraints {
        assert_eq!(spread.max_skew, 1);
        // With fewer nodes or zones than replicas it still runs.
        assert_eq!(
            spread.when_unsatisfiable, "ScheduleAnyway",
            "{}",
            spread.topology_key
        );
        selectors.push(("spread", spread.label_selector.match_labels));
    }
    assert_eq!(selectors.len(), 6, "spread over nodes and zones");
    for (what, selector) in selectors {
        assert!(!selector.is_empty(), "{what} selects everything");
        for (name, value) in selector {
            assert_eq!(labels.get(&name), Some(&value), "{what}: {name}");
        }
    }
    for name in ["service.yaml", "disruption-budget.yaml", "config.yaml"] {
        let object = document(&format!("{FOLDER}/{name}"));
        let label = &object["metadata"]["labels"]["app.kubernetes.io/name"];
        assert_eq!(label, "dragoman", "{name}");
    }
}

#[test]
fn replicas_are_replaced_without_a_gap() {
    let deployment = deployment();
    assert!(deployment.replicas >= 2);
    assert_eq!(deployment.strategy.r#type, "RollingUpdate");
    let rolling = deployment.strategy.rolling_update;
    assert_eq!((rolling.max_surge, rolling.max_unavailable), (1, 0));
    let budget: Manifest<BudgetSpec> = manifest("disruption-budget.yaml");
    assert!(budget.spec.max_unavailable < deployment.replicas);
    assert!(deployment.min_ready_seconds < deployment.progress_deadline_seconds);
}

#[test]
fn a_pod_gets_the_time_that_a_stop_takes() {
    let configuration = configuration();
    let drain = setting(&configuration, "timeouts", "drain_seconds");
    let shutdown = setting(&configuration, "timeouts", "shutdown_seconds");
    let grace = deployment().template.spec.termination_grace_period_seconds;
    assert!(drain >= 5, "until every node knows that the pod leaves");
    assert!(grace >= shutdown + 10, "{grace} s for {shutdown} s");
    let readiness = container().readiness_probe;
    assert!(readiness.period_seconds <= drain, "it is seen to leave");
}

#[test]
fn only_readiness_looks_at_more_than_the_process() {
    let container = container();
    let ports: Vec<&str> = container
        .ports
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    for (probe, path) in [
        (&container.startup_probe, "/healthz"),
        (&container.liveness_probe, "/healthz"),
        (&container.readiness_probe, "/readyz"),
    ] {
        assert_eq!(probe.http_get.path, path);
        assert!(ports.contains(&probe.http_get.port.as_str()));
        assert!(probe.timeout_seconds >= 2 && probe.failure_threshold >= 2);
    }
    let startup = &container.startup_probe;
    let patience = startup.period_seconds * startup.failure_threshold;
    assert!(patience >= 60, "it waits for the database");
    let liveness = &container.liveness_probe;
    let patience = liveness.period_seconds * liveness.failure_threshold;
    assert!(patience >= seconds("30s"), "a moment of load is no death");
}

#[test]
fn the_pod_may_do_nothing_that_it_need_not() {
    let pod = deployment().template.spec;
    assert!(!pod.automount_service_account_token && !pod.enable_service_links);
    let account = document(&format!("{FOLDER}/service-account.yaml"));
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(pod.service_account_name, name_of(&account));
    let security = pod.security_context;
    assert!(security.run_as_non_root);
    let (user, group) = dockerfile::user();
    assert_eq!((security.run_as_user, security.run_as_group), (user, group));
    assert_eq!(security.fs_group, group);
    assert_eq!(security.seccomp_profile.r#type, "RuntimeDefault");
    let container = container();
    let security = container.security_context;
    assert!(!security.allow_privilege_escalation && security.read_only_root_filesystem);
    assert_eq!(security.capabilities.drop, ["ALL"]);
    for name in ["cpu", "memory"] {
        assert!(container.resources.requests.contains_key(name), "{name}");
    }
    assert!(container.resources.limits.contains_key("memory"));
    assert_eq!(container.args, ["serve"]);
    assert_eq!(container.name, "dragoman");
}

#[test]
fn what_the_container_uses_is_mounted() {
    let pod = deployment().template.spec;
    let container = container();
    let volume = |name: &str| {
        let mut volumes = pod.volumes.iter().filter(|volume| volume.name == name);
        volumes.next().unwrap_or_else(|| panic!("no volume {name}"))
    };
    let mut paths = BTreeMap::new();
    for mount in &container.volume_mounts {
        let volume = volume(&mount.name);
        if let Some(map) = &volume.config_map {
            assert_eq!(map.name, "dragoman");
            assert!(mount.read_only);
        } else if let Some(secret) = &volume.secret {
            assert_eq!(secret.secret_name, "dragoman");
            assert_eq!(secret.default_mode, 0o440, "for the pod's group");
            assert!(mount.read_only);
        } else {
            let directory = volume.empty_dir.as_ref().expect("a kind of volume");
            assert!(!directory.size_limit.is_empty(), "{}", mount.name);
        }
        paths.insert(mount.mount_path.as_str(), volume);
    }
    assert_eq!(
        paths.len(),
        pod.volumes.len(),
        "each volume is mounted once"
    );
    assert!(paths["/etc/dragoman"].config_map.is_some());
    assert!(paths["/tmp"].empty_dir.is_some());
    let environment = dockerfile::environment();
    let data = environment
        .iter()
        .find(|(name, _)| name == "DRAGOMAN__STORE__DATA_DIR")
        .expect("the image says where its data are");
    assert!(paths[data.1.as_str()].empty_dir.is_some());
    let listen = environment
        .iter()
        .find(|(name, _)| name == "DRAGOMAN__SERVER__LISTEN")
        .expect("the image says where it listens");
    let port = format!(":{}", container.ports[0].container_port);
    assert!(listen.1.ends_with(&port));

    // The configuration names files of the secret, and the example has each.
    let example = document(&format!("{FOLDER}/secret.example.yaml"));
    let url = example["stringData"]["database-url"]
        .as_str()
        .expect("a URL");
    let used = secret_files(&examples::kubernetes());
    assert!(used.len() >= 2, "{used:?}");
    let certificate = secret_files(&format!("url = \"{url}\""));
    assert_eq!(
        certificate.len(),
        1,
        "the database's certificate is checked"
    );
    for path in used.iter().chain(&certificate) {
        let (folder, name) = path.rsplit_once('/').expect("a path");
        assert!(paths[folder].secret.is_some(), "{path}");
        assert!(example["stringData"][name].is_string(), "no {name}");
    }
    assert!(url.contains("sslmode=verify-full"));
}

#[test]
fn the_example_of_a_secret_holds_none() {
    let example = document(&format!("{FOLDER}/secret.example.yaml"));
    assert!(
        example["data"].is_null(),
        "what is encoded is not seen to be one"
    );
    let values = example["stringData"].as_object().expect("values");
    for (name, value) in values {
        let value = value.as_str().expect("text");
        assert!(value.contains("REPLACE-ME"), "{name}");
    }
}

#[test]
fn the_service_leads_to_the_port_of_the_container() {
    let service: Manifest<ServiceSpec> = manifest("service.yaml");
    assert_eq!(service.metadata.name.as_deref(), Some("dragoman"));
    assert_eq!(service.spec.r#type, "ClusterIP");
    let container = container();
    for port in service.spec.ports {
        assert_eq!((port.port, port.protocol.as_str()), (80, "TCP"));
        assert!(
            container
                .ports
                .iter()
                .any(|known| known.name == port.target_port)
        );
    }
    let annotations = deployment().template.metadata.annotations;
    let scraped: u64 = annotations["prometheus.io/port"].parse().expect("a port");
    assert_eq!(scraped, container.ports[0].container_port);
}

#[test]
fn the_network_lets_in_callers_and_out_to_names_database_and_vendors() {
    let policy = document(&format!("{FOLDER}/network-policy.yaml"));
    let spec = &policy["spec"];
    assert_eq!(
        spec["policyTypes"],
        serde_json::json!(["Ingress", "Egress"])
    );
    let rules = |direction: &str| spec[direction].as_array().expect("rules").clone();
    for rule in rules("ingress") {
        let from = rule["from"].as_array().expect("it is not open for all");
        assert!(!from.is_empty());
        let port = rule["ports"][0]["port"].as_str().expect("a name");
        assert!(container().ports.iter().any(|known| known.name == port));
    }
    let ports: BTreeSet<u64> = rules("egress")
        .iter()
        .flat_map(|rule| rule["ports"].as_array().expect("ports").clone())
        .filter_map(|port| port["port"].as_u64())
        .collect();
    assert_eq!(ports.into_iter().collect::<Vec<_>>(), [53, 443, 5432]);
    // The addresses at which a cloud gives out a machine's credentials.
    let text = spec["egress"].to_string();
    for closed in ["169.254.0.0/16", "fd00:ec2::/32"] {
        assert!(text.contains(closed), "{closed}");
    }
}
