//! Files: their own bytes in, the same bytes out.

use backend::Scope;
use conversation::Digest;
use serde_json::{Value, json};

use crate::support::{Answer, Server};

const CAT: &[u8] = b"\x89PNG and the rest of a cat \xff\xfe";

/// The id at the end of a path.
fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// Where attachments of a conversation are put.
fn place(conversation: &str, more: &str) -> String {
    format!(
        "/v1/attachments?conversation_id={}{more}",
        id_of(conversation)
    )
}

async fn put(server: &Server, conversation: &str, more: &str) -> Answer {
    server
        .post(&place(conversation, more))
        .header("content-type", "image/png")
        .bytes(CAT)
        .send()
        .await
}

async fn messages(server: &Server, conversation: &str) -> Value {
    let path = format!("{conversation}/messages");
    server.get(&path).send().await.expect(200).json()["data"].clone()
}

#[tokio::test]
async fn bytes_come_back_as_they_were_sent() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let answer = put(&server, &conversation, "&name=Gr%C3%BC%C3%9Fe.png").await;
    let attachment = answer.expect(201).json();
    let id = attachment["id"].as_str().unwrap();
    assert_eq!(
        attachment,
        json!({"id": id, "name": "Gr\u{fc}\u{df}e.png", "media_type": "image/png", "size": CAT.len()})
    );
    assert_eq!(answer.header("dragoman-backend"), Some("store"));
    let location = answer.header("location").unwrap();
    let content = server.get(location).send().await;
    assert_eq!(&content.expect(200).body[..], CAT);
    let tag = format!("\"{}\"", Digest::of(CAT));
    for (name, expected) in [
        ("content-type", "image/png"),
        ("etag", tag.as_str()),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        (
            "content-disposition",
            "attachment; filename=\"Gr__e.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.png",
        ),
    ] {
        assert_eq!(content.header(name), Some(expected), "{name}");
    }
    let known = server
        .get(location)
        .header("if-none-match", &tag)
        .send()
        .await;
    assert_eq!(known.expect(304).body.len(), 0);
    assert_eq!(known.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn one_range_is_given_and_one_behind_the_end_refused() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let answer = put(&server, &conversation, "").await;
    let location = answer.expect(201).header("location").unwrap().to_owned();
    let length = CAT.len();
    let ask = |range: &'static str| server.get(&location).header("range", range).send();
    for (range, from, to) in [("bytes=1-3", 1, 4), ("bytes=-4", length - 4, length)] {
        let part = ask(range).await;
        assert_eq!(&part.expect(206).body[..], &CAT[from..to], "{range}");
        let place = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(part.header("content-range"), Some(place.as_str()));
    }
    for everything in ["bytes=0-1,4-5", "bytes=3-1", "lines=1-2"] {
        assert_eq!(&ask(everything).await.expect(200).body[..], CAT);
    }
    let behind = ask("bytes=100000-").await;
    behind.problem(416, "range-not-satisfiable");
    let place = format!("bytes */{length}");
    assert_eq!(behind.header("content-range"), Some(place.as_str()));
    for (tag, status) in [
        (format!("\"{}\"", Digest::of(CAT)), 206),
        ("\"other\"".to_owned(), 200),
    ] {
        let answer = server
            .get(&location)
            .header("range", "bytes=0-0")
            .header("if-range", &tag)
            .send()
            .await;
        answer.expect(status);
    }
}

#[tokio::test]
async fn an_attachment_becomes_a_part_of_its_message_or_of_a_later_one() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let message = server.message(&conversation, "look").await;
    let more = format!("&name=cat.png&message_id={}", id_of(&message));
    let shown = put(&server, &conversation, &more).await.expect(201).json();
    let image = |attachment: &Value| {
        json!({
            "type": "image", "attachment_id": attachment["id"], "media_type": "image/png",
            "size": CAT.len(), "name": "cat.png",
        })
    };
    assert_eq!(
        messages(&server, &conversation).await[0]["parts"],
        json!([{"type": "text", "text": "look"}, image(&shown)])
    );
    let later = put(&server, &conversation, "&name=cat.png")
        .await
        .expect(201)
        .json();
    let posted = server
        .post(&format!("{conversation}/messages"))
        .json(&json!({"parts": [image(&later)]}))
        .send()
        .await;
    assert_eq!(posted.expect(201).json()["parts"], json!([image(&later)]));
}

#[tokio::test]
async fn a_repeat_stores_nothing_and_other_bytes_are_another_request() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let message = server.message(&conversation, "look").await;
    let more = format!("&message_id={}", id_of(&message));
    let path = place(&conversation, &more);
    let send = |bytes: &'static [u8], media_type: &'static str| {
        server
            .post(&path)
            .header("idempotency-key", "one")
            .header("content-type", media_type)
            .bytes(bytes)
            .send()
    };
    let first = send(CAT, "image/png").await;
    let repeat = send(CAT, "image/png").await;
    assert_eq!(
        repeat.expect(201).header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(first.body, repeat.body);
    assert_eq!(first.header("location"), repeat.header("location"));
    let parts = messages(&server, &conversation).await[0]["parts"].clone();
    assert_eq!(parts.as_array().unwrap().len(), 2);
    for (bytes, media_type) in [(&b"a dog"[..], "image/png"), (CAT, "image/gif")] {
        let other = send(bytes, media_type).await;
        other.problem(422, "idempotency-mismatch");
    }
}

#[tokio::test]
async fn mistaken_uploads_say_what_to_do_and_store_nothing() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let message = server.message(&conversation, "look").await;
    let path = place(&conversation, "");
    let form = "multipart/form-data; boundary=x";
    for (headers, words) in [
        (vec![], "name the media type of the bytes"),
        (vec![("content-type", "picture")], "not a media type"),
        (vec![("content-type", "image/*")], "not a media type"),
        (vec![("content-type", form)], "send the file's own bytes"),
        (
            vec![("content-type", "application/x-www-form-urlencoded")],
            "many clients add by themselves",
        ),
        (
            vec![("content-type", "image/png"), ("content-encoding", "gzip")],
            "send the bytes as they are",
        ),
    ] {
        let call = headers
            .iter()
            .fold(server.post(&path), |call, (name, value)| {
                call.header(name, value)
            });
        let problem = call
            .bytes(CAT)
            .send()
            .await
            .problem(415, "unsupported-media-type");
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
    }
    let empty = server
        .post(&path)
        .header("content-type", "image/png")
        .send()
        .await;
    empty.problem(422, "invalid-request");
    assert_eq!(empty.pointers(), [("body".to_owned(), String::new())]);
    for (path, pointer) in [
        ("/v1/attachments".to_owned(), "/conversation_id"),
        (
            "/v1/attachments?conversation_id=x".to_owned(),
            "/conversation_id",
        ),
        (place(&conversation, "&message_id=a%2Fb"), "/message_id"),
        (place(&conversation, "&name=a%2Fb"), "/name"),
        (place(&conversation, "&name="), "/name"),
        (place(&conversation, "&nane=a"), "/nane"),
    ] {
        let answer = server
            .post(&path)
            .header("content-type", "image/png")
            .bytes(CAT)
            .send()
            .await;
        answer.problem(400, "invalid-query");
        assert_eq!(
            answer.pointers(),
            [("query".to_owned(), pointer.to_owned())],
            "{path}"
        );
    }
    let elsewhere = server.conversation().await;
    let unknown = "/v1/conversations/conv_00000000000000000000000000";
    for (conversation, more) in [
        (conversation.as_str(), "&message_id=msg_unknown".to_owned()),
        (&elsewhere, format!("&message_id={}", id_of(&message))),
        (unknown, String::new()),
    ] {
        let answer = put(&server, conversation, &more).await;
        assert_eq!(answer.problem(404, "not-found")["outcome"], "not_applied");
    }
    let parts = messages(&server, &conversation).await[0]["parts"].clone();
    assert_eq!(parts, json!([{"type": "text", "text": "look"}]));
}

#[tokio::test]
async fn a_file_has_a_limit_of_its_own() {
    let server = Server::start_with(|gateway| gateway.limits.body_bytes_max = 1_000).await;
    let conversation = server.conversation().await;
    let send = |size: usize| {
        server
            .post(&place(&conversation, ""))
            .header("content-type", "text/plain")
            .bytes(vec![b'x'; size])
            .send()
    };
    let limit = 25 * 1_024 * 1_024;
    let location = send(limit)
        .await
        .expect(201)
        .header("location")
        .map(str::to_owned);
    let content = server.get(&location.unwrap()).send().await;
    assert_eq!(content.expect(200).body.len(), limit);
    let problem = send(limit + 1).await.problem(413, "body-too-large");
    assert!(problem["detail"].as_str().unwrap().contains("26214400"));
}

#[tokio::test]
async fn nobody_reads_an_attachment_of_somebody_else() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let elsewhere = server.conversation().await;
    let answer = put(&server, &conversation, "").await;
    let location = answer.expect(201).header("location").unwrap().to_owned();
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let other_conversation = location.replace(id_of(&conversation), id_of(&elsewhere));
    let unknown = location.replace(&id, "att_unknown");
    for path in [&other_conversation, &unknown] {
        server.get(path).send().await.problem(404, "not-found");
    }
    for (tenant, user) in [("other", None), ("acme", Some("ann"))] {
        let stranger = server.new_key(tenant, user, Scope::ALL).await;
        let answer = server.get(&location).key(&stranger).send().await;
        answer.problem(404, "not-found");
        let answer = server
            .post(&place(&conversation, ""))
            .key(&stranger)
            .header("content-type", "image/png")
            .bytes(CAT)
            .send()
            .await;
        answer.problem(404, "not-found");
    }
    server
        .get(&format!("/v1/attachments/{id}/content"))
        .send()
        .await
        .problem(400, "invalid-query");
}
