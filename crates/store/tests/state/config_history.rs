//! The configurations that were in use, and the key that seals their texts.

use backend::Kind;
use backend::ports::{ConfigHistory as _, ConfigVersion};
use conversation::Time;
use secrecy::{ExposeSecret as _, SecretString};
use store::SealingKey;

use crate::support::open;

fn version(by: &str, digest: &str) -> ConfigVersion {
    ConfigVersion {
        version: 0,
        at: Time::now(),
        by: by.into(),
        digest: digest.into(),
        changed: vec!["limits.requests_max".into()],
        restored: None,
    }
}

#[tokio::test]
async fn versions_are_counted_and_come_newest_first() {
    let (_directory, _store, state) = open();
    assert_eq!(state.versions(10).await.unwrap(), []);
    let mut added = Vec::new();
    for number in 1..=3 {
        let text = SecretString::from(format!("text {number}"));
        let digest = format!("d{number}");
        added.push(state.add(&version("file", &digest), &text).await.unwrap());
    }
    let numbers: Vec<u64> = added.iter().map(|version| version.version).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let found = state.versions(2).await.unwrap();
    assert_eq!(found, [added[2].clone(), added[1].clone()]);
    let text = state.text(2).await.unwrap().unwrap();
    assert_eq!(text.expose_secret(), "text 2");
    assert!(state.text(4).await.unwrap().is_none());
    assert!(state.text(u64::MAX).await.unwrap().is_none());
}

#[tokio::test]
async fn replicas_that_add_one_text_at_once_are_given_one_version() {
    let (_directory, _store, state) = open();
    let text = SecretString::from("text");
    let before = state.add(&version("start", "d0"), &text).await.unwrap();
    let (first, second) = (version("file", "d1"), version("key k", "d1"));
    let adds = (0..8).map(|number| {
        let version = [&first, &second][number % 2];
        state.add(version, &text)
    });
    let added = futures_util::future::join_all(adds).await;
    let added: Vec<ConfigVersion> = added.into_iter().map(Result::unwrap).collect();
    assert!(added.iter().all(|one| *one == added[0]), "{added:?}");
    assert_eq!(added[0].version, 2);
    assert_eq!(
        state.versions(10).await.unwrap(),
        [added[0].clone(), before]
    );
    // One that was in use before, and is again, is a new version.
    let again = state.add(&version("key k", "d0"), &text).await.unwrap();
    assert_eq!(again.version, 3);
}

#[tokio::test]
async fn of_old_versions_only_the_text_goes() {
    let (_directory, _store, state) = open();
    for number in 1..=101 {
        let text = SecretString::from(format!("text {number}"));
        let digest = format!("d{number}");
        state.add(&version("file", &digest), &text).await.unwrap();
    }
    assert!(state.text(1).await.unwrap().is_none());
    assert!(state.text(2).await.unwrap().is_some());
    assert_eq!(state.versions(200).await.unwrap().len(), 101);
}

#[tokio::test]
async fn texts_are_sealed_in_the_file_and_open_with_their_key_only() {
    let (directory, store, state) = open();
    let canary = "canary-51e0aa-vendor-token";
    let text = SecretString::from(format!("token = \"{canary}\""));
    state.add(&version("start", "d1"), &text).await.unwrap();
    drop(state);
    store.close().await.unwrap();
    for path in directory.files() {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes
            .windows(canary.len())
            .any(|window| window == canary.as_bytes());
        assert!(!found, "{}", path.display());
    }
    let store = directory.open();
    let other = store.state(&SealingKey::from_bytes([9; 32])).unwrap();
    let error = other.text(1).await.unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
    // What came into use is told all the same.
    assert_eq!(other.versions(1).await.unwrap().len(), 1);
    store.close().await.unwrap();
}
