//! The gateway's state: what outlives a process beside the conversations themselves.
//!
//! [`State`] implements every port that a store serves. All of it is right with several processes over one database, because
//! the database decides; only where a single process serves are leases and turns kept in its memory.

use std::sync::Arc;

use backend::{Error, Kind, Result};

use crate::failure::Attempt;
use crate::sql::{Connection, params};
use crate::store::Store;

mod audit;
mod bindings;
mod blobs;
mod config_history;
mod credentials;
mod directory;
mod erasure;
mod explanations;
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
mod shadows;
mod terms;
mod touches;
mod turns;
mod walking;

pub use sealing::SealingKey;

pub(crate) use directory::{follow, insert_entry, refresh_native, tombstone_native};
pub(crate) use leases::{HeldLeases, check_fence};
pub(crate) use turns::TakenTurns;

/// The gateway's state. Cheap to clone; implements every port that the store serves.
#[derive(Debug, Clone)]
pub struct State {
    store: Store,
    sealing_key: Arc<SealingKey>,
}

impl State {
    pub(crate) fn new(store: Store, sealing_key: &SealingKey) -> Result<Self> {
        let id = sealing_key.id();
        let others: u64 = store.read_blocking(|connection| {
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

impl State {
    /// Several processes may serve from it at once: see [`Store::is_shared`].
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }
}

/// The documents that a statement selects.
fn documents(
    connection: &Connection,
    sql: &str,
    params: impl crate::sql::Params,
) -> Attempt<Vec<String>> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params, |row| row.get(0))?;
    Ok(found.collect::<crate::sql::Result<_>>()?)
}
