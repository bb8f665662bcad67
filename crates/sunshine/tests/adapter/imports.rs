//! History, where it may be posted.

use backend::{Applied, Backend, Context, Intent, Kind, Location, Outcome, Settled, Write};
use conversation::{Media, NewMessage, Part, Role, Time};
use sunshine::{ImportMode, Sunshine, SunshineConfig};

use crate::fake::{FakeSunshine, Fault};
use crate::support::{config, create, cx, new, pair};

async fn posting() -> (FakeSunshine, Sunshine, Location) {
    let fake = FakeSunshine::start().await;
    let config = SunshineConfig {
        import_mode: ImportMode::Post,
        ..config(&fake)
    };
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    let at = create(&sunshine).await;
    (fake, sunshine, at)
}

fn said(role: Role, text: &str, at: &str) -> NewMessage {
    NewMessage {
        sent_at: at.parse().ok(),
        ..NewMessage::text(role, text)
    }
}

#[tokio::test]
async fn without_the_mode_an_import_says_what_to_set() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let before = fake.received().len();
    let error = sunshine
        .import_messages(&cx(), &at, vec![NewMessage::text(Role::User, "old")])
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotHeld, Outcome::NotApplied)
    );
    assert!(error.message.contains("import_mode = \"post\""));
    assert_eq!(fake.received().len(), before);
}

#[tokio::test]
async fn history_is_posted_silently_in_its_order_with_its_times() {
    let (fake, sunshine, at) = posting().await;
    let history = vec![
        said(Role::User, "question", "2020-01-01T00:00:00.000Z"),
        said(Role::Assistant, "answer", "2020-01-01T00:00:01.000Z"),
    ];
    let imported = sunshine.import_messages(&cx(), &at, history).await.unwrap();
    for (result, time) in imported
        .iter()
        .zip(["2020-01-01T00:00:00.000Z", "2020-01-01T00:00:01.000Z"])
    {
        let message = result.as_ref().unwrap();
        assert_eq!(message.sent_at.to_string(), time);
        assert!(message.created_at > message.sent_at);
        assert!(message.metadata.is_empty());
    }
    let posts: Vec<String> = fake
        .received()
        .into_iter()
        .filter(|request| request.operation.as_deref() == Some("PostMessage"))
        .map(|request| request.body)
        .collect();
    assert!(!posts[0].contains("destination"));
    assert!(posts[1].contains(r#""destination":{"integrationType":"none"}"#));
}

#[tokio::test]
async fn a_refused_message_does_not_stop_the_others_and_a_failure_does() {
    let (fake, sunshine, at) = posting().await;
    let history = || {
        vec![
            NewMessage::text(Role::Assistant, "one"),
            NewMessage::of(Role::Assistant, vec![Part::Reasoning("hm".into())]),
            NewMessage::text(Role::Assistant, "three"),
        ]
    };
    let imported = sunshine
        .import_messages(&cx(), &at, history())
        .await
        .unwrap();
    assert!(imported[0].is_ok() && imported[2].is_ok());
    assert_eq!(imported[1].as_ref().unwrap_err().kind, Kind::NotHeld);

    fake.inject("PostMessage", Fault::CutAfter);
    let imported = sunshine
        .import_messages(&cx(), &at, history())
        .await
        .unwrap();
    assert_eq!(imported[0].as_ref().unwrap_err().outcome, Outcome::Unknown);
    for result in &imported[1..] {
        let error = result.as_ref().unwrap_err();
        assert_eq!(
            (error.outcome, error.is_temporary()),
            (Outcome::NotApplied, true)
        );
    }
    assert_eq!(fake.messages(&at.native).len(), 3);
}

#[tokio::test]
async fn the_business_is_silent_in_direct_conversations_only() {
    let (_fake, sunshine, _) = posting().await;
    let group = sunshine
        .create_conversation(&cx(), new(r#"{"kind":"group"}"#))
        .await
        .unwrap()
        .location;
    let history = vec![
        NewMessage::text(Role::User, "one"),
        NewMessage::text(Role::Assistant, "two"),
    ];
    let imported = sunshine
        .import_messages(&cx(), &group, history)
        .await
        .unwrap();
    assert!(imported[0].is_ok());
    let error = imported[1].as_ref().unwrap_err();
    assert_eq!(error.violations[0].pointer, "/role");
}

#[tokio::test]
async fn too_many_at_once_are_refused() {
    let (fake, sunshine, at) = posting().await;
    let before = fake.received().len();
    let history = vec![NewMessage::text(Role::User, "again"); 101];
    let error = sunshine
        .import_messages(&cx(), &at, history)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert_eq!(fake.received().len(), before);
}

fn noted(cx: &Context, at: &Location, new: &NewMessage) -> Intent {
    let started_at = Time::now().saturating_add_micros(-3_600_000_000);
    Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write: Write::ImportMessage(new.clone()),
        started_at,
        deadline_at: started_at,
    }
}

#[tokio::test]
async fn an_import_that_has_begun_is_never_said_to_be_undone() {
    let (_fake, sunshine, at) = posting().await;
    let cx = cx();
    let time = "2020-01-01T00:00:00.000Z";
    let refused = NewMessage::of(Role::Assistant, vec![Part::Reasoning("hm".into())]);
    let stored = said(Role::Assistant, "stored", time);
    let history = vec![refused.clone(), stored.clone()];
    sunshine.import_messages(&cx, &at, history).await.unwrap();
    // It was refused, the next one was not: to run the import again would double that.
    let first = sunshine.settle(&cx, &noted(&cx, &at, &refused)).await;
    assert_eq!(first.unwrap(), Settled::Unknown);
    // Of the same time, and another one.
    let other = said(Role::Assistant, "never sent", time);
    let other = sunshine.settle(&cx, &noted(&cx, &at, &other)).await;
    assert_eq!(other.unwrap(), Settled::Unknown);
    let stored = sunshine.settle(&cx, &noted(&cx, &at, &stored)).await;
    assert!(matches!(
        stored.unwrap(),
        Settled::Applied(Applied::Message(_))
    ));
}

#[tokio::test]
async fn an_imported_picture_is_found_although_the_vendor_adds_to_it() {
    let (_fake, sunshine, at) = posting().await;
    let cx = cx();
    let picture = Media {
        url: Some("https://files.example/a.png".into()),
        ..Media::default()
    };
    let picture = NewMessage {
        sent_at: "2020-01-01T00:00:01.000Z".parse().ok(),
        ..NewMessage::of(Role::Assistant, vec![Part::Image(picture)])
    };
    let before = said(Role::Assistant, "look", "2020-01-01T00:00:00.000Z");
    let history = vec![before, picture.clone()];
    let stored = sunshine.import_messages(&cx, &at, history).await.unwrap();
    let settled = sunshine.settle(&cx, &noted(&cx, &at, &picture)).await;
    let Settled::Applied(Applied::Message(found)) = settled.unwrap() else {
        panic!("it was done")
    };
    assert_eq!(found.id, stored[1].as_ref().unwrap().id);
}

#[tokio::test]
async fn equal_messages_of_one_import_are_each_found() {
    let (_fake, sunshine, at) = posting().await;
    let cx = cx();
    let time = "2020-01-01T00:00:00.000Z";
    let twice = said(Role::Assistant, "again", time);
    let history = vec![
        twice.clone(),
        twice.clone(),
        said(Role::User, "again", time),
    ];
    let stored = sunshine
        .import_messages(&cx, &at, history.clone())
        .await
        .unwrap();
    let mut intent = noted(&cx, &at, &twice);
    intent.write = Write::ImportMessages(history.clone());
    let Settled::Applied(Applied::Messages(found)) = sunshine.settle(&cx, &intent).await.unwrap()
    else {
        panic!("it was done")
    };
    let stored: Vec<_> = stored.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, stored);
    // One more of them was never sent.
    intent.write = Write::ImportMessages([history, vec![twice.clone()]].concat());
    let settled = sunshine.settle(&cx, &intent).await.unwrap();
    assert_eq!(settled, Settled::Unknown);
    // Nothing of another import.
    intent.id = another_id();
    let settled = sunshine.settle(&cx, &intent).await.unwrap();
    assert_eq!(settled, Settled::NotApplied);
}

/// The id of a write that was never sent.
fn another_id() -> uuid::Uuid {
    crate::support::cx().intent
}
