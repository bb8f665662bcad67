//! Posting, reading and deleting messages; activity; attachments.

use std::time::Duration;

use backend::{Backend, Kind, NewAttachment, Outcome};
use conversation::{
    Activity, ActivityKind, Media, NewMessage, Part, Participant, ParticipantKind, Role, Side,
    Text, TextFormat,
};

use crate::fake::{FakeOptions, Fault};
use crate::support::{MISSING, asked, at, create, cx, cx_of, filled, new, pair, pair_with, say};

#[tokio::test]
async fn an_answer_is_delivered_and_a_users_message_is_the_users() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    say(&sunshine, &at, Role::User, "hello").await;
    say(&sunshine, &at, Role::Assistant, "good day").await;
    let stored = fake.messages(&at.native);
    let users = fake.users();
    assert_eq!(
        stored[0].author.value().unwrap().user_id.value(),
        users[0].id.value()
    );
    let sent = fake.received();
    let last = &sent[sent.len() - 1].body;
    assert!(
        last.contains("business") && !last.contains("destination"),
        "{last}"
    );
}

#[tokio::test]
async fn a_second_post_costs_one_call() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    say(&sunshine, &at, Role::User, "one").await;
    let before = fake.received().len();
    say(&sunshine, &at, Role::User, "two").await;
    say(&sunshine, &at, Role::Assistant, "three").await;
    assert_eq!(asked(&fake, before), ["PostMessage", "PostMessage"]);
}

#[tokio::test]
async fn the_author_has_our_id_in_answers_and_lists() {
    let (_fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let posted = say(&sunshine, &at, Role::User, "hello").await;
    let author = posted.author.clone().unwrap();
    assert_eq!(author.id.as_deref(), Some("ann"));
    let read = sunshine.get_message(&cx(), &at, &posted.id).await.unwrap();
    assert_eq!(read, posted);
}

#[tokio::test]
async fn a_named_author_writes() {
    let (fake, sunshine) = pair().await;
    let group = new(r#"{"participants":[{"id":"bob"},{"id":"eve"}]}"#);
    let at = sunshine
        .create_conversation(&cx(), group)
        .await
        .unwrap()
        .location;
    let by = |id: &str| NewMessage {
        author: Some(Participant {
            id: Some(id.into()),
            kind: ParticipantKind::Person,
            ..Participant::default()
        }),
        ..NewMessage::text(Role::User, "mine")
    };
    let posted = sunshine.post_message(&cx(), &at, by("bob")).await.unwrap();
    assert_eq!(posted.author.unwrap().id.as_deref(), Some("bob"));
    // Who is no user at all, and who is one but not here.
    fake.add_user(Some("t:mallory"));
    for stranger in ["nobody", "mallory"] {
        let before = fake.received().len();
        let error = sunshine
            .post_message(&cx(), &at, by(stranger))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotHeld, Outcome::NotApplied)
        );
        assert_eq!(error.violations[0].pointer, "/author/id");
        assert_eq!(asked(&fake, before), ["ListParticipants"]);
    }
}

#[tokio::test]
async fn a_service_posts_for_the_only_user() {
    let (_fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let posted = sunshine
        .post_message(&cx_of(None), &at, NewMessage::text(Role::User, "on behalf"))
        .await
        .unwrap();
    assert_eq!(posted.author.unwrap().id.as_deref(), Some("ann"));
}

#[tokio::test]
async fn an_ai_is_told_and_its_name_and_picture_go_along() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let helper = Participant {
        id: None,
        kind: ParticipantKind::Assistant,
        side: Some(Side::Business),
        name: Some("Helper".into()),
        avatar_url: Some("https://files.example/helper.png".into()),
        handles: Vec::new(),
    };
    let new = NewMessage {
        author: Some(helper.clone()),
        ..NewMessage::text(Role::Assistant, "hello")
    };
    let posted = sunshine.post_message(&cx(), &at, new).await.unwrap();
    assert_eq!(posted.author, Some(helper));
    let stored = fake.messages(&at.native);
    let author = serde_json::to_string(stored[0].author.value().unwrap()).unwrap();
    assert!(author.contains(r#""subtypes":["AI"]"#), "{author}");
}

#[tokio::test]
async fn a_disclaimer_that_the_vendor_adds_is_shown_as_it_is_stored() {
    let options = FakeOptions {
        ai_disclaimer: Some("Made by an AI."),
        ..FakeOptions::default()
    };
    let (_fake, sunshine) = pair_with(options).await;
    let at = create(&sunshine).await;
    let new = NewMessage {
        author: Some(Participant {
            kind: ParticipantKind::Assistant,
            ..Participant::default()
        }),
        ..NewMessage::text(Role::Assistant, "hello")
    };
    let posted = sunshine.post_message(&cx(), &at, new).await.unwrap();
    assert_eq!(posted.parts, [Part::text("hello\n\nMade by an AI.")]);
}

#[tokio::test]
async fn markdown_comes_back_as_html() {
    let (_fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let text = |text: &str, format| {
        Part::Text(Text {
            text: text.into(),
            format,
        })
    };
    let new = NewMessage::of(Role::Assistant, vec![text("**b**", TextFormat::Markdown)]);
    let posted = sunshine.post_message(&cx(), &at, new).await.unwrap();
    assert_eq!(
        posted.parts,
        [text("<p><strong>b</strong></p>", TextFormat::Html)]
    );
}

#[tokio::test]
async fn what_the_vendor_finds_out_of_a_picture_is_shown() {
    let (_fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let media = Media {
        url: Some("https://files.example/cat.png".into()),
        name: Some("cat.png".into()),
        ..Media::default()
    };
    let new = NewMessage::of(Role::User, vec![Part::Image(media)]);
    let posted = sunshine.post_message(&cx(), &at, new).await.unwrap();
    let [Part::Image(image)] = posted.parts.as_slice() else {
        panic!("{:?}", posted.parts)
    };
    assert_eq!(image.media_type.as_deref(), Some("image/png"));
    assert_eq!(image.alt_text.as_deref(), Some("cat.png"));
    assert!(image.size.is_some());
}

#[tokio::test]
async fn a_message_beyond_the_size_of_a_request_is_refused_unsent() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let uri = format!("https://a.example/{}", "x".repeat(60_000));
    let action = format!(r#"{{"type":"link","text":"L","uri":"{uri}"}}"#);
    let parts = format!(r#"[{{"type":"actions","actions":[{action},{action}]}}]"#);
    let new = NewMessage::of(Role::Assistant, serde_json::from_str(&parts).unwrap());
    let error = sunshine.post_message(&cx(), &at, new).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotHeld, Outcome::NotApplied)
    );
    assert!(!fake.operations().contains(&"PostMessage".to_owned()));
}

#[tokio::test]
async fn a_full_conversation_is_full() {
    let options = FakeOptions {
        messages_max: 2,
        ..FakeOptions::default()
    };
    let (_fake, sunshine) = pair_with(options).await;
    let (at, _) = filled(&sunshine, 2).await;
    let error = sunshine
        .post_message(&cx(), &at, NewMessage::text(Role::Assistant, "one more"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Full, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn a_strict_caller_is_told_before_anything_is_converted() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let before = fake.received().len();
    let mut cx = cx();
    cx.fidelity = backend::FidelityPolicy::Strict;
    let two = vec![Part::text("a"), Part::text("b")];
    let new = NewMessage::of(Role::Assistant, two);
    let error = sunshine.post_message(&cx, &at, new).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert_eq!(error.violations.len(), 2);
    assert_eq!(fake.received().len(), before);
}

#[tokio::test]
async fn a_missing_message_and_a_missing_conversation_are_told_apart() {
    let (fake, sunshine) = pair().await;
    let (at_filled, ids) = filled(&sunshine, 1).await;
    let gone = ids[0].parse().unwrap();
    // The message is there when it is looked for, and gone when it is to be deleted.
    let code = "conversation_not_found";
    fake.inject("DeleteMessage", Fault::Refuse { status: 404, code });
    let error = sunshine
        .delete_message(&cx(), &at_filled, &gone, None)
        .await
        .unwrap_err();
    assert_eq!(error.message, "message not found");
    let missing = MISSING.parse().unwrap();
    let error = sunshine
        .delete_message(&cx(), &at(MISSING), &missing, None)
        .await
        .unwrap_err();
    assert_eq!(error.message, "conversation not found");
}

#[tokio::test]
async fn a_placeholder_of_a_deleted_message_is_no_message() {
    let options = FakeOptions {
        deleted_placeholders: true,
        ..FakeOptions::default()
    };
    let (fake, sunshine) = pair_with(options).await;
    let (at, ids) = filled(&sunshine, 2).await;
    let id = ids[0].parse().unwrap();
    sunshine
        .delete_message(&cx(), &at, &id, None)
        .await
        .unwrap();
    assert_eq!(fake.messages(&at.native).len(), 2);
    let read = sunshine.get_message(&cx(), &at, &id).await.unwrap_err();
    assert_eq!(read.kind, Kind::NotFound);
    let again = sunshine.delete_message(&cx(), &at, &id, None).await;
    assert_eq!(again.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn users_read_and_the_business_types() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    say(&sunshine, &at, Role::Assistant, "unread").await;
    let tell = |activity, participant: Option<&str>| {
        let activity = Activity {
            activity,
            participant_id: participant.map(Into::into),
        };
        let (sunshine, at) = (sunshine.clone(), at.clone());
        async move { sunshine.send_activity(&cx(), &at, activity).await }
    };
    tell(ActivityKind::Read, Some("ann")).await.unwrap();
    assert!(fake.participants(&at.native)[0].last_read.value().is_some());
    tell(ActivityKind::Read, None).await.unwrap();
    assert!(
        fake.conversation(&at.native)
            .unwrap()
            .business_last_read
            .value()
            .is_some()
    );
    tell(ActivityKind::TypingStart, None).await.unwrap();
    let typing = tell(ActivityKind::TypingStart, Some("ann")).await;
    assert_eq!(typing.unwrap_err().kind, Kind::NotHeld);
    let stranger = tell(ActivityKind::Read, Some("nobody")).await;
    assert_eq!(stranger.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn an_attachment_is_named_by_its_url() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let new = NewAttachment {
        name: Some("a b.png".into()),
        media_type: "image/png".into(),
        message_id: None,
        bytes: vec![1, 2, 3].into(),
    };
    let stored = sunshine
        .put_attachment(&cx(), &at, new.clone())
        .await
        .unwrap();
    assert_eq!((fake.attachments(), stored.size), (1, 3));
    let image = Part::Image(Media {
        url: stored.url.clone(),
        ..Media::default()
    });
    let posted = sunshine
        .post_message(&cx(), &at, NewMessage::of(Role::User, vec![image]))
        .await
        .unwrap();
    let [Part::Image(image)] = posted.parts.as_slice() else {
        panic!("{:?}", posted.parts)
    };
    assert_eq!((image.size, &image.url), (Some(3), &stored.url));
    let to_message = NewAttachment {
        message_id: Some(posted.id.clone()),
        ..new
    };
    let error = sunshine
        .put_attachment(&cx(), &at, to_message)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let by_id = Part::File(Media {
        attachment_id: Some(stored.id),
        ..Media::default()
    });
    let error = sunshine
        .post_message(&cx(), &at, NewMessage::of(Role::User, vec![by_id]))
        .await
        .unwrap_err();
    assert_eq!(error.violations[0].pointer, "/parts/0");
}

#[tokio::test]
async fn an_attachment_beyond_the_limit_is_refused_unsent() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let before = fake.received().len();
    let new = NewAttachment {
        name: None,
        media_type: "application/octet-stream".into(),
        message_id: None,
        bytes: vec![0; 50_000_001].into(),
    };
    let error = sunshine.put_attachment(&cx(), &at, new).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotHeld, Outcome::NotApplied)
    );
    assert_eq!(fake.received().len(), before);
}

#[tokio::test]
async fn a_write_ends_by_its_own_timeout() {
    let fake = crate::fake::FakeSunshine::start().await;
    let mut config = crate::support::config(&fake);
    config.write_timeout = Duration::from_millis(200);
    let sunshine = sunshine::Sunshine::new("sunshine", &config).unwrap();
    let at = create(&sunshine).await;
    fake.inject("PostMessage", Fault::Silence);
    let error = sunshine
        .post_message(&cx(), &at, NewMessage::text(Role::Assistant, "hello"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
}
