//! What the fake remembers: users, conversations, messages, planned faults and seen requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use datamonkey::wire::{self, Extra, Member};

use super::SeenRequest;
use super::faults::{Fault, PlannedFault};
use super::routes::Operation;

/// One conversation with its messages, in the order in which they were stored.
#[derive(Clone)]
pub(crate) struct StoredConversation {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) title: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) messages: Vec<wire::ChatMessage>,
}

/// Everything the fake remembers.
pub(crate) struct Data {
    ids: u64,
    /// The time in milliseconds where it stands still.
    pub(crate) frozen: Option<i64>,
    /// What signs and proves tokens.
    pub(crate) key: String,
    /// The users that there are.
    pub(crate) sessions: BTreeSet<String>,
    pub(crate) conversations: BTreeMap<String, StoredConversation>,
    /// Rows of messages whose conversation was deleted.
    pub(crate) orphans: usize,
    faults: Vec<PlannedFault>,
    /// Conversations whose messages cannot be read, each with the status that says so.
    pub(crate) broken: BTreeMap<String, u16>,
    pub(crate) seen: Vec<SeenRequest>,
}

impl Data {
    pub(crate) fn new(key: &str) -> Self {
        Self {
            ids: 0,
            frozen: None,
            key: key.to_owned(),
            sessions: BTreeSet::new(),
            conversations: BTreeMap::new(),
            orphans: 0,
            faults: Vec::new(),
            broken: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    pub(crate) fn plan(&mut self, planned: PlannedFault) {
        self.faults.push(planned);
    }

    pub(crate) fn take_fault(&mut self, operation: Operation) -> Option<Fault> {
        let position = self
            .faults
            .iter()
            .position(|planned| planned.operation == operation)?;
        if let Some(skip) = self.faults[position].skip.checked_sub(1) {
            self.faults[position].skip = skip;
            return None;
        }
        Some(self.faults.remove(position).fault)
    }

    /// Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.frozen.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            i64::try_from(since.expect("after 1970").as_millis()).expect("a time")
        })
    }

    pub(crate) fn new_subject(&mut self) -> String {
        let subject = uuid::Uuid::now_v7().to_string();
        self.sessions.insert(subject.clone());
        subject
    }

    pub(crate) fn add(&mut self, owner: &str, title: String) -> StoredConversation {
        self.ids += 1;
        let now = self.now();
        let stored = StoredConversation {
            id: format!("conv-{now}-{:0>8}", self.ids),
            owner: owner.to_owned(),
            title,
            created: now,
            updated: now,
            messages: Vec::new(),
        };
        self.conversations.insert(stored.id.clone(), stored.clone());
        stored
    }

    /// Stores a message with its own time, and moves the conversation's.
    pub(crate) fn store(&mut self, id: &str, role: &str, content: &str, timestamp: i64) {
        let now = self.now();
        if let Some(stored) = self.conversations.get_mut(id) {
            stored.messages.push(message(role, content, timestamp));
            stored.updated = now;
        }
    }
}

pub(crate) fn message(role: &str, content: &str, timestamp: i64) -> wire::ChatMessage {
    wire::ChatMessage {
        role: role.into(),
        content: content.to_owned(),
        timestamp: Member::Value(timestamp),
        extra: Extra::new(),
    }
}

impl StoredConversation {
    /// Sent by time, equal times as they were stored; `null` where there are none.
    pub(crate) fn sent_messages(&self) -> Member<Vec<wire::ChatMessage>> {
        let mut messages = self.messages.clone();
        messages.sort_by_key(|message| message.timestamp.into_value());
        Member::or_null(Some(messages).filter(|messages| !messages.is_empty()))
    }

    pub(crate) fn shown(&self, messages: Member<Vec<wire::ChatMessage>>) -> wire::ChatConversation {
        wire::ChatConversation {
            created: self.created,
            id: self.id.clone(),
            messages,
            title: Member::Value(self.title.clone()),
            updated: self.updated,
            extra: Extra::new(),
        }
    }
}
