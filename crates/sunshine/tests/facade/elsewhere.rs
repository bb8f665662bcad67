//! What was made in other ways, as this vendor shows it.

use backend::Location;
use conversation::{
    Handle, Kind, NewConversation, NewMessage, Part, Participant, ParticipantKind, RawJson, Role,
    Side, Status, ToolCall,
};
use serde_json::{Value, json};

use crate::world::{World, text};

fn person(id: &str, side: Side) -> Participant {
    Participant {
        id: Some(id.into()),
        kind: ParticipantKind::Person,
        side: Some(side),
        name: Some("Jane Doe".into()),
        avatar_url: None,
        handles: vec![Handle {
            kind: "email".into(),
            value: "jane@example.org".into(),
        }],
    }
}

async fn made(world: &World) -> Location {
    let mut metadata = conversation::JsonMap::new();
    metadata.insert("flat".into(), RawJson::string("yes"));
    metadata.insert("deep".into(), RawJson::parse("{\"a\":1}").unwrap());
    let new = NewConversation {
        kind: Some(Kind::Assistant),
        title: Some("x".repeat(200).into()),
        status: Some(Status::Closed),
        labels: vec!["urgent".into()],
        participants: vec![person("jane", Side::Customer), person("bo", Side::Business)],
        metadata,
        ..NewConversation::default()
    };
    let located = world.backend.create_conversation(&world.cx(), new).await;
    Location::unresolved(located.unwrap().conversation.id)
}

async fn said(world: &World, at: &Location, message: NewMessage) {
    let posted = world.backend.post_message(&world.cx(), at, message).await;
    posted.unwrap();
}

#[tokio::test]
async fn a_person_from_elsewhere_is_a_user_by_that_name() {
    let world = World::start().await;
    made(&world).await;
    let listed = world
        .get("/conversations?filter[userExternalId]=jane")
        .await;
    let row = listed.json()["conversations"][0].clone();
    assert_eq!(row["type"], "personal");
    assert_eq!(row["displayName"].as_str().unwrap().chars().count(), 100);
    assert_eq!(row["metadata"], json!({"flat": "yes"}));
    let user = world.get("/users/jane").await.json()["user"].clone();
    assert_eq!(user["profile"]["givenName"], "Jane Doe");
    let mail = world
        .get("/users?filter[identities.email]=jane@example.org")
        .await;
    assert_eq!(mail.json()["users"][0]["id"], user["id"]);
    let tail = format!("/conversations/{}/participants", text(&row["id"]));
    let participants = world.get(&tail).await.json()["participants"].clone();
    assert_eq!(participants.as_array().unwrap().len(), 1);
    assert_eq!(participants[0]["userId"], user["id"]);
    let again = world
        .get(&format!(
            "/conversations?filter[userId]={}",
            text(&user["id"])
        ))
        .await;
    assert_eq!(again.json()["conversations"][0], row);
    let nobody = world
        .get("/conversations?filter[userExternalId]=nobody")
        .await;
    assert_eq!(nobody.code(), (404, "user_not_found".to_owned()));
}

#[tokio::test]
async fn only_what_people_say_is_shown() {
    let world = World::start().await;
    let at = made(&world).await;
    said(&world, &at, NewMessage::text(Role::System, "be kind")).await;
    said(&world, &at, NewMessage::text(Role::User, "hello")).await;
    let call = Part::ToolCall(ToolCall {
        id: "1".into(),
        name: "sum".into(),
        arguments: RawJson::default(),
    });
    said(
        &world,
        &at,
        NewMessage::of(Role::Assistant, vec![call.clone()]),
    )
    .await;
    let parts = vec![Part::Reasoning("hm".into()), call, Part::text("well")];
    said(&world, &at, NewMessage::of(Role::Assistant, parts)).await;
    let long = "y".repeat(5_000);
    said(&world, &at, NewMessage::text(Role::Assistant, long)).await;
    said(&world, &at, NewMessage::text(Role::Assistant, "")).await;
    let listed = world
        .get("/conversations?filter[userExternalId]=jane")
        .await;
    let id = text(&listed.json()["conversations"][0]["id"]);
    let tail = format!("/conversations/{id}/messages");
    let messages = world.get(&tail).await.json()["messages"].clone();
    let shown: Vec<(&Value, usize)> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let words = message["content"]["text"].as_str().unwrap();
            (&message["author"]["type"], words.chars().count())
        })
        .collect();
    let (user, business) = (json!("user"), json!("business"));
    assert_eq!(
        shown,
        [
            (&user, 5),
            (&business, 4),
            (&business, 4_096),
            (&business, 0)
        ]
    );
    let jane = world.get("/users/jane").await.json();
    assert_eq!(messages[0]["author"]["userId"], jane["user"]["id"]);
    assert!(messages[1]["id"] != messages[2]["id"]);
}

#[tokio::test]
async fn a_change_of_metadata_spares_what_could_not_be_shown() {
    let world = World::start().await;
    let at = made(&world).await;
    let listed = world
        .get("/conversations?filter[userExternalId]=jane")
        .await;
    let id = text(&listed.json()["conversations"][0]["id"]);
    let change = json!({"metadata": {"other": 1}});
    let changed = world
        .ask("PATCH", &format!("/conversations/{id}"), &change)
        .await;
    assert_eq!(
        changed.json()["conversation"]["metadata"],
        change["metadata"]
    );
    let kept = world
        .backend
        .get_conversation(&world.cx(), &at)
        .await
        .unwrap();
    assert_eq!(kept.metadata["deep"].get(), "{\"a\":1}");
    assert!(!kept.metadata.contains_key("flat"));
    assert_eq!(kept.title.unwrap().len(), 200);
}
