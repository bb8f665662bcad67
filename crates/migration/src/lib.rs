//! Conversations moved between backends: plan, copy, check, switch. Knows ports only: no vendor, no HTTP, no SQL.
//!
//! One thing is done in many places: `sync` makes the copy of one conversation at the target equal to the source, from
//! whatever state a crash or an earlier run left. A copy is that for every conversation, a mirror is that for every
//! conversation that changes, a switch is that under the conversation's lease, a rollback is that the other way round.

mod alone;
pub mod archive;
mod binding;
mod changes;
mod check;
mod compare;
mod copy;
mod drain;
mod end;
mod enumerate;
mod erase;
mod fenced;
mod files;
mod jobs;
mod mirror;
mod named;
mod pace;
mod parts;
mod phases;
mod plan;
mod progress;
mod reasons;
mod records;
mod replicas;
mod rollback;
mod run;
mod service;
mod shadow;
mod specification;
mod status;
mod switch;
mod sync;
#[cfg(test)]
mod testing;
mod turns;
mod watches;
mod work;

pub use erase::{ConversationReceipt, Holding, PlaceOutcome, PlaceReceipt, Receipt};
pub use parts::{Endpoint, Ends, Parts, Settings};
pub use reasons::{Reason, words};
pub use service::{CopyOptions, Migrations, SwitchOptions};
pub use status::{
    CheckSummary, DrainSummary, Estimate, EstimateBasis, Job, JobKind, Plan, PlannedFate, Progress,
    ShadowSummary, Status,
};
