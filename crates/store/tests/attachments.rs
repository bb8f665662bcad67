//! Attachments and activity of the embedded backend, beyond the conformance suite.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Attachment, Backend as _, Context, Kind, Location, NewAttachment, Outcome, Principal, Scope,
};
use bytes::Bytes;
use conversation::{
    Activity, ActivityKind, Media, MessageId, MessagePatch, NewConversation, NewMessage, Part,
    Participant, Patch, Role, Side,
};
use store::{Store, StoreBackend};

#[expect(dead_code, reason = "each program of tests uses its own part")]
#[path = "support/home.rs"]
mod home;

use home::Home;

fn open() -> (Home, Store, StoreBackend) {
    let directory = Home::new();
    let store = directory.open();
    let backend = store.backend("store");
    (directory, store, backend)
}

fn context() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "key".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request", Duration::from_secs(30))
}

async fn conversation(backend: &StoreBackend) -> Location {
    let new = NewConversation::default();
    let created = backend.create_conversation(&context(), new).await.unwrap();
    created.location
}

fn new(bytes: &'static [u8]) -> NewAttachment {
    NewAttachment {
        name: Some("cat.png".into()),
        media_type: "image/png".into(),
        message_id: None,
        bytes: Bytes::from_static(bytes),
    }
}

async fn put(backend: &StoreBackend, at: &Location, new: NewAttachment) -> Attachment {
    backend.put_attachment(&context(), at, new).await.unwrap()
}

async fn say(backend: &StoreBackend, at: &Location, role: Role, words: &str) -> MessageId {
    let new = NewMessage::text(role, words);
    let posted = backend.post_message(&context(), at, new).await.unwrap();
    posted.id
}

async fn unread(backend: &StoreBackend, at: &Location) -> u64 {
    let shown = backend.get_conversation(&context(), at).await.unwrap();
    shown.unread.unwrap()
}

fn read() -> Activity {
    Activity {
        activity: ActivityKind::Read,
        participant_id: None,
    }
}

/// How many rows a table has.
fn count(store: &Store, table: &str) -> i64 {
    home::number(store, &format!("SELECT count(*) FROM {table}"))
}

#[tokio::test]
async fn equal_bytes_are_stored_once_and_go_with_the_last_that_holds_them() {
    let (directory, store, backend) = open();
    let (first, second) = (conversation(&backend).await, conversation(&backend).await);
    let one = put(&backend, &first, new(b"the same")).await;
    let two = put(&backend, &second, new(b"the same")).await;
    let other = put(&backend, &first, new(b"another")).await;
    assert_ne!(one.id, two.id);
    assert_eq!(
        (count(&store, "attachments"), count(&store, "blobs")),
        (3, 2)
    );
    backend
        .delete_conversation(&context(), &first, None)
        .await
        .unwrap();
    assert_eq!(count(&store, "attachments"), 1);
    for gone in [&one.id, &other.id] {
        let error = backend
            .open_attachment(&context(), &first, gone)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
    // The next process begins with upkeep; closing waits for it.
    store.close().await.unwrap();
    drop((store, backend));
    let store = directory.open();
    let backend = store.backend("store");
    say(&backend, &second, Role::User, "after the sweep").await;
    home::becomes(&store, "SELECT count(*) FROM loose_blobs", 0);
    assert_eq!(count(&store, "blobs"), 1);
    let kept = backend
        .open_attachment(&context(), &second, &two.id)
        .await
        .unwrap();
    assert_eq!(&kept.bytes[..], b"the same");
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_attachment_put_to_a_message_is_no_edit_of_it() {
    let (_directory, _store, backend) = open();
    let at = conversation(&backend).await;
    let message = say(&backend, &at, Role::User, "look").await;
    let before = backend.get_conversation(&context(), &at).await.unwrap();
    let attachment = put(
        &backend,
        &at,
        NewAttachment {
            message_id: Some(message.clone()),
            ..new(b"cat")
        },
    )
    .await;
    let shown = backend
        .get_message(&context(), &at, &message)
        .await
        .unwrap();
    assert_eq!(shown.edited_at, None);
    assert_eq!(
        shown.parts,
        [
            Part::text("look"),
            Part::Image(Media {
                attachment_id: Some(attachment.id),
                media_type: Some("image/png".into()),
                size: Some(3),
                name: Some("cat.png".into()),
                ..Media::default()
            })
        ]
    );
    let after = backend.get_conversation(&context(), &at).await.unwrap();
    assert!(after.updated_at > before.updated_at);
    assert_eq!(
        (after.unread, after.last_message_at, after.counts),
        (before.unread, before.last_message_at, before.counts)
    );
}

#[tokio::test]
async fn an_attachment_that_is_refused_leaves_nothing() {
    let (_directory, store, backend) = open();
    let at = conversation(&backend).await;
    let elsewhere = conversation(&backend).await;
    let foreign = say(&backend, &elsewhere, Role::User, "not here").await;
    for message in [MessageId::generate(), foreign] {
        let new = NewAttachment {
            message_id: Some(message),
            ..new(b"cat")
        };
        let error = backend
            .put_attachment(&context(), &at, new)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotFound, Outcome::NotApplied)
        );
    }
    let huge = NewAttachment {
        bytes: vec![0; 25 * 1_024 * 1_024 + 1].into(),
        ..new(b"")
    };
    let error = backend
        .put_attachment(&context(), &at, huge)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert!(error.violations[0].detail.contains("26214400 bytes"));
    let full = NewMessage::of(Role::User, vec![Part::text("part"); 1_000]);
    let full = backend.post_message(&context(), &at, full).await.unwrap();
    let one_more = NewAttachment {
        message_id: Some(full.id),
        ..new(b"cat")
    };
    let error = backend
        .put_attachment(&context(), &at, one_more)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
    assert_eq!(
        (count(&store, "attachments"), count(&store, "blobs")),
        (0, 0)
    );
    drop(store);
}

#[tokio::test]
async fn the_largest_attachment_is_held() {
    let (_directory, _store, backend) = open();
    let at = conversation(&backend).await;
    let bytes: Bytes = (0..25 * 1_024 * 1_024)
        .map(|place| u8::try_from(place % 251).unwrap())
        .collect();
    let largest = NewAttachment {
        bytes: bytes.clone(),
        ..new(b"")
    };
    let attachment = put(&backend, &at, largest).await;
    let opened = backend
        .open_attachment(&context(), &at, &attachment.id)
        .await
        .unwrap();
    assert!(opened.bytes == bytes, "other bytes came back");
}

#[tokio::test]
async fn what_was_read_waits_no_more_and_counts_as_read_when_counted_anew() {
    let (_directory, _store, backend) = open();
    let at = conversation(&backend).await;
    say(&backend, &at, Role::User, "one").await;
    let answer = say(&backend, &at, Role::Assistant, "answer").await;
    say(&backend, &at, Role::User, "two").await;
    let three = say(&backend, &at, Role::User, "three").await;
    assert_eq!(unread(&backend, &at).await, 2);
    let before = backend.get_conversation(&context(), &at).await.unwrap();
    for _ in 0..2 {
        backend
            .send_activity(&context(), &at, read())
            .await
            .unwrap();
        assert_eq!(unread(&backend, &at).await, 0);
    }
    let after = backend.get_conversation(&context(), &at).await.unwrap();
    assert_eq!(after.updated_at, before.updated_at);
    // Counted anew: behind what was read, not behind the last answer that is left.
    backend
        .delete_message(&context(), &at, &answer, None)
        .await
        .unwrap();
    assert_eq!(unread(&backend, &at).await, 0);
    say(&backend, &at, Role::User, "four").await;
    backend
        .delete_message(&context(), &at, &three, None)
        .await
        .unwrap();
    assert_eq!(unread(&backend, &at).await, 1);
    // An edit that counts anew does the same.
    let patch = MessagePatch {
        status: Patch::Set(conversation::MessageStatus::Read),
        ..MessagePatch::default()
    };
    let five = say(&backend, &at, Role::User, "five").await;
    assert_eq!(unread(&backend, &at).await, 2);
    backend
        .update_message(&context(), &at, &five, patch, None)
        .await
        .unwrap();
    assert_eq!(unread(&backend, &at).await, 1);
}

#[tokio::test]
async fn who_types_and_what_a_customer_reads_changes_nothing() {
    let (_directory, _store, backend) = open();
    let customer = Participant {
        id: Some("ann".into()),
        side: Some(Side::Customer),
        ..Participant::default()
    };
    let new = NewConversation {
        participants: vec![customer],
        ..NewConversation::default()
    };
    let at = backend
        .create_conversation(&context(), new)
        .await
        .unwrap()
        .location;
    say(&backend, &at, Role::User, "one").await;
    let before = backend.get_conversation(&context(), &at).await.unwrap();
    let by_customer = Activity {
        participant_id: Some("ann".into()),
        ..read()
    };
    let typing = |kind| Activity {
        activity: kind,
        participant_id: Some("bob".into()),
    };
    for activity in [
        by_customer,
        typing(ActivityKind::TypingStart),
        typing(ActivityKind::TypingStop),
    ] {
        backend
            .send_activity(&context(), &at, activity)
            .await
            .unwrap();
    }
    let after = backend.get_conversation(&context(), &at).await.unwrap();
    assert_eq!(after, before);
    let refused = typing(ActivityKind::Joined);
    let error = backend
        .send_activity(&context(), &at, refused)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, &*error.violations[0].pointer),
        (Kind::InvalidRequest, "/activity")
    );
}
