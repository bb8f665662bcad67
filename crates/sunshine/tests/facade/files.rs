//! Attachments.

use backend::Scope;
use serde_json::{Value, json};

use crate::client::send;
use crate::world::{UNKNOWN, World, text};

pub(crate) const BOUNDARY: &str = "multipart/form-data; boundary=b0undary";

pub(crate) fn multipart(name: &str, bytes: &str) -> Vec<u8> {
    format!(
        "--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"note ü.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{bytes}\r\n--b0undary--\r\n"
    )
    .into_bytes()
}

pub(crate) async fn upload(world: &World, query: &str, bytes: &str) -> String {
    let tail = format!("/attachments?{query}");
    let body = multipart("source", bytes);
    let answer = world
        .raw(&world.authorization, "POST", &tail, BOUNDARY, &body)
        .await;
    let json = answer.json();
    assert_eq!(answer.status, 201, "{json}");
    assert_eq!(json["attachment"]["mediaType"], "text/plain");
    text(&json["attachment"]["mediaUrl"])
}

/// The status of a media URL, and what is there.
async fn fetch(world: &World, url: &str) -> (u16, String) {
    let path = url
        .strip_prefix(&format!("http://{}", world.address))
        .unwrap();
    let answer = send(world.address, "GET", path, &[], b"").await;
    if answer.status == 200 {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["content-type"], "text/plain");
    }
    (answer.status, String::from_utf8(answer.body).unwrap())
}

#[tokio::test]
async fn a_file_is_uploaded_posted_fetched_and_removed() {
    for prefix in ["", "/facade/sunshine"] {
        let world = World::start_at(prefix).await;
        let user = world.user("ann").await;
        let id = world.personal(&user).await;
        let query = format!("access=public&for=message&conversationId={id}");
        for query in [query.as_str(), "access=public"] {
            let url = upload(&world, query, "hello bytes").await;
            assert_eq!(fetch(&world, &url).await, (200, "hello bytes".to_owned()));
            let content = json!({"type": "file", "mediaUrl": url});
            let message = world.post(&id, &content).await;
            let content = &message["content"];
            assert_eq!(content["mediaUrl"], url);
            assert_eq!(content["mediaType"], "text/plain");
            assert_eq!(content["mediaSize"], 11);
            assert_eq!(fetch(&world, &url).await, (200, "hello bytes".to_owned()));
            let listed = world
                .get(&format!("/conversations/{id}/messages"))
                .await
                .json();
            assert_eq!(
                *listed["messages"].as_array().unwrap().last().unwrap(),
                message
            );
            let body = json!({"mediaUrl": url});
            let removed = world.ask("POST", "/attachments/remove", &body).await;
            assert_eq!((removed.status, removed.json()), (200, json!({})));
            assert_eq!(fetch(&world, &url).await.0, 404);
            let again = world.ask("POST", "/attachments/remove", &body).await;
            assert_eq!(again.code(), (404, "not_found".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_large_file_survives_in_pieces() {
    let world = World::start().await;
    let large = "0123456789abcdef".repeat(200_000);
    let url = upload(&world, "access=public", &large).await;
    let (status, read) = fetch(&world, &url).await;
    assert_eq!(status, 200);
    assert!(read == large);
}

#[tokio::test]
async fn an_upload_that_cannot_be_is_refused() {
    let world = World::start().await;
    let body = multipart("source", "x");
    for (tail, body, status) in [
        ("/attachments".to_owned(), body.clone(), 400),
        ("/attachments?access=private".to_owned(), body.clone(), 400),
        (
            "/attachments?access=public&for=message".to_owned(),
            body.clone(),
            400,
        ),
        (
            "/attachments?access=public".to_owned(),
            multipart("file", "x"),
            400,
        ),
        (
            "/attachments?access=public".to_owned(),
            b"nothing".to_vec(),
            400,
        ),
        (
            format!("/attachments?access=public&for=message&conversationId={UNKNOWN}"),
            body,
            404,
        ),
        (
            "/attachments?access=public".to_owned(),
            multipart("source", &"x".repeat(4_200_000)),
            413,
        ),
    ] {
        let answer = world
            .raw(&world.authorization, "POST", &tail, BOUNDARY, &body)
            .await;
        assert_eq!(answer.code().0, status, "{tail}");
    }
    let foreign = json!({"mediaUrl": "https://example.org/cat.png"});
    let answer = world.ask("POST", "/attachments/remove", &foreign).await;
    assert_eq!(answer.code(), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn another_tenant_neither_removes_nor_takes_over_a_file() {
    let world = World::start().await;
    let url = upload(&world, "access=public", "mine").await;
    let scopes = [Scope::Read, Scope::Write, Scope::ActAs];
    let other = world.key("other", None, &scopes).await.basic();
    let body = json!({"mediaUrl": url});
    let answer = world
        .ask_as(&other, "POST", "/attachments/remove", &body)
        .await;
    assert_eq!(answer.code(), (404, "not_found".to_owned()));
    assert_eq!(fetch(&world, &url).await.0, 200);
    let none = world
        .ask_as(&other, "GET", "/attachments", &Value::Null)
        .await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn a_file_goes_with_its_message() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let messages = format!("/conversations/{id}/messages");
    let own = format!("access=public&for=message&conversationId={id}");
    for all in [false, true] {
        let mut urls = Vec::new();
        for query in [own.as_str(), "access=public"] {
            let url = upload(&world, query, "hello bytes").await;
            let content = json!({"type": "file", "mediaUrl": url});
            let message = world.post(&id, &content).await;
            let one = format!("{messages}/{}", text(&message["id"]));
            if !all {
                assert_eq!(world.ask("DELETE", &one, &Value::Null).await.status, 200);
            }
            urls.push(url);
        }
        if all {
            let gone = world.ask("DELETE", &messages, &Value::Null).await;
            assert_eq!(gone.status, 200);
        }
        assert_eq!(fetch(&world, &urls[0]).await.0, 404);
        // Nobody said that this one was for a message.
        assert_eq!(fetch(&world, &urls[1]).await.0, 200);
    }
}
