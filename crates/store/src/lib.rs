//! The embedded store: a backend of its own and the gateway's state, on SQLite.
//!
//! One database file holds both: [`StoreBackend`] keeps conversations and messages, [`State`] everything that the
//! gateway must remember. Writes go through one thread that groups them; reads happen where the caller is.
//! This crate knows no HTTP, and nobody else writes SQL.
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
mod failure;
mod json;
mod keyset;
mod sqlite;
mod state;

pub use crate::backend::StoreBackend;
pub use crate::config::{StoreConfig, Synchronous};
pub use crate::sqlite::{Serving, Store, StoreStatus};
pub use crate::state::{SealingKey, State};
