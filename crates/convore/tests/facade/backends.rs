//! What other backends have and the vendor has not: each rule of the README's table on a conversation that this API could
//! not have made.

use std::sync::Arc;

use backend::Location;
use conversation::{
    Direction, Extensions, InReplyTo, JsonMap, NewConversation, NewMessage, Priority, ReplyKind,
    Role, Status,
};
use serde_json::json;

use crate::below::Below;
use crate::foreign::Foreign;
use crate::support::{Setup, World};

#[tokio::test]
async fn messages_that_are_not_between_people_are_nowhere() {
    let world = World::start().await;
    let below = Below::new(&world, NewConversation::default()).await;
    let shown = below.say(NewMessage::text(Role::User, "shown")).await;
    let mut hidden = Vec::new();
    for role in [Role::System, Role::Tool] {
        hidden.push(below.say(NewMessage::text(role.clone(), "hidden")).await);
        // Not even where it is said to travel.
        let mut travels = NewMessage::text(role, "hidden");
        travels.direction = Some(Direction::Outbound);
        hidden.push(below.say(travels).await);
    }
    let mut internal = NewMessage::text(Role::Assistant, "hidden");
    internal.direction = Some(Direction::Internal);
    hidden.push(below.say(internal).await);
    let withdrawn = below.say(NewMessage::text(Role::User, "withdrawn")).await;
    let id = withdrawn.parse().unwrap();
    let withdraw = world
        .backend
        .delete_message(&below.cx, &below.at, &id, None);
    withdraw.await.unwrap();
    hidden.push(withdrawn);

    for list in [
        "/v1/messages".to_owned(),
        format!("/v1/messages?conversation_id={}", below.id),
        format!("/v1/messages?conversation_id={}&limit=1", below.id),
    ] {
        assert_eq!(world.get(&list).await.ids(), [shown.as_str()], "{list}");
    }
    let events = world.get("/v1/events").await;
    assert_eq!(events.ids(), [shown.replacen("msg_", "event_", 1)]);
    for id in &hidden {
        world.get(&format!("/v1/messages/{id}")).await.refused(404);
        let event = id.replacen("msg_", "event_", 1);
        world.get(&format!("/v1/events/{event}")).await.refused(404);
        let body = json!({"reply_to_message_id": id, "body": "x"});
        world.post("/v1/messages", body).await.refused(404);
    }
    // The backend counts them.
    assert!(below.shown().await["message_count"].as_u64().unwrap() > 1);
}

#[tokio::test]
async fn words_that_the_vendor_has_not_are_the_nearest_that_it_has() {
    let world = World::start().await;
    for (status, shown) in [
        (Status::Open, "open"),
        (Status::Closed, "done"),
        (Status::Archived, "done"),
        (Status::Spam, "spam"),
        (Status::Trashed, "trash"),
    ] {
        let below = Below::new(
            &world,
            NewConversation {
                status: Some(status),
                ..NewConversation::default()
            },
        )
        .await;
        assert_eq!(below.shown().await["status"], shown);
        let path = format!("/v1/conversations?status={shown}");
        assert!(world.get(&path).await.ids().contains(&below.id), "{shown}");
    }
    for (priority, shown) in [
        (None, "no_priority"),
        (Some(Priority::None), "no_priority"),
        (Some(Priority::Urgent), "urgent"),
        (Some(Priority::Low), "low"),
    ] {
        let below = Below::new(
            &world,
            NewConversation {
                priority,
                ..NewConversation::default()
            },
        )
        .await;
        assert_eq!(below.shown().await["priority"], shown);
    }
}

#[tokio::test]
async fn what_has_no_near_word_is_open_and_without_priority_and_stays_what_it_is() {
    let world = World::start_with(Setup {
        around: |below| Arc::new(Foreign(below)),
        ..Setup::default()
    })
    .await;
    let below = Below::new(&world, NewConversation::default()).await;
    let shown = below.shown().await;
    assert_eq!(shown["status"], "open");
    assert_eq!(shown["priority"], "no_priority");
    let listed = world.get("/v1/conversations?status=open").await;
    assert_eq!(listed.ids(), [below.id.as_str()]);
    let path = format!("/v1/conversations/{}", below.id);
    let same = json!({"status": "open", "priority": "no_priority"});
    assert_eq!(world.patch(&path, same).await.ok(), shown);
    let read = world.backend.get_conversation(&below.cx, &below.at).await;
    assert_eq!(read.unwrap().status.as_str(), "snoozed");
    world.patch(&path, json!({"status": "done"})).await.ok();
    assert_eq!(below.shown().await["status"], "done");
}

#[tokio::test]
async fn a_title_is_shown_whole_however_long() {
    let world = World::start().await;
    let title = "T\u{e9}".repeat(1_024);
    let below = Below::new(
        &world,
        NewConversation {
            title: Some(title.as_str().into()),
            ..NewConversation::default()
        },
    )
    .await;
    assert_eq!(below.shown().await["subject"], title.as_str());
    // One character more is more than any backend takes.
    let path = format!("/v1/conversations/{}", below.id);
    let body = json!({"subject": format!("{title}x")});
    world.patch(&path, body).await.refused(400);
}

#[tokio::test]
async fn names_of_labels_are_labels_and_bring_their_private_twin_along() {
    let world = World::start().await;
    let new = NewConversation {
        labels: vec!["vip".into()],
        ..NewConversation::default()
    };
    let below = Below::new(&world, new).await;
    let shown = below.shown().await;
    let label = shown["labels"][0].clone();
    assert_eq!(label["type"], "shared");
    let private =
        json!({"name": "vip", "type": "channel_private", "channel_id": shown["channel_id"]});
    let private = world.post("/v1/labels", private).await.ok();
    let other = json!({"name": "vip", "type": "channel_private", "channel_id": "chnnl_other"});
    world.post("/v1/labels", other).await.ok();
    assert_eq!(below.shown().await["labels"], json!([label, private]));
    let path = format!(
        "/v1/conversations?label_ids={}",
        private["id"].as_str().unwrap()
    );
    assert_eq!(world.get(&path).await.ids(), [below.id.as_str()]);
}

#[tokio::test]
async fn a_conversation_that_names_no_channel_is_in_the_first_one() {
    let world = World::start().await;
    let below = Below::new(&world, NewConversation::default()).await;
    let first = world.get("/v1/channels").await.ok()["data"][0].clone();
    assert_eq!(below.shown().await["channel_id"], first["id"]);
    let path = format!(
        "/v1/conversations?channel_id={}",
        first["id"].as_str().unwrap()
    );
    assert_eq!(world.get(&path).await.ids(), [below.id.as_str()]);
    below.say(NewMessage::text(Role::User, "x")).await;
    assert_eq!(below.messages().await[0]["channel_id"], first["id"]);
}

#[tokio::test]
async fn what_others_keep_under_the_vendors_name_spoils_no_page() {
    let world = World::start().await;
    for kept in [
        json!({"status": 5, "is_unread": "yes", "labels": {}, "participants": null}),
        json!({"last_message_date": "yesterday", "created_at": "never", "priority": "p1", "snippet": null}),
        json!({"date": "never", "format": "huge", "direction": "up", "attachments": 7, "text_body": [], "x": {}}),
        json!({"sender": {}, "recipients": [null], "reply_type": "x", "channel_id": 1, "inline_attachments": 1}),
        json!({"participant_roles": "cc", "message_count": -1, "labels": [{"id": "", "name": "", "created_at": "", "type": "x"}]}),
    ] {
        let kept: JsonMap = serde_json::from_value(kept).unwrap();
        let extensions = Extensions::from([("convore".into(), kept)]);
        let new = NewConversation {
            extensions: extensions.clone(),
            ..NewConversation::default()
        };
        let below = Below::new(&world, new).await;
        let mut new = NewMessage::text(Role::User, "x");
        new.extensions = extensions;
        let message = below.say(new).await;
        assert_eq!(below.shown().await["status"], "open");
        let shown = world.get(&format!("/v1/messages/{message}")).await.ok();
        assert_eq!(
            (&shown["text_body"], &shown["direction"]),
            (&json!("x"), &json!("inbound"))
        );
    }
    assert_eq!(world.get("/v1/messages").await.ids().len(), 5);
    assert_eq!(world.get("/v1/conversations").await.ids().len(), 5);
}

#[tokio::test]
async fn an_answer_to_what_is_gone_answers_nothing() {
    let world = World::start().await;
    let below = Below::new(&world, NewConversation::default()).await;
    let mut new = NewMessage::text(Role::User, "x");
    new.in_reply_to = Some(InReplyTo {
        id: "elsewhere-7".parse().unwrap(),
        kind: ReplyKind::Other("thread".into()),
    });
    below.say(new).await;
    let message = &below.messages().await[0];
    assert_eq!(message.get("reply_to_message_id"), None);
    assert_eq!(message.get("reply_type"), None);
}

#[tokio::test]
async fn ids_of_other_spellings_are_the_vendors_and_lead_back_for_ever() {
    let mut world = World::start_with(Setup {
        around: |below| Arc::new(Foreign(below)),
        ..Setup::default()
    })
    .await;
    let cx = world.cx();
    let new = NewConversation::default();
    let made = world.backend.create_conversation(&cx, new).await.unwrap();
    let at = Location::unresolved(made.location.id);
    let native = world
        .backend
        .post_message(&cx, &at, NewMessage::text(Role::User, "first"))
        .await
        .unwrap();
    assert!(!native.id.as_str().starts_with("msg_"));
    let path = format!("/v1/messages?conversation_id={}", made.location.id);
    let shown = world.get(&path).await.ok()["data"][0].clone();
    let id = shown["id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), &id[..4]), (30, "msg_"));
    assert_ne!(id.to_uppercase()[4..], *native.id.as_str());
    let one = format!("/v1/messages/{id}");
    assert_eq!(world.get(&one).await.ok(), shown);

    let answer = json!({"reply_to_message_id": id, "body": "second"});
    let answer = world.post("/v1/messages", answer).await.ok();
    assert_eq!(answer["reply_to_message_id"], id.as_str());
    assert_eq!(answer["conversation_id"], made.location.id.to_string());
    let changed = world.patch(&one, json!({"body": "changed"})).await.ok();
    assert_eq!(
        (&changed["id"], &changed["text_body"]),
        (&json!(id), &json!("changed"))
    );
    let event = format!("/v1/events/{}", id.replacen("msg_", "event_", 1));
    assert_eq!(world.get(&event).await.ok()["message_id"], id.as_str());

    // A facade that remembers nothing finds the same.
    world.start_again().await;
    assert_eq!(world.get(&one).await.ok(), changed);
    let page = world.get(&path).await.ok();
    assert_eq!(page["data"][1], answer);
    // The backend's own spelling is nobody's business.
    let own = format!("/v1/messages/{}", native.id);
    world.get(&own).await.refused(404);
}

#[tokio::test]
async fn an_id_of_the_vendors_kind_is_found_though_it_was_never_shown() {
    let world = World::start().await;
    for _ in 0..3 {
        let other = Below::new(&world, NewConversation::default()).await;
        other.say(NewMessage::text(Role::User, "other")).await;
    }
    let below = Below::new(&world, NewConversation::default()).await;
    let id = below.say(NewMessage::text(Role::User, "found")).await;
    let found = world.get(&format!("/v1/messages/{id}")).await.ok();
    assert_eq!(found["text_body"], "found");
    assert_eq!(found["conversation_id"], below.id.as_str());
}
