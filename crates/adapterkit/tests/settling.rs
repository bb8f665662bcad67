//! Settling by reading, over the embedded backend: what was done is found, what was not is not claimed.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::sync::Arc;
use std::time::Duration;

use adapterkit::settle_by_reading;
use backend::{
    Applied, Backend, Context, Intent, Located, Principal, Scope, SettleWindow, Settled, Write,
};
use conversation::{
    ConversationId, Digest, Message, MessageId, MessagePatch, NewConversation, NewMessage, Part,
    Participant, ParticipantKind, Patch, Role, Time,
};
use store::{Store, StoreConfig};
use tempfile::TempDir;
use uuid::Uuid;

struct Bench {
    backend: Arc<dyn Backend>,
    located: Located,
    cx: Context,
    _folder: TempDir,
}

/// A window in which nothing can be carried out any more.
const OVER: SettleWindow = SettleWindow {
    settle_after: Duration::ZERO,
    clock_skew: Duration::ZERO,
};

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(folder.path().join("data.db"))).unwrap();
        let backend: Arc<dyn Backend> = Arc::new(store.backend("store"));
        let principal = Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: None,
            scopes: vec![Scope::Read, Scope::Write],
        };
        let cx = Context::new(Arc::new(principal), "test", Duration::from_secs(30));
        let located = backend
            .create_conversation(&cx, NewConversation::default())
            .await
            .unwrap();
        Self {
            backend,
            located,
            cx,
            _folder: folder,
        }
    }

    async fn posted(&self, text: &str) -> Message {
        let new = NewMessage::text(Role::User, text);
        self.backend
            .post_message(&self.cx, &self.located.location, new)
            .await
            .unwrap()
    }

    async fn settled(&self, write: Write, window: SettleWindow) -> Settled {
        let now = Time::now();
        let intent = Intent {
            id: Uuid::now_v7(),
            location: Some(self.located.location.clone()),
            write,
            started_at: now,
            // A deadline that is over: what is not there now never comes.
            deadline_at: now.saturating_add_micros(-1_000_000),
        };
        settle_by_reading(&*self.backend, &self.cx, &intent, &window)
            .await
            .unwrap()
    }
}

fn person(id: &str) -> Participant {
    Participant {
        id: Some(id.into()),
        kind: ParticipantKind::Person,
        ..Participant::default()
    }
}

#[tokio::test]
async fn a_delete_is_done_where_nothing_is_found() {
    let bench = Bench::new().await;
    let message = bench.posted("hello").await;
    let write = || Write::DeleteMessage {
        id: message.id.clone(),
    };
    assert_eq!(bench.settled(write(), OVER).await, Settled::NotApplied);
    let later = SettleWindow {
        settle_after: Duration::from_secs(3_600),
        ..OVER
    };
    // The vendor may still be at it.
    assert_eq!(bench.settled(write(), later).await, Settled::Unknown);
    let (cx, at) = (&bench.cx, &bench.located.location);
    bench
        .backend
        .delete_message(cx, at, &message.id, None)
        .await
        .unwrap();
    let done = Settled::Applied(Applied::Nothing);
    assert_eq!(bench.settled(write(), OVER).await, done);

    let write = || Write::DeleteConversation;
    assert_eq!(bench.settled(write(), OVER).await, Settled::NotApplied);
    bench
        .backend
        .delete_conversation(cx, at, None)
        .await
        .unwrap();
    assert_eq!(bench.settled(write(), OVER).await, done);
}

#[tokio::test]
async fn an_edit_is_done_where_doing_it_again_would_change_nothing() {
    let bench = Bench::new().await;
    let message = bench.posted("before").await;
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("after")]),
        ..MessagePatch::default()
    };
    let write = |id: &MessageId| Write::UpdateMessage {
        id: id.clone(),
        patch: patch.clone(),
    };
    assert_eq!(
        bench.settled(write(&message.id), OVER).await,
        Settled::NotApplied
    );
    let (cx, at) = (&bench.cx, &bench.located.location);
    let edited = bench
        .backend
        .update_message(cx, at, &message.id, patch.clone(), None)
        .await
        .unwrap();
    assert_eq!(
        bench.settled(write(&message.id), OVER).await,
        Settled::Applied(Applied::Message(Box::new(edited)))
    );
    let unknown: MessageId = "msg_unknown".parse().unwrap();
    assert_eq!(
        bench.settled(write(&unknown), OVER).await,
        Settled::NotApplied
    );
}

#[tokio::test]
async fn participants_are_found_by_id_or_handle() {
    let bench = Bench::new().await;
    let (cx, at) = (&bench.cx, &bench.located.location);
    let add = || Write::AddParticipants(vec![person("ann")]);
    let remove = || Write::RemoveParticipant { id: "ann".into() };
    assert_eq!(bench.settled(add(), OVER).await, Settled::NotApplied);
    let gone = Settled::Applied(Applied::Nothing);
    assert_eq!(bench.settled(remove(), OVER).await, gone);
    let present = bench
        .backend
        .add_participants(cx, at, vec![person("ann")])
        .await
        .unwrap();
    assert_eq!(
        bench.settled(add(), OVER).await,
        Settled::Applied(Applied::Participants(present))
    );
    assert_eq!(bench.settled(remove(), OVER).await, Settled::NotApplied);
    // One of two is there: it was begun, and not ended.
    let both = Write::AddParticipants(vec![person("ann"), person("bob")]);
    assert_eq!(bench.settled(both, OVER).await, Settled::Unknown);
    // Whoever has neither cannot be told from others.
    let nobody = Write::AddParticipants(vec![Participant::default()]);
    assert_eq!(bench.settled(nobody, OVER).await, Settled::Unknown);
}

#[tokio::test]
async fn a_vote_and_a_file_leave_nothing_that_tells_whose_they_are() {
    let bench = Bench::new().await;
    let id = bench.posted("hello").await.id;
    let vote = Write::RateMessage { id, value: 4.0 };
    assert_eq!(bench.settled(vote, OVER).await, Settled::Unknown);
    let file = Write::PutAttachment {
        message_id: None,
        name: None,
        digest: Digest::of(b"bytes"),
    };
    assert_eq!(bench.settled(file, OVER).await, Settled::Unknown);
}

#[tokio::test]
async fn an_unknown_conversation_has_no_participants_to_be_added_or_removed() {
    let mut bench = Bench::new().await;
    bench.located.location.id = ConversationId::derive("store", "another");
    bench.located.location.native = bench.located.location.id.to_string().into();
    for write in [
        Write::AddParticipants(vec![person("ann")]),
        Write::RemoveParticipant { id: "ann".into() },
    ] {
        assert_eq!(bench.settled(write, OVER).await, Settled::NotApplied);
    }
}
