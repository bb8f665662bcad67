//! API keys.

use backend::ports::{KeyRecord, Keys};
use backend::{Kind, Scope};
use conversation::Digest;

use crate::support::{open, seconds};

fn key(id: &str, tenant: &str, created: i64) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        tenant: tenant.into(),
        name: "name".into(),
        secret_hash: Digest::of(id.as_bytes()),
        scopes: vec![Scope::Read, Scope::ActAs],
        user: Some("ann".into()),
        created_at: seconds(created),
        expires_at: Some(seconds(1_000)),
        revoked_at: None,
    }
}

#[tokio::test]
async fn keys_are_kept_listed_and_revoked_once() {
    let (_directory, _store, state) = open();
    let (first, second) = (key("b", "acme", 1), key("a", "other", 2));
    for key in [&second, &first] {
        state.insert(key).await.unwrap();
    }
    assert_eq!(state.insert(&first).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(state.find("b").await.unwrap(), Some(first.clone()));
    assert_eq!(state.find("c").await.unwrap(), None);
    assert_eq!(
        state.list(None).await.unwrap(),
        vec![first.clone(), second.clone()]
    );
    assert_eq!(state.list(Some("other")).await.unwrap(), vec![second]);
    assert!(state.revoke("b", seconds(9)).await.unwrap());
    assert!(!state.revoke("b", seconds(10)).await.unwrap());
    assert!(!state.revoke("c", seconds(10)).await.unwrap());
    assert_eq!(
        state.find("b").await.unwrap().unwrap().revoked_at,
        Some(seconds(9))
    );
}

#[tokio::test]
async fn a_removed_key_is_gone_and_no_other() {
    let (_directory, _store, state) = open();
    let (first, second) = (key("b", "acme", 1), key("a", "acme", 2));
    for key in [&first, &second] {
        state.insert(key).await.unwrap();
    }
    assert!(state.revoke("b", seconds(9)).await.unwrap());
    assert!(state.remove_key("b").await.unwrap());
    assert!(!state.remove_key("b").await.unwrap());
    assert_eq!(state.find("b").await.unwrap(), None);
    assert_eq!(state.list(None).await.unwrap(), vec![second]);
}
