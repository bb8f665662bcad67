//! What other backends and programs left, and this vendor's programs could not read: shown as the nearest that they can.
//! Each answer is held against the strict description by whoever asks.

use backend::Location;
use conversation::{
    Action, ActionKind, Activity, ActivityKind, Extensions, Field, FieldOption, Handle, Item,
    JsonMap, Kind, Media, NewConversation, NewMessage, Part, Participant, ParticipantKind, Quote,
    RawJson, Role, Side, Template, Text, TextFormat, Unknown,
};
use serde_json::{Value, json};

use crate::world::{World, text};

fn action(kind: ActionKind, words: &str) -> Action {
    serde_json::from_value(json!({"type": kind.as_str(), "text": words})).unwrap()
}

fn item(title: &str, actions: Vec<Action>) -> Item {
    let mut item: Item = serde_json::from_value(json!({"title": title})).unwrap();
    item.actions = actions;
    item
}

fn field(name: &str, kind: &str) -> Field {
    let mut field: Field = serde_json::from_value(json!({"name": name})).unwrap();
    field.kind = Some(kind.into());
    field
}

fn media(url: Option<&str>) -> Media {
    Media {
        url: url.map(Into::into),
        caption: Some("look".into()),
        ..Media::default()
    }
}

fn formatted(words: &str, format: TextFormat) -> Part {
    Part::Text(Text {
        text: words.into(),
        format,
    })
}

async fn conversation(world: &World, people: Vec<Participant>) -> (Location, String) {
    let new = NewConversation {
        kind: Some(Kind::Assistant),
        participants: people,
        ..NewConversation::default()
    };
    let made = world.backend.create_conversation(&world.cx(), new).await;
    let id = made.unwrap().conversation.id;
    let listed = world
        .get("/conversations?filter[userExternalId]=jane")
        .await;
    let rows = listed.json()["conversations"].clone();
    let last = rows.as_array().unwrap().last().unwrap();
    (Location::unresolved(id), text(&last["id"]))
}

fn jane() -> Participant {
    serde_json::from_value(json!({"id": "jane", "kind": "person", "side": "customer"})).unwrap()
}

/// What is shown of a message with these parts; `None` where it is not shown.
async fn shown(parts: Vec<Part>) -> Option<Value> {
    shown_of(NewMessage::of(Role::Assistant, parts)).await
}

async fn shown_of(message: NewMessage) -> Option<Value> {
    let world = World::start().await;
    let (at, id) = conversation(&world, vec![jane()]).await;
    let posted = world.backend.post_message(&world.cx(), &at, message).await;
    posted.unwrap();
    let listed = world.get(&format!("/conversations/{id}/messages")).await;
    assert_eq!(listed.status, 200);
    let messages = listed.json()["messages"].clone();
    assert!(messages.as_array().unwrap().len() < 2);
    messages.get(0).cloned()
}

#[tokio::test]
async fn parts_without_a_form_here_are_told_in_words() {
    let broken = Unknown {
        vendor: "sunshine".into(),
        value: RawJson::parse(r#"{"type":"hologram"}"#).unwrap(),
    };
    let foreign = Unknown {
        vendor: "elsewhere".into(),
        value: RawJson::parse("[1]").unwrap(),
    };
    let template = Template {
        name: "hello".into(),
        language: None,
        parameters: JsonMap::new(),
        text: Some("Hello!".into()),
    };
    let quote = Quote {
        text: "what?".into(),
        message_id: None,
    };
    let half = item("Tacos", vec![action(ActionKind::Link, "More")]);
    let choice = FieldOption {
        name: "a".into(),
        label: Some("A".into()),
    };
    let chosen = Field {
        chosen: vec![choice],
        ..field("one", "stars")
    };
    let two = vec![
        formatted("<b>so</b>", TextFormat::Html),
        Part::text("and so"),
    ];
    for (parts, expected) in [
        (vec![Part::text("")], json!({"type": "text", "text": ""})),
        (vec![], json!({"type": "text", "text": ""})),
        (
            vec![Part::Unknown(broken)],
            json!({"type": "text", "text": ""}),
        ),
        (
            vec![Part::Unknown(foreign)],
            json!({"type": "text", "text": ""}),
        ),
        (two, json!({"type": "text", "text": "so\n\nand so"})),
        (
            vec![Part::Quote(quote), Part::text("this")],
            json!({"type": "text", "text": "> what?\n\nthis"}),
        ),
        (
            vec![Part::Image(media(Some("nowhere")))],
            json!({"type": "text", "text": "look"}),
        ),
        (
            vec![Part::Carousel(vec![half.clone()])],
            json!({"type": "text", "text": "Tacos\nMore"}),
        ),
        (
            vec![Part::List(vec![item("Soup", vec![])])],
            json!({"type": "text", "text": "Soup"}),
        ),
        (
            vec![Part::List(vec![])],
            json!({"type": "text", "text": ""}),
        ),
        (
            vec![Part::Form(vec![field("one", "stars")])],
            json!({"type": "text", "text": "one"}),
        ),
        (
            vec![Part::FormResponse(vec![chosen])],
            json!({"type": "text", "text": "one: A"}),
        ),
        (
            vec![
                Part::text("Press"),
                Part::Actions(vec![action(ActionKind::Link, "More")]),
            ],
            json!({"type": "text", "text": "Press"}),
        ),
        (
            vec![Part::Template(template)],
            json!({"type": "template", "template": {"name": "hello"}}),
        ),
    ] {
        let what = format!("{parts:?}");
        let message = shown(parts).await.unwrap();
        assert_eq!(message["content"], expected, "{what}");
    }
}

#[tokio::test]
async fn sound_and_video_are_files_and_names_their_words() {
    let sound = Media {
        name: Some("song.mp3".into()),
        ..media(Some("https://example.org/x"))
    };
    for part in [
        Part::Audio(sound.clone()),
        Part::Video(sound.clone()),
        Part::File(sound),
    ] {
        let message = shown(vec![part]).await.unwrap();
        let content = &message["content"];
        assert_eq!(content["type"], "file");
        assert_eq!(content["altText"], "song.mp3");
        assert_eq!(content["text"], "look");
    }
}

#[tokio::test]
async fn what_nobody_said_is_not_shown() {
    let activity = |kind| {
        Part::Activity(Activity {
            activity: kind,
            participant_id: None,
        })
    };
    for kind in [
        ActivityKind::Joined,
        ActivityKind::Read,
        ActivityKind::TypingStart,
    ] {
        assert_eq!(shown(vec![activity(kind)]).await, None);
    }
    let closed = activity(ActivityKind::from("ticket:closed"));
    let message = shown(vec![closed]).await.unwrap();
    assert_eq!(message["activity"], json!({"type": "ticket:closed"}));
    assert_eq!(message.get("content"), None);
    for role in [Role::System, Role::Tool] {
        assert_eq!(shown_of(NewMessage::text(role, "secret")).await, None);
    }
}

#[tokio::test]
async fn what_others_keep_for_this_vendor_breaks_nothing() {
    for kept in [
        json!({"author": 5}),
        json!({"author": {"type": "robot", "subtypes": ["swarm"], "userId": "x"}}),
        json!({"content": {"type": "hologram"}}),
        json!({"content": []}),
        json!({"received": "yesterday", "source": {"type": ""}}),
        json!({"activity": {"type": "danced"}, "deleted": null, "references": [{"uri": "nowhere"}]}),
        json!({"quotedMessage": 7}),
        json!({"absent_members": ["author", "content", "source", "received"]}),
    ] {
        let kept: JsonMap = serde_json::from_value(kept.clone()).unwrap();
        let message = NewMessage {
            extensions: Extensions::from([("sunshine".into(), kept)]),
            ..NewMessage::text(Role::Assistant, "hello")
        };
        let message = shown_of(message).await.unwrap();
        assert_eq!(message["author"]["type"], "business", "{message}");
    }
}

#[tokio::test]
async fn whoever_takes_part_elsewhere_is_a_user_here() {
    let odd = Participant {
        id: Some("o/d d\u{0}".into()),
        kind: ParticipantKind::Other("robot".into()),
        side: None,
        name: Some("x".repeat(300).into()),
        avatar_url: Some("nowhere".into()),
        handles: vec![
            Handle {
                kind: "pager".into(),
                value: "12".into(),
            },
            Handle {
                kind: "email".into(),
                value: "no address".into(),
            },
        ],
    };
    let nameless = Participant {
        id: None,
        ..odd.clone()
    };
    let agent = Participant {
        id: Some("bo".into()),
        side: Some(Side::Business),
        ..odd.clone()
    };
    let world = World::start().await;
    let (_, id) = conversation(&world, vec![jane(), odd, nameless, agent]).await;
    let tail = format!("/conversations/{id}/participants");
    let listed = world.get(&tail).await.json()["participants"].clone();
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["userExternalId"])
        .collect();
    assert_eq!(names[..2], [&json!("jane"), &json!("o/d d\u{0}")]);
    let odd = world
        .get(&format!("/users/{}", text(&listed[1]["userId"])))
        .await;
    let user = odd.json()["user"].clone();
    assert_eq!(user["profile"].get("avatarUrl"), None);
    assert_eq!(user["profile"].get("email"), None);
    assert_eq!(
        user["profile"]["givenName"]
            .as_str()
            .unwrap()
            .chars()
            .count(),
        128
    );
    assert_eq!(world.get(&tail).await.json()["participants"], listed);
}
