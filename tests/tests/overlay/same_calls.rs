//! The same calls on all five backends give the same answers, byte for byte: over HTTP, with the real binary.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Client};

use crate::vendors::Vendors;

/// A body that no backend but the store can hold, spelled just so.
const NESTED: &str =
    r#"{"a":{"deep":[1,2.5,{"er":null}],"ünï":"\"quoted\" \\ and \u0007"},"empty":{},"list":[]}"#;
const RECIPIENTS: &str =
    r#"[{"kind":"cc","name":"Carla","handle":{"type":"email","value":"carla@example.com"}}]"#;
const CAROUSEL: &str = r#"[{"type":"carousel","items":[{"title":"One","description":"the first","media_url":"https://files.example/1.png","actions":[{"type":"link","text":"Open","uri":"https://example.com/1"}]},{"title":"Two"}]}]"#;
const PDF: &[u8] =
    b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n\0\xff";

async fn names(client: &Client) -> Vec<String> {
    let backends = client.get("/v1/backends").await.expect(200);
    let names = backends["data"].as_array().expect("a list").iter();
    names
        .map(|backend| backend["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// The fields that the header names; `None` for `exact`, none for what is kept as a whole.
fn overlaid(answer: &Answer) -> Option<BTreeSet<String>> {
    let header = answer.header("dragoman-fidelity");
    match header {
        "exact" => return None,
        "overlay" => return Some(BTreeSet::new()),
        _ => {}
    }
    let fields = header
        .strip_prefix("overlay; fields=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_else(|| panic!("no fidelity: {header:?}"));
    Some(fields.split(',').map(str::to_owned).collect())
}

/// What `?include=fidelity` says, and that the header of the same answer says no more and no less.
async fn explained(client: &Client, path: &str) -> Option<BTreeSet<String>> {
    let answer = client.get(&format!("{path}?include=fidelity")).await;
    let body = answer.expect(200);
    let named: BTreeSet<String> = body["fidelity"]
        .as_array()
        .unwrap_or_else(|| panic!("no fidelity: {body}"))
        .iter()
        .map(|fate| {
            let pointer = fate["pointer"].as_str().expect("a pointer");
            assert!(!fate["detail"].as_str().unwrap_or_default().is_empty());
            let pointer = pointer.trim_start_matches('/');
            pointer.split('/').next().unwrap_or_default().to_owned()
        })
        .filter(|field| !field.is_empty())
        .collect();
    let header = overlaid(&answer);
    assert_eq!(header.clone().unwrap_or_default(), named, "{path}");
    header
}

#[track_caller]
fn assert_has(answer: &Answer, member: &str, value: &str, backend: &str) {
    let wanted = format!("\"{member}\":{value}");
    assert!(
        answer.text.contains(&wanted),
        "{backend}: not {wanted}\nin {}",
        answer.text
    );
}

fn sent(client: &Client, path: &str, body: String) -> reqwest::RequestBuilder {
    client
        .request(Method::POST, path)
        .header("content-type", "application/json")
        .body(body)
}

#[tokio::test]
async fn a_long_title_nested_metadata_a_cc_a_carousel_and_a_pdf_read_back_byte_equal_everywhere() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let client = Client::new(dragoman.base_url(), dragoman.key());
    let title = format!(
        "\"{}\"",
        "títle 🎉 ".repeat(40).chars().take(300).collect::<String>()
    );
    let names = names(&client).await;
    assert_eq!(names.len(), 5, "{names:?}");
    for name in &names {
        let body = format!(r#"{{"title":{title},"labels":["vip","ünï"],"metadata":{NESTED}}}"#);
        let create = sent(&client, "/v1/conversations", body).header("dragoman-backend", name);
        let created = client.send(create).await;
        let id = created.expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let path = format!("/v1/conversations/{id}");
        let read = client.get(&path).await;
        for answer in [&created, &read] {
            assert_has(answer, "title", &title, name);
            assert_has(answer, "metadata", NESTED, name);
            assert_has(answer, "labels", r#"["vip","ünï"]"#, name);
        }
        let on_create = overlaid(&created);
        assert_eq!(on_create, overlaid(&read), "{name}");
        assert_eq!(on_create, explained(&client, &path).await, "{name}");
        if name == "store" {
            assert_eq!(on_create, None);
        } else {
            let fields = on_create.unwrap_or_else(|| panic!("{name} holds everything"));
            let sent = BTreeSet::from(["title", "labels", "metadata"].map(str::to_owned));
            assert!(
                fields.is_subset(&sent) && !fields.is_empty(),
                "{name}: {fields:?}"
            );
        }

        let messages = format!("{path}/messages");
        let body = format!(
            r#"{{"role":"assistant","recipients":{RECIPIENTS},"subject":"Offer","parts":{CAROUSEL}}}"#
        );
        let posted = client.send(sent(&client, &messages, body)).await;
        let message = posted.expect(201);
        let one = format!("{messages}/{}", message["id"].as_str().expect("an id"));
        for answer in [
            &posted,
            &client.get(&one).await,
            &client.get(&messages).await,
        ] {
            assert_has(answer, "recipients", RECIPIENTS, name);
            assert_has(answer, "parts", CAROUSEL, name);
            assert_has(answer, "subject", "\"Offer\"", name);
        }
        let fields = explained(&client, &one).await;
        assert_eq!(fields.is_none(), name == "store", "{name}: {fields:?}");

        let put = client
            .request(Method::POST, "/v1/attachments")
            .query(&[("conversation_id", id.as_str()), ("name", "report.pdf")])
            .header("content-type", "application/pdf")
            .body(PDF);
        let attachment = client.send(put).await.expect(201);
        let place = match attachment["url"].as_str() {
            Some(url) => format!(r#""url":{}"#, Value::from(url)),
            None => format!(r#""attachment_id":{}"#, attachment["id"]),
        };
        let parts = format!(
            r#"[{{"type":"file",{place},"media_type":"application/pdf","size":{},"name":"report.pdf"}}]"#,
            PDF.len()
        );
        let body = format!(r#"{{"role":"assistant","parts":{parts}}}"#);
        let posted = client.send(sent(&client, &messages, body)).await;
        let message = posted.expect(201);
        let one = format!("{messages}/{}", message["id"].as_str().expect("an id"));
        for answer in [&posted, &client.get(&one).await] {
            assert_has(answer, "parts", &parts, name);
        }
        let content = client
            .request(
                Method::GET,
                &format!(
                    "/v1/attachments/{}/content?conversation_id={id}",
                    attachment["id"].as_str().expect("an id")
                ),
            )
            .send()
            .await
            .expect("an answer");
        assert_eq!(content.status(), 200, "{name}");
        assert_eq!(content.headers()["content-type"], "application/pdf");
        assert_eq!(content.bytes().await.expect("the bytes"), PDF, "{name}");
    }

    // One list shows all five alike, and the directory's filters see what the vendors do not hold.
    let listed = client.get("/v1/conversations?label=vip&limit=50").await;
    assert_eq!(listed.expect(200)["data"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn strict_refuses_before_anything_is_sent_and_says_which_limit() {
    let vendors = Vendors::start().await;
    let dragoman = vendors.launch().start();
    let client = Client::new(dragoman.base_url(), dragoman.key());
    for name in names(&client).await {
        let create = client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", &name)
            .header("prefer", "handling=strict")
            .json(&json!({
                "title": "x".repeat(2_000),
                "priority": "high",
                "metadata": {"deep": {"er": [1]}},
            }));
        let before = vendors.requests();
        let answer = client.send(create).await;
        if name == "store" {
            answer.expect(201);
            continue;
        }
        let refused = answer.expect(422);
        assert_eq!(refused["code"], "not-held-by-backend", "{name}");
        assert_eq!(refused["outcome"], "not_applied", "{name}");
        let pointers: Vec<&str> = refused["errors"]
            .as_array()
            .expect("the fields")
            .iter()
            .map(|error| error["pointer"].as_str().expect("a pointer"))
            .collect();
        assert!(!pointers.is_empty(), "{name}: {refused}");
        assert_eq!(vendors.requests(), before, "{name}: nothing was sent");
    }
}
