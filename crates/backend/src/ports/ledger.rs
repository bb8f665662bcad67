//! The ledger: durable record of what migrations have done, item by item.
//!
//! A conversation has at most one place at each backend: there it lives, lived, or is copied to. What was copied is noted
//! by place and not by migration, so that two migrations of one conversation to one backend double nothing.

use std::fmt::{self, Debug};
use std::str::FromStr;

use async_trait::async_trait;
use conversation::{
    AttachmentId, ConversationId, Digest, MessageId, NewMessage, Patch, Status, Time,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::IntentRecord;
use crate::{Location, Result};

/// A migration's id, spelled `mig_` and 32 hexadecimal digits. Ordered by time of planning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MigrationId(Uuid);

impl MigrationId {
    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of whoever planned under this write: the same for each repeat of it.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mig_{}", self.0.simple())
    }
}

impl fmt::Debug for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no migration's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a migration's id: `mig_` and 32 hexadecimal digits")]
pub struct InvalidMigrationId;

impl FromStr for MigrationId {
    type Err = InvalidMigrationId;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidMigrationId> {
        let digits = text.strip_prefix("mig_").filter(|rest| rest.len() == 32);
        digits
            .and_then(|digits| Uuid::try_parse(digits).ok())
            .map(Self)
            .ok_or(InvalidMigrationId)
    }
}

impl Serialize for MigrationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MigrationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Which conversations are migrated, and how. What `plan` is told, and `copy` holds to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationSpec {
    /// The backend that they live on.
    pub from: Box<str>,
    /// The backend that they are copied to.
    pub to: Box<str>,
    /// Which of those on `from`.
    #[serde(default, skip_serializing_if = "MigrationFilter::is_empty")]
    pub filter: MigrationFilter,
    /// The end users for whom `from` is looked through, where it lists by end user. The migration holds their
    /// conversations only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roster: Vec<RosterEntry>,
    /// What becomes of a conversation with more messages than `to` takes.
    #[serde(default)]
    pub oversize: Oversize,
    /// How many conversations are copied at once, 1 to 64.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
}

fn default_parallel() -> u32 {
    8
}

/// Which conversations are wanted; every member given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MigrationFilter {
    /// Of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// These conversations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<ConversationId>,
    /// With this label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
    /// In one of these states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
    /// Changed at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_after: Option<Time>,
    /// Changed before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_before: Option<Time>,
}

impl MigrationFilter {
    /// True where every conversation fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True where all conversations of a tenant, or of all tenants, are wanted: then new ones follow by a route override.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self
            == Self {
                tenant: self.tenant.clone(),
                ..Self::default()
            }
    }
}

/// An end user of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterEntry {
    /// The tenant.
    pub tenant: Box<str>,
    /// The end user, as keys and `Dragoman-User` name them.
    pub user: Box<str>,
}

/// What becomes of a conversation with more messages than the target takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oversize {
    /// It is not copied, and named.
    #[default]
    Refuse,
    /// The newest messages go to the target, the older ones are kept beside it: nothing is lost.
    Split,
    /// Only the newest messages are copied, and the conversation is named.
    Recent,
}

/// How far a migration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The source is being read; nothing was written.
    Planning,
    /// It is known what will be done.
    Planned,
    /// Conversations are being copied.
    Copying,
    /// The operator stopped the copying for now.
    Paused,
    /// Every conversation was copied once, but for those that are named.
    Copied,
    /// Conversations are being bound to the target, one after the other.
    Switching,
    /// They live at the target; what still arrives at the source is drained.
    Switched,
    /// Conversations are being bound to the source again.
    RollingBack,
    /// They live at the source again.
    RolledBack,
    /// Nothing runs any more, and nothing will.
    Finished,
    /// The operator gave it up before the switch. Copies stay where they are.
    Cancelled,
}

impl Phase {
    /// Every phase, in the order of declaration.
    pub const ALL: [Self; 11] = [
        Self::Planning,
        Self::Planned,
        Self::Copying,
        Self::Paused,
        Self::Copied,
        Self::Switching,
        Self::Switched,
        Self::RollingBack,
        Self::RolledBack,
        Self::Finished,
        Self::Cancelled,
    ];

    /// The phase as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Planned => "planned",
            Self::Copying => "copying",
            Self::Paused => "paused",
            Self::Copied => "copied",
            Self::Switching => "switching",
            Self::Switched => "switched",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MigrationRecord {
    /// Its id.
    pub id: MigrationId,
    /// What is migrated.
    pub spec: MigrationSpec,
    /// How far it has come.
    pub phase: Phase,
    /// True where writes to its conversations are copied as they happen, until the switch.
    pub mirror: bool,
    /// Who runs its current job, in words; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Box<str>>,
    /// Why the last job stopped before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Box<str>>,
    /// The plan, the last check and the counters, as JSON of the migration's own.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub notes: serde_json::Map<String, serde_json::Value>,
    /// When it was planned.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// How far one conversation of a migration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Not copied yet, or not to its end.
    Pending,
    /// Copied as it was when it was last read.
    Copied,
    /// It cannot be copied now; a finding says why.
    Failed,
    /// The plan leaves it out; a finding says why.
    Skipped,
    /// It lives at the target.
    Switched,
    /// It was made at the target, where the route override led it.
    Born,
    /// It was deleted, or erased, since.
    Deleted,
}

impl ItemState {
    /// Every state, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Copied,
        Self::Failed,
        Self::Skipped,
        Self::Switched,
        Self::Born,
        Self::Deleted,
    ];

    /// The state as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Copied => "copied",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Switched => "switched",
            Self::Born => "born",
            Self::Deleted => "deleted",
        }
    }
}

/// What a check says of a conversation or message, by its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sign {
    /// Equal on both sides.
    #[serde(rename = "=")]
    Same,
    /// Only at the source.
    #[serde(rename = "-")]
    Missing,
    /// Only at the target.
    #[serde(rename = "+")]
    Extra,
    /// On both sides, and not equal.
    #[serde(rename = "*")]
    Different,
    /// It could not be compared or copied.
    #[serde(rename = "!")]
    Failed,
}

impl Sign {
    /// Every sign, in the order of declaration.
    pub const ALL: [Self; 5] = [
        Self::Same,
        Self::Missing,
        Self::Extra,
        Self::Different,
        Self::Failed,
    ];

    /// The sign as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "=",
            Self::Missing => "-",
            Self::Extra => "+",
            Self::Different => "*",
            Self::Failed => "!",
        }
    }
}

/// One conversation of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The conversation's public id.
    pub conversation: ConversationId,
    /// How far it has come.
    pub state: ItemState,
    /// What of the source's conversation shows that it has changed, as it was when it was last copied whole; absent
    /// where the source tells nothing of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Digest>,
    /// How many messages it has, as far as is known.
    pub messages: u64,
    /// How many bytes of text and attachments, as far as is known.
    pub bytes: u64,
    /// What the last check said; absent where it was not checked, or has been copied to since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
    /// Its digest at the source, with its messages, at the last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Digest>,
    /// Its digest at the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Digest>,
}

/// Which items are wanted, by conversation id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemQuery {
    /// In one of these states; empty: in any.
    pub states: Vec<ItemState>,
    /// With one of these signs; empty: with any, or none.
    pub signs: Vec<Sign>,
    /// Behind this conversation.
    pub after: Option<ConversationId>,
    /// At most so many.
    pub limit: usize,
}

/// Items of one state and sign, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The state.
    pub state: ItemState,
    /// The sign.
    pub sign: Option<Sign>,
    /// So many conversations.
    pub conversations: u64,
    /// So many messages.
    pub messages: u64,
    /// So many bytes.
    pub bytes: u64,
}

/// Something that an operator must know of a migration: an exception, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The sign.
    pub sign: Sign,
    /// The conversation; absent where it concerns the whole migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The message, where it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Why, as a word of a closed list.
    pub reason: Box<str>,
    /// What was found, in words; a vendor's own where it gave some. Never content of a conversation.
    pub detail: Box<str>,
    /// What to do next.
    pub next_step: Box<str>,
    /// True where trying again may help.
    pub temporary: bool,
}

/// What has become of an item. The rest of it stays as it is: a check may write that meanwhile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemChange {
    /// How far it has come by now.
    pub state: Option<ItemState>,
    /// [`Item::mark`].
    pub mark: Patch<Digest>,
    /// [`Item::messages`].
    pub messages: Option<u64>,
    /// [`Item::bytes`].
    pub bytes: Option<u64>,
}

/// What a check says of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The conversation.
    pub conversation: ConversationId,
    /// The sign.
    pub sign: Sign,
    /// Its digest at the source, with its messages; absent where it could not be read to its end.
    pub source: Option<Digest>,
    /// Its digest at the target.
    pub target: Option<Digest>,
}

/// Where a conversation lives, lived, or is copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceQuery {
    /// The conversation's public id.
    pub conversation: ConversationId,
    /// The backend.
    pub backend: Box<str>,
}

/// A message that a copy is writing to a place, or was when it was cut off. Whether it is there, and by which id, is not
/// noted yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Arriving {
    /// As it was sent.
    pub message: NewMessage,
    /// When it was sent.
    pub since: Time,
}

/// Between which two places of a conversation is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyAt {
    /// The conversation.
    pub conversation: ConversationId,
    /// The backend that is read.
    pub from: Box<str>,
    /// The backend that is written.
    pub to: Box<str>,
}

/// A message that is on both sides of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedMessage {
    /// Its public id.
    pub public: MessageId,
    /// Its strict digest when it was last copied.
    pub digest: Digest,
}

/// A message that was just written to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCopy {
    /// Its public id.
    pub public: MessageId,
    /// Its id at the target.
    pub native: MessageId,
    /// Its strict digest, as it was read at the source.
    pub digest: Digest,
}

/// An attachment that was just written to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachmentCopy {
    /// Its public id.
    pub public: AttachmentId,
    /// Its id at the target.
    pub native: AttachmentId,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// One step of a copy, as it is noted: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// The target's conversation was made.
    pub place: Option<Location>,
    /// The strict digest of the conversation's own fields, as they were copied.
    pub own: Option<Digest>,
    /// These messages were written, or written again.
    pub copied: Vec<NewCopy>,
    /// These messages are no longer at the target.
    pub dropped: Vec<MessageId>,
    /// These attachments were written.
    pub attachments: Vec<NewAttachmentCopy>,
    /// These writes have ended: their intents are forgotten.
    pub ended: Vec<Uuid>,
    /// This write begins: its intent is noted.
    pub begun: Option<IntentRecord>,
}

/// A conversation that is bound to another backend.
#[derive(Debug, Clone, PartialEq)]
pub struct Switching {
    /// For which migration.
    pub migration: MigrationId,
    /// Where it lives from now on. [`Location::renamed`] is set.
    pub to: Location,
    /// Where it lived; noted as a place of it.
    pub from: Location,
    /// Where `from` is in this database: its `updated_at` when it was last copied. It must still be so.
    pub unchanged_since: Option<Time>,
    /// New conversations follow by this override from now on.
    pub route: Option<RouteOverride>,
    /// The item's new state.
    pub state: ItemState,
}

/// New conversations that a rule leads to one backend go to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteOverride {
    /// Whose override it is.
    pub migration: MigrationId,
    /// The backend that rules lead to.
    pub from: Box<str>,
    /// Where new conversations go.
    pub to: Box<str>,
    /// Of this tenant only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// Since when.
    pub since: Time,
}

/// Route overrides: given to the router.
#[async_trait]
pub trait RouteOverrides: Debug + Send + Sync + 'static {
    /// All that are in force, oldest first; few. Asked for each new conversation, so cheap.
    async fn overrides(&self) -> Result<Vec<RouteOverride>>;

    /// Notes that an override led a new conversation to its target.
    async fn born(&self, migration: MigrationId, conversation: ConversationId) -> Result<()>;
}

/// By which ids messages and attachments are known at a place, where those are not their public ids. What has no other
/// id there is known by its public id.
#[async_trait]
pub trait Names: Debug + Send + Sync + 'static {
    /// The ids at the backend of messages with these public ids, in their order; `None` where it is the same.
    async fn message_natives(
        &self,
        at: &PlaceQuery,
        public: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>>;

    /// The public ids of messages with these ids at the backend, in their order; `None` where it is the same.
    async fn message_publics(
        &self,
        at: &PlaceQuery,
        native: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>>;

    /// Like [`Names::message_natives`], of attachments.
    async fn attachment_natives(
        &self,
        at: &PlaceQuery,
        public: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>>;

    /// Like [`Names::message_publics`], of attachments.
    async fn attachment_publics(
        &self,
        at: &PlaceQuery,
        native: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>>;

    /// The messages that copies are writing to the place. One that is noted meanwhile is told here no more, and named by
    /// [`Names::message_publics`] from that moment: so this is asked first. Neither holds for one of which it stays unknown
    /// what became of it, or of which that is not known long after its deadline: it is shown by the id that it got there.
    async fn arriving(&self, at: &PlaceQuery) -> Result<Vec<Arriving>>;
}

/// The ledger.
#[async_trait]
pub trait Ledger: Names {
    /// Notes a migration, new or changed.
    async fn put_migration(&self, record: &MigrationRecord) -> Result<()>;

    /// A migration.
    async fn migration(&self, id: MigrationId) -> Result<Option<MigrationRecord>>;

    /// All migrations, newest first.
    async fn migrations(&self) -> Result<Vec<MigrationRecord>>;

    /// Notes items, new or changed, all or none.
    async fn put_items(&self, migration: MigrationId, items: &[Item]) -> Result<()>;

    /// Notes items that are not known yet as pending; those that are known stay as they are. How many were new.
    async fn add_items(&self, migration: MigrationId, items: &[Item]) -> Result<u64>;

    /// An item.
    async fn item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
    ) -> Result<Option<Item>>;

    /// Items by conversation id, a page at a time.
    async fn items(&self, migration: MigrationId, query: &ItemQuery) -> Result<Vec<Item>>;

    /// All items, counted by state and sign.
    async fn tally(&self, migration: MigrationId) -> Result<Vec<Tally>>;

    /// The migrations that hold this conversation as an item.
    async fn migrations_of(&self, conversation: ConversationId) -> Result<Vec<MigrationId>>;

    /// Replaces what was found of a conversation; `None`: of the migration as a whole.
    async fn replace_findings(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
        findings: &[Finding],
    ) -> Result<()>;

    /// Notes what a check says of items, and nothing else of them: a mirror or a drain may write the rest meanwhile. Items
    /// that are not known are left alone.
    async fn note_check(&self, migration: MigrationId, checked: &[Checked]) -> Result<()>;

    /// Notes what has become of an item, and nothing else of it. One that is not known is left alone.
    async fn change_item(
        &self,
        migration: MigrationId,
        conversation: ConversationId,
        change: &ItemChange,
    ) -> Result<()>;

    /// What was found of a conversation; `None`: of the migration as a whole.
    async fn findings_of(
        &self,
        migration: MigrationId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Finding>>;

    /// What was found, by conversation id, those of the whole migration first: behind the `after`th, at most `limit`, each
    /// with its number.
    async fn findings(
        &self,
        migration: MigrationId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Finding)>>;

    /// A place of a conversation, and the digest of its own fields as they were last copied there.
    async fn place(&self, at: &PlaceQuery) -> Result<Option<(Location, Option<Digest>)>>;

    /// All places of a conversation.
    async fn places(&self, conversation: ConversationId) -> Result<Vec<Location>>;

    /// Which of these messages of `from`, by their public ids, are at `to`, in their order. One that came from `to` is.
    async fn copied(
        &self,
        at: &CopyAt,
        messages: &[MessageId],
    ) -> Result<Vec<Option<CopiedMessage>>>;

    /// How many messages are on both sides.
    async fn copied_count(&self, at: &CopyAt) -> Result<u64>;

    /// The messages that are on both sides, in the order of their public ids, behind `after`.
    async fn copied_after(
        &self,
        at: &CopyAt,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<CopiedMessage>>;

    /// Whether a message of this id at the backend is already one of ours there.
    async fn is_copy(&self, at: &PlaceQuery, native: &MessageId) -> Result<bool>;

    /// Notes a step, all of it or nothing. Durable on return.
    async fn record(&self, migration: MigrationId, at: &CopyAt, step: &Step) -> Result<()>;

    /// Binds a conversation to another backend: directory, places, item and route override in one transaction. False,
    /// and nothing is done, where `unchanged_since` does not hold any more.
    ///
    /// # Errors
    /// [`crate::Kind::NotFound`] where the conversation was deleted.
    async fn switch(&self, switching: &Switching) -> Result<bool>;

    /// Notes a migration's route override, or replaces it. Durable on return.
    async fn begin_override(&self, route: &RouteOverride) -> Result<()>;

    /// Ends a migration's route override.
    async fn end_override(&self, migration: MigrationId) -> Result<()>;
}
