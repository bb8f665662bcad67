//! What the tests of all ports share.

use backend::{Principal, Scope};
use conversation::Time;
use store::{SealingKey, State, Store, StoreConfig};
use tempfile::TempDir;

pub(crate) fn open() -> (TempDir, Store, State) {
    let directory = tempfile::tempdir().unwrap();
    let (store, state) = open_in(&directory);
    (directory, store, state)
}

pub(crate) fn open_in(directory: &TempDir) -> (Store, State) {
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
    (store, state)
}

pub(crate) fn seconds(seconds: i64) -> Time {
    Time::from_micros(seconds * 1_000_000).unwrap()
}

pub(crate) fn principal(tenant: &str, user: Option<&str>, scopes: &[Scope]) -> Principal {
    Principal {
        tenant: tenant.into(),
        key: "key".into(),
        user: user.map(Into::into),
        scopes: scopes.to_vec(),
    }
}
