//! What the gateway's own state offers: small traits, implemented by the store, given to whoever needs them.
//!
//! None of them is a vendor's; all of them are right with several replicas over one database.

mod audit;
mod blobs;
mod config_history;
mod credentials;
mod directory;
mod erasure;
mod explanations;
mod facades;
mod held;
mod idempotency;
mod intents;
mod kept;
mod keys;
mod leases;
mod ledger;
mod passthrough;
mod repair;
mod responder;
mod routes;
mod shadows;
mod touches;
mod traffic;
mod translator;
mod turns;

pub use audit::{AuditEntry, AuditLog, AuditQuery};
pub use blobs::Blobs;
pub use config_history::{ConfigHistory, ConfigVersion};
pub use credentials::{
    Bootstrap, Bootstraps, CredentialName, Credentials, remove_credential, was_removed_since,
};
pub use directory::{
    BackendBinding, Binding, Directory, DirectoryEntry, DirectoryWalk, NewDirectoryEntry,
};
pub use erasure::{Erased, Erasure};
pub use explanations::{Explanation, Explanations};
pub use facades::{FacadeObject, FacadeState, ObjectName, ObjectQuery};
pub use held::{Held, LeaseTerm, conversation_lease, copy_lease, writing_lease};
pub use idempotency::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
pub use intents::{IntentQuery, IntentRecord, IntentState, Intents};
pub use kept::{
    Change, Drift, DriftQuery, DriftedField, Holder, IndexState, Indexed, Kept, KeptAt, KeptField,
    KeptMessage, KeptPage, OverlayState, Place, Sending,
};
pub use keys::{KeyRecord, Keys};
pub use leases::{Lease, Leases};
pub use ledger::{
    Arriving, Checked, CopiedMessage, CopyAt, Finding, InvalidMigrationId, Item, ItemChange,
    ItemQuery, ItemState, Ledger, MigrationFilter, MigrationId, MigrationRecord, MigrationSpec,
    Names, NewAttachmentCopy, NewCopy, Oversize, Phase, PlaceQuery, RosterEntry, RouteOverride,
    RouteOverrides, Sign, Step, Switching, Tally,
};
pub use passthrough::{Passthrough, PassthroughAnswer, PassthroughRequest};
pub use repair::{Repair, RepairSelection, Resolution};
pub use responder::{AnswerNotes, Noted, Responder, Turn};
pub use routes::{RouteExplanation, RouteTable, RuleExplanation, Share};
pub use shadows::{DifferenceKind, FieldDifference, ShadowDifference, ShadowLog, ShadowQuery};
pub use touches::Touches;
pub use traffic::{Touch, Touched, Traffic};
pub use translator::{Canonical, Subject, Translated, Translator};
pub use turns::{Taken, Turns};
