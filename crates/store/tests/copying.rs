//! Copies of whole databases, between both engines.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{CredentialName, Credentials as _, Directory as _};
use backend::{
    Backend as _, BackendExt as _, Context, ConversationQuery, Kind, Location, NewAttachment,
    Principal, Scope,
};
use bytes::Bytes;
use conversation::{NewConversation, NewMessage, Role};
use futures_util::TryStreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use store::{SealingKey, Store, StoreConfig, StoreStatus};
use testkit::Database;

fn context() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "key".into(),
        user: Some("ann".into()),
        scopes: vec![Scope::Read, Scope::Write],
    };
    Context::new(Arc::new(principal), "request", Duration::from_secs(60))
}

fn key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

fn of_user() -> CredentialName {
    CredentialName::of_user("vendor", "acme", "ann")
}

/// Words that are hard to keep: what no text of a server can hold, what stands for it, and what sorts oddly.
const HARD: &str = "a\0b \u{10FFFF}0 \u{10FFFF} ä \u{1F600} '\"\\u0000";

/// Fills a store with conversations, messages, bytes and a credential.
async fn fill(store: &Store) -> Vec<Location> {
    let state = store.state(&key()).unwrap();
    let secret = SecretString::from("a vendor's token");
    state.put(&of_user(), &secret).await.unwrap();
    let backend = store.backend("store");
    let mut all = Vec::new();
    for number in 0..30 {
        let new = NewConversation {
            title: Some(format!("{number} {HARD}").into()),
            labels: vec!["one".into(), format!("label {number}").into()],
            ..NewConversation::default()
        };
        let made = backend.create_conversation(&context(), new).await.unwrap();
        let at = made.location;
        for _ in 0..number {
            let new = NewMessage::text(Role::User, HARD);
            backend.post_message(&context(), &at, new).await.unwrap();
        }
        let new = NewAttachment {
            name: Some("notes".into()),
            media_type: "application/octet-stream".into(),
            bytes: Bytes::from(vec![number; 40_000]),
            message_id: None,
        };
        backend.put_attachment(&context(), &at, new).await.unwrap();
        all.push(at);
    }
    all
}

/// Everything that a caller can see of a store.
async fn seen(store: &Store, all: &[Location]) -> Vec<String> {
    let backend = store.backend("store");
    let mut seen = Vec::new();
    for at in all {
        let conversation = backend.get_conversation(&context(), at).await.unwrap();
        seen.push(serde_json::to_string(&conversation).unwrap());
        let cx = context();
        let messages: Vec<_> = backend
            .all_messages(&cx, at, backend::PageRequest::first(7))
            .try_collect()
            .await
            .unwrap();
        seen.push(serde_json::to_string(&messages).unwrap());
    }
    let state = store.state(&key()).unwrap();
    let listed = state
        .list(&context().principal, &ConversationQuery::all(100))
        .await
        .unwrap();
    seen.extend(listed.items.iter().map(|entry| format!("{entry:?}")));
    let credential = state.get(&of_user()).await.unwrap().unwrap();
    seen.push(credential.expose_secret().to_owned());
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_moves_to_a_server_and_back_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = Store::open(StoreConfig::at(folder.path().join("one.db"))).unwrap();
    let all = fill(&file).await;
    let before = seen(&file, &all).await;

    let database = Database::create().await;
    let config = StoreConfig::postgres(database.url());
    let target = Store::open_for_copy(config.clone()).unwrap();
    let mut steps = Vec::new();
    let copied = target
        .copy_from(&file, |progress| steps.push(progress.clone()))
        .await
        .unwrap();
    assert!(copied.rows > 500 && copied.rows_before == 0, "{copied:?}");
    assert!(
        steps
            .iter()
            .any(|step| step.comparing && step.table == "messages")
    );
    target.close().await.unwrap();
    let server = Store::open(config).unwrap();
    assert_eq!(seen(&server, &all).await, before);
    assert_eq!(server.verify().await.unwrap(), Vec::<String>::new());

    // What comes later gets numbers of its own.
    let backend = server.backend("store");
    let made = backend
        .create_conversation(&context(), NewConversation::default())
        .await
        .unwrap();
    backend
        .post_message(
            &context(),
            &made.location,
            NewMessage::text(Role::User, "later"),
        )
        .await
        .unwrap();

    let backup = folder.path().join("backup.db");
    server.back_up(&backup, |_| {}).await.unwrap();
    let again = server.back_up(&backup, |_| {}).await.unwrap_err();
    assert_eq!(again.kind, Kind::Conflict);
    let mut now = all.clone();
    now.push(made.location);
    let on_server = seen(&server, &now).await;
    server.close().await.unwrap();
    drop((server, backend));
    let restored = Store::open(StoreConfig::at(&backup)).unwrap();
    assert_eq!(seen(&restored, &now).await, on_server);
    assert_eq!(restored.verify().await.unwrap(), Vec::<String>::new());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_cut_off_goes_on_and_nobody_serves_from_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = Store::open(StoreConfig::at(folder.path().join("one.db"))).unwrap();
    let all = fill(&file).await;
    let database = Database::create().await;
    let config = StoreConfig::postgres(database.url());
    let target = Store::open_for_copy(config.clone()).unwrap();
    {
        // Cut off as soon as messages are copied.
        let (cut, is_cut) = tokio::sync::oneshot::channel();
        let mut cut = Some(cut);
        let copying = target.copy_from(&file, |progress| {
            if progress.table == "messages"
                && let Some(cut) = cut.take()
            {
                cut.send(()).unwrap();
            }
        });
        tokio::select! {
            biased;
            _ = is_cut => {}
            copied = copying => panic!("it was not cut off: {copied:?}"),
        }
    }
    target.close().await.unwrap();
    let error = Store::open(config.clone()).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict, "{error}");
    assert!(error.message.contains("dragoman db copy"), "{error}");
    // Not from somewhere else.
    let other = Store::open(StoreConfig::at(folder.path().join("other.db"))).unwrap();
    let target = Store::open_for_copy(config.clone()).unwrap();
    let error = target.copy_from(&other, |_| {}).await.unwrap_err();
    assert_eq!(error.kind, Kind::Conflict, "{error}");
    let copied = target.copy_from(&file, |_| {}).await.unwrap();
    assert!(copied.rows_before > 0, "{copied:?}");
    target.close().await.unwrap();
    let server = Store::open(config.clone()).unwrap();
    assert_eq!(seen(&server, &all).await, seen(&file, &all).await);
    // A database that is in use takes no copy.
    server.close().await.unwrap();
    let target = Store::open_for_copy(config).unwrap();
    let error = target.copy_from(&file, |_| {}).await.unwrap_err();
    assert_eq!(error.kind, Kind::Conflict, "{error}");
    assert!(error.message.contains("not empty"), "{error}");
    drop(target);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_file_is_made_beside_who_serves_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = Store::open(StoreConfig::at(folder.path().join("one.db"))).unwrap();
    let all = fill(&file).await;
    let beside = Store::open_shared(StoreConfig::at(folder.path().join("one.db"))).unwrap();
    let backup = folder.path().join("backup.db");
    beside.back_up(&backup, |_| {}).await.unwrap();
    let restored = Store::open(StoreConfig::at(&backup)).unwrap();
    assert_eq!(seen(&restored, &all).await, seen(&file, &all).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_look_at_a_database_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = StoreConfig::at(folder.path().join("none.db"));
    assert_eq!(StoreStatus::look(&file).unwrap(), None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let database = Database::create().await;
    let config = StoreConfig::postgres(database.url());
    let look = || {
        let config = config.clone();
        tokio::task::block_in_place(move || StoreStatus::look(&config).unwrap().unwrap())
    };
    assert_eq!(look().schema_version, 0);
    assert_eq!(look().schema_version, 0);
    let store = Store::open(config.clone()).unwrap();
    let found = look();
    assert_eq!(found.schema_version, found.schema_latest);
    assert_eq!(
        found,
        StoreStatus {
            bytes: found.bytes,
            ..store.status().await.unwrap()
        }
    );
    store.close().await.unwrap();
    drop(store);
    database.remove().await;
}
