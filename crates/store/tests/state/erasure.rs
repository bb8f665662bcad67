//! What is kept of a person's conversations, and what of it is erased.

use backend::ports::{
    Blobs, Change, CopyAt, Directory, Erased, Erasure as _, Finding, IntentQuery, IntentRecord,
    IntentState, Intents, Item, ItemState, KeptAt, Ledger as _, Names as _, NewCopy,
    OverlayState as _, PlaceQuery, Sign, Step,
};
use backend::{Attachment, Intent, Location, NewAttachment, Write};
use conversation::{
    AttachmentId, ConversationId, Digest, Handle, NewConversation, NewMessage, Participant, Role,
};
use uuid::Uuid;

use crate::persons::{answer, is_answered, key, person};
use crate::support::{
    entry, field, home, id, kept, kept_rows, message, migration, open, principal, seconds,
};

#[tokio::test]
async fn those_owned_and_those_taken_part_in_are_found() {
    let (_directory, _store, state) = open();
    let ids: Vec<ConversationId> = (0..6).map(ConversationId::from_bits).collect();
    let take_part = |participant: Participant| NewConversation {
        participants: vec![participant],
        ..NewConversation::default()
    };
    let by_id = Participant {
        id: Some("ann".into()),
        ..Participant::default()
    };
    let by_handle = Participant {
        id: Some("somebody".into()),
        handles: vec![Handle {
            kind: "name".into(),
            value: "ann".into(),
        }],
        ..Participant::default()
    };
    let cases = [
        ("acme", Some("ann"), take_part(by_id.clone())),
        ("acme", Some("ann"), NewConversation::default()),
        ("acme", Some("bob"), take_part(by_id.clone())),
        ("acme", None, take_part(by_handle)),
        ("acme", Some("bob"), NewConversation::default()),
        ("other", Some("ann"), take_part(by_id)),
    ];
    for (id, (tenant, owner, new)) in ids.iter().zip(cases) {
        let at = home(*id, "a", &id.to_string());
        let mut entry = entry(at);
        entry.tenant = Some(tenant.into());
        entry.owner = owner.map(Into::into);
        entry.document = new.into_conversation(*id, "a", seconds(1));
        Directory::insert(&state, entry).await.unwrap();
    }
    state.tombstone(ids[1]).await.unwrap();
    let found = state
        .conversations_of(&person("acme", "ann"))
        .await
        .unwrap();
    assert_eq!(
        found,
        [
            (ids[0], true),
            (ids[1], true),
            (ids[2], false),
            (ids[3], false)
        ]
    );
    assert_eq!(
        state
            .conversations_of(&person("acme", "eve"))
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn of_an_erased_conversation_only_its_id_and_places_stay() {
    let (_directory, store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let (gone, stays) = (ConversationId::generate(), ConversationId::generate());
    for conversation in [gone, stays] {
        let at = home(conversation, "a", &conversation.to_string());
        Directory::insert(&state, entry(at.clone())).await.unwrap();
        for backend in ["a", "b"] {
            let at = KeptAt {
                conversation,
                backend: backend.into(),
            };
            let changes = vec![
                Change::Field(field(None, "/title")),
                Change::Field(field(Some(&id("one")), "/subject")),
                message(&at, "one", 1, None),
                Change::Bind {
                    native: id("carrier"),
                    to: vec![id("one")],
                },
            ];
            state.apply(&at, None, changes).await.unwrap();
            let attachment = Attachment {
                id: AttachmentId::generate(),
                url: None,
                name: None,
                media_type: "text/plain".into(),
                size: 5,
            };
            let new = NewAttachment {
                name: None,
                media_type: "text/plain".into(),
                bytes: "bytes".into(),
                message_id: None,
            };
            Blobs::put(&state, &at, &attachment, &new).await.unwrap();
        }
        let intent = IntentRecord {
            intent: Intent {
                id: Uuid::now_v7(),
                location: Some(at),
                write: Write::PostMessage(NewMessage::text(Role::User, "words")),
                started_at: seconds(1),
                deadline_at: seconds(2),
            },
            backend: "a".into(),
            principal: principal("acme", Some("ann"), &[]),
            request_id: "request".into(),
            copying: false,
            strict: false,
            public_id: None,
            beside: false,
            migration: Some(migration),
            led_by: Vec::new(),
            messages: Vec::new(),
            state: IntentState::Unknown,
            detail: None,
        };
        let step = Step {
            place: Some(Location {
                credential: Some("user:acme/ann".into()),
                ..home(conversation, "b", &conversation.to_string())
            }),
            own: Some(Digest::of(b"own")),
            copied: vec![NewCopy {
                public: id("one"),
                native: id("b1"),
                digest: Digest::of(b"words"),
            }],
            begun: Some(intent),
            ..Step::default()
        };
        let at = CopyAt {
            conversation,
            from: "a".into(),
            to: "b".into(),
        };
        state.record(migration, &at, &step).await.unwrap();
        let item = Item {
            conversation,
            state: ItemState::Copied,
            mark: Some(Digest::of(b"mark")),
            messages: 1,
            bytes: 5,
            sign: Some(Sign::Same),
            source: Some(Digest::of(b"whole")),
            target: Some(Digest::of(b"whole")),
        };
        state.put_items(migration, &[item]).await.unwrap();
        let finding = Finding {
            sign: Sign::Failed,
            conversation: Some(conversation),
            message: Some(id("one")),
            reason: "reason".into(),
            detail: "detail".into(),
            next_step: "nothing".into(),
            temporary: false,
        };
        state
            .replace_findings(migration, Some(conversation), &[finding])
            .await
            .unwrap();
        let key = key("acme", "key", &conversation.to_string());
        answer(&state, &key, &format!("{{\"id\":\"{conversation}\"}}")).await;
    }
    let rows = kept_rows(&store);
    let erased = state.erase_conversation(gone).await.unwrap();
    let wanted = Erased {
        // Two fields, a message and a binding, at each of two backends.
        kept: 8,
        attachments: 2,
        answers: 1,
        intents: 1,
        // The item, the finding, and the message at both places.
        ledger: 4,
        ..Erased::default()
    };
    assert_eq!(erased, wanted);
    assert_eq!(kept_rows(&store) * 2, rows);
    let tombstone = Directory::find(&state, gone).await.unwrap().unwrap();
    assert!(tombstone.deleted);
    assert_eq!(
        (tombstone.owner, tombstone.location.credential),
        (None, None)
    );
    let item = state.item(migration, gone).await.unwrap().unwrap();
    let empty = Item {
        conversation: gone,
        state: ItemState::Deleted,
        mark: None,
        messages: 0,
        bytes: 0,
        sign: None,
        source: None,
        target: None,
    };
    assert_eq!(item, empty);
    // Its copy is never taken for another one.
    let native = gone.to_string();
    let at_b = state.find_native("b", &native).await.unwrap().unwrap();
    assert_eq!(at_b.location.id, gone);
    let query = PlaceQuery {
        conversation: gone,
        backend: "b".into(),
    };
    let (place, own) = state.place(&query).await.unwrap().unwrap();
    assert_eq!((place.credential, own), (None, None));
    // Nothing is erased twice, and the other one is whole.
    assert_eq!(
        state.erase_conversation(gone).await.unwrap(),
        Erased::default()
    );
    assert!(is_answered(&state, &key("acme", "key", &stays.to_string())).await);
    assert_eq!(state.findings(migration, None, 9).await.unwrap().len(), 1);
    let intents = IntentQuery {
        limit: 9,
        ..IntentQuery::default()
    };
    assert_eq!(
        Intents::list(&state, &intents).await.unwrap().items.len(),
        1
    );
    assert_eq!(state.erase_conversation(stays).await.unwrap(), wanted);
}

#[tokio::test]
async fn an_erased_message_is_forgotten_by_its_public_id_and_stays_hidden_where_it_still_is() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let conversation = ConversationId::generate();
    Directory::insert(&state, entry(home(conversation, "a", "1")))
        .await
        .unwrap();
    let copy_at = CopyAt {
        conversation,
        from: "a".into(),
        to: "b".into(),
    };
    let copy = |public: &str, native: &str| NewCopy {
        public: id(public),
        native: id(native),
        digest: Digest::of(public.as_bytes()),
    };
    let step = Step {
        copied: vec![copy("one", "b1"), copy("two", "b2")],
        ..Step::default()
    };
    state.record(migration, &copy_at, &step).await.unwrap();
    let at = KeptAt {
        conversation,
        backend: "b".into(),
    };
    let changes = vec![
        Change::Field(field(Some(&id("b1")), "/subject")),
        message(&at, "b1", 1, None),
        message(&at, "b2", 2, Some("native")),
        message(&at, "b3", 3, None),
    ];
    state.apply(&at, None, changes).await.unwrap();
    let key = key("acme", "key", "1");
    answer(&state, &key, "{\"id\":\"one\"}").await;
    let erased = state.erase_message(&at, &id("one")).await.unwrap();
    let wanted = Erased {
        kept: 2,
        answers: 1,
        ledger: 1,
        ..Erased::default()
    };
    assert_eq!(erased, wanted);
    assert_eq!(state.message(&at, &id("b1")).await.unwrap(), None);
    let erased = state.erase_message(&at, &id("two")).await.unwrap();
    assert_eq!((erased.kept, erased.ledger), (1, 1));
    let held = state.message(&at, &id("b2")).await.unwrap().unwrap();
    assert!(held.is_hidden && held.message.parts.is_empty());
    assert_eq!(kept(&state, &at).await.messages, 1);
    // By which id it is known there stays.
    let b = PlaceQuery {
        conversation,
        backend: "b".into(),
    };
    let names = state.message_natives(&b, &[id("two")]).await.unwrap();
    assert_eq!(names, [Some(id("b2"))]);
    let erased = state.erase_message(&at, &id("unknown")).await.unwrap();
    assert_eq!(erased, Erased::default());
    assert!(state.message(&at, &id("b3")).await.unwrap().is_some());
}
