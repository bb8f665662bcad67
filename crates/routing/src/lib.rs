//! The router: a [`backend::Backend`] in front of all backends.
//!
//! It places a new conversation by rule, finds an existing one in the directory, shows nobody what is not theirs,
//! holds the lease of who writes, notes every write until its end is known, answers lists from the directory, and tells
//! migrations what is done with their conversations. It knows no vendor and no HTTP.

mod again;
mod claims;
mod creates;
mod discovery;
mod explaining;
mod forwarding;
mod holding;
mod keeping;
mod listing;
mod looks;
mod making;
mod outdoing;
mod overriding;
mod placing;
mod router;
mod rules;
mod settling;
mod shadowing;
mod slot;
mod succeeding;
mod telling;
mod touching;
mod traffic;
mod writing;

pub use router::{Router, RouterSettings};
pub use rules::{Require, Rule, ShadowRead, When};
pub use settling::Recovered;
pub use slot::{Discovery, Slot};
