//! Bodies that nobody means well: no answer is 500, and nothing is done by halves.

use serde_json::{Value, json};

use crate::support::{World, bo};

#[tokio::test]
async fn bodies_may_be_any_bytes() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world
        .said(&conversation, "x", "2024-03-06T19:29:57.659Z")
        .await;
    let label = world.post("/v1/labels", json!({"name": "L"})).await.ok();
    let contact = json!({"name": "C", "handles": []});
    let contact = world.post("/v1/contacts", contact).await.ok();
    let channel = world.get("/v1/channels").await.ids().remove(0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let writes = [
        ("POST", "/v1/messages".to_owned()),
        ("POST", "/v1/messages/import".to_owned()),
        ("PATCH", format!("/v1/messages/{message}")),
        ("POST", "/v1/conversations".to_owned()),
        ("PATCH", format!("/v1/conversations/{conversation}")),
        ("POST", "/v1/labels".to_owned()),
        ("PATCH", format!("/v1/labels/{}", text(&label["id"]))),
        ("POST", "/v1/contacts".to_owned()),
        ("PATCH", format!("/v1/contacts/{}", text(&contact["id"]))),
        ("POST", "/v1/channels".to_owned()),
        ("PATCH", format!("/v1/channels/{channel}")),
    ];
    let deep = [
        "[".repeat(100_000),
        format!("{{\"name\":{}", "[".repeat(64)),
        format!("{}1{}", "{\"a\":".repeat(80), "}".repeat(80)),
        format!("[{}]", "[],".repeat(100_000)),
    ];
    let bodies: Vec<Vec<u8>> = [
        b"\xff\xfe{\"name\":\"x\"}".to_vec(),
        b"{\"name\":\"\xc3\x28\",\"body\":\"\xff\"}".to_vec(),
        b"{\"name\":\"\\ud800\",\"body\":\"\\ud800\",\"subject\":\"\\ud800\"}".to_vec(),
        b"\0".to_vec(),
        b"{\"name\":1e999,\"subject\":1e999,\"body\":-1}".to_vec(),
        b"{\"name\":[],\"subject\":{},\"body\":true,\"status\":[\"open\"]}".to_vec(),
        b"[]".to_vec(),
        b"\"\"".to_vec(),
        b"null".to_vec(),
        b"name=x&body=x".to_vec(),
    ]
    .into_iter()
    .chain(deep.into_iter().map(String::into_bytes))
    .collect();
    for (method, path) in &writes {
        for body in &bodies {
            world.bytes(method, path, body).await.is_problem(400);
        }
        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1_000_001));
        let answer = world.bytes(method, path, large.as_bytes()).await;
        answer.is_problem(413);
    }
    // Nothing of that was done.
    let path = format!("/v1/messages/{message}");
    assert_eq!(world.get(&path).await.ok()["text_body"], "x");
    assert_eq!(world.get("/v1/conversations").await.ids(), [conversation]);
}

#[tokio::test]
async fn texts_may_hold_any_character() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let strange = "a\u{0}b\u{202e}c\u{feff}\u{1f409}</script>'\"\\\r\n\t\u{7f}";
    let label = json!({"name": strange, "description": strange});
    let label = world.post("/v1/labels", label).await.ok();
    assert_eq!(label["name"], strange);
    let path = format!("/v1/conversations/{conversation}");
    let body = json!({"subject": strange, "snippet": strange, "label_ids": [label["id"]],
        "participants": [{"name": strange, "handle": {"type": "convore_chat", "value": strange}, "role": "from"}]});
    let changed = world.patch(&path, body).await.ok();
    assert_eq!(changed["subject"], strange);
    assert_eq!(changed["labels"], json!([label]));
    assert_eq!(changed["participants"][0]["handle"]["value"], strange);
    assert_eq!(world.get(&path).await.ok(), changed);
    let found = world
        .get("/v1/contacts?contact_handle_token=CONVORE_CHAT:a%00b%E2%80%AEc%EF%BB%BF%F0%9F%90%89%3C/script%3E'%22%5C%0D%0A%09%7F")
        .await;
    assert_eq!(found.ok()["data"][0]["name"], strange);
    let body = json!({"conversation_id": conversation, "date": "2024-03-06T19:29:57.659Z", "sender": bo("from"),
        "recipients": [], "body": strange, "subject": strange, "snippet": strange});
    let said = world.post("/v1/messages/import", body).await.ok();
    assert_eq!(said["subject"], strange);
    let path = format!("/v1/messages/{}", said["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.ok(), said);
}

#[tokio::test]
async fn times_are_times_of_this_world() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    for date in [
        "",
        "now",
        "2024-02-30T00:00:00Z",
        "2024-03-06",
        "2024-03-06T19:29:57",
        "2024-03-06 19:29:57",
        "1709753397659",
        "99999-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "2024-03-06T24:00:01Z",
        // The last times that there are.
        "9999-12-31T23:59:59Z",
    ] {
        let body = json!({"conversation_id": conversation, "date": date, "sender": bo("from"), "recipients": []});
        let answer = world.post("/v1/messages/import", body).await;
        answer.is_problem(400);
        let date = date.replace(' ', "%20");
        let path = format!("/v1/events?created_at_after={date}");
        world.get(&path).await.is_problem(400);
    }
    for date in [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-01T00:00:00Z",
    ] {
        let path = format!("/v1/events?created_at_after={date}&created_at_before={date}");
        assert_eq!(world.get(&path).await.ids(), Vec::<String>::new());
        let path =
            format!("/v1/conversations?created_at_before={date}&last_message_date_after={date}");
        assert_eq!(world.get(&path).await.ids(), Vec::<String>::new());
        let body = json!({"conversation_id": conversation, "date": date, "sender": bo("from"), "recipients": []});
        let answer = world.post("/v1/messages/import", body).await;
        assert!(
            matches!(answer.status, 200 | 400 | 422),
            "{date}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn more_than_anything_may_have_is_refused() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let many: Vec<Value> = (0..1_001)
        .map(|number| json!({"handle": {"type": "convore_chat", "value": format!("u{number}")}, "role": "to"}))
        .collect();
    let body = json!({"channel_id": "c", "label_ids": [], "participants": many});
    world.post("/v1/conversations", body).await.is_problem(400);
    let path = format!("/v1/conversations/{conversation}");
    let body = json!({"participants": many});
    world.patch(&path, body).await.is_problem(400);
    let body = json!({"channel_id": "c", "recipients": many, "body": "x"});
    world.post("/v1/messages", body).await.is_problem(400);
    let long = "x".repeat(2_049);
    for body in [
        json!({"conversation_id": conversation, "channel_id": "chnnl_1", "to": ["a@b"], "body": "x", "subject": long}),
        json!({"conversation_id": conversation, "channel_id": "chnnl_1", "to": [long], "body": "x"}),
    ] {
        world.post("/v1/messages", body).await.is_problem(400);
    }
    world
        .post("/v1/labels", json!({"name": long}))
        .await
        .is_problem(400);
    world
        .post("/v1/contacts", json!({"name": long, "handles": []}))
        .await
        .is_problem(400);
    // A refused send leaves no conversation behind.
    assert_eq!(world.get("/v1/conversations").await.ids(), [conversation]);
}
