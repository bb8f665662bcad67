//! Names of messages and attachments at a place.

use backend::ports::{
    Arriving, CopyAt, Directory as _, IntentRecord, IntentState, Intents, Ledger as _, MigrationId,
    Names as _, NewAttachmentCopy, NewCopy, PlaceQuery, Step,
};
use backend::{Intent, Write};
use conversation::{AttachmentId, ConversationId, Digest, MessageId, NewMessage, Role, Time};
use uuid::Uuid;

use crate::support::{entry, home, id, migration, open, open_in, principal, seconds};

fn copy(public: &str, native: &str) -> NewCopy {
    NewCopy {
        public: id(public),
        native: id(native),
        digest: Digest::of(public.as_bytes()),
    }
}

fn file(text: &str) -> AttachmentId {
    text.parse().unwrap()
}

#[tokio::test]
async fn ids_are_translated_in_their_order_and_what_is_the_same_is_left_out() {
    let (directory, store, state) = open();
    let conversation = ConversationId::generate();
    state
        .insert(entry(home(conversation, "a", "1")))
        .await
        .unwrap();
    let migration = migration(&state, "a", "b").await;
    let at = CopyAt {
        conversation,
        from: "a".into(),
        to: "b".into(),
    };
    let step = Step {
        copied: vec![copy("a1", "b1"), copy("a2", "b2"), copy("same", "same")],
        attachments: vec![
            NewAttachmentCopy {
                public: file("att_a1"),
                native: file("att_b1"),
                sha256: Digest::of(b"bytes"),
            },
            NewAttachmentCopy {
                public: file("att_same"),
                native: file("att_same"),
                sha256: Digest::of(b"bytes"),
            },
        ],
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let (a, b) = (
        PlaceQuery {
            conversation,
            backend: "a".into(),
        },
        PlaceQuery {
            conversation,
            backend: "b".into(),
        },
    );
    let ids = |names: &[&str]| {
        names
            .iter()
            .map(|name| id(name))
            .collect::<Vec<MessageId>>()
    };
    let asked = ids(&["a2", "new", "a1", "same", "a2"]);
    let natives = state.message_natives(&b, &asked).await.unwrap();
    let (b1, b2) = (Some(id("b1")), Some(id("b2")));
    assert_eq!(natives, [b2.clone(), None, b1, None, b2]);
    let publics = state
        .message_publics(&b, &ids(&["b2", "same", "a1"]))
        .await
        .unwrap();
    assert_eq!(publics, [Some(id("a2")), None, None]);
    // At home they are known by their public ids.
    let at_home = state.message_natives(&a, &asked).await.unwrap();
    assert_eq!(at_home, vec![None; 5]);
    let other = PlaceQuery {
        conversation: ConversationId::generate(),
        backend: "b".into(),
    };
    assert_eq!(
        state.message_natives(&other, &ids(&["a1"])).await.unwrap(),
        [None]
    );
    assert_eq!(state.message_natives(&b, &[]).await.unwrap(), []);
    // An attachment that is known to be there is always named.
    let files = [file("att_a1"), file("att_same"), file("att_new")];
    assert_eq!(
        state.attachment_natives(&b, &files).await.unwrap(),
        [Some(file("att_b1")), Some(file("att_same")), None]
    );
    assert_eq!(
        state.attachment_natives(&a, &files).await.unwrap(),
        [Some(file("att_a1")), Some(file("att_same")), None]
    );
    assert_eq!(
        state
            .attachment_publics(&b, &[file("att_b1"), file("att_same")])
            .await
            .unwrap(),
        [Some(file("att_a1")), None]
    );
}

#[tokio::test]
async fn a_native_id_is_of_the_message_that_was_written_last() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::generate();
    let migration = migration(&state, "a", "b").await;
    let at = CopyAt {
        conversation,
        from: "a".into(),
        to: "b".into(),
    };
    for public in ["a1", "a2"] {
        let step = Step {
            copied: vec![copy(public, "b1")],
            ..Step::default()
        };
        state.record(migration, &at, &step).await.unwrap();
    }
    let b = PlaceQuery {
        conversation,
        backend: "b".into(),
    };
    let publics = state.message_publics(&b, &[id("b1")]).await.unwrap();
    assert_eq!(publics, [Some(id("a2"))]);
    let copied = state.copied(&at, &[id("a1"), id("a2")]).await.unwrap();
    assert!(copied[0].is_none() && copied[1].is_some());
    assert_eq!(state.copied_count(&at).await.unwrap(), 1);
}

fn in_seconds(seconds: i64) -> Time {
    Time::now().saturating_add_micros(seconds * 1_000_000)
}

/// A write to a conversation at the backend `b`, which should end soon.
fn write(
    conversation: ConversationId,
    migration: Option<MigrationId>,
    started_at: i64,
    write: Write,
) -> IntentRecord {
    IntentRecord {
        intent: Intent {
            id: Uuid::now_v7(),
            location: Some(home(conversation, "b", "1")),
            write,
            started_at: seconds(started_at),
            deadline_at: in_seconds(60),
        },
        backend: "b".into(),
        principal: principal("acme", None, &[]),
        request_id: "request".into(),
        copying: true,
        strict: false,
        public_id: None,
        beside: false,
        migration,
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    }
}

#[tokio::test]
async fn what_migrations_are_writing_arrives_until_it_is_noted() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::generate();
    state
        .insert(entry(home(conversation, "a", "1")))
        .await
        .unwrap();
    let migration = migration(&state, "a", "b").await;
    let at = CopyAt {
        conversation,
        from: "a".into(),
        to: "b".into(),
    };
    let words = |words: &str| NewMessage::text(Role::User, words);
    let import = |words: &[&str], started_at| {
        let new = words
            .iter()
            .map(|words| NewMessage::text(Role::User, *words));
        let new = Write::ImportMessages(new.collect());
        write(conversation, Some(migration), started_at, new)
    };
    let (first, second) = (import(&["one", "two"], 5), import(&["three"], 6));
    for record in [&first, &second] {
        let step = Step {
            begun: Some(record.clone()),
            ..Step::default()
        };
        state.record(migration, &at, &step).await.unwrap();
    }
    // Nor what callers write, what else a migration writes, or what is written elsewhere.
    let post = Write::PostMessage(words("posted"));
    let imported = Write::ImportMessages(vec![words("imported")]);
    let deleted = Write::DeleteMessage { id: id("b1") };
    let other = ConversationId::generate();
    for (conversation, migration, what) in [
        (conversation, None, &post),
        (conversation, None, &imported),
        (conversation, Some(migration), &deleted),
        (other, Some(migration), &imported),
    ] {
        let record = write(conversation, migration, 7, what.clone());
        state.begin(&record).await.unwrap();
    }
    let place = |backend: &str| PlaceQuery {
        conversation,
        backend: backend.into(),
    };
    let arriving = |words: &str, since| Arriving {
        message: NewMessage::text(Role::User, words),
        since: seconds(since),
    };
    assert_eq!(
        state.arriving(&place("b")).await.unwrap(),
        [arriving("one", 5), arriving("two", 5), arriving("three", 6)]
    );
    assert_eq!(state.arriving(&place("a")).await.unwrap(), []);

    // With its end its names are noted.
    let step = Step {
        copied: vec![copy("a1", "b1"), copy("a2", "b2")],
        ended: vec![first.intent.id],
        ..Step::default()
    };
    state.record(migration, &at, &step).await.unwrap();
    assert_eq!(
        state.arriving(&place("b")).await.unwrap(),
        [arriving("three", 6)]
    );
    // One that nobody will ever know of arrives no more.
    let unknown = IntentState::Unknown;
    state
        .note(second.intent.id, unknown, "never")
        .await
        .unwrap();
    assert_eq!(state.arriving(&place("b")).await.unwrap(), []);
}

#[tokio::test]
async fn an_import_that_should_have_ended_long_ago_arrives_no_more() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::generate();
    let migration = migration(&state, "a", "b").await;
    let at = PlaceQuery {
        conversation,
        backend: "b".into(),
    };
    for (ended, arrives) in [(-60, 1), (-9 * 60, 1), (-11 * 60, 0), (-86_400, 0)] {
        let message = NewMessage::text(Role::User, "late");
        let import = Write::ImportMessages(vec![message]);
        let mut record = write(conversation, Some(migration), 5, import);
        record.intent.deadline_at = in_seconds(ended);
        state.begin(&record).await.unwrap();
        let arriving = state.arriving(&at).await.unwrap();
        assert_eq!(arriving.len(), arrives, "{ended}");
        // Nobody has settled it: it still is to be seen by whoever operates this.
        let noted = Intents::find(&state, record.intent.id).await.unwrap();
        assert_eq!(noted.unwrap().state, IntentState::Open);
        state.end(record.intent.id).await.unwrap();
    }
}
