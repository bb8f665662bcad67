//! Layers: backends over a backend, each of which changes one thing on the way. One file each; the order of those that
//! surround an adapter, and the reason, stands at [`Guarded`].

mod breaker;
mod cached;
mod guarded;
mod limit;
mod observe;
mod passing;
mod renamed;
mod retry;
#[cfg(test)]
mod scripted;
mod timeout;

pub use cached::{CacheSettings, Cached};
pub use guarded::{GuardSettings, Guarded};
pub use passing::Passing;
pub use renamed::Renamed;
