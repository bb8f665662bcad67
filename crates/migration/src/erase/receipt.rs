//! What an erasure did, for whoever asked for it.

use std::collections::BTreeSet;

use backend::ports::{Erased, RosterEntry};
use conversation::{ConversationId, MessageId, Time};
use serde::{Deserialize, Serialize};

use super::PersonNote;

/// What nobody here can erase.
const NOT_REACHED: [&str; 3] = [
    "archives that were exported: they lie where whoever exported them put them; make them anew and delete the old ones",
    "backups of the gateway's database: they end with the time for which they are kept",
    "what others say of the person in their own messages, and addresses in others' messages",
];

/// What was erased of a person, and what is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The person's tenant.
    pub tenant: Box<str>,
    /// The person, as they were named.
    pub user: Box<str>,
    /// When it last came to its end; absent where it did not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// True where nothing is left that the same call could do. What a vendor holds all the same is in `still_held`.
    pub is_complete: bool,
    /// Each conversation of theirs, or in which they took part.
    pub conversations: Vec<ConversationReceipt>,
    /// What vendors still hold, as far as is known.
    pub still_held: Vec<Holding>,
    /// Rows that were removed here.
    pub erased: Erased,
    /// What nobody here can erase, in words.
    pub not_reached: Vec<Box<str>>,
}

/// What was done with one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationReceipt {
    /// Its public id.
    pub id: ConversationId,
    /// True where it was the person's own, and was deleted; false where their messages and they themselves were taken out.
    pub owned: bool,
    /// True where nothing of it is left to be done.
    pub is_done: bool,
    /// Each place where it lived, or was copied to.
    pub places: Vec<PlaceReceipt>,
    /// So many of the person's messages were deleted in another's conversation, or are seen by nobody any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub messages: u64,
    /// Messages of the person in another's conversation that may still be at one of its places: the same call again
    /// looks for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unfinished: BTreeSet<MessageId>,
    /// What vendors still hold of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_held: Vec<Holding>,
    /// Rows that were removed here.
    pub erased: Erased,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What was done at one place of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceReceipt {
    /// The backend.
    pub backend: Box<str>,
    /// The conversation's id there; absent where the end of its making is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<str>>,
    /// What became of it.
    pub outcome: PlaceOutcome,
}

/// What became of a conversation at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceOutcome {
    /// It was deleted, or the person taken out of it.
    Deleted,
    /// It was not there any more.
    Absent,
    /// Nobody sees it any more, and the vendor holds it all the same.
    StillHeld,
    /// It could not be done: the same call again tries once more.
    Failed,
}

/// Something that a vendor still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The conversation's public id.
    pub conversation: ConversationId,
    /// One message of it; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The backend.
    pub backend: Box<str>,
    /// The conversation's id there, for the vendor's support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<str>>,
    /// Why, in the vendor's words where it gave some.
    pub detail: Box<str>,
    /// What to do next.
    pub next_step: Box<str>,
    /// True where the same call again tries once more.
    pub temporary: bool,
}

impl ConversationReceipt {
    pub(super) fn begin(id: ConversationId, owned: bool) -> Self {
        Self {
            id,
            owned,
            is_done: false,
            places: Vec::new(),
            messages: 0,
            unfinished: BTreeSet::new(),
            still_held: Vec::new(),
            erased: Erased::default(),
        }
    }

    /// Notes what became of it at a place; what was noted of that place before goes.
    pub(super) fn place(&mut self, backend: &str, native: Option<&str>, outcome: PlaceOutcome) {
        let is_same =
            |place: &PlaceReceipt| &*place.backend == backend && place.native.as_deref() == native;
        self.places.retain(|place| !is_same(place));
        self.places.push(PlaceReceipt {
            backend: backend.into(),
            native: native.map(Into::into),
            outcome,
        });
    }

    /// What became of it at a place, where an earlier call noted that.
    pub(super) fn outcome_at(&self, backend: &str, native: &str) -> Option<PlaceOutcome> {
        self.places
            .iter()
            .find(|place| &*place.backend == backend && place.native.as_deref() == Some(native))
            .map(|place| place.outcome)
    }

    /// Whether something is left to be done.
    pub(super) fn has_failed(&self) -> bool {
        self.places
            .iter()
            .any(|place| place.outcome == PlaceOutcome::Failed)
    }
}

impl Receipt {
    pub(super) fn of(
        person: &RosterEntry,
        conversations: Vec<ConversationReceipt>,
        rest: Option<PersonNote>,
    ) -> Self {
        let mut erased = Erased::default();
        let mut still_held = Vec::new();
        for conversation in &conversations {
            erased.add(&conversation.erased);
            still_held.extend(conversation.still_held.iter().cloned());
        }
        let is_done = conversations.iter().all(|receipt| receipt.is_done);
        let is_complete = is_done && rest.as_ref().is_some_and(|rest| rest.left == 0);
        if let Some(rest) = &rest {
            erased.add(&rest.erased);
        }
        Self {
            tenant: person.tenant.clone(),
            user: person.user.clone(),
            at: rest.map(|rest| rest.at),
            is_complete,
            conversations,
            still_held,
            erased,
            not_reached: NOT_REACHED.map(Into::into).to_vec(),
        }
    }
}
