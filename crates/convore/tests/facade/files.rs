//! Files of messages.

use serde_json::json;

use crate::support::{Answer, World};

const FORM: &str = "multipart/form-data; boundary=bdfb39fb";

fn form(bytes: &str) -> Vec<u8> {
    format!(
        "--bdfb39fb\r\nContent-Disposition: form-data; name=\"file\"; filename=\"note.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{bytes}\r\n--bdfb39fb--\r\n"
    )
    .into_bytes()
}

async fn upload(world: &World, query: &str, content_type: &str, body: &[u8]) -> Answer {
    let path = format!("/v1/attachments?{query}");
    let answer = world
        .send("POST", &path, Some(&world.key), content_type, body)
        .await;
    answer.check("POST", &path);
    answer
}

#[tokio::test]
async fn a_file_is_put_to_a_message_read_and_taken_away() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "see", "2024-03-06T19:29:57.659Z")
        .await;
    let query = format!("message_id={message}&is_inline=false");
    let file = upload(&world, &query, FORM, &form("hello")).await.ok();
    assert_eq!(file["filename"], "note.txt");
    assert_eq!(file["size"], 5);
    assert_eq!(file["message_id"], message);
    assert_eq!(file["conversation_id"], conversation);
    let path = format!("/v1/messages/{message}");
    let shown = world.get(&path).await.ok();
    assert_eq!(shown["attachments"][0]["id"], file["id"]);
    assert_eq!(shown["text_body"], "see");
    // A change of the text leaves files alone.
    let changed = world.patch(&path, json!({"body": "look"})).await.ok();
    assert_eq!(changed["attachments"][0]["id"], file["id"]);
    assert_eq!(shown["attachments"], json!([file]));
    // What stands inside the text is told apart.
    let query = format!("message_id={message}&is_inline=true");
    let inside = upload(&world, &query, FORM, &form("picture")).await.ok();
    assert_eq!(inside["is_inline"], true);
    assert_eq!(
        world.get(&path).await.ok()["attachments"],
        json!([file, inside])
    );
    let inside = format!("/v1/attachments/{}", inside["id"].as_str().unwrap());
    world.delete(&inside).await;
    let id = file["id"].as_str().unwrap();
    assert!(id.starts_with("attch_"), "{id}");
    let download = format!("/v1/attachments/{id}/download");
    let bytes = world
        .send("GET", &download, Some(&world.key), "", b"")
        .await;
    assert_eq!((bytes.status, &*bytes.body), (200, b"hello".as_slice()));
    assert!(bytes.head.contains("x-content-type-options: nosniff"));
    let other = world.key_of("other", None, backend::Scope::ALL).await;
    let hidden = world.send("GET", &download, Some(&other), "", b"").await;
    hidden.is_problem(404);
    let unknown = "/v1/attachments/attch_unknown";
    let unknown = world.send("DELETE", unknown, Some(&other), "", b"").await;
    let theirs = format!("/v1/attachments/{id}");
    let theirs = world.send("DELETE", &theirs, Some(&other), "", b"").await;
    assert_eq!(theirs.refused(404), unknown.refused(404));
    let gone = world.delete(&format!("/v1/attachments/{id}")).await;
    assert_eq!((gone.status, gone.body.len()), (200, 0));
    let bytes = world
        .send("GET", &download, Some(&world.key), "", b"")
        .await;
    bytes.is_problem(404);
    assert_eq!(world.get(&path).await.ok()["attachments"], json!([]));
    world
        .delete(&format!("/v1/attachments/{id}"))
        .await
        .refused(404);
}

#[tokio::test]
async fn uploads_that_are_none_are_refused() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "see", "2024-03-06T19:29:57.659Z")
        .await;
    let good = format!("message_id={message}&is_inline=true");
    let body = form("hello");
    for (query, content_type, body, status) in [
        ("is_inline=true".to_owned(), FORM, body.clone(), 400),
        (format!("message_id={message}"), FORM, body.clone(), 400),
        (format!("{good}&draft_id=d"), FORM, body.clone(), 400),
        (
            "draft_id=d&is_inline=true".to_owned(),
            FORM,
            body.clone(),
            404,
        ),
        (
            "message_id=msg_x&is_inline=true".to_owned(),
            FORM,
            body.clone(),
            404,
        ),
        (good.clone(), "text/plain", body.clone(), 400),
        (good.clone(), FORM, b"--bdfb39fb\r\nContent-".to_vec(), 400),
        (good.clone(), FORM, b"--bdfb39fb--\r\n".to_vec(), 400),
        (good.clone(), FORM, form(""), 400),
        (good.clone(), FORM, form(&"x".repeat(1_001)), 413),
        (good.clone(), FORM, form(&"x".repeat(17_300)), 413),
    ] {
        let answer = upload(&world, &query, content_type, &body).await;
        answer.refused(status);
    }
    world
        .get("/v1/attachments/attch_x/download")
        .await
        .refused(404);
}
