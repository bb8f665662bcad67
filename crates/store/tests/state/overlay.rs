//! What is kept beside backends: pages of it, copies, times, sendings, leases, and how all of it is forgotten.

use backend::ports::{
    Change, Directory as _, Holder, IndexState, Kept, KeptAt, NewDirectoryEntry, OverlayState as _,
    Sending,
};
use backend::{Kind, Location, Outcome};
use conversation::{ConversationId, NewConversation, NewMessage, Role};
use uuid::Uuid;

use crate::support::{
    beside, field, id, index_of, kept, kept_rows, message, open, open_in, seconds,
};

fn sending(at: &KeptAt, started_at: i64) -> Sending {
    let input = NewMessage::text(Role::User, "words");
    Sending {
        intent: Uuid::now_v7(),
        text: "words \0 \"quoted\"".into(),
        carries: vec![id("one"), id("two")],
        input: Some(Box::new(input.into_message(
            id("two"),
            at.conversation,
            seconds(1),
        ))),
        after: seconds(3),
        started_at: seconds(started_at),
    }
}

#[tokio::test]
async fn where_nothing_is_kept_everything_is_at_its_default() {
    let (_directory, store, state) = open();
    let at = beside("vendor");
    assert_eq!(kept(&state, &at).await, Kept::default());
    assert_eq!(state.kept(&[]).await.unwrap(), []);
    assert_eq!(state.message_fields(&at, &[id("one")]).await.unwrap(), []);
    assert_eq!(state.index(&at).await.unwrap(), []);
    assert_eq!(state.message(&at, &id("one")).await.unwrap(), None);
    assert_eq!(state.sendings(&at).await.unwrap(), []);
    // What only drops leaves no row where there is none.
    let drops = vec![
        Change::DropField {
            message: None,
            pointer: "/title".into(),
        },
        Change::Remove(id("one")),
        Change::Gone {
            id: id("one"),
            is_gone: true,
        },
        Change::Ended {
            native: "native".into(),
            has_ended: false,
        },
        Change::Sent(Uuid::now_v7()),
        Change::Forget,
    ];
    state.apply(&at, Some(7), drops).await.unwrap();
    assert_eq!(kept_rows(&store), 0);
}

#[tokio::test]
async fn a_page_of_conversations_keeps_its_order_and_its_backends_apart() {
    let (_directory, _store, state) = open();
    let all: Vec<KeptAt> = (0..100).map(|_| beside("vendor")).collect();
    for (number, at) in all.iter().enumerate().filter(|(number, _)| number % 3 != 0) {
        let mut changes = vec![Change::Touch {
            updated_at: seconds(number as i64),
            last_message_at: None,
        }];
        for pointer in ["/title", "/labels/a", "/metadata/b"]
            .iter()
            .take(number % 3)
        {
            changes.push(Change::Field(field(None, pointer)));
        }
        state.apply(at, None, changes).await.unwrap();
    }
    // The same conversation at another backend.
    let elsewhere = KeptAt {
        backend: "other".into(),
        ..all[1].clone()
    };
    state
        .apply(
            &elsewhere,
            None,
            vec![Change::Ended {
                native: "native".into(),
                has_ended: true,
            }],
        )
        .await
        .unwrap();
    let mut asked: Vec<KeptAt> = all.iter().rev().cloned().collect();
    asked.push(elsewhere);
    asked.push(all[1].clone());
    let found = state.kept(&asked).await.unwrap();
    assert_eq!(found.len(), 102);
    for (found, number) in found.iter().zip((0..100).rev()) {
        if number % 3 == 0 {
            assert_eq!(*found, Kept::default());
        } else {
            assert_eq!(found.updated_at, Some(seconds(number)));
            assert_eq!(found.fields.len() as i64, number % 3);
        }
    }
    assert!(found[100].has_ended && found[100].fields.is_empty());
    assert_eq!(found[101], found[98]);
}

#[tokio::test]
async fn copy_times_index_and_sendings_survive_a_restart() {
    let (directory, store, state) = open();
    let at = beside("vendor");
    let copy = NewConversation {
        title: Some("a title".into()),
        ..NewConversation::default()
    };
    let copy = Box::new(copy.into_conversation(at.conversation, "vendor", seconds(1)));
    let (early, late) = (sending(&at, 10), sending(&at, 20));
    let changes = vec![
        Change::Copy(copy.clone()),
        Change::Ended {
            native: "native".into(),
            has_ended: true,
        },
        Change::Touch {
            updated_at: seconds(30),
            last_message_at: Some(seconds(20)),
        },
        Change::Index(index_of("native")),
        Change::Send(Box::new(late.clone())),
        Change::Send(Box::new(early.clone())),
    ];
    state.apply(&at, Some(1), changes).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let wanted = Kept {
        copy: Some(copy),
        has_ended: true,
        updated_at: Some(seconds(30)),
        last_message_at: Some(seconds(20)),
        index: Some(index_of("native")),
        ..Kept::default()
    };
    assert_eq!(kept(&state, &at).await, wanted);
    assert_eq!(
        state.sendings(&at).await.unwrap(),
        [early.clone(), late.clone()]
    );
    let changes = vec![
        Change::Sent(early.intent),
        Change::Ended {
            native: "native".into(),
            has_ended: false,
        },
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(state.sendings(&at).await.unwrap(), [late]);
    assert!(!kept(&state, &at).await.has_ended);
}

#[tokio::test]
async fn times_and_the_floor_of_an_index_only_grow() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let touch = |updated_at, last_message_at: Option<i64>| Change::Touch {
        updated_at: seconds(updated_at),
        last_message_at: last_message_at.map(seconds),
    };
    for (change, wanted) in [
        (touch(10, None), (10, None)),
        (touch(5, Some(7)), (10, Some(7))),
        (touch(12, Some(6)), (12, Some(7))),
        (touch(11, None), (12, Some(7))),
    ] {
        state.apply(&at, None, vec![change]).await.unwrap();
        let found = kept(&state, &at).await;
        let wanted = (Some(seconds(wanted.0)), wanted.1.map(seconds));
        assert_eq!((found.updated_at, found.last_message_at), wanted);
    }
    for (floor, wanted) in [(50, 50), (70, 70), (60, 70)] {
        let index = IndexState {
            floor: seconds(floor),
            mark: None,
            ..index_of("native")
        };
        state
            .apply(&at, None, vec![Change::Index(index)])
            .await
            .unwrap();
        let found = kept(&state, &at).await.index.unwrap();
        assert_eq!((found.floor, found.mark), (seconds(wanted), None));
    }
}

#[tokio::test]
async fn an_older_lease_is_refused_and_changes_nothing() {
    let (directory, store, state) = open();
    let at = beside("vendor");
    let title = || vec![Change::Field(field(None, "/title"))];
    state.apply(&at, Some(5), title()).await.unwrap();
    // Reads hold no lease, and take no part in this.
    state.apply(&at, None, title()).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let late = vec![Change::Field(field(None, "/late")), Change::Forget];
    let error = state.apply(&at, Some(4), late).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Busy, Outcome::NotApplied)
    );
    state.apply(&at, Some(5), title()).await.unwrap();
    state
        .apply(
            &at,
            Some(6),
            vec![Change::Ended {
                native: "native".into(),
                has_ended: true,
            }],
        )
        .await
        .unwrap();
    let error = state.apply(&at, Some(5), title()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Busy);
    assert_eq!(kept(&state, &at).await.fields, [field(None, "/title")]);
}

#[tokio::test]
async fn of_changes_that_fail_none_is_made() {
    let (_directory, store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        Change::Field(field(None, "/title")),
        message(&at, "one", 1, None),
        Change::Hide(id("nobody")),
    ];
    let error = state.apply(&at, Some(3), changes).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotFound, Outcome::NotApplied)
    );
    assert_eq!(kept_rows(&store), 0);
    // Nor is the number of the lease kept.
    state
        .apply(&at, Some(1), vec![message(&at, "one", 1, None)])
        .await
        .unwrap();
}

async fn fill(state: &store::State, at: &KeptAt) {
    let changes = vec![
        Change::Field(field(None, "/title")),
        Change::Field(field(Some(&id("theirs")), "/parts")),
        message(at, "ours", 1, None),
        message(at, "theirs", 2, Some("native")),
        message(at, "carrier", 3, Some("native")),
        Change::Bind {
            native: id("carrier"),
            to: vec![id("ours")],
        },
        Change::Send(Box::new(sending(at, 1))),
        Change::Index(index_of("native")),
    ];
    state.apply(at, Some(9), changes).await.unwrap();
}

#[tokio::test]
async fn to_forget_leaves_nothing_at_this_backend() {
    let (_directory, store, state) = open();
    let at = beside("vendor");
    let elsewhere = KeptAt {
        backend: "other".into(),
        ..at.clone()
    };
    fill(&state, &at).await;
    let rows = kept_rows(&store);
    fill(&state, &elsewhere).await;
    state
        .apply(&at, Some(9), vec![Change::Forget])
        .await
        .unwrap();
    assert_eq!(kept(&state, &at).await, Kept::default());
    assert_eq!(kept_rows(&store), rows);
    // What comes after it in the same list is kept, under the number of the lease.
    let again = vec![Change::Forget, Change::Field(field(None, "/title"))];
    state.apply(&elsewhere, Some(9), again).await.unwrap();
    assert_eq!(kept_rows(&store), 2);
    let error = state
        .apply(&elsewhere, Some(8), vec![Change::Forget])
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Busy);
}

fn entry(id: ConversationId, native: &str) -> NewDirectoryEntry {
    NewDirectoryEntry {
        location: Location {
            id,
            backend: "vendor".into(),
            native: native.into(),
            credential: None,
            renamed: false,
        },
        tenant: Some("acme".into()),
        owner: None,
        document: NewConversation::default().into_conversation(id, "vendor", seconds(1)),
    }
}

#[tokio::test]
async fn a_deleted_conversation_keeps_nothing_and_takes_nothing() {
    let (_directory, store, state) = open();
    let at = beside("vendor");
    state
        .insert(entry(at.conversation, "native"))
        .await
        .unwrap();
    fill(&state, &at).await;
    state.tombstone(at.conversation).await.unwrap();
    assert_eq!(kept_rows(&store), 0);
    let late = vec![Change::Field(field(None, "/title"))];
    let error = state.apply(&at, None, late).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotFound, Outcome::NotApplied)
    );
    state.apply(&at, None, vec![Change::Forget]).await.unwrap();
    assert_eq!(kept_rows(&store), 0);
}

#[tokio::test]
async fn parallel_changes_are_each_made_once() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let writes = (0..50).map(|number| {
        let changes = vec![
            message(&at, &format!("m{number}"), 1, None),
            Change::Field(field(None, &format!("/metadata/{number}"))),
        ];
        state.apply(&at, None, changes)
    });
    futures_util::future::try_join_all(writes).await.unwrap();
    let found = kept(&state, &at).await;
    assert_eq!((found.messages, found.beside), (50, 50));
    assert_eq!(found.fields.len(), 50);
    let index = state.index(&at).await.unwrap();
    let arrivals: Vec<u64> = index.iter().map(|message| message.place.arrival).collect();
    assert_eq!(arrivals, (1..=50).collect::<Vec<_>>());
    assert!(
        index
            .iter()
            .all(|message| message.holder == Holder::Gateway)
    );
}

#[tokio::test]
async fn another_processs_lock_is_told_and_nothing_was_changed() {
    let (directory, store, state) = open();
    let at = beside("vendor");
    drop((state, store));
    // Only a file is locked as a whole.
    if !directory.is_file() {
        return;
    }
    let config = store::StoreConfig {
        busy_timeout: std::time::Duration::from_millis(50),
        ..directory.config()
    };
    let store = store::Store::open(config).unwrap();
    let state = store
        .state(&store::SealingKey::from_bytes([7; 32]))
        .unwrap();
    let other = rusqlite::Connection::open(store.path().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let title = || vec![Change::Field(field(None, "/title"))];
    let error = state.apply(&at, None, title()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Unavailable, Outcome::NotApplied)
    );
    assert!(error.is_temporary() && error.retry_after.is_some());
    // Reading goes on.
    assert_eq!(kept(&state, &at).await, Kept::default());
    other.execute_batch("COMMIT").unwrap();
    state.apply(&at, None, title()).await.unwrap();
}

#[tokio::test]
async fn who_read_an_earlier_home_changes_nothing_of_the_new_one() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let ended = |native: &str| Change::Ended {
        native: native.into(),
        has_ended: true,
    };
    let first = vec![Change::Index(index_of("first")), ended("first")];
    state.apply(&at, None, first).await.unwrap();
    assert!(kept(&state, &at).await.has_ended);
    let moved = vec![Change::Home(index_of("second"))];
    state.apply(&at, None, moved).await.unwrap();
    let wanted = kept(&state, &at).await;
    assert!(!wanted.has_ended);
    assert_eq!(wanted.index, Some(index_of("second")));
    let late = vec![ended("first"), Change::Index(index_of("first"))];
    state.apply(&at, None, late).await.unwrap();
    assert_eq!(kept(&state, &at).await, wanted);
    state.apply(&at, None, vec![ended("second")]).await.unwrap();
    assert!(kept(&state, &at).await.has_ended);
}

#[tokio::test]
async fn what_is_deleted_is_on_its_way_no_more() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let whole = sending(&at, 10);
    let mut changes: Vec<Change> = ["one", "two", "three"]
        .map(|name| message(&at, name, 1, None))
        .into();
    changes.push(Change::Send(Box::new(whole.clone())));
    changes.push(Change::Hide(id("three")));
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(state.sendings(&at).await.unwrap().len(), 1);
    assert_eq!(state.sendings(&at).await.unwrap()[0], whole);
    let hide = vec![Change::Hide(id("two"))];
    state.apply(&at, None, hide).await.unwrap();
    let rest = Sending {
        carries: vec![id("one")],
        input: None,
        ..whole
    };
    assert_eq!(state.sendings(&at).await.unwrap(), [rest]);
    let remove = vec![Change::Remove(id("one"))];
    state.apply(&at, None, remove).await.unwrap();
    assert_eq!(state.sendings(&at).await.unwrap(), []);
}
