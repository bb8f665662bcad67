//! The five operations of messages.

use backend::Location;
use conversation::{NewMessage, Part, Role};
use serde_json::{Value, json};

use crate::support::{World, ana, bo};

#[tokio::test]
async fn a_send_without_a_conversation_makes_one() {
    let world = World::start().await;
    let sent = world
        .post(
            "/v1/messages",
            json!({"channel_id": "chnnl_1", "to": ["bo@example.test"], "subject": "Test", "body": "Plain body"}),
        )
        .await
        .ok();
    assert_eq!(sent["direction"], "outbound");
    assert_eq!(sent["channel_id"], "chnnl_1");
    assert_eq!(sent["format"], "full");
    assert_eq!(sent["attachments"], json!([]));
    assert_eq!(sent["text_body"], "Plain body");
    assert_eq!(sent["recipients"][0]["handle"]["value"], "bo@example.test");
    assert_eq!(sent["recipients"][0]["role"], "to");
    let path = format!(
        "/v1/conversations/{}",
        sent["conversation_id"].as_str().unwrap()
    );
    let conversation = world.get(&path).await.ok();
    assert_eq!(conversation["subject"], "Test");
    assert_eq!(conversation["channel_id"], "chnnl_1");
    assert_eq!(conversation["last_message_date"], sent["date"]);
    let read = world
        .get(&format!("/v1/messages/{}", sent["id"].as_str().unwrap()))
        .await;
    assert_eq!(read.ok(), sent);
}

#[tokio::test]
async fn an_answer_needs_the_message_that_it_answers_and_no_more() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let asked = world
        .said(
            &conversation,
            "<p>Where is it?</p>",
            "2024-03-06T19:29:57.659Z",
        )
        .await;
    let answer = world
        .post(
            "/v1/messages",
            json!({"reply_to_message_id": asked, "body": "A reply", "quote_body": "<p>Where is it?</p>"}),
        )
        .await
        .ok();
    assert_eq!(answer["conversation_id"], conversation);
    assert_eq!(answer["reply_to_message_id"], asked);
    assert_eq!(answer["reply_type"], "reply");
    assert_eq!(
        answer["recipients"][0]["handle"]["value"],
        "bo@example.test"
    );
    assert_eq!(answer["text_body"], "A reply");
    assert_eq!(answer["body"], "A reply");
    assert!(
        answer["raw_body"]
            .as_str()
            .unwrap()
            .contains("Where is it?")
    );
    let other = world.conversation().await;
    let body = json!({"reply_to_message_id": asked, "conversation_id": other, "body": "x"});
    world.post("/v1/messages", body).await.refused(400);
    let body = json!({"reply_to_message_id": "msg_01hggtpfewf0y91nde7cz02p0k", "body": "x"});
    world.post("/v1/messages", body).await.refused(404);
}

#[tokio::test]
async fn an_import_keeps_time_people_and_text() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let body = json!({
        "conversation_id": conversation, "direction": "inbound", "subject": "Old",
        "date": "2019-05-04T05:02:01.123456+02:00", "sender": bo("from"),
        "recipients": [ana("to"), {"handle": {"type": "convore_chat", "value": "u 1"}, "role": "cc"}],
        "body": "<p>é ✓</p>", "snippet": "é",
    });
    let imported = world.post("/v1/messages/import", body).await.ok();
    assert_eq!(imported["date"], "2019-05-04T03:02:01.123Z");
    assert_eq!(imported["sender"], bo("from"));
    assert_eq!(imported["recipients"][0], ana("to"));
    assert_eq!(imported["recipients"][1]["handle"]["value"], "u 1");
    assert_eq!(imported["recipients"][1]["role"], "cc");
    assert_eq!(imported["body"], "<p>é ✓</p>");
    assert_eq!(imported["snippet"], "é");
    assert_eq!(imported["subject"], "Old");
}

#[tokio::test]
async fn imports_that_nobody_could_understand_are_refused() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let good = json!({
        "conversation_id": conversation, "date": "2019-05-04T03:02:01Z", "sender": bo("from"), "recipients": [],
    });
    world.post("/v1/messages/import", good.clone()).await.ok();
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status) in [
        (with("date", json!("2019-05-04T03:02:01")), 400),
        (with("direction", json!("internal")), 400),
        (with("reply_type", json!("x")), 400),
        (
            with(
                "sender",
                json!({"handle": {"type": "phone", "value": "1"}, "role": "from"}),
            ),
            400,
        ),
        (
            with(
                "sender",
                json!({"handle": {"type": "email", "value": ""}, "role": "from"}),
            ),
            400,
        ),
        (
            with(
                "sender",
                json!({"handle": {"type": "email", "value": "a@b"}, "role": "owner"}),
            ),
            400,
        ),
        (with("recipients", Value::Null), 400),
        (with("channel_id", json!("chnnl_other")), 400),
        (
            with("conversation_id", json!("conv_01hrak3m9qe27v5dbyr1ba968m")),
            404,
        ),
        (with("reply_to_message_id", json!("msg_x")), 404),
    ] {
        world
            .post("/v1/messages/import", body)
            .await
            .refused(status);
    }
    let body = json!({"channel_id": "chnnl_1", "date": "2019-05-04T03:02:01Z", "sender": bo("from"), "recipients": []});
    let alone = world.post("/v1/messages/import", body).await.ok();
    assert_ne!(alone["conversation_id"], conversation);
}

#[tokio::test]
async fn a_page_follows_the_other_and_the_last_has_no_cursor() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let mut all = Vec::new();
    for second in 0..5 {
        let date = format!("2024-03-06T19:29:0{second}.000Z");
        all.push(world.said(&conversation, &format!("{second}"), &date).await);
    }
    let path = format!("/v1/messages?conversation_id={conversation}&limit=2");
    let mut found = Vec::new();
    let mut next = Some(path.clone());
    while let Some(page) = next {
        let answer = world.get(&page).await;
        found.extend(answer.ids());
        let cursor = answer.ok()["next_cursor"].as_str().map(str::to_owned);
        next = cursor.map(|cursor| format!("{path}&cursor={cursor}"));
    }
    assert_eq!(found, all);
    for bad in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "cursor=eyJvIjoxMDB9%2B/%3D%3D",
        "format=html",
    ] {
        let path = format!("/v1/messages?conversation_id={conversation}&{bad}");
        world.get(&path).await.refused(400);
    }
}

#[tokio::test]
async fn without_a_conversation_all_are_walked() {
    let world = World::start().await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let conversation = world.conversation().await;
        world.conversation().await;
        for second in 0..3 {
            let date = format!("2024-03-06T19:29:0{second}.000Z");
            all.push(world.said(&conversation, "x", &date).await);
        }
    }
    for limit in [1, 2, 4, 100] {
        let mut found = Vec::new();
        let mut next = Some(format!("/v1/messages?limit={limit}"));
        while let Some(page) = next {
            let answer = world.get(&page).await;
            found.extend(answer.ids());
            let cursor = answer.ok()["next_cursor"].as_str().map(str::to_owned);
            next = cursor.map(|cursor| format!("/v1/messages?limit={limit}&cursor={cursor}"));
        }
        assert_eq!(found, all, "{limit}");
    }
}

#[tokio::test]
async fn what_the_vendor_cannot_have_is_not_shown() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let at = Location::unresolved(conversation.parse().unwrap());
    let cx = world.cx();
    let hidden = NewMessage::text(Role::System, "be kind");
    let hidden = world.backend.post_message(&cx, &at, hidden).await.unwrap();
    let mut shown = NewMessage::of(
        Role::Assistant,
        vec![Part::text("a <b> & c"), Part::text("d")],
    );
    shown.model = Some("m".into());
    let shown = world.backend.post_message(&cx, &at, shown).await.unwrap();
    let path = format!("/v1/messages?conversation_id={conversation}&limit=1");
    let page = world.get(&path).await;
    assert_eq!(page.ids(), [shown.id.to_string()]);
    let message = &page.ok()["data"][0];
    assert_eq!(message["body"], "a &lt;b&gt; &amp; c<br><br>d");
    assert_eq!(message["snippet"], "a <b> & c d");
    world
        .get(&format!("/v1/messages/{}", hidden.id))
        .await
        .refused(404);
}

#[tokio::test]
async fn a_minimal_message_has_no_bodies() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    world
        .said(&conversation, "hello", "2024-03-06T19:29:57.659Z")
        .await;
    let path = format!("/v1/messages?conversation_id={conversation}&format=minimal");
    let message = world.get(&path).await.ok()["data"][0].clone();
    assert_eq!(message["format"], "minimal");
    assert_eq!(message["snippet"], "hello");
    for absent in ["body", "text_body", "raw_body", "attachments"] {
        assert!(message.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn text_subject_and_snippet_change_and_nothing_else_does() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let id = world
        .said(&conversation, "hello", "2024-03-06T19:29:57.659Z")
        .await;
    let path = format!("/v1/messages/{id}");
    let before = world.get(&path).await.ok();
    let changed = world
        .patch(
            &path,
            json!({"body": "<p>b</p>", "subject": "S2", "snippet": "b", "date": before["date"], "sender": before["sender"]}),
        )
        .await
        .ok();
    assert_eq!(changed["body"], "<p>b</p>");
    assert_eq!(changed["text_body"], "b");
    assert_eq!(changed["subject"], "S2");
    assert_eq!(changed["snippet"], "b");
    assert_eq!(world.get(&path).await.ok(), changed);
    assert_eq!(world.patch(&path, json!({})).await.ok(), changed);
    let null = json!({"subject": null, "body": null});
    assert_eq!(world.patch(&path, null).await.ok(), changed);
    for body in [
        json!({"date": "2020-01-01T00:00:00Z"}),
        json!({"direction": "outbound"}),
        json!({"sender": ana("from")}),
        json!({"recipients": []}),
    ] {
        world.patch(&path, body).await.refused(422);
    }
    let unknown = "/v1/messages/a%2Fb%20c%3Fd%23e";
    world.get(unknown).await.refused(404);
    world.patch(unknown, json!({})).await.refused(404);
}
