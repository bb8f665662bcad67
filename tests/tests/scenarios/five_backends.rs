//! One conversation on each backend, through the normalized API alone: the same calls, whatever is behind them.

use serde_json::{Value, json};

use crate::callers::client;
use crate::vendors::Vendors;

/// The texts of the messages, oldest first, with the role of each.
fn said(messages: &Value) -> Vec<(String, String)> {
    messages["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|message| {
            let role = message["role"].as_str().expect("a role");
            let text = message["parts"][0]["text"].as_str().expect("a text");
            (role.to_owned(), text.to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_conversation_is_held_on_every_backend() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let client = client(&dragoman);
    let backends = client.get("/v1/backends").await.expect(200);
    let names: Vec<String> = backends["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|backend| backend["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let mut made = Vec::new();
    for name in &names {
        let capabilities = client
            .get(&format!("/v1/backends/{name}"))
            .await
            .expect(200);
        assert_eq!(capabilities["name"], name.as_str());

        let request = client
            .request(reqwest::Method::POST, "/v1/conversations")
            .header("dragoman-backend", name)
            .json(&json!({}));
        let answer = client.send(request).await;
        let created = answer.expect(201);
        assert_eq!(answer.header("dragoman-backend"), name);
        assert_eq!(created["status"], "open", "{name}");
        let id = created["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/conversations/{id}");

        for question in ["hello", "a second question, with <angle> & ünïcode"] {
            let input = json!({"input": {"parts": [{"type": "text", "text": question}]}});
            let answer = client.post(&format!("{path}/responses"), &input).await;
            let answered = answer.expect(200);
            assert_eq!(answered["message"]["role"], "assistant", "{name}");
        }

        let messages = client.get(&format!("{path}/messages")).await.expect(200);
        let said = said(&messages);
        let roles: Vec<&str> = said.iter().map(|(role, _)| role.as_str()).collect();
        assert_eq!(roles, ["user", "assistant", "user", "assistant"], "{name}");
        assert_eq!(said[0].1, "hello", "{name}");
        assert_eq!(
            said[2].1, "a second question, with <angle> & ünïcode",
            "{name}"
        );
        let first = &messages["data"][0];
        let message = format!("{path}/messages/{}", first["id"].as_str().expect("an id"));
        assert_eq!(client.get(&message).await.expect(200), *first, "{name}");

        let page = client
            .get(&format!("{path}/messages?limit=3&order=desc"))
            .await
            .expect(200);
        assert_eq!(page["data"].as_array().expect("a page").len(), 3, "{name}");
        assert_eq!(page["has_more"], true, "{name}");

        assert_eq!(client.get(&path).await.expect(200)["id"], id, "{name}");
        made.push(id);
    }

    let listed = client.get("/v1/conversations?limit=50").await.expect(200);
    let mut known: Vec<&str> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|conversation| conversation["id"].as_str().expect("an id"))
        .collect();
    known.sort_unstable();
    let mut expected: Vec<&str> = made.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(
        known, expected,
        "one list shows all of them, and nothing else"
    );

    for id in &made {
        let path = format!("/v1/conversations/{id}");
        client.delete(&path).await.expect(204);
        client.get(&path).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_is_the_same_on_every_backend_and_strict_names_what_is_kept_beside_it() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let client = client(&dragoman);
    let backends = client.get("/v1/backends").await.expect(200);
    let body = json!({"title": "a question", "kind": "direct"});
    for backend in backends["data"].as_array().expect("a list") {
        let name = backend["name"].as_str().expect("a name");
        let create = |handling: &str| {
            client
                .request(reqwest::Method::POST, "/v1/conversations")
                .header("dragoman-backend", name)
                .header("prefer", format!("handling={handling}"))
                .json(&body)
        };
        let lenient = client.send(create("lenient")).await;
        let made = lenient.expect(201);
        assert_eq!(made["title"], "a question", "{name}");
        assert_eq!(made["kind"], "direct", "{name}");
        let strict = client.send(create("strict")).await;
        match lenient.header("dragoman-fidelity") {
            "exact" => drop(strict.expect(201)),
            "overlay; fields=\"kind\"" => {
                let refused = strict.expect(422);
                assert_eq!(refused["code"], "not-held-by-backend", "{name}");
                assert_eq!(refused["errors"][0]["pointer"], "/kind", "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
}
