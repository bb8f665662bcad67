//! Labels, contacts and channels.

use serde_json::{Value, json};

use crate::support::{World, bo};

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_label_is_made_found_renamed_and_removed() {
    let world = World::start().await;
    let label = world
        .post("/v1/labels", json!({"name": "Support", "description": "d"}))
        .await
        .ok();
    assert_eq!(label["type"], "shared");
    let path = format!("/v1/labels/{}", id(&label));
    assert_eq!(world.get(&path).await.ok(), label);
    world
        .post("/v1/labels", json!({"name": "Support"}))
        .await
        .refused(409);
    let private = json!({"name": "Support", "type": "channel_private", "channel_id": "chnnl_1", "external_label_id": "e"});
    let private = world.post("/v1/labels", private).await.ok();
    for (query, expected) in [
        ("", 2),
        ("?type=shared", 1),
        ("?channel_ids=chnnl_2", 1),
        ("?channel_id=chnnl_1&limit=10", 2),
    ] {
        let found = world.get(&format!("/v1/labels{query}")).await.ids();
        assert_eq!(found.len(), expected, "{query}");
    }
    let conversation = world.conversation().await;
    let conversation = format!("/v1/conversations/{conversation}");
    let labelled = world
        .patch(&conversation, json!({"label_ids": [label["id"]]}))
        .await
        .ok();
    // The private twin of the channel comes along.
    assert_eq!(labelled["labels"], json!([label, private]));
    world.delete(&format!("/v1/labels/{}", id(&private))).await;
    world
        .patch(&conversation, json!({"label_ids": [label["id"]]}))
        .await
        .ok();
    let renamed = world.patch(&path, json!({"name": "Help"})).await.ok();
    assert_eq!(
        (&renamed["name"], id(&renamed)),
        (&json!("Help"), id(&label))
    );
    assert_eq!(
        world.get(&conversation).await.ok()["labels"],
        json!([renamed])
    );
    let gone = world.delete(&path).await;
    assert_eq!((gone.status, gone.body.len()), (200, 0));
    assert_eq!(world.get(&conversation).await.ok()["labels"], json!([]));
    world.get(&path).await.refused(404);
    world.delete(&path).await.refused(404);
    world.patch(&path, json!({})).await.refused(404);
}

#[tokio::test]
async fn labels_that_cannot_be_are_refused() {
    let world = World::start().await;
    for (body, status) in [
        (json!({}), 400),
        (json!({"name": ""}), 400),
        (json!({"name": "x", "type": "other"}), 400),
        (json!({"name": "x", "type": "channel_private"}), 400),
        (json!({"name": "x", "shared_label_id": "lbl_x"}), 404),
    ] {
        world.post("/v1/labels", body).await.refused(status);
    }
    world.get("/v1/labels?type=x").await.refused(400);
}

#[tokio::test]
async fn people_who_are_named_become_contacts() {
    let world = World::start().await;
    world.conversation().await;
    let found = world
        .get("/v1/contacts?contact_handle_token=EMAIL:bo@example.test")
        .await;
    let contact = found.ok()["data"][0].clone();
    assert_eq!(contact["name"], "Bo");
    assert_eq!(contact["handles"], json!([bo("from")["handle"]]));
    world.conversation().await;
    assert_eq!(world.get("/v1/contacts").await.ids().len(), 2);
    let body = json!({"name": "Bo again", "handles": [bo("from")["handle"]]});
    world.post("/v1/contacts", body).await.refused(409);
}

#[tokio::test]
async fn a_contact_is_made_found_and_changed() {
    let world = World::start().await;
    let handle = |value: &str| json!({"type": "convore_chat", "value": value});
    let body = json!({"name": "Cy", "handles": [handle("c1"), handle("c2")], "description": "d"});
    let made = world.post("/v1/contacts", body).await.ok();
    let path = format!("/v1/contacts/{}", id(&made));
    assert_eq!(world.get(&path).await.ok(), made);
    let changed = world
        .patch(
            &path,
            json!({"name": "Cyd", "handles": [handle("c2"), handle("c3")]}),
        )
        .await
        .ok();
    assert_eq!(changed["name"], "Cyd");
    assert_eq!(changed["description"], "d");
    for (query, expected) in [
        ("keyword=cy", 1),
        ("keyword=C3", 1),
        ("keyword=bo", 0),
        ("contact_handle_token=CONVORE_CHAT:c1", 0),
        (
            "contact_handle_token=CONVORE_CHAT:c1&contact_handle_token=convore_chat:c3",
            1,
        ),
    ] {
        let found = world.get(&format!("/v1/contacts?{query}")).await.ids();
        assert_eq!(found.len(), expected, "{query}");
    }
    // An address that was given up is free again.
    let body = json!({"name": "Di", "handles": [handle("c1")]});
    world.post("/v1/contacts", body).await.ok();
    for body in [
        json!({"name": "x"}),
        json!({"name": "x", "handles": [{"type": "phone", "value": "1"}]}),
        json!({"name": "x", "handles": [handle("")]}),
    ] {
        world.post("/v1/contacts", body).await.refused(400);
    }
    world.get("/v1/contacts/cntct_x").await.refused(404);
    world
        .get("/v1/contacts?contact_handle_token=x")
        .await
        .refused(400);
}

#[tokio::test]
async fn there_is_a_channel_to_begin_with_and_any_other_that_is_named() {
    let world = World::start().await;
    let first = world.get("/v1/channels").await.ok()["data"][0].clone();
    let path = format!("/v1/channels/{}", id(&first));
    assert_eq!(world.get(&path).await.ok(), first);
    world.get("/v1/channels/chnnl_1").await.refused(404);
    world.conversation().await;
    assert_eq!(
        world.get("/v1/channels/chnnl_1").await.ok()["status"],
        "active"
    );
    let changed = world
        .patch(&path, json!({"name": "Inbox 2", "status": "disabled"}))
        .await
        .ok();
    assert_eq!(
        (&changed["name"], &changed["status"]),
        (&json!("Inbox 2"), &json!("disabled"))
    );
    let mail = json!({"connector_id": "cnntr_1", "name": "Mail",
        "convore_mail": {"sender_name": "Ana", "address": "inbox1@convoremail.com", "unknown": 1}});
    let mail = world.post("/v1/channels", mail).await.ok();
    assert_eq!(mail["provider"], "convore_mail");
    assert_eq!(mail["addresses"][0]["name"], "Ana");
    assert_eq!(
        mail["convore_mail"],
        json!({"sender_name": "Ana", "address": "inbox1@convoremail.com"})
    );
    let path = format!("/v1/channels/{}", id(&mail));
    let renamed = world
        .patch(&path, json!({"convore_mail": {"sender_name": "Bea"}}))
        .await
        .ok();
    assert_eq!(renamed["convore_mail"]["sender_name"], "Bea");
    assert_eq!(renamed["addresses"][0]["name"], "Bea");
    let sent = json!({"channel_id": mail["id"], "to": ["bo@example.test"], "body": "x"});
    let sent = world.post("/v1/messages", sent).await.ok();
    assert_eq!(sent["sender"]["handle"]["value"], "inbox1@convoremail.com");
    for (body, status) in [
        (json!({}), 400),
        (
            json!({"connector_id": "c", "convore_mail": {"sender_name": "x", "address": "a@b"}}),
            400,
        ),
        (json!({"connector_id": "c", "convore_mail": 1}), 400),
        (json!({"connector_id": ""}), 400),
    ] {
        world.post("/v1/channels", body).await.refused(status);
    }
    world
        .patch(&path, json!({"status": "x"}))
        .await
        .refused(400);
    world.get("/v1/channels/chnnl_none").await.refused(404);
}
