//! Credentials and the key that seals them.

use backend::Kind;
use backend::ports::{Bootstrap, Bootstraps as _, CredentialName, Credentials};
use secrecy::{ExposeSecret as _, SecretString};
use store::{SealingKey, Store, StoreConfig};

use crate::home;
use crate::support::{open, open_in};

fn name(reference: &str) -> CredentialName {
    CredentialName {
        backend: "chatter".into(),
        reference: reference.into(),
    }
}

#[tokio::test]
async fn credentials_are_sealed_in_the_file_and_open_again() {
    let (directory, store, state) = open();
    let canary = "canary-7d1f0c-vendor-token";
    state
        .put(&name("user:acme/ann"), &SecretString::from(canary))
        .await
        .unwrap();
    assert_eq!(
        state
            .get(&name("user:acme/ann"))
            .await
            .unwrap()
            .unwrap()
            .expose_secret(),
        canary
    );
    assert!(state.get(&name("user:acme/bob")).await.unwrap().is_none());
    assert_eq!(state.names().await.unwrap(), vec![name("user:acme/ann")]);
    store.close().await.unwrap();
    for file in directory.files() {
        let bytes = std::fs::read(file).unwrap();
        assert!(
            !bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes())
        );
    }
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert_eq!(
        state
            .get(&name("user:acme/ann"))
            .await
            .unwrap()
            .unwrap()
            .expose_secret(),
        canary
    );
    assert!(state.remove(&name("user:acme/ann")).await.unwrap());
    assert!(!state.remove(&name("user:acme/ann")).await.unwrap());
    assert!(state.get(&name("user:acme/ann")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_wrong_sealing_key_is_refused_at_open_and_a_moved_secret_does_not_open() {
    let (directory, store, state) = open();
    let wrong = SealingKey::from_bytes([8; 32]);
    // Before anything is sealed, any key will do.
    assert!(store.state(&wrong).is_ok());
    state
        .put(&name("a"), &SecretString::from("secret"))
        .await
        .unwrap();
    let error = store.state(&wrong).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(
        error.message.contains("restore the former sealing key"),
        "{}",
        error.message
    );
    home::beside(&store, "UPDATE credentials SET reference = 'b'");
    store.close().await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let error = state.get(&name("b")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
}

#[tokio::test]
async fn the_sealing_key_file_is_made_once_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sealing.key");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| SealingKey::load_or_create(&path).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    // All have the same key: what one seals, each other opens.
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    store
        .state(&keys[0])
        .unwrap()
        .put(&name("a"), &SecretString::from("secret"))
        .await
        .unwrap();
    for key in &keys {
        assert_eq!(
            store
                .state(key)
                .unwrap()
                .get(&name("a"))
                .await
                .unwrap()
                .unwrap()
                .expose_secret(),
            "secret"
        );
    }
    for damaged in ["", "abc", &"g".repeat(64), &"a".repeat(65)] {
        std::fs::write(&path, damaged).unwrap();
        let error = SealingKey::load_or_create(&path).unwrap_err();
        assert!(
            error.message.contains("restore it from a backup"),
            "{}",
            error.message
        );
    }
    let shown = format!("{:?}", keys[0]);
    assert!(shown.contains("REDACTED"), "{shown}");
}

#[tokio::test]
async fn a_credential_and_the_conversation_that_was_made_for_it_are_stored_together() {
    let (directory, store, state) = open();
    let bootstrap = Bootstrap {
        backend: "chatter".into(),
        native: "made-for-the-token".into(),
        reference: "user:acme/ann".into(),
    };
    let names = [
        name("user:acme/ann"),
        name("conversation:made-for-the-token"),
    ];
    let secret = SecretString::from("canary-5c2e81-session");
    for _ in 0..2 {
        state
            .put_with_bootstrap(&names, &secret, &bootstrap)
            .await
            .unwrap();
    }
    store.close().await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    for name in &names {
        let found = state.get(name).await.unwrap().unwrap();
        assert_eq!(found.expose_secret(), secret.expose_secret());
    }
    assert_eq!(
        state.bootstraps("chatter").await.unwrap(),
        std::slice::from_ref(&bootstrap)
    );
    assert_eq!(state.bootstraps("another").await.unwrap(), []);
    for _ in 0..2 {
        state.bootstrap_deleted(&bootstrap).await.unwrap();
        assert_eq!(state.bootstraps("chatter").await.unwrap(), []);
    }
    // The credential outlives it.
    assert!(state.get(&names[0]).await.unwrap().is_some());
}
