//! The store: a backend of its own and the gateway's state, on SQLite or PostgreSQL.
//!
//! One database holds both: [`StoreBackend`] keeps conversations and messages, [`State`] everything that the gateway must
//! remember. A SQLite file serves one process: its writes go through one thread that groups them, its reads happen where
//! the caller is. A PostgreSQL database serves any number. Statements are written once, against `sql`; what the engines
//! do differently is in `sqlite` and `postgres`. This crate knows no HTTP, and nobody else writes SQL.
//!
//! ```
//! # async fn example() -> backend::Result<()> {
//! let directory = tempfile::tempdir().unwrap();
//! let store = store::Store::open(store::StoreConfig::at(directory.path().join("dragoman.db")))?;
//! let conversations = store.backend("store");
//! # drop(conversations);
//! store.close().await
//! # }
//! ```

mod backend;
mod config;
mod copying;
mod failure;
mod json;
mod keyset;
mod postgres;
mod scrubbing;
mod serving;
mod sql;
mod sqlite;
mod state;
mod status;
mod store;
mod upkeep;
mod verifying;

pub use crate::backend::StoreBackend;
pub use crate::config::{Place, PostgresConfig, StoreConfig, Synchronous};
pub use crate::copying::{Copied, CopyProgress};
pub use crate::serving::Serving;
pub use crate::state::{SealingKey, State};
pub use crate::status::{Engine, StoreStatus};
pub use crate::store::Store;
