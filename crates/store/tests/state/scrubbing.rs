//! What was erased is in no file of the database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    Change, Directory as _, Erasure as _, KeptAt, OverlayState as _, RosterEntry,
};
use backend::{Backend as _, Context, Kind, Location, NewAttachment, PageRequest};
use conversation::{ConversationId, NewConversation, NewMessage, Role};
use store::{SealingKey, State, Store, StoreBackend, StoreConfig, Synchronous};
use tempfile::TempDir;

use crate::support::{entry, home, message, principal};

/// How often a text is in the files of a database.
fn occurrences(path: &Path, text: &str) -> usize {
    let directory = path.parent().unwrap();
    let files = std::fs::read_dir(directory).unwrap();
    files
        .map(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let windows = bytes.windows(text.len());
            windows.filter(|window| *window == text.as_bytes()).count()
        })
        .sum()
}

fn context() -> Context {
    let principal = principal("acme", Some("bob"), &[]);
    Context::new(Arc::new(principal), "request", Duration::from_secs(30))
}

/// Words that occur nowhere else, in a text of this length.
fn words(mark: &str, length: usize) -> String {
    mark.chars().cycle().take(length.max(mark.len())).collect()
}

const ERASED: &str = "xyzzy-gone";
const KEPT: &str = "plugh-kept";

/// A generator of what tests do at random; any odd multiplier will do.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Says something at random in one of the conversations; some of it is changed or deleted at once.
async fn say(backend: &StoreBackend, at: &Location, mark: &str, random: &mut Random) {
    let cx = context();
    let mut text = || {
        let size = [30, 200, 900, 3_000, 6_000][random.below(5)] + random.below(500);
        words(mark, size)
    };
    let (first, then) = (text(), text());
    let said = backend
        .post_message(&cx, at, NewMessage::text(Role::User, first))
        .await
        .unwrap();
    match random.below(6) {
        0 => backend
            .delete_message(&cx, at, &said.id, None)
            .await
            .unwrap(),
        1 => {
            let parts = serde_json::json!({ "parts": [{ "type": "text", "text": then }] });
            let patch = serde_json::from_value(parts).unwrap();
            let changed = backend.update_message(&cx, at, &said.id, patch, None).await;
            assert_eq!(changed.unwrap().id, said.id);
        }
        _ => {}
    }
}

fn open_quickly() -> (TempDir, Store, State) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig {
        synchronous: Synchronous::Normal,
        ..StoreConfig::at(directory.path().join("dragoman.db"))
    })
    .unwrap();
    let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
    (directory, store, state)
}

/// Rows of both sorts side by side on the same pages, which fill and empty: there SQLite leaves what moved.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_what_was_erased_is_in_the_files() {
    let (_directory, store, state) = open_quickly();
    let mut random = Random(88);
    let backend = store.backend("store");
    let mut at = Vec::new();
    for number in 0..20 {
        let mark = [ERASED, KEPT][number % 2];
        let new = NewConversation {
            title: Some(mark.into()),
            ..NewConversation::default()
        };
        let made = backend.create_conversation(&context(), new).await.unwrap();
        let file = NewAttachment {
            name: Some(mark.into()),
            media_type: "text/plain".into(),
            bytes: words(mark, 50_000 + number).into_bytes().into(),
            message_id: None,
        };
        backend
            .put_attachment(&context(), &made.location, file)
            .await
            .unwrap();
        keep_beside(&state, mark).await;
        at.push(made.location);
    }
    for _ in 0..1_200 {
        let number = random.below(at.len());
        say(
            &backend,
            &at[number],
            [ERASED, KEPT][number % 2],
            &mut random,
        )
        .await;
    }
    for number in (0..at.len()).step_by(2) {
        backend
            .delete_conversation(&context(), &at[number], None)
            .await
            .unwrap();
        state.erase_conversation(at[number].id).await.unwrap();
        for _ in 0..random.below(20) {
            let other = 2 * random.below(at.len() / 2) + 1;
            say(&backend, &at[other], KEPT, &mut random).await;
        }
    }
    assert!(occurrences(store.path().unwrap(), ERASED) > 0);
    for (id, _) in state.conversations_of(&person("ann")).await.unwrap() {
        state.erase_conversation(id).await.unwrap();
    }
    state.erase_person(&person("ann")).await.unwrap();
    state.scrub().await.unwrap();
    assert_eq!(occurrences(store.path().unwrap(), ERASED), 0);
    assert!(occurrences(store.path().unwrap(), KEPT) > 1_000);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    // What stays can be read and written.
    say(&backend, &at[1], KEPT, &mut random).await;
    let page = backend
        .list_messages(&context(), &at[1], &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items.len(), 10);
}

/// What is kept beside a vendor, of a person who is called as the mark says.
async fn keep_beside(state: &State, mark: &str) {
    let conversation = ConversationId::generate();
    let mut entry = entry(home(conversation, "vendor", &conversation.to_string()));
    entry.document.title = Some(mark.into());
    if mark == KEPT {
        entry.owner = Some("bob".into());
    }
    state.insert(entry.clone()).await.unwrap();
    let at = KeptAt {
        conversation,
        backend: "vendor".into(),
    };
    let changes = (0..40)
        .map(|place| message(&at, &format!("{mark}-{place}"), place, None))
        .chain([Change::Copy(Box::new(entry.document))])
        .collect();
    state.apply(&at, None, changes).await.unwrap();
}

fn person(user: &str) -> RosterEntry {
    RosterEntry {
        tenant: "acme".into(),
        user: user.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_while_it_is_scrubbed() {
    let (_directory, store, state) = open_quickly();
    let backend = store.backend("store");
    let made = backend
        .create_conversation(&context(), NewConversation::default())
        .await
        .unwrap();
    let at = made.location.clone();
    let writing = tokio::spawn(async move {
        let mut random = Random(1);
        for _ in 0..100 {
            say(&backend, &at, KEPT, &mut random).await;
        }
    });
    for _ in 0..10 {
        state.scrub().await.unwrap();
    }
    writing.await.unwrap();
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await.unwrap();
    let error = state.scrub().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}
