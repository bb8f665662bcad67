//! The README's first block: a start with no file, no environment and no network.

use serde_json::json;
use tests::client::Client;
use tests::dragoman::Launch;

use crate::callers::client;

#[tokio::test]
async fn first_start_prints_address_docs_key_and_a_curl_that_works() {
    let dragoman = Launch::new().start();
    let banner = dragoman.output();
    let base = dragoman.base_url();
    assert!(banner.contains(&format!("{base}/docs")), "{banner}");
    let curl = banner
        .lines()
        .find(|line| line.contains("curl "))
        .expect("a curl to paste");
    let key = dragoman.key().expect("a key");
    assert!(curl.contains(key) && curl.contains(&base), "{curl}");
    // What curl would send: the URL in the line, with the key as bearer.
    let url = curl
        .split_whitespace()
        .map(|word| word.trim_matches(['\'', '"']))
        .find(|word| word.starts_with(&base));
    let path = url
        .and_then(|url| url.strip_prefix(&base))
        .expect("a URL of this server");
    let answer = Client::new(&base, Some(key)).get(path).await;
    assert!(
        answer.status.is_success(),
        "{} {}",
        answer.status,
        answer.text
    );
}

#[tokio::test]
async fn pages_for_operators_answer_without_a_key() {
    let dragoman = Launch::new().start();
    let nobody = Client::new(dragoman.base_url(), None);
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
    let unknown = nobody.get("/v1/conversations").await;
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn second_start_keeps_the_data_and_prints_no_key() {
    let first = Launch::new().start();
    let key = first.key().expect("a first start prints a key").to_owned();
    let created = client(&first)
        .post("/v1/conversations", &json!({"title": "kept"}))
        .await
        .expect(201);
    let data_dir = first.data_dir();
    let (status, output) = first.stop();
    assert!(
        status.success(),
        "a clean stop exits with 0: {status} {output}"
    );

    let second = Launch::new().data_dir(data_dir).start();
    assert!(!second.output().contains(&key), "the key is shown once");
    assert_eq!(second.key(), None, "{}", second.output());
    let path = format!(
        "/v1/conversations/{}",
        created["id"].as_str().expect("an id")
    );
    let read = Client::new(second.base_url(), Some(&key))
        .get(&path)
        .await
        .expect(200);
    assert_eq!(read["title"], "kept");
}

#[test]
fn port_in_use_is_one_sentence_and_no_panic() {
    let first = Launch::new().start();
    let (status, output) = Launch::new().run(&[
        "serve",
        "--listen",
        &first.address().to_string(),
        "--data-dir",
        "data",
    ]);
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains(&first.address().to_string()), "{output}");
    assert!(
        !output.contains("panicked") && !output.contains("RUST_BACKTRACE"),
        "{output}"
    );
}

#[test]
fn data_dir_that_is_a_file_is_one_sentence_and_no_panic() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("a file");
    let (status, output) = Launch::new().run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &file.to_string_lossy(),
    ]);
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains(&*file.to_string_lossy()), "{output}");
    assert!(
        !output.contains("panicked") && !output.contains("RUST_BACKTRACE"),
        "{output}"
    );
}

#[test]
fn wrong_configuration_names_file_line_and_nearest_key() {
    let (status, output) = Launch::new()
        .configuration("[server]\nlistn = \"127.0.0.1:0\"\n")
        .run(&["config", "check"]);
    assert_eq!(status.code(), Some(2), "{output}");
    assert!(
        output.contains("dragoman.toml") && output.contains(":2:"),
        "{output}"
    );
    assert!(output.contains("listen"), "{output}");
}
