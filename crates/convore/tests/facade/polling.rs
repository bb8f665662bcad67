//! Events, as the vendor's SDK polls them.

use std::collections::BTreeSet;

use backend::Location;
use conversation::{NewMessage, Role};
use serde_json::json;

use crate::support::{Answer, World};

fn types(answer: &Answer) -> Vec<String> {
    let page = answer.ok();
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_poll_meets_all_that_happened_whoever_did_it() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    world
        .said(&conversation, "old", "2019-05-04T03:02:01Z")
        .await;
    let cx = world.cx();
    let at = Location::unresolved(conversation.parse().unwrap());
    for role in [Role::User, Role::Assistant, Role::System] {
        let new = NewMessage::text(role, "x");
        world.backend.post_message(&cx, &at, new).await.unwrap();
    }
    let label = world.post("/v1/labels", json!({"name": "L"})).await.ok();
    let path = format!("/v1/conversations/{conversation}");
    for body in [
        json!({"status": "done", "label_ids": [label["id"]]}),
        json!({"status": "open", "label_ids": []}),
        json!({"status": "open"}),
    ] {
        world.patch(&path, body).await.ok();
    }
    let since = "created_at_after=2024-01-01T00%3A00%3A00Z";
    let poll = world.get(&format!("/v1/events?limit=500&{since}")).await;
    assert_eq!(
        types(&poll),
        [
            "conversation_done",
            "label_added_to_conversation",
            "conversation_reopened",
            "label_removed_from_conversation",
            "message_inbound_received",
            "message_outbound_sent",
        ]
    );
    for event in poll.ok()["data"].as_array().unwrap() {
        assert_eq!(event["conversation_id"], conversation);
        let path = format!("/v1/events/{}", event["id"].as_str().unwrap());
        assert_eq!(world.get(&path).await.ok(), *event);
    }
    // Page by page, the same.
    let mut found = BTreeSet::new();
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let answer = world
            .get(&format!("/v1/events?limit=1&{since}{cursor}"))
            .await;
        found.extend(answer.ids());
        let cursor = answer.ok()["next_cursor"].as_str().map(str::to_owned);
        next = cursor.map(|cursor| format!("&cursor={cursor}"));
    }
    assert_eq!(found, poll.ids().into_iter().collect::<BTreeSet<_>>());
    // From the beginning the old message is one too.
    assert_eq!(world.get("/v1/events?limit=500").await.ids().len(), 7);
    let later = world.get("/v1/events?created_at_after=2999-01-01T00:00:00Z");
    assert_eq!(later.await.ids(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_goes_on_where_it_ended_though_more_is_said_meanwhile() {
    let world = World::start().await;
    let cx = world.cx();
    let mut all = BTreeSet::new();
    let mut places = Vec::new();
    for _ in 0..2 {
        let conversation = world.conversation().await;
        let at = Location::unresolved(conversation.parse().unwrap());
        for _ in 0..3 {
            let new = NewMessage::text(Role::User, "x");
            let said = world.backend.post_message(&cx, &at, new).await.unwrap();
            all.insert(said.id.as_str().replacen("msg_", "event_", 1));
        }
        places.push(at);
    }
    let since = "/v1/events?limit=2&created_at_after=2024-01-01T00:00:00Z&object_type=message";
    let first = world.get(since).await;
    let mut found: BTreeSet<String> = first.ids().into_iter().collect();
    assert_eq!(found.len(), 2);
    // The conversation in which the page ended is now the last one that changed.
    let new = NewMessage::text(Role::User, "y");
    let said = world.backend.post_message(&cx, &places[0], new).await;
    all.insert(said.unwrap().id.as_str().replacen("msg_", "event_", 1));
    let mut next = first.ok()["next_cursor"].as_str().map(str::to_owned);
    while let Some(cursor) = next {
        let page = world.get(&format!("{since}&cursor={cursor}")).await;
        found.extend(page.ids());
        next = page.ok()["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn events_are_filtered() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let message = world.said(&conversation, "x", "2024-03-06T19:29:57Z").await;
    let path = format!("/v1/conversations/{conversation}");
    world.patch(&path, json!({"status": "spam"})).await.ok();
    for (query, expected) in [
        (
            "types=EventType.MESSAGE_INBOUND_RECEIVED".to_owned(),
            vec!["message_inbound_received"],
        ),
        ("types=EventType.MESSAGE_OUTBOUND_SENT".to_owned(), vec![]),
        (
            "type=conversation_marked_as_spam".to_owned(),
            vec!["conversation_marked_as_spam"],
        ),
        (
            "object_type=message".to_owned(),
            vec!["message_inbound_received"],
        ),
        ("object_type=label".to_owned(), vec![]),
        (
            format!("object_id={message}"),
            vec!["message_inbound_received"],
        ),
        (
            format!("object_id={conversation}"),
            vec!["conversation_marked_as_spam"],
        ),
        (
            "created_at_before=2024-03-06T19:29:57Z".to_owned(),
            vec!["message_inbound_received"],
        ),
        ("created_at_before=2024-03-06T19:29:56Z".to_owned(), vec![]),
    ] {
        let answer = world.get(&format!("/v1/events?{query}")).await;
        assert_eq!(types(&answer), expected, "{query}");
    }
    for bad in [
        "type=x",
        "object_type=x",
        "limit=501",
        "cursor=x",
        "created_at_after=x",
    ] {
        world.get(&format!("/v1/events?{bad}")).await.refused(400);
    }
    world.get("/v1/events/event_x").await.refused(404);
    world.get("/v1/events/x").await.refused(404);
}
