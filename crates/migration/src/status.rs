//! What an operator is told of a migration.

use backend::ports::{MigrationRecord, Tally};
use backend::{Capabilities, Fate};
use conversation::{ConversationId, Digest, Time};
use serde::{Deserialize, Serialize};

/// A migration, and how it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The migration. Its notes are shown as the members below.
    #[serde(flatten)]
    pub record: MigrationRecord,
    /// What runs now. What another replica runs is told as that one noted it, every other second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// What ran last, as it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Job>,
    /// Its conversations by state and sign.
    pub items: Vec<Tally>,
    /// What the plan found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What the last check found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckSummary>,
    /// What comparing reads has found, since the mirror began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowSummary>,
    /// What arrived at the old home after the switch and was carried over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainSummary>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Reads the source, writes nothing.
    Plan,
    /// Copies.
    Copy,
    /// Compares both sides.
    Check,
    /// Binds conversations to the target.
    Switch,
    /// Binds conversations to the source again.
    Rollback,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What it does.
    pub kind: JobKind,
    /// Since when.
    pub since: Time,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a job has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// So many conversations are done, those that failed too.
    pub conversations: u64,
    /// Of so many, as far as is known.
    pub conversations_total: u64,
    /// So many failed.
    pub failed: u64,
    /// So many messages were read or compared.
    pub messages: u64,
    /// Of so many, as far as is known.
    pub messages_total: u64,
    /// So many messages were written: 0 in a copy that finds everything there.
    pub written: u64,
    /// So many bytes of text and attachments were read.
    pub bytes: u64,
    /// Messages in a second, over the last half minute.
    pub messages_per_second: f64,
    /// So many seconds are left, as it goes now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// Waits for a backend that asked for a pause, until this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Time>,
}

/// What a plan found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// So many conversations.
    pub conversations: u64,
    /// So many messages.
    pub messages: u64,
    /// So many bytes of text.
    pub text_bytes: u64,
    /// So many attachments that are copied with their bytes.
    pub attachments: u64,
    /// So many files that messages name by an address: the address is copied, the file stays where it is.
    pub linked_files: u64,
    /// False where the source could not be listed to its end; findings say why.
    pub is_complete: bool,
    /// So many conversations do not fit; each is a finding.
    pub unfit: u64,
    /// Every field that the target does not hold exactly.
    pub fates: Vec<PlannedFate>,
    /// What an operator should know before copying, in words.
    pub notices: Vec<String>,
    /// How long the copy will take.
    pub estimate: Estimate,
    /// Digest of the specification and of what the target can do: a copy refuses where it is another by then.
    pub holds_to: Digest,
    /// What the target could do, to name what has changed by then.
    pub target: Box<Capabilities>,
}

/// What becomes of a field at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFate {
    /// `conversation` or `message`.
    pub of: Box<str>,
    /// JSON pointer to the field; members of free maps as `*`.
    pub pointer: Box<str>,
    /// What becomes of it.
    pub fate: Fate,
    /// So often.
    pub count: u64,
    /// Why, in words.
    pub detail: Box<str>,
    /// A conversation in which it happens.
    pub example: ConversationId,
}

/// How long a copy will take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Seconds.
    pub seconds: u64,
    /// Requests to the target's vendor.
    pub target_requests: u64,
    /// The limit that decides, in requests per minute, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Where the figures come from.
    pub basis: EstimateBasis,
}

/// Where an estimate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EstimateBasis {
    /// The limit that the operator configured.
    Configured,
    /// The limit that the vendor documents.
    Documented,
    /// What this plan, or an earlier copy to the same target, measured.
    Measured,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckSummary {
    /// When it ended.
    pub at: Time,
    /// Equal conversations.
    pub same: u64,
    /// Only at the source.
    pub missing: u64,
    /// Only at the target.
    pub extra: u64,
    /// On both sides, not equal.
    pub different: u64,
    /// Could not be compared.
    pub failed: u64,
    /// Skipped by the plan, or deleted since: not compared.
    #[serde(default)]
    pub left_out: u64,
    /// Messages compared.
    pub messages: u64,
    /// False where a side could not be listed to its end: what is missing may be there.
    pub is_complete: bool,
    /// True where what failed may succeed when tried again.
    pub is_temporary: bool,
    /// Digest over the digests of all conversations at the source, by public id.
    pub source_root: Digest,
    /// The same of the target.
    pub target_root: Digest,
}

/// What comparing reads has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowSummary {
    /// So many reads were compared.
    pub compared: u64,
    /// So many differed, also when asked again a moment later.
    pub mismatched: u64,
    /// So many could not be compared.
    pub failed: u64,
}

/// What a drain has carried over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainSummary {
    /// When the last round ended that looked at everything.
    pub at: Time,
    /// So many messages were carried over, in all rounds.
    pub messages: u64,
    /// So many conversations were new at the old home, and were bound too.
    pub conversations: u64,
    /// So many conversations could not be looked at, or not be carried over, in the last round.
    pub failed: u64,
}
