//! The overlay: a backend over a backend. What the backend below cannot hold is kept beside it and laid over it on every
//! read, so that any backend is complete for its callers.
//!
//! It knows no vendor: what a backend can hold it learns from `preview` and `capabilities`, what it did hold from its
//! answers. Rows are keyed by the conversation's public id and the backend's name. It never decides where a conversation
//! lives, takes no lease and keeps no intent: the router above it does.
//!
//! - **A write** is previewed; `strict` refuses it before anything is sent. What the backend can hold is sent, its answer is
//!   compared with what was wanted, and each field that differs becomes a row: `value`, what is shown, and `base`, what the
//!   backend held. A difference that no preview foretold is kept too, counted and told.
//! - **A read** lays the rows over what the backend shows. A field has drifted where the backend holds neither `base` nor
//!   `value`: it is marked, and [`DriftPolicy`] says which is shown. Growth is no drift: counts and times have no rows.
//! - **A message** that the backend cannot store is kept whole; its conversation then has an index of all messages, which
//!   lists walk.
//!
//! ```
//! use std::sync::Arc;
//!
//! use backend::Backend;
//! use backend::ports::{Blobs, Directory, OverlayState};
//! use overlay::{Overlay, OverlaySettings};
//!
//! /// Makes any backend hold everything; `state` keeps what it cannot hold.
//! fn complete<S: OverlayState + Blobs + Directory>(
//!     adapter: Arc<dyn Backend>,
//!     state: Arc<S>,
//! ) -> Arc<dyn Backend> {
//!     let settings = OverlaySettings::default();
//!     Arc::new(Overlay::new(adapter, settings, state.clone(), state.clone(), state))
//! }
//! ```

mod access;
mod activity;
mod answers;
mod attachments;
mod backend;
mod capabilities;
mod conversations;
mod copies;
mod cursor;
mod edits;
mod fidelity;
mod fields;
mod imports;
mod index;
mod kept;
mod lists;
mod overlay;
mod participants;
mod posts;
mod preview;
mod ratings;
mod repair;
mod settings;
mod settle;

pub use crate::overlay::Overlay;
pub use crate::settings::{DriftPolicy, OverlaySettings};
