//! One conversation: made, read, changed.

use backend::Location;
use conversation::{ConversationPatch, NewConversation, Patch, Priority, Status};
use serde_json::{Value, json};

use crate::support::{Setup, World, ana, bo};

#[tokio::test]
async fn a_conversation_has_what_it_was_made_with() {
    let world = World::start().await;
    let label = world
        .post("/v1/labels", json!({"name": "Support"}))
        .await
        .ok();
    let made = world
        .post(
            "/v1/conversations",
            json!({
                "channel_id": "chnnl_1", "status": "done", "priority": "high", "label_ids": [label["id"]],
                "participants": [bo("from"), ana("to")], "subject": "Old", "snippet": "old", "is_unread": true,
                "last_message_date": "2019-05-04T03:02:01+02:00",
            }),
        )
        .await
        .ok();
    assert_eq!(made["status"], "done");
    assert_eq!(made["priority"], "high");
    assert_eq!(made["labels"], json!([label]));
    assert_eq!(made["participants"], json!([bo("from"), ana("to")]));
    assert_eq!(made["subject"], "Old");
    assert_eq!(made["snippet"], "old");
    assert_eq!(made["is_unread"], true);
    assert_eq!(made["last_message_date"], "2019-05-04T01:02:01.000Z");
    assert_eq!(made["channel_id"], "chnnl_1");
    let path = format!("/v1/conversations/{}", made["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.ok(), made);
    let least = json!({"channel_id": "chnnl_1", "label_ids": [], "participants": []});
    let least = world.post("/v1/conversations", least).await.ok();
    assert_eq!(least["status"], "open");
    assert_eq!(least["priority"], "no_priority");
}

#[tokio::test]
async fn creates_that_the_vendor_would_refuse_are_refused() {
    let world = World::start().await;
    let good = json!({"channel_id": "chnnl_1", "label_ids": [], "participants": []});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status) in [
        (json!({"channel_id": "chnnl_1"}), 400),
        (json!({"label_ids": [], "participants": []}), 400),
        (with("status", json!("archived")), 400),
        (with("priority", json!("none")), 400),
        (with("participants", json!([{"role": "from"}])), 400),
        (with("last_message_date", json!("yesterday")), 400),
        (with("is_unread", json!("yes")), 400),
        (with("label_ids", json!(["lbl_x"])), 404),
        (with("channel_id", json!("")), 404),
    ] {
        world.post("/v1/conversations", body).await.refused(status);
    }
}

#[tokio::test]
async fn a_change_changes_what_it_names() {
    let world = World::start().await;
    let id = world.conversation().await;
    let path = format!("/v1/conversations/{id}");
    let before = world.get(&path).await.ok();
    for body in [json!({}), json!({"subject": null, "status": null})] {
        assert_eq!(world.patch(&path, body).await.ok(), before);
    }
    let changed = world
        .patch(
            &path,
            json!({"status": "trash", "priority": "low", "subject": "S", "snippet": "s", "is_unread": true,
                "participants": [ana("to")]}),
        )
        .await
        .ok();
    for (name, value) in [
        ("status", json!("trash")),
        ("priority", json!("low")),
        ("subject", json!("S")),
        ("snippet", json!("s")),
        ("is_unread", json!(true)),
        ("participants", json!([ana("to")])),
        ("channel_id", json!("chnnl_1")),
    ] {
        assert_eq!(changed[name], value, "{name}");
    }
    let again = world
        .patch(
            &path,
            json!({"priority": "no_priority", "is_unread": false}),
        )
        .await
        .ok();
    assert_eq!(again["priority"], "no_priority");
    assert_eq!(again["is_unread"], false);
    assert_eq!(again["subject"], "S");
    world
        .patch("/v1/conversations/conv_x", json!({}))
        .await
        .refused(404);
}

#[tokio::test]
async fn whoever_gets_a_copy_stays_one_who_does() {
    let world = World::start().await;
    let (to, cc, bcc) = (ana("to"), chat("u 1", "cc"), chat("u 2", "bcc"));
    let body =
        json!({"channel_id": "chnnl_1", "label_ids": [], "participants": [bo("cc"), to, cc, bcc]});
    let made = world.post("/v1/conversations", body).await.ok();
    assert_eq!(made["participants"], json!([bo("cc"), to, cc, bcc]));
    let path = format!("/v1/conversations/{}", made["id"].as_str().unwrap());
    let body = json!({"participants": [bo("from"), to, cc]});
    let changed = world.patch(&path, body).await.ok();
    assert_eq!(changed["participants"], json!([bo("from"), to, cc]));
    let body = json!({"participants": [bo("bcc"), chat("u 1", "from")]});
    let changed = world.patch(&path, body.clone()).await.ok();
    assert_eq!(changed["participants"], body["participants"]);
    assert_eq!(world.get(&path).await.ok(), changed);
}

fn chat(name: &str, role: &str) -> Value {
    json!({"handle": {"type": "convore_chat", "value": name}, "role": role})
}

#[tokio::test]
async fn words_of_other_backends_are_shown_as_the_nearest_of_the_vendor() {
    let world = World::start().await;
    let new = NewConversation {
        status: Some(Status::Archived),
        priority: Some(Priority::None),
        labels: vec!["elsewhere".into()],
        ..NewConversation::default()
    };
    let cx = world.cx();
    let made = world.backend.create_conversation(&cx, new).await.unwrap();
    let path = format!("/v1/conversations/{}", made.location.id);
    let shown = world.get(&path).await.ok();
    assert_eq!(shown["status"], "done");
    assert_eq!(shown["priority"], "no_priority");
    let label = &shown["labels"][0];
    assert_eq!(label["name"], "elsewhere");
    let label_path = format!("/v1/labels/{}", label["id"].as_str().unwrap());
    assert_eq!(world.get(&label_path).await.ok(), *label);
    // What is done already is not made another.
    world.patch(&path, json!({"status": "done"})).await.ok();
    let at = Location::unresolved(made.location.id);
    let read = world.backend.get_conversation(&cx, &at).await.unwrap();
    assert_eq!(read.status, Status::Archived);
    let patch = ConversationPatch {
        labels: Patch::Set(vec![]),
        ..ConversationPatch::default()
    };
    world
        .backend
        .update_conversation(&cx, &at, patch, None)
        .await
        .unwrap();
    assert_eq!(world.get(&path).await.ok()["labels"], json!([]));
}

#[tokio::test]
async fn what_first_lived_at_the_vendor_keeps_its_id() {
    let world = World::start_with(Setup {
        is_own: true,
        ..Setup::default()
    })
    .await;
    let id = world.conversation().await;
    let native: conversation::ConversationId = id.parse().unwrap();
    let at = Location::unresolved(native);
    let read = world.backend.get_conversation(&world.cx(), &at).await;
    assert_eq!(read.unwrap().id.to_string(), id);
    let path = format!("/v1/conversations/{id}");
    assert_eq!(world.get(&path).await.ok()["id"], id);
}
