//! The list of conversations with its filters, and what the vendor's client makes of repeated parameters.

use serde_json::{Value, json};

use crate::support::World;

async fn made(world: &World, changes: Value) -> String {
    let mut body = json!({"channel_id": "chnnl_1", "label_ids": [], "participants": []});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = world.post("/v1/conversations", body).await;
    answer.ok()["id"].as_str().unwrap().to_owned()
}

fn mail(address: &str) -> Value {
    json!([{"handle": {"type": "email", "value": address}, "role": "from"}])
}

fn chat(name: &str) -> Value {
    json!([{"handle": {"type": "convore_chat", "value": name}, "role": "from"}])
}

async fn listed(world: &World, query: &str) -> Vec<String> {
    let mut ids = world.get(&format!("/v1/conversations?{query}")).await.ids();
    ids.sort();
    ids
}

fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn every_filter_selects_what_it_says() {
    let world = World::start().await;
    let label = world
        .post("/v1/labels", json!({"name": "Support"}))
        .await
        .ok();
    let label = label["id"].as_str().unwrap().to_owned();
    let open = made(&world, json!({"participants": mail("bo+tag@example.test")})).await;
    let done = made(&world, json!({"status": "done", "label_ids": [label]})).await;
    let spam = made(
        &world,
        json!({"status": "spam", "channel_id": "chnnl_2", "participants": chat("u 1&2")}),
    )
    .await;
    let said = made(&world, json!({})).await;
    world.said(&said, "hello", "2019-05-04T03:02:01.500Z").await;
    let sent = made(&world, json!({"participants": mail("bo@example.test")})).await;
    world
        .post("/v1/messages", json!({"channel_id": "chnnl_1", "conversation_id": sent, "body": "x", "to": ["bo@example.test"]}))
        .await
        .ok();
    let all = [&open, &done, &spam, &said, &sent];
    let table: Vec<(String, Vec<&String>)> = vec![
        (String::new(), all.to_vec()),
        ("status=open".into(), vec![&open, &said, &sent]),
        ("statuses=done&statuses=spam".into(), vec![&done, &spam]),
        ("statuses=ConversationStatus.OPEN&statuses=ConversationStatus.DONE".into(), vec![&open, &done, &said, &sent]),
        ("status=trash".into(), vec![]),
        ("channel_id=chnnl_2".into(), vec![&spam]),
        ("channel_id=chnnl_none".into(), vec![]),
        (format!("label_ids={label}"), vec![&done]),
        (format!("label_ids={label}&label_ids=lbl_x"), vec![&done]),
        ("label_ids=lbl_x".into(), vec![]),
        ("has_no_label=true".into(), vec![&open, &spam, &said, &sent]),
        ("has_no_label=false".into(), vec![&done]),
        ("has_drafts=true".into(), vec![]),
        ("has_drafts=false".into(), all.to_vec()),
        ("has_messages=true".into(), vec![&said, &sent]),
        ("has_messages=false".into(), vec![&open, &done, &spam]),
        ("has_outbound_messages=true".into(), vec![&sent]),
        ("has_outbound_messages=false&has_messages=true".into(), vec![&said]),
        ("contact_handle_tokens=EMAIL:bo+tag@example.test".into(), vec![&open]),
        ("contact_handle_token=email:bo@example.test".into(), vec![&sent]),
        ("contact_handle_tokens=CONVORE_CHAT:u%201&2&has_drafts=false".into(), vec![&spam]),
        ("contact_handle_tokens=EMAIL:bo%2Btag@example.test&contact_handle_tokens=CONVORE_CHAT:u%201%262".into(), vec![&open, &spam]),
        ("contact_handle_tokens=CONVORE_CHAT:bo@example.test".into(), vec![]),
        ("created_at_after=2019-05-04T03%3A02%3A01Z".into(), all.to_vec()),
        ("created_at_before=2019-05-04T03%3A02%3A01Z".into(), vec![]),
        ("last_message_date_before=2019-05-04T03%3A02%3A02Z".into(), vec![&said]),
        ("last_message_date_after=2019-05-04T03%3A02%3A02Z".into(), vec![&sent]),
        ("last_message_date_after=2019-05-04T03%3A02%3A01Z&last_message_date_before=2019-05-04T03%3A02%3A02Z".into(), vec![&said]),
        ("unknown=1".into(), all.to_vec()),
    ];
    for (query, expected) in table {
        assert_eq!(listed(&world, &query).await, sorted(&expected), "{query}");
    }
    for bad in [
        "status=closed",
        "statuses=ConversationStatus.CLOSED",
        "has_drafts=yes",
        "contact_handle_tokens=bo@example.test",
        "created_at_after=2019-05-04T03:02:01",
        "limit=0",
        "limit=101",
        "cursor=c1",
        "channel_id=%ff",
    ] {
        world
            .get(&format!("/v1/conversations?{bad}"))
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn pages_meet_each_once_and_the_total_is_all() {
    let world = World::start().await;
    let mut all = Vec::new();
    for number in 0..7 {
        let status = if number % 2 == 0 { "open" } else { "done" };
        all.push((made(&world, json!({"status": status})).await, status));
    }
    for (filter, wanted) in [
        ("", vec!["open", "done"]),
        ("status=done", vec!["done"]),
        ("status=open", vec!["open"]),
    ] {
        let mut found = Vec::new();
        let mut next = Some(String::new());
        while let Some(cursor) = next {
            let path = format!("/v1/conversations?limit=2&{filter}{cursor}");
            let answer = world.get(&path).await;
            let page = answer.ok();
            if wanted != ["open"] {
                let fitting = all.iter().filter(|(_, status)| wanted.contains(status));
                assert_eq!(page["total_count"], fitting.count());
            }
            found.extend(answer.ids());
            let cursor = page["next_cursor"].as_str();
            next = cursor.map(|cursor| format!("&cursor={cursor}"));
        }
        let expected: Vec<String> = all
            .iter()
            .rev()
            .filter(|(_, status)| wanted.contains(status))
            .map(|(id, _)| id.clone())
            .collect();
        assert_eq!(found, expected, "{filter}");
    }
}
