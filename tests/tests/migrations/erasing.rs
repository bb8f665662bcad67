//! One person's data is erased: at the vendors, beside them, in the state. Nothing of it is left in the database's
//! files, the receipt says what a vendor still holds, and what is others' still proves itself.

use std::path::Path;
use std::sync::Arc;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::client::Client;

use crate::seeds::TENANT;
use crate::site::Site;
use crate::vendors::Vendors;

const PERSON: &str = "ann-vixenjumps";
/// Words that only this person has said or is called by.
const WORDS: [&str; 2] = ["Zebraquartz", PERSON];

fn as_user(client: &Client, user: &str, method: Method, path: &str) -> RequestBuilder {
    client.request(method, path).header("dragoman-user", user)
}

async fn create(client: &Client, user: &str, backend: &str, body: &Value) -> String {
    let request = as_user(client, user, Method::POST, "/v1/conversations")
        .header("dragoman-backend", backend)
        .header(
            "idempotency-key",
            format!("create-{user}-{}", body["title"]).replace([' ', '"', '\''], "-"),
        )
        .json(body);
    let made = client.send(request).await.expect(201);
    made["id"].as_str().expect("an id").to_owned()
}

async fn say(client: &Client, user: &str, conversation: &str, body: &Value) -> String {
    let path = format!("/v1/conversations/{conversation}/messages");
    let said = client
        .send(as_user(client, user, Method::POST, &path).json(body))
        .await
        .expect(201);
    said["id"].as_str().expect("an id").to_owned()
}

/// A conversation of the person, with the words wherever words can be.
async fn own(client: &Client, backend: &str) -> String {
    let body = json!({
        "title": format!("Zebraquartz at {backend}"), "description": "about Zebraquartz", "labels": ["Zebraquartz"],
        "participants": [{"id": PERSON, "kind": "person", "side": "customer", "name": "Ann Zebraquartz",
            "handles": [{"type": "email", "value": "ann@Zebraquartz.example"}]}],
        "metadata": {"nested": {"name": "Zebraquartz"}}
    });
    let id = create(client, PERSON, backend, &body).await;
    let message = json!({
        "parts": [{"type": "text", "text": "I am Zebraquartz"}], "metadata": {"n": {"a": "Zebraquartz"}},
        "subject": "Zebraquartz"
    });
    say(client, PERSON, &id, &message).await;
    let path = format!("/v1/attachments?conversation_id={id}&name=Zebraquartz.txt");
    let put = as_user(client, PERSON, Method::POST, &path)
        .header("content-type", "text/plain")
        .body("the file of Zebraquartz");
    let put = client.send(put).await.expect(201);
    let file = json!({"parts": [{"type": "file", "attachment_id": put["id"]}]});
    say(client, PERSON, &id, &file).await;
    let history = json!({"messages": [
        {"parts": [{"type": "text", "text": "long ago, Zebraquartz"}], "sent_at": "2020-02-02T02:02:02.020Z"}
    ]});
    let path = format!("/v1/conversations/{id}/messages:import");
    let import = as_user(client, PERSON, Method::POST, &path).json(&history);
    client.send(import).await.expect(200);
    id
}

/// A conversation of somebody else in which the person said something.
async fn of_bob(client: &Client, backend: &str) -> (String, String) {
    let body = json!({
        "title": format!("Bob's at {backend}"), "metadata": {"nested": {"name": "Bob"}},
        "participants": [
            {"id": "bob", "kind": "person", "side": "customer", "name": "Bob"},
            {"id": PERSON, "kind": "person", "side": "customer", "name": "Ann Zebraquartz"}
        ]
    });
    let id = create(client, "bob", backend, &body).await;
    let bobs = json!({"parts": [{"type": "text", "text": "Bob was here"}]});
    say(client, "bob", &id, &bobs).await;
    let anns = json!({
        "parts": [{"type": "text", "text": "Zebraquartz was here too"}],
        "author": {"id": PERSON, "kind": "person", "side": "customer", "name": "Ann Zebraquartz"}
    });
    let said = say(client, "bob", &id, &anns).await;
    (id, said)
}

/// Rows of the database in which one of the words occurs, by table.
fn rows(site: &Site) -> Vec<String> {
    let connection = rusqlite::Connection::open(site.data().join("dragoman.db"));
    let connection = connection.expect("the database");
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
        .expect("the tables");
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .expect("names")
        .collect::<Result<_, _>>()
        .expect("names");
    let mut found = Vec::new();
    for table in tables {
        let mut select = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .expect("a table");
        let columns = select.column_count();
        let mut rows = select.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                let value: rusqlite::types::Value = row.get(column).expect("a value");
                let text = match value {
                    rusqlite::types::Value::Text(text) => text,
                    rusqlite::types::Value::Blob(bytes) => {
                        String::from_utf8_lossy(&bytes).into_owned()
                    }
                    _ => continue,
                };
                if WORDS.iter().any(|word| text.contains(word)) {
                    found.push(format!("{table}: {text}"));
                }
            }
        }
    }
    found
}

/// Files below a folder in which one of the words occurs, and where.
fn occurrences(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(occurrences(&path));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        for word in WORDS {
            let places = bytes.windows(word.len()).enumerate();
            for (place, _) in places.filter(|(_, window)| *window == word.as_bytes()) {
                let around = &bytes[place.saturating_sub(60)..(place + 60).min(bytes.len())];
                let around = String::from_utf8_lossy(around).into_owned();
                found.push(format!(
                    "{word} at {place} of {}: {around:?}",
                    path.display()
                ));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_everywhere_and_the_rest_still_proves_itself() {
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors);
    let (dragoman, client) = site.serve_first();
    let key = dragoman.key().expect("a key").to_owned();
    site.ends(0, &["keys", "create", "--user", PERSON, "--name", "of-ann"]);
    let mut owned = Vec::new();
    for backend in ["one", "two", "three", "four", "store"] {
        owned.push(own(&client, backend).await);
    }
    let (shared, said) = of_bob(&client, "four").await;
    let untouched = create(&client, "bob", "four", &json!({"title": "Bob's own"})).await;
    say(
        &client,
        "bob",
        &untouched,
        &json!({"parts": [{"type": "text", "text": "alone"}]}),
    )
    .await;
    // Everything at Convore has a copy too.
    let (migration, _) = site.plan("four", "store", &[]);
    site.ends(0, &["migrate", "copy", &migration]);
    site.ends(0, &["migrate", "check", &migration]);
    assert!(
        !occurrences(&site.data()).is_empty(),
        "the words are there before"
    );

    let receipt = site.file("receipt.json");
    let path = receipt.to_string_lossy().into_owned();
    let erase = [
        "erase",
        "--tenant",
        TENANT,
        "--user",
        PERSON,
        "--yes",
        "--receipt",
        &path,
    ];
    let ran = site.run(&erase);
    assert!(
        matches!(ran.status.code(), Some(0 | 1)),
        "{}{}",
        ran.output,
        ran.errors
    );
    let receipt = std::fs::read_to_string(&receipt).expect("a receipt");
    for id in &owned {
        client
            .get(&format!("/v1/conversations/{id}"))
            .await
            .expect(404);
        assert!(
            receipt.contains(id.as_str()),
            "{id} is in the receipt: {receipt}"
        );
    }
    let path = format!("/v1/conversations/{shared}/messages");
    client.get(&format!("{path}/{said}")).await.expect(404);
    let left = client.get(&path).await.expect(200);
    assert_eq!(
        left["data"].as_array().expect("a list").len(),
        1,
        "{left:#}"
    );
    let shown = client.get(&format!("/v1/conversations/{shared}")).await;
    assert!(
        !WORDS.iter().any(|word| shown.text.contains(word)),
        "{}",
        shown.text
    );

    // What a vendor still holds is named.
    let directory = site.directory();
    let names = ["one", "two", "three", "four"];
    for (id, backend) in owned.iter().zip(names).chain([(&shared, "four")]) {
        let native = &directory.get(id).map(|(_, native)| native.clone());
        let held = native
            .as_ref()
            .map(|native| vendors.held(backend, native))
            .unwrap_or_default();
        let is_held = held
            .iter()
            .any(|message| WORDS.iter().any(|word| message.to_string().contains(word)));
        if is_held {
            assert!(
                receipt.contains(backend) && receipt.contains(id.as_str()),
                "{backend} still holds words of {id}: {receipt}"
            );
        }
    }

    site.ends(0, &["migrate", "check", &migration]);
    dragoman.stop();
    let left = occurrences(&site.data());
    assert!(
        left.is_empty(),
        "{}\nof which in rows:\n{}",
        left.join("\n"),
        rows(&site).join("\n")
    );

    let dragoman = site.serve();
    let client = Client::new(dragoman.base_url(), Some(&key));
    client
        .get(&format!("/v1/conversations/{untouched}"))
        .await
        .expect(200);
    site.ends(0, &["migrate", "check", &migration]);
    dragoman.stop();
}
