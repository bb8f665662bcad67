//! Messages, their contents, marks and attachments.

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::fake::{FakeOptions, KEY_ID, SECRET, UnknownCursor};
use crate::support::{answered, assert_refused, furnished};

#[tokio::test]
async fn lists_of_messages_page_backwards_whatever_size_is_asked() {
    let options = FakeOptions {
        messages_per_page: 2,
        unknown_cursor: UnknownCursor::Refused(400),
        ..FakeOptions::default()
    };
    let (_fake, caller, _, [first, _]) = furnished(options).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let (status, said) = caller
            .say(&first, json!({"type": "text", "text": number.to_string()}))
            .await;
        assert_eq!(status, 201);
        ids.push(said["messages"][0]["id"].as_str().unwrap().to_owned());
    }
    let path = ["conversations", first.as_str(), "messages"];
    let page = async |query: &[(&str, &str)]| {
        let (status, body) = caller.get(&path, query).await;
        assert_eq!(status, 200, "{body}");
        let found = body["messages"].as_array().unwrap();
        let found: Vec<String> = found
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        (found, body["meta"].clone())
    };
    assert_eq!(
        page(&[("page[size]", "25")]).await,
        (
            ids[3..].to_vec(),
            json!({"hasMore": true, "beforeCursor": ids[3]})
        )
    );
    assert_eq!(
        page(&[("page[before]", &ids[3])]).await,
        (
            ids[1..3].to_vec(),
            json!({"hasMore": true, "beforeCursor": ids[1], "afterCursor": ids[2]})
        )
    );
    assert_eq!(
        page(&[("page[before]", &ids[1])]).await,
        (
            ids[..1].to_vec(),
            json!({"hasMore": false, "afterCursor": ids[0]})
        )
    );
    assert_eq!(page(&[("page[after]", &ids[0])]).await.0, ids[1..3]);
    let unknown = "f".repeat(24);
    assert_refused(
        &caller.get(&path, &[("page[before]", &unknown)]).await,
        400,
        "bad_request",
    );
    let missing = ["conversations", unknown.as_str(), "messages"];
    assert_refused(&caller.get(&missing, &[]).await, 404, "not_found");
}

#[tokio::test]
async fn pages_may_come_newest_first_and_bare() {
    let options = FakeOptions {
        newest_first: true,
        bare_lists: true,
        ..FakeOptions::default()
    };
    let (_fake, caller, _, [first, _]) = furnished(options).await;
    for text in ["1", "2"] {
        caller
            .say(&first, json!({"type": "text", "text": text}))
            .await;
    }
    let (_, body) = caller
        .get(&["conversations", &first, "messages"], &[])
        .await;
    let texts: Vec<&Value> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["content"]["text"])
        .collect();
    assert_eq!(texts, ["2", "1"]);
    assert_eq!((body.get("meta"), body.get("links")), (None, None));
}

#[tokio::test]
async fn contents_are_processed() {
    let (_fake, caller, _, [first, _]) = furnished(FakeOptions::default()).await;
    let said = async |content: Value| {
        let (status, body) = caller.say(&first, content).await;
        assert_eq!(status, 201, "{body}");
        assert_eq!(
            body["messages"][0]["source"],
            json!({"type": "api:conversations"})
        );
        body["messages"][0]["content"].clone()
    };
    assert_eq!(
        said(json!({"type": "text", "markdownText": "**bold**"})).await,
        json!({"type": "text", "text": "bold", "htmlText": "<p><strong>bold</strong></p>"})
    );
    assert_eq!(
        said(json!({"type": "text", "htmlText": "<p>a</p><p>b</p>"})).await["text"],
        "a\nb"
    );
    assert_eq!(
        said(json!({"type": "image", "mediaUrl": "https://example.org/a/cat.png?x=1"})).await,
        json!({"type": "image", "mediaUrl": "https://example.org/a/cat.png?x=1", "mediaType": "image/png", "mediaSize": 1024, "altText": "cat.png"})
    );
    let item = json!({"title": "Tea", "description": "green", "actions": [{"type": "link", "text": "More", "uri": "https://example.org"}]});
    assert_eq!(
        said(json!({"type": "carousel", "items": [item]})).await["text"],
        "Tea\ngreen\nMore https://example.org"
    );
    assert_eq!(
        said(json!({"type": "list", "items": [item]})).await["text"],
        "Tea\ngreen\nMore https://example.org"
    );
    let text =
        said(json!({"type": "location", "coordinates": {"lat": 1.5, "long": 2}})).await["text"]
            .clone();
    assert_eq!(
        text,
        "Location shared:\nhttps://maps.google.com/maps?q=1.5,2"
    );
    let form =
        said(json!({"type": "form", "fields": [{"type": "text", "name": "n", "label": "l"}]}))
            .await;
    assert_eq!(form["submitted"], false);
    assert_eq!(form["fields"][0]["maxSize"], 128);
    let both = json!({"type": "text", "htmlText": "a", "markdownText": "b"});
    assert_refused(&caller.say(&first, both).await, 400, "bad_request");
}

#[tokio::test]
async fn authors_are_shown_by_id_and_posts_move_marks() {
    let (fake, caller, user, [first, _]) = furnished(FakeOptions::default()).await;
    caller
        .send(
            "PATCH",
            &["users", &user],
            &json!({"profile": {"givenName": "Ada", "surname": "L"}}),
        )
        .await;
    let path = ["conversations", first.as_str(), "messages"];
    let body = json!({"author": {"type": "user", "userExternalId": "ada"}, "content": {"type": "text", "text": "hi"}, "metadata": {"k": "v"}});
    let (_, posted) = caller.send("POST", &path, &body).await;
    assert_eq!(
        posted["messages"][0]["author"],
        json!({"type": "user", "userId": user, "displayName": "Ada L"})
    );
    assert_eq!(posted["messages"][0]["metadata"], json!({"k": "v"}));
    caller
        .say(&first, json!({"type": "text", "text": "hello"}))
        .await;
    let participants = ["conversations", first.as_str(), "participants"];
    let (_, listed) = caller.get(&participants, &[]).await;
    assert_eq!(listed["participants"][0]["unreadCount"], 1);
    let act = async |author: Value, kind: &str| {
        let body = json!({"author": author, "type": kind});
        caller
            .send("POST", &["conversations", &first, "activity"], &body)
            .await
    };
    assert_eq!(
        act(json!({"type": "user", "userId": user}), "conversation:read").await,
        (200, json!({}))
    );
    assert_refused(
        &act(json!({"type": "user", "userId": user}), "typing:start").await,
        400,
        "bad_request",
    );
    assert_eq!(
        act(json!({"type": "business"}), "typing:start").await.0,
        200
    );
    assert_eq!(
        act(json!({"type": "business"}), "conversation:read")
            .await
            .0,
        200
    );
    let (_, listed) = caller.get(&participants, &[]).await;
    assert_eq!(listed["participants"][0]["unreadCount"], 0);
    assert!(listed["participants"][0]["lastRead"].is_string());
    assert!(
        fake.conversation(&first)
            .unwrap()
            .business_last_read
            .value()
            .is_some()
    );
    let stranger = fake.add_user(None);
    let body = json!({"author": {"type": "user", "userId": stranger}, "content": {"type": "text", "text": "hi"}});
    assert_refused(&caller.send("POST", &path, &body).await, 400, "bad_request");
}

#[tokio::test]
async fn messages_are_deleted_and_full_conversations_locked() {
    let options = FakeOptions {
        messages_max: 2,
        ..FakeOptions::default()
    };
    let (fake, caller, _, [first, _]) = furnished(options).await;
    let text = || json!({"type": "text", "text": "x"});
    let (_, said) = caller.say(&first, text()).await;
    caller.say(&first, text()).await;
    assert_refused(&caller.say(&first, text()).await, 423, "locked");
    let id = said["messages"][0]["id"].as_str().unwrap();
    let message = ["conversations", first.as_str(), "messages", id];
    assert_eq!(caller.delete(&message).await, (200, json!({})));
    assert_refused(
        &caller.delete(&message).await,
        404,
        "conversation_not_found",
    );
    assert_eq!(fake.messages(&first).len(), 1);
    assert_eq!(caller.delete(&message[..3]).await, (200, json!({})));
    assert_eq!(fake.messages(&first).len(), 0);
}

#[tokio::test]
async fn attachments_are_served_until_they_are_removed() {
    let options = FakeOptions {
        private_attachments: true,
        ..FakeOptions::default()
    };
    let (fake, caller, _, [first, _]) = furnished(options).await;
    let upload = |name: &str| {
        let bytes = bytes::Bytes::from_static(b"hello");
        let request = caller
            .request("POST", &["attachments"])
            .query("access", "public");
        let request = request
            .query("for", "message")
            .query("conversationId", &first);
        request.file("source", name, "text/plain", bytes)
    };
    let (status, uploaded) = answered(upload("a.txt")).await;
    assert_eq!(
        (status, &uploaded["attachment"]["mediaType"]),
        (201, &json!("text/plain"))
    );
    let url = uploaded["attachment"]["mediaUrl"].as_str().unwrap();
    let path: Vec<&str> = url
        .strip_prefix(&fake.base_url())
        .unwrap()
        .split('/')
        .skip(1)
        .collect();
    let secret = SecretString::from(SECRET);
    let served = caller
        .0
        .get(&path)
        .basic(KEY_ID, &secret)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (served.status(), served.body().as_ref()),
        (200, b"hello".as_slice())
    );
    assert_refused(&answered(caller.0.get(&path)).await, 401, "unauthorized");
    let (_, said) = caller
        .say(&first, json!({"type": "file", "mediaUrl": url}))
        .await;
    assert_eq!(said["messages"][0]["content"]["mediaSize"], 5);
    let remove = async |url: &str| {
        caller
            .send(
                "POST",
                &["attachments", "remove"],
                &json!({"mediaUrl": url}),
            )
            .await
    };
    assert_refused(
        &remove("https://example.org/a.txt").await,
        400,
        "bad_request",
    );
    assert_eq!(remove(url).await, (200, json!({})));
    assert_refused(&remove(url).await, 404, "not_found");
    answered(upload("b.txt")).await;
    assert_eq!(fake.attachments(), 1);
    caller.delete(&["conversations", &first, "messages"]).await;
    assert_eq!(
        fake.attachments(),
        1,
        "an attachment that no message used stays"
    );
}

#[tokio::test]
async fn what_the_platform_adds_stands_in_the_list() {
    let options = FakeOptions {
        deleted_placeholders: true,
        ai_disclaimer: Some("Written by AI"),
        ..FakeOptions::default()
    };
    let (fake, caller, user, [first, _]) = furnished(options).await;
    let path = ["conversations", first.as_str(), "messages"];
    let author = json!({"type": "business", "subtypes": ["AI"]});
    let body = json!({"author": author, "content": {"type": "text", "text": "hi"}});
    let (_, posted) = caller.send("POST", &path, &body).await;
    assert_eq!(
        posted["messages"][0]["content"]["text"],
        "hi\n\nWritten by AI"
    );
    let added = json!({
        "author": {"type": "user", "userId": user},
        "content": {"type": "sticker", "pack": 7},
        "source": {"type": "telegram", "integrationId": "0".repeat(24)},
    });
    let added = fake.add_message(&first, &added);
    let id = posted["messages"][0]["id"].as_str().unwrap();
    assert_eq!(
        caller.delete(&[path.as_slice(), &[id]].concat()).await.0,
        200
    );
    assert_refused(
        &caller.delete(&[path.as_slice(), &[id]].concat()).await,
        404,
        "conversation_not_found",
    );
    let (_, listed) = caller.get(&path, &[]).await;
    assert_eq!(listed["messages"][0]["deleted"], true);
    assert_eq!(listed["messages"][1]["id"], added);
    assert_eq!(listed["messages"][1]["content"]["pack"], 7);
}
