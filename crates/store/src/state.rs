//! The gateway's state: what outlives a process beside the conversations themselves.
//!
//! [`State`] implements every port that a store serves. All but the leases are right with several processes over one
//! database, because the database decides; leases belong to the one process that serves from it.

use std::sync::Arc;

use backend::{Error, Kind, Result};
use rusqlite::params;

use crate::sqlite::Store;

mod bindings;
mod blobs;
mod credentials;
mod directory;
mod erasure;
mod facades;
mod idempotency;
mod intents;
mod keys;
mod leases;
mod ledger;
mod listing;
mod names;
mod overlay;
mod sealing;
mod terms;
mod walking;

pub use sealing::SealingKey;

pub(crate) use directory::{follow, insert_entry, refresh_native, tombstone_native};
pub(crate) use leases::HeldLeases;

/// The gateway's state. Cheap to clone; implements every port that the store serves.
#[derive(Debug, Clone)]
pub struct State {
    store: Store,
    sealing_key: Arc<SealingKey>,
}

impl State {
    pub(crate) fn new(store: Store, sealing_key: &SealingKey) -> Result<Self> {
        let id = sealing_key.id();
        let others: u64 = store.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT count(*) FROM credentials WHERE key_id <> ?1")?
                .query_row(params![id], |row| row.get(0))?)
        })?;
        if others > 0 {
            let message = format!(
                "{others} stored credentials were sealed with another key: restore the former sealing key, or remove \
                 them and store them again"
            );
            return Err(Error::new(Kind::Conflict, message));
        }
        Ok(Self {
            store,
            sealing_key: Arc::new(sealing_key.clone()),
        })
    }
}
