//! What is said elsewhere, and by whom: parts that the vendor has not, and people without an address.

use conversation::{
    Handle, Media, NewConversation, NewMessage, Part, Participant, ParticipantKind, Quote,
    Recipient, RecipientKind, Role, Side, Text, TextFormat,
};
use serde_json::{Value, json};

use crate::below::Below;
use crate::support::World;

fn somebody(id: Option<&str>, handles: &[(&str, &str)]) -> Participant {
    let handle = |(kind, value): &(&str, &str)| Handle {
        kind: (*kind).into(),
        value: (*value).into(),
    };
    Participant {
        id: id.map(Into::into),
        kind: ParticipantKind::Person,
        side: Some(Side::Customer),
        name: None,
        avatar_url: Some("https://pictures.example/1".into()),
        handles: handles.iter().map(handle).collect(),
    }
}

#[tokio::test]
async fn every_part_is_words_in_one_body() {
    let world = World::start().await;
    let below = Below::new(&world, NewConversation::default()).await;
    let media = Media {
        url: Some("https://files.example/a?b=1&c=2".into()),
        caption: Some("look".into()),
        ..Media::default()
    };
    let html = |text: &str| {
        Part::Text(Text {
            text: text.into(),
            format: TextFormat::Html,
        })
    };
    let markdown = Part::Text(Text {
        text: "**a** < b".into(),
        format: TextFormat::Markdown,
    });
    let quote = Part::Quote(Quote {
        text: "they said".into(),
        message_id: None,
    });
    let table: [(Vec<Part>, &str, &str); 6] = [
        (vec![Part::text("")], "", ""),
        (
            vec![Part::text("a <b>\nc"), Part::text("d")],
            "a &lt;b&gt;<br>c<br><br>d",
            "a <b>\nc\n\nd",
        ),
        (vec![html("<p>a</p>")], "<p>a</p>", "a"),
        (vec![markdown], "**a** &lt; b", "**a** < b"),
        (
            vec![Part::Image(media)],
            "look<br><a href=\"https://files.example/a?b=1&amp;c=2\">https://files.example/a?b=1&amp;c=2</a>",
            "look\nhttps://files.example/a?b=1&c=2",
        ),
        (vec![Part::text("mine"), quote], "mine", "mine"),
    ];
    for (parts, ..) in &table {
        below
            .say(NewMessage::of(Role::Assistant, parts.clone()))
            .await;
    }
    let shown = below.messages().await;
    for ((parts, body, words), message) in table.iter().zip(&shown) {
        assert_eq!(message["body"], *body, "{parts:?}");
        assert_eq!(message["text_body"], *words, "{parts:?}");
    }
    assert_eq!(shown.len(), table.len());
    let quoting = shown.last().unwrap();
    assert!(quoting["raw_body"].as_str().unwrap().contains("they said"));
    // Nothing is said in no words.
    assert_eq!(shown[0].get("snippet"), None);
}

#[tokio::test]
async fn people_have_an_address_that_the_vendor_knows_or_their_id() {
    let world = World::start().await;
    let table = [
        (somebody(Some("u1"), &[]), ("convore_chat", "u1")),
        (
            somebody(Some("u2"), &[("phone", "+1")]),
            ("convore_chat", "u2"),
        ),
        (
            somebody(Some("u3"), &[("phone", "+2"), ("email", "c@x.test")]),
            ("email", "c@x.test"),
        ),
        (somebody(Some("email:d@x.test"), &[]), ("email", "d@x.test")),
        (
            somebody(None, &[("email", "e@x.test")]),
            ("email", "e@x.test"),
        ),
    ];
    let new = NewConversation {
        participants: table.iter().map(|(one, _)| one.clone()).collect(),
        ..NewConversation::default()
    };
    let below = Below::new(&world, new).await;
    let expected: Vec<Value> = table
        .iter()
        .map(|(_, (kind, value))| json!({"type": kind, "value": value}))
        .collect();
    let shown = below.shown().await;
    let handles: Vec<Value> = shown["participants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["handle"].clone())
        .collect();
    assert_eq!(handles, expected);

    let mut message = NewMessage::text(Role::User, "x");
    message.author = Some(somebody(Some("u2"), &[("phone", "+1")]));
    message.recipients = vec![
        Recipient {
            kind: RecipientKind::Other("reply_to".into()),
            participant_id: Some("u4".into()),
            name: Some("Dee".into()),
            handle: Some(Handle {
                kind: "phone".into(),
                value: "+4".into(),
            }),
        },
        Recipient {
            kind: RecipientKind::Bcc,
            participant_id: None,
            name: None,
            handle: None,
        },
    ];
    below.say(message).await;
    below.say(NewMessage::text(Role::Assistant, "y")).await;
    let messages = below.messages().await;
    assert_eq!(
        messages[0]["sender"],
        json!({"handle": {"type": "convore_chat", "value": "u2"}, "role": "from"})
    );
    assert_eq!(
        messages[0]["recipients"],
        json!([{"name": "Dee", "handle": {"type": "convore_chat", "value": "u4"}, "role": "to"}])
    );
    // Whoever is not named is called after what it is.
    assert_ne!(messages[1]["sender"]["handle"]["value"], "");
    assert_eq!(messages[1]["sender"]["role"], "from");
    // An answer finds them again.
    let asked = messages[0]["id"].clone();
    let answer = json!({"reply_to_message_id": asked, "body": "z"});
    let answer = world.post("/v1/messages", answer).await.ok();
    assert_eq!(
        answer["recipients"],
        json!([{"handle": {"type": "convore_chat", "value": "u2"}, "role": "to"}])
    );
    // Who was never named through this API is no contact.
    assert_eq!(
        world.get("/v1/contacts?keyword=c@x").await.ids(),
        Vec::<String>::new()
    );
}
