//! A backend that truncates, reorders, drops or rewrites without a word: caught and named.

use backend::Backend as _;
use conversation::{Conversation, NewMessage, Part, Participant, Role};

use crate::support::{Bench, cx, new, told};

const JSON: &str = r#"{"description":"a long description","owner":"ann","icon_url":"http://x.example/i",
    "labels":["a","b"],"participants":[{"id":"p1","name":"Ann"},{"id":"p2","name":"Bob"}],"metadata":{"k":"v","l":1}}"#;

async fn named(spoils: fn(&mut Conversation)) -> Vec<String> {
    let bench = Bench::new(|below| below.spoils = spoils);
    let cx = cx();
    let created = bench
        .overlay
        .create_conversation(&cx, new(JSON))
        .await
        .unwrap();
    let read = bench.get(&created.location).await;
    assert_eq!(read, created.conversation);
    let wanted = new(JSON);
    assert_eq!(read.description, wanted.description);
    assert_eq!(read.owner, wanted.owner);
    assert_eq!(read.icon_url, wanted.icon_url);
    assert_eq!(read.labels, wanted.labels);
    assert_eq!(read.participants, wanted.participants);
    assert_eq!(read.metadata, wanted.metadata);
    assert!(
        bench
            .rows(&created.location)
            .await
            .iter()
            .all(|row| row.unexpected)
    );
    told(&cx)
}

#[tokio::test]
async fn a_backend_that_truncates_is_caught() {
    let cuts = |conversation: &mut Conversation| {
        conversation.description = conversation
            .description
            .take()
            .map(|text| text.chars().take(6).collect::<String>().into());
    };
    assert_eq!(named(cuts).await, ["/description!"]);
}

#[tokio::test]
async fn a_backend_that_reorders_is_caught() {
    let turns = |conversation: &mut Conversation| conversation.participants.reverse();
    assert_eq!(named(turns).await, ["/participants!"]);
}

#[tokio::test]
async fn a_backend_that_drops_is_caught() {
    let drops = |conversation: &mut Conversation| {
        conversation.owner = None;
        conversation.labels.retain(|label| &**label != "b");
        conversation.participants.pop();
        conversation.metadata.remove("k");
    };
    let wanted = ["/metadata/k!", "/owner!", "/labels/b!", "/participants/p2!"];
    assert_eq!(named(drops).await, wanted);
}

#[tokio::test]
async fn a_backend_that_rewrites_is_caught() {
    let rewrites = |conversation: &mut Conversation| {
        conversation.icon_url = conversation
            .icon_url
            .take()
            .map(|url| url.replace("http:", "https:").into());
        conversation.labels = conversation
            .labels
            .iter()
            .map(|label| label.to_uppercase().into())
            .collect();
        for one in &mut conversation.participants {
            *one = Participant {
                id: one.id.clone(),
                ..Participant::default()
            };
        }
    };
    assert_eq!(
        named(rewrites).await,
        [
            "/icon_url!",
            "/labels/A!",
            "/labels/B!",
            "/labels/a!",
            "/labels/b!",
            "/participants/p1!",
            "/participants/p2!"
        ]
    );
}

#[tokio::test]
async fn a_backend_that_is_honest_is_not_suspected() {
    assert_eq!(named(|_| {}).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_message_that_is_rewritten_is_caught() {
    let bench = Bench::new(|below| {
        below.spoils_message = |message| {
            message.subject = message
                .subject
                .take()
                .map(|subject| format!("Re: {subject}").into());
            message.parts.truncate(1);
        };
    });
    let at = bench.create("{}").await;
    let sent = NewMessage {
        subject: Some("hello".into()),
        ..NewMessage::of(Role::User, vec![Part::text("one"), Part::text("two")])
    };
    let cx = cx();
    let posted = bench
        .overlay
        .post_message(&cx, &at, sent.clone())
        .await
        .unwrap();
    assert_eq!(
        (&posted.parts, &posted.subject),
        (&sent.parts, &sent.subject)
    );
    assert_eq!(told(&cx), ["/parts!", "/subject!"]);
    let read = bench
        .overlay
        .get_message(&crate::support::cx(), &at, &posted.id)
        .await
        .unwrap();
    assert_eq!(read, posted);
}
