//! What the gateway's own state offers: small traits, implemented by the store, given to whoever needs them.
//!
//! None of them is a vendor's; all of them are right with several replicas over one database.

mod credentials;
mod directory;
mod idempotency;
mod keys;
mod leases;
mod responder;

pub use credentials::{Bootstrap, Bootstraps, CredentialName, Credentials};
pub use directory::{BackendBinding, Binding, Directory, DirectoryEntry, NewDirectoryEntry};
pub use idempotency::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
pub use keys::{KeyRecord, Keys};
pub use leases::{Lease, Leases};
pub use responder::{Responder, Turn};
