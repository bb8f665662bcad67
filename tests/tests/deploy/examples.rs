//! The configurations below `deploy/`, and the variables of the image: the program takes each of them.

use std::path::Path;

use tests::client::Client;
use tests::dragoman::Launch;

use crate::dockerfile;
use crate::files::{document, files_below, read, secret_files};

/// What stands in a secret's file, by its name: what an operator would put there.
fn made_up(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "sealing-key" => "5d8cff3cd55b0400".repeat(4),
        "database-password" => "0123456789abcdef".to_owned(),
        "database-url" => {
            "postgres://dragoman:0123456789abcdef@postgres.example:5432/dragoman?sslmode=verify-full"
                .to_owned()
        }
        "database-ca.pem" => {
            let authority = rcgen::generate_simple_self_signed(["postgres.example".to_owned()]);
            authority.expect("a certificate").cert.pem()
        }
        _ => panic!("no example for {path}"),
    }
}

/// The configurations: where each stands, and its text.
pub(crate) fn configurations() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = files_below("deploy")
        .into_iter()
        .filter(|path| path.ends_with(".toml"))
        .map(|path| (path.clone(), read(&path)))
        .collect();
    found.push((
        "deploy/kubernetes/config.yaml".to_owned(),
        kubernetes().to_owned(),
    ));
    for page in files_below("deploy") {
        if page.ends_with(".md") {
            let text = read(&page);
            for (index, block) in text.split("```").skip(1).step_by(2).enumerate() {
                if let Some(block) = block.strip_prefix("toml\n") {
                    found.push((format!("{page}, block {index}"), block.to_owned()));
                }
            }
        }
    }
    found
}

/// The configuration in the `ConfigMap`.
pub(crate) fn kubernetes() -> String {
    let map = document("deploy/kubernetes/config.yaml");
    let text = map["data"]["dragoman.toml"].as_str();
    text.expect("a configuration").to_owned()
}

/// The same with secrets in a folder of this test.
fn with_secrets(text: &str, folder: &Path) -> String {
    let mut text = text.to_owned();
    for path in secret_files(&text) {
        let here = folder.join(path.trim_start_matches('/').replace('/', "-"));
        std::fs::write(&here, made_up(&path)).expect("the secret can be written");
        text = text.replace(&path, &here.display().to_string());
    }
    text
}

#[test]
fn every_configuration_is_one_that_the_program_takes() {
    let configurations = configurations();
    assert!(configurations.len() >= 4, "they were not found");
    let folder = tempfile::tempdir().expect("a folder");
    for (place, text) in configurations {
        let text = with_secrets(&text, folder.path());
        let (status, said) = Launch::new().configuration(text).run(&["config", "check"]);
        assert!(status.success(), "{place}: {said}");
    }
}

#[test]
fn the_variables_of_the_image_are_settings_and_its_health_check_passes() {
    let mut launch = Launch::new();
    for (name, value) in dockerfile::environment() {
        assert!(name.starts_with("DRAGOMAN__"), "{name}");
        launch = launch.variable(&name, &value);
    }
    let (status, said) = launch.run(&["config", "check"]);
    assert!(status.success(), "{said}");

    let server = Launch::new().start();
    let everywhere = format!("0.0.0.0:{}", server.address().port());
    let asked = Launch::new()
        .variable("DRAGOMAN__SERVER__LISTEN", &everywhere)
        .run(&["healthcheck"]);
    assert!(asked.0.success(), "{}", asked.1);
}

#[tokio::test]
async fn paths_that_are_probed_and_scraped_are_served() {
    let server = Launch::new().start();
    let client = Client::new(server.base_url(), None);
    let deployment = document("deploy/kubernetes/deployment.yaml");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    let mut paths: Vec<&str> = ["startupProbe", "livenessProbe", "readinessProbe"]
        .into_iter()
        .map(|probe| container[probe]["httpGet"]["path"].as_str())
        .map(|path| path.expect("a path"))
        .collect();
    assert_eq!(paths, ["/healthz", "/healthz", "/readyz"]);
    let scraped = pod["metadata"]["annotations"]["prometheus.io/path"].as_str();
    paths.push(scraped.expect("a path"));
    for path in paths {
        let answer = client.get(path).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text);
    }
}
