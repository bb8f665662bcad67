//! What is kept beside conversations goes with whom or what it is about.

use backend::Scope;
use backend::ports::{Erasure as _, FacadeState as _, ObjectQuery, RosterEntry};
use serde_json::{Value, json};

use crate::files::upload;
use crate::world::{TENANT, World};

/// How much the facade keeps, by kind.
async fn kept(world: &World) -> Vec<(&'static str, u64)> {
    let mut counts = Vec::new();
    for kind in ["user", "email", "marks", "media", "media-bytes"] {
        let query = ObjectQuery {
            facade: "sunshine".into(),
            tenant: TENANT.into(),
            kind: kind.into(),
            after: None,
            limit: 1,
        };
        counts.push((kind, world.state.count_objects(&query).await.unwrap()));
    }
    counts
}

/// Two users with addresses, a conversation that both sides read, and a file in it.
async fn scene(world: &World) -> (String, conversation::ConversationId) {
    let mut ids = Vec::new();
    for name in ["ann", "bob"] {
        let body = json!({"externalId": name, "profile": {"email": "both@example.org"}});
        let made = world.ask("POST", "/users", &body).await.json();
        ids.push(made["user"]["id"].as_str().unwrap().to_owned());
    }
    let id = world.personal(&ids[0]).await;
    for author in [
        json!({"type": "business"}),
        json!({"type": "user", "userId": ids[0]}),
    ] {
        let body = json!({"author": author, "type": "conversation:read"});
        let tail = format!("/conversations/{id}/activity");
        assert_eq!(world.ask("POST", &tail, &body).await.status, 200);
    }
    let query = format!("access=public&for=message&conversationId={id}");
    upload(world, &query, "hello").await;
    let public = world.state.spelled("sunshine", &id).await.unwrap().unwrap();
    (id, public)
}

#[tokio::test]
async fn with_a_person_goes_what_is_kept_of_them() {
    let world = World::start().await;
    scene(&world).await;
    let key = world.key(TENANT, Some("ann"), Scope::ALL).await.basic();
    let body = crate::files::multipart("source", "mine");
    let sent = world
        .raw(
            &key,
            "POST",
            "/attachments?access=public",
            crate::files::BOUNDARY,
            &body,
        )
        .await;
    assert_eq!(sent.status, 201);
    let before = [
        ("user", 2),
        ("email", 2),
        ("marks", 2),
        ("media", 2),
        ("media-bytes", 1),
    ];
    assert_eq!(kept(&world).await, before);
    let person = RosterEntry {
        tenant: TENANT.into(),
        user: "ann".into(),
    };
    world.state.erase_person(&person).await.unwrap();
    let after = [
        ("user", 1),
        ("email", 1),
        ("marks", 1),
        ("media", 1),
        ("media-bytes", 0),
    ];
    assert_eq!(kept(&world).await, after);
    let found = world
        .get("/users?filter[identities.email]=both@example.org")
        .await
        .json();
    assert_eq!(found["users"].as_array().unwrap().len(), 1);
    assert_eq!(found["users"][0]["externalId"], "bob");
}

#[tokio::test]
async fn with_a_conversation_goes_what_is_kept_of_it() {
    let world = World::start().await;
    let (id, public) = scene(&world).await;
    world.state.erase_conversation(public).await.unwrap();
    let after = [
        ("user", 2),
        ("email", 2),
        ("marks", 0),
        ("media", 0),
        ("media-bytes", 0),
    ];
    assert_eq!(kept(&world).await, after);
    let gone = world.get(&format!("/conversations/{id}")).await;
    assert_eq!(gone.code(), (404, "conversation_not_found".to_owned()));
}

#[tokio::test]
async fn with_an_address_goes_its_note() {
    let world = World::start().await;
    scene(&world).await;
    let change = json!({"profile": {"email": "ann@example.org"}});
    assert_eq!(world.ask("PATCH", "/users/ann", &change).await.status, 200);
    assert_eq!(kept(&world).await[1], ("email", 2));
    let deleted = world.ask("DELETE", "/users/bob", &Value::Null).await;
    assert_eq!(deleted.status, 200);
    assert_eq!(kept(&world).await[1], ("email", 1));
    for (mail, count) in [("both@example.org", 0), ("ann@example.org", 1)] {
        let tail = format!("/users?filter[identities.email]={mail}");
        let found = world.get(&tail).await.json();
        assert_eq!(found["users"].as_array().unwrap().len(), count, "{mail}");
    }
}
