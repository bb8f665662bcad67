//! The router: a [`backend::Backend`] in front of all backends.
//!
//! It places a new conversation by rule, finds an existing one in the directory, shows nobody what is not theirs,
//! holds the lease of who writes, and answers lists from the directory. It knows no vendor and no HTTP.

mod discovery;
mod holding;
mod listing;
mod looks;
mod placing;
mod router;
mod slot;

pub use placing::{Rule, When};
pub use router::{Router, RouterSettings};
pub use slot::{Discovery, Slot};
