//! What the embedded backend tells of writes whose answer was lost.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Applied, Backend, Context, Intent, Location, NewAttachment, Principal, Scope, Settled, Write,
};
use bytes::Bytes;
use conversation::{
    ConversationId, Digest, MessageId, MessagePatch, NewConversation, NewMessage, Participant,
    Patch, Role, Time,
};
use store::StoreBackend;

#[expect(dead_code, reason = "each program of tests uses its own part")]
#[path = "support/home.rs"]
mod home;

use home::Home;

fn open() -> (Home, StoreBackend) {
    let directory = Home::new();
    let store = directory.open();
    let backend = store.backend("store");
    (directory, backend)
}

/// Each write has a context of its own.
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

async fn say(backend: &StoreBackend, at: &Location) -> MessageId {
    let new = NewMessage::text(Role::User, "hello");
    let posted = backend.post_message(&context(), at, new).await.unwrap();
    posted.id
}

async fn settle(backend: &StoreBackend, cx: &Context, at: &Location, write: &Write) -> Settled {
    let intent = Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write: write.clone(),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    backend.settle(cx, &intent).await.unwrap()
}

fn nobody() -> MessageId {
    MessageId::generate()
}

#[tokio::test]
async fn an_import_settles_with_all_its_messages_in_their_order() {
    let (_directory, backend) = open();
    let (at, cx) = (conversation(&backend).await, context());
    say(&backend, &at).await;
    let message = |words: &str, seconds: i64| NewMessage {
        sent_at: Some(Time::from_micros(seconds * 1_000_000).unwrap()),
        ..NewMessage::text(Role::User, words)
    };
    // In the order in which they were sent, which is not that of the list.
    let sent = vec![message("late", 9), message("early", 1), message("same", 9)];
    let write = Write::ImportMessages(sent.clone());
    assert_eq!(
        settle(&backend, &cx, &at, &write).await,
        Settled::NotApplied
    );
    let stored = backend.import_messages(&cx, &at, sent).await.unwrap();
    let stored: Vec<_> = stored.into_iter().map(Result::unwrap).collect();
    say(&backend, &at).await;
    assert_eq!(
        settle(&backend, &cx, &at, &write).await,
        Settled::Applied(Applied::Messages(stored.clone()))
    );
    // What was deleted since was done, but cannot be shown.
    backend
        .delete_message(&context(), &at, &stored[0].id, None)
        .await
        .unwrap();
    assert_eq!(settle(&backend, &cx, &at, &write).await, Settled::Unknown);
}

#[tokio::test]
async fn a_delete_settles_by_what_is_gone() {
    let (_directory, backend) = open();
    let (at, cx) = (conversation(&backend).await, context());
    let id = say(&backend, &at).await;
    let message = Write::DeleteMessage { id: id.clone() };
    assert_eq!(
        settle(&backend, &cx, &at, &message).await,
        Settled::NotApplied
    );
    backend.delete_message(&cx, &at, &id, None).await.unwrap();
    let gone = Settled::Applied(Applied::Nothing);
    assert_eq!(settle(&backend, &cx, &at, &message).await, gone);
    let conversation = Write::DeleteConversation;
    assert_eq!(
        settle(&backend, &cx, &at, &conversation).await,
        Settled::NotApplied
    );
    backend.delete_conversation(&cx, &at, None).await.unwrap();
    assert_eq!(settle(&backend, &cx, &at, &conversation).await, gone);
    assert_eq!(settle(&backend, &cx, &at, &message).await, gone);
}

#[tokio::test]
async fn an_edit_and_a_vote_settle_with_the_message_as_it_is() {
    let (_directory, backend) = open();
    let at = conversation(&backend).await;
    let id = say(&backend, &at).await;
    let patch = MessagePatch {
        subject: Patch::Set("subject".into()),
        ..MessagePatch::default()
    };
    let edit = Write::UpdateMessage {
        id: id.clone(),
        patch: patch.clone(),
    };
    let vote = Write::RateMessage {
        id: id.clone(),
        value: 4.0,
    };
    let (editing, voting) = (context(), context());
    for (cx, write) in [(&editing, &edit), (&voting, &vote)] {
        assert_eq!(settle(&backend, cx, &at, write).await, Settled::NotApplied);
    }
    backend
        .update_message(&editing, &at, &id, patch, None)
        .await
        .unwrap();
    let rated = backend.rate_message(&voting, &at, &id, 4.0).await.unwrap();
    for (cx, write) in [(&editing, &edit), (&voting, &vote)] {
        assert_eq!(
            settle(&backend, cx, &at, write).await,
            Settled::Applied(Applied::Message(Box::new(rated.clone())))
        );
    }
    // A vote that was refused made nothing.
    let refused = context();
    backend
        .rate_message(&refused, &at, &nobody(), 4.0)
        .await
        .unwrap_err();
    assert_eq!(
        settle(&backend, &refused, &at, &vote).await,
        Settled::NotApplied
    );
}

#[tokio::test]
async fn participants_settle_with_those_who_are_left() {
    let (_directory, backend) = open();
    let at = conversation(&backend).await;
    let (adding, removing) = (context(), context());
    let new = vec![Participant {
        id: Some("ann".into()),
        ..Participant::default()
    }];
    let add = Write::AddParticipants(new.clone());
    let remove = Write::RemoveParticipant { id: "ann".into() };
    for (cx, write) in [(&adding, &add), (&removing, &remove)] {
        assert_eq!(settle(&backend, cx, &at, write).await, Settled::NotApplied);
    }
    let all = backend.add_participants(&adding, &at, new).await.unwrap();
    assert_eq!(
        settle(&backend, &adding, &at, &add).await,
        Settled::Applied(Applied::Participants(all))
    );
    backend
        .remove_participant(&removing, &at, "ann")
        .await
        .unwrap();
    assert_eq!(
        settle(&backend, &removing, &at, &remove).await,
        Settled::Applied(Applied::Nothing)
    );
}

#[tokio::test]
async fn bytes_settle_with_what_is_known_of_them() {
    let (_directory, backend) = open();
    let (at, cx) = (conversation(&backend).await, context());
    let id = say(&backend, &at).await;
    let new = NewAttachment {
        name: Some("cat.png".into()),
        media_type: "image/png".into(),
        message_id: Some(id.clone()),
        bytes: Bytes::from_static(b"bytes"),
    };
    let write = Write::PutAttachment {
        message_id: Some(id),
        name: new.name.clone(),
        digest: Digest::of(&new.bytes),
    };
    assert_eq!(
        settle(&backend, &cx, &at, &write).await,
        Settled::NotApplied
    );
    let put = backend.put_attachment(&cx, &at, new).await.unwrap();
    assert_eq!(
        settle(&backend, &cx, &at, &write).await,
        Settled::Applied(Applied::Attachment(Box::new(put)))
    );
    backend
        .delete_conversation(&context(), &at, None)
        .await
        .unwrap();
    assert_eq!(settle(&backend, &cx, &at, &write).await, Settled::Unknown);
}

#[tokio::test]
async fn several_conversations_are_read_at_once_each_as_if_alone() {
    use futures_util::StreamExt as _;
    let (_directory, backend) = open();
    let mut at = Vec::new();
    for _ in 0..20 {
        at.push(conversation(&backend).await);
    }
    at.push(at[3].clone());
    at.insert(
        5,
        Location {
            native: "nobody".into(),
            ..Location::unresolved(ConversationId::generate())
        },
    );
    let cx = context();
    let told: Vec<_> = backend.get_conversations(&cx, &at).collect().await;
    assert_eq!(told.len(), 22);
    let mut places: Vec<usize> = told.iter().map(|(place, _)| *place).collect();
    places.sort_unstable();
    assert_eq!(places, (0..22).collect::<Vec<_>>());
    for (place, result) in told {
        match (result, backend.get_conversation(&cx, &at[place]).await) {
            (Ok(found), Ok(alone)) => assert_eq!(found, alone),
            (Err(error), Err(alone)) => {
                assert_eq!(place, 5);
                assert_eq!(
                    (error.kind, error.operation, &error.backend),
                    (alone.kind, alone.operation, &alone.backend)
                );
            }
            (one, other) => panic!("{one:?} is not {other:?}"),
        }
    }
    assert_eq!(backend.get_conversations(&cx, &[]).count().await, 0);
}
