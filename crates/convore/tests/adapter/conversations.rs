//! Conversations: what is sent, what comes back, what is refused.

use backend::{Backend, Kind, Level, Outcome, Precondition};
use conversation::{
    Activity, ActivityKind, ConversationPatch, NewConversation, Patch, Priority, Status,
};
use convore::wire::{ConversationStatus, LabelType, Member};

use crate::fake::{FakeConvore, FakeOptions, Fault};
use crate::support::{
    all, asked, body_of, by_mail, create, create_with, cx, inbound, missing, pair, pair_with,
    strict,
};

#[tokio::test]
async fn a_create_sends_what_it_has_and_the_two_lists_always() {
    let (fake, convore) = pair().await;
    create_with(&convore, by_mail()).await;
    let body = body_of(&fake, "POST", "/v1/conversations");
    assert_eq!(
        body,
        serde_json::json!({
            "channel_id": FakeConvore::CHANNEL,
            "label_ids": [],
            "participants": [
                {"name": "Bo", "handle": {"type": "email", "value": "bo@example.test"}, "role": "from"},
                {"name": "Ana", "handle": {"type": "email", "value": "ana@example.test"}, "role": "to"},
            ],
            "subject": "Order 1001",
        })
    );
}

#[tokio::test]
async fn labels_go_by_name_and_are_made_where_they_are_missing() {
    let (fake, convore) = pair().await;
    let shared = fake.add_label("vip", LabelType::Shared, None);
    fake.add_label("elsewhere", LabelType::ChannelPrivate, Some("chnnl_other"));
    let here = fake.add_label(
        "here",
        LabelType::ChannelPrivate,
        Some(FakeConvore::CHANNEL),
    );
    let new = |labels: &[&str]| NewConversation {
        labels: labels.iter().map(|name| (*name).into()).collect(),
        ..NewConversation::default()
    };
    let names = ["vip", "here", "elsewhere", "new", "new"];
    let located = convore
        .create_conversation(&cx(), new(&names))
        .await
        .unwrap();
    let labels: Vec<&str> = located
        .conversation
        .labels
        .iter()
        .map(|name| &**name)
        .collect();
    assert_eq!(labels, ["elsewhere", "here", "new", "vip"]);
    let ids = body_of(&fake, "POST", "/v1/conversations")["label_ids"].clone();
    let ids: Vec<String> = serde_json::from_value(ids).unwrap();
    assert!(ids.contains(&shared) && ids.contains(&here));
    // One of another channel does not fit; it and the unknown one were made.
    assert_eq!(fake.labels().len(), 5);
    // A moment later nothing is read or made again.
    fake.forget_requests();
    create_with(&convore, new(&["new", "vip"])).await;
    assert_eq!(asked(&fake), ["POST /v1/conversations"]);
}

#[tokio::test]
async fn nothing_is_made_for_a_create_that_is_refused() {
    let (fake, convore) = pair().await;
    let new = NewConversation {
        labels: vec!["new".into()],
        description: Some("no place for this".into()),
        ..NewConversation::default()
    };
    let error = convore.create_conversation(&cx(), new).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert!(asked(&fake).is_empty());
}

#[tokio::test]
async fn a_create_whose_label_could_not_be_made_was_never_sent() {
    let (fake, convore) = pair().await;
    let new = NewConversation {
        labels: vec!["new".into()],
        ..NewConversation::default()
    };
    fake.inject("POST", "/v1/labels", Fault::CutAfter);
    let error = convore
        .create_conversation(&cx(), new.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Unavailable, Outcome::NotApplied)
    );
    // The label is there by now, and is not made again.
    create_with(&convore, new).await;
    assert_eq!(fake.labels().len(), 1);
}

#[tokio::test]
async fn two_creates_at_once_make_a_label_once() {
    let (fake, convore) = pair().await;
    let new = || NewConversation {
        labels: vec!["new".into()],
        ..NewConversation::default()
    };
    let (one, other) = (cx(), cx());
    let (one, other) = tokio::join!(
        convore.create_conversation(&one, new()),
        convore.create_conversation(&other, new())
    );
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(fake.labels().len(), 1);
}

#[tokio::test]
async fn twins_of_labels_are_shown_and_kept_by_an_update() {
    let options = FakeOptions {
        labels_have_twins: true,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let new = NewConversation {
        labels: vec!["vip".into()],
        ..NewConversation::default()
    };
    let located = convore.create_conversation(&cx(), new).await.unwrap();
    let names = |labels: &[Box<str>]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&located.conversation.labels), ["vip", "vip (mail)"]);
    let mut labels = located.conversation.labels;
    labels.push("late".into());
    let patch = ConversationPatch {
        labels: Patch::Set(labels),
        ..ConversationPatch::default()
    };
    let changed = convore
        .update_conversation(&cx(), &located.location, patch, None)
        .await
        .unwrap();
    assert_eq!(
        names(&changed.labels),
        ["late", "late (mail)", "vip", "vip (mail)"]
    );
}

#[tokio::test]
async fn a_label_that_is_gone_is_looked_up_again() {
    let (fake, convore) = pair().await;
    let new = || NewConversation {
        labels: vec!["vip".into()],
        ..NewConversation::default()
    };
    create_with(&convore, new()).await;
    fake.inject("POST", "/v1/conversations", Fault::Status(400));
    let error = convore.create_conversation(&cx(), new()).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
    fake.forget_requests();
    create_with(&convore, new()).await;
    assert_eq!(asked(&fake)[0], "GET /v1/labels?limit=100");
}

#[tokio::test]
async fn status_and_priority_have_the_vendors_words() {
    let (fake, convore) = pair().await;
    for (status, word) in [
        (Status::Open, ConversationStatus::Open),
        (Status::Closed, ConversationStatus::Done),
        (Status::Spam, ConversationStatus::Spam),
    ] {
        let new = NewConversation {
            status: Some(status.clone()),
            priority: Some(Priority::Urgent),
            ..NewConversation::default()
        };
        let located = convore.create_conversation(&cx(), new).await.unwrap();
        assert_eq!(located.conversation.status, status);
        assert_eq!(located.conversation.priority, Some(Priority::Urgent));
        assert_eq!(located.conversation.status_native, None);
        assert_eq!(
            fake.conversation(&located.location.native).unwrap().status,
            word
        );
        let patch = ConversationPatch {
            priority: Patch::Clear,
            ..ConversationPatch::default()
        };
        let cleared = convore
            .update_conversation(&cx(), &located.location, patch, None)
            .await
            .unwrap();
        assert_eq!((cleared.priority, cleared.status), (None, status));
    }
    for status in [Status::Archived, Status::Trashed] {
        let patch = ConversationPatch {
            status: Patch::Set(status),
            ..ConversationPatch::default()
        };
        let at = create(&convore).await;
        let error = convore.update_conversation(&cx(), &at, patch, None).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind, error.violations[0].pointer.as_str()),
            (Kind::NotHeld, "/status")
        );
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_sends_nothing() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    fake.forget_requests();
    let patch = ConversationPatch {
        title: Patch::Clear,
        ..ConversationPatch::default()
    };
    for patch in [ConversationPatch::default(), patch] {
        convore
            .update_conversation(&cx(), &at, patch, None)
            .await
            .unwrap();
    }
    assert!(asked(&fake).iter().all(|asked| asked.starts_with("GET")));
}

#[tokio::test]
async fn a_title_cannot_be_cleared() {
    let (_fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    for title in [Patch::Clear, Patch::Set("".into())] {
        let patch = ConversationPatch {
            title,
            ..ConversationPatch::default()
        };
        let error = convore.update_conversation(&cx(), &at, patch, None).await;
        assert_eq!(error.unwrap_err().violations[0].pointer, "/title");
    }
}

#[tokio::test]
async fn what_lies_in_the_trash_is_not_found_by_anything() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    convore.delete_conversation(&cx(), &at, None).await.unwrap();
    assert_eq!(
        fake.conversation(&at.native).unwrap().status,
        ConversationStatus::Trash,
        "the vendor keeps it"
    );
    let cx = cx();
    let read = Activity {
        activity: ActivityKind::Read,
        participant_id: None,
    };
    let errors = [
        convore.get_conversation(&cx, &at).await.unwrap_err(),
        convore.get_message(&cx, &at, &said.id).await.unwrap_err(),
        convore
            .post_message(&cx, &at, inbound("late"))
            .await
            .unwrap_err(),
        convore.import_messages(&cx, &at, vec![]).await.unwrap_err(),
        convore
            .update_message(&cx, &at, &said.id, Default::default(), None)
            .await
            .unwrap_err(),
        convore.list_participants(&cx, &at).await.unwrap_err(),
        convore.send_activity(&cx, &at, read).await.unwrap_err(),
        convore
            .delete_conversation(&cx, &at, None)
            .await
            .unwrap_err(),
        convore
            .update_conversation(&cx, &at, Default::default(), Some(&Precondition::Exists))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotFound, Outcome::NotApplied)
        );
    }
}

#[tokio::test]
async fn a_delete_that_changes_nothing_is_no_success() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    fake.inject(
        "PATCH",
        "/v1/conversations/",
        Fault::Edited(|row| row["status"] = "open".into()),
    );
    let error = convore
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidResponse);
}

#[tokio::test]
async fn reading_marks_as_read_and_typing_is_not_told() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    fake.change(&at.native, |row| row.is_unread = Member::Value(true));
    assert_eq!(
        convore.get_conversation(&cx(), &at).await.unwrap().unread,
        Some(1)
    );
    let activity = |activity, by: Option<&str>| Activity {
        activity,
        participant_id: by.map(Into::into),
    };
    let by_customer = activity(ActivityKind::Read, Some("email:bo@example.test"));
    let error = convore
        .send_activity(&cx(), &at, by_customer)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let read = activity(ActivityKind::Read, None);
    convore
        .send_activity(&cx(), &at, read.clone())
        .await
        .unwrap();
    assert_eq!(
        convore.get_conversation(&cx(), &at).await.unwrap().unread,
        Some(0)
    );
    fake.forget_requests();
    convore.send_activity(&cx(), &at, read).await.unwrap();
    assert_eq!(asked(&fake).len(), 1, "what is read needs no write");
    let typing = activity(ActivityKind::TypingStart, None);
    let error = convore
        .send_activity(&cx(), &at, typing.clone())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    let error = convore
        .send_activity(&cx(), &missing(), typing)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(convore.capabilities().activity, Level::Partial);
}

#[tokio::test]
async fn words_that_nobody_knows_are_kept() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let edit = |row: &mut serde_json::Value| {
        row["status"] = "snoozed".into();
        row["priority"] = "cosmic".into();
        row["future"] = serde_json::json!({"a": 1});
        row["subject"] = serde_json::Value::Null;
    };
    fake.inject("GET", "/v1/conversations/", Fault::Edited(edit));
    let found = convore.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(found.status, Status::Open);
    assert_eq!(found.status_native.as_deref(), Some("snoozed"));
    assert_eq!(found.priority, Some(Priority::Other("cosmic".into())));
    assert_eq!(found.extensions["convore"]["future"].get(), r#"{"a":1}"#);
    assert!(all(&convore, &at).await.is_empty());
}

#[tokio::test]
async fn another_kind_becomes_mail_and_says_so() {
    let (_fake, convore) = pair().await;
    let new = NewConversation {
        kind: Some(conversation::Kind::Direct),
        ..NewConversation::default()
    };
    let error = convore
        .create_conversation(&strict(), new.clone())
        .await
        .unwrap_err();
    assert_eq!(error.violations[0].pointer, "/kind");
    let located = convore.create_conversation(&cx(), new).await.unwrap();
    assert_eq!(located.conversation.kind, conversation::Kind::Mail);
    let patch = ConversationPatch {
        kind: Patch::Set(conversation::Kind::Group),
        ..ConversationPatch::default()
    };
    let error = convore
        .update_conversation(&cx(), &located.location, patch, None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.violations[0].pointer.as_str()),
        (Kind::NotHeld, "/kind")
    );
}
