//! What the gateway's own state offers: small traits, implemented by the store, given to whoever needs them.
//!
//! None of them is a vendor's; all of them are right with several replicas over one database.

mod blobs;
mod credentials;
mod directory;
mod idempotency;
mod intents;
mod kept;
mod keys;
mod leases;
mod repair;
mod responder;
mod translator;

pub use blobs::Blobs;
pub use credentials::{Bootstrap, Bootstraps, CredentialName, Credentials};
pub use directory::{BackendBinding, Binding, Directory, DirectoryEntry, NewDirectoryEntry};
pub use idempotency::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
pub use intents::{IntentQuery, IntentRecord, IntentState, Intents};
pub use kept::{
    Change, Drift, DriftQuery, DriftedField, Holder, IndexState, Indexed, Kept, KeptAt, KeptField,
    KeptMessage, KeptPage, OverlayState, Place, Sending,
};
pub use keys::{KeyRecord, Keys};
pub use leases::{Lease, Leases};
pub use repair::{Repair, RepairSelection, Resolution};
pub use responder::{Responder, Turn};
pub use translator::{Canonical, Subject, Translated, Translator};
